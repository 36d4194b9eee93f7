#pragma once

// Values of tests: how they are compared and printed.

#include <libstream/batch.hpp>

#include <optional>
#include <string>
#include <vector>

namespace libstream::oracle {

/// How a value of a result column is compared.
enum class Compare {
  exact,
  close,      ///< doubles: to a relative 1e-9
  rough,      ///< doubles: to a relative 1e-6
  unordered,  ///< arrays: in any order
  one_of,     ///< expected is a list of which any is right
  estimate,   ///< numbers: within a fifth or 2
};

struct ResultColumn {
  std::string name;
  Compare compare = Compare::exact;
};
using Columns = std::vector<ResultColumn>;

std::size_t column_at(const Columns& columns, std::string_view name);

bool agrees(const Value& expected, const Value& actual, Compare compare);
/// Sorts by the columns that are compared exactly.
void sort_rows(std::vector<Row>& rows, const Columns& columns);
/// The first difference between two multisets of rows, nullopt where there is none.
std::optional<std::string> difference(std::vector<Row> expected, std::vector<Row> actual,
                                      const Columns& columns);
std::string text_of(const Value& value);
std::string text_of(const Row& row);

}  // namespace libstream::oracle
