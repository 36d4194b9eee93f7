#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

struct Token {
  enum class Kind {
    name,         ///< identifier or keyword
    quoted_name,  ///< in backticks
    text,         ///< string literal, escapes resolved
    binary,       ///< X'…', bytes resolved
    number,       ///< with its suffix, as written
    symbol,
    end,
  };
  Kind kind;
  std::string value;  ///< symbols and names as written
  std::size_t begin;  ///< place in the text
};

/// Throws Error(analysis) with a caret.
std::vector<Token> tokenize(std::string_view text);

/// Throws Error(analysis): `message`, the text and a caret below byte `place`.
[[noreturn]] void fail_at(std::string_view text, std::size_t place, const std::string& message);

/// ASCII letters without regard to case; `keyword` is upper-case.
bool is_word(const Token& token, std::string_view keyword);

/// Words that are no column names unless in backticks.
bool is_keyword(std::string_view name);
/// Keywords that stand before a bracket as functions (if, first, …).
bool is_callable_keyword(std::string_view name);

/// Whether ILIKE stands at tokens[at] as an operator; it is no keyword: `a ilike` may be an alias.
bool begins_ilike(const std::vector<Token>& tokens, std::size_t at);
/// Words that stand for the comma: position(a IN b), overlay(a PLACING b FROM c FOR d),
/// substring(a FROM b FOR c).
bool parts_arguments(std::string_view function, const Token& token);
/// Place of the bracket that closes what is open at tokens[at], or of the end.
std::size_t closing_bracket(const std::vector<Token>& tokens, std::size_t at);

/// Parts of a column path "a.`b.c`.d", backticks taken off.
std::vector<std::string> split_path(std::string_view path);
/// One part as it stands in a path: in backticks where it has dots or backticks.
std::string quoted_part(std::string_view name);

}  // namespace libstream
