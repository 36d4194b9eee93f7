#pragma once

#include <libstream/batch.hpp>

#include <boost/json.hpp>

#include <string>
#include <vector>

namespace libstream::apps {

/// A value of a scenario file as one of `type`. Throws Error(invalid_argument) where it is none.
Value scenario_value(const boost::json::value& json, const DataType& type);
std::vector<Row> scenario_rows(const boost::json::array& rows, const Schema& schema);

/// How the values of one column are compared.
struct ColumnComparison {
  double tolerance = 1e-9;  ///< of doubles, relative
  bool any_order = false;   ///< arrays without an order of their own
};

/// True where both are the same rows, in any order.
bool same_rows(const std::vector<Row>& expected, const std::vector<Row>& got,
               const std::vector<ColumnComparison>& columns);

/// "[a, 3], [b, null]", rows sorted.
std::string rows_text(std::vector<Row> rows, const Schema& schema);

}  // namespace libstream::apps
