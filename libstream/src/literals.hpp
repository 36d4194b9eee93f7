#pragma once

#include "lexer.hpp"

#include <libstream/type.hpp>
#include <libstream/value.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace libstream {

/// A constant of expression text with its type.
struct Literal {
  Value value;
  DataType type;
};

/// Reads the number of `token`: "1" int or bigint, "10L" bigint, "1S" smallint, "1.5" and "1BD"
/// decimal, "1e3" and "1D" double, "1F" float. Throws Error(analysis) with a caret in `text`.
Literal number_literal(std::string_view text, const Token& token, bool negative);

/// Whether an interval begins at tokens[at]: INTERVAL and an amount. "interval - 1" without a unit
/// subtracts from a column.
bool begins_interval(std::span<const Token> tokens, std::size_t at);

/// Reads what stands behind INTERVAL from tokens[at] on and moves `at` behind it: '1 hour 30
/// minutes', 5 MINUTES, '5' MINUTE, 1 YEAR 2 MONTHS.
Literal interval_literal(std::string_view text, std::span<const Token> tokens, std::size_t& at);

/// Reads TIMESTAMP '…' or DATE '…' from tokens[at] on and moves `at` behind it.
Literal time_literal(std::string_view text, std::span<const Token> tokens, std::size_t& at);

/// ASCII letters in lower case.
std::string lowered(std::string text);

}  // namespace libstream
