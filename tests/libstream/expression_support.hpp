#pragma once

#include <libstream/batch.hpp>
#include <libstream/bound_expression.hpp>
#include <libstream/error.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace libstream::test {

/// The value of an expression for every row, as text parted by blanks; an error as "error: …".
inline std::string evaluated(const std::string& text, const Schema& schema = {},
                             const std::vector<Row>& rows = {{}}) {
  try {
    const BoundPtr bound = bind(expr(text), schema);
    const BatchPtr batch =
        schema.size() == 0 ? make_batch({}, rows.size()) : batch_of(schema, rows);
    EpochContext context;
    context.timestamp_milliseconds = 1'357'034'400'123;  // 2013-01-01T10:00:00.123Z
    const auto columns = Evaluator({bound}).evaluate(*batch, context);
    std::string result;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i > 0) result += ' ';
      result += to_text(columns[0]->value(i), columns[0]->type());
    }
    return result;
  } catch (const Error& error) {
    return std::string("error: ") + error.what();
  }
}

/// Expression text and its value as text, or "error: " and a part of the message.
using Cases = std::vector<std::pair<std::string, std::string>>;

/// Cases that expression_table_test.cpp runs and holds against the function table.
class CaseTable {
 public:
  CaseTable(std::string title, Cases cases) {
    all().emplace_back(std::move(title), std::move(cases));
  }
  static std::vector<std::pair<std::string, Cases>>& all() {
    static std::vector<std::pair<std::string, Cases>> tables;
    return tables;
  }
};

}  // namespace libstream::test
