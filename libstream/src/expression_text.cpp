#include "lexer.hpp"

#include <libstream/error.hpp>
#include <libstream/expression.hpp>
#include <libstream/time.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

namespace libstream {
namespace {

using Kind = ExpressionNode::Kind;

// How tightly the text of a node holds together; arguments that hold less tightly are bracketed.
enum Tightness {
  loosest,
  or_level,
  and_level,
  not_level,
  predicate,
  concat_level,
  sum,
  product,
  unary,
  postfix,
  atom
};

struct Text {
  std::string text;
  Tightness tightness;
};
Text print(const Expression& expression);

std::string bracketed(const Expression& expression, Tightness least) {
  Text inner = print(expression);
  if (inner.tightness >= least) return std::move(inner.text);
  return "(" + inner.text + ")";
}

std::string joined(const std::vector<Expression>& arguments, std::size_t begin = 0) {
  std::string text;
  for (std::size_t i = begin; i < arguments.size(); ++i) {
    if (i > begin) text += ", ";
    text += bracketed(arguments[i], loosest);
  }
  return text;
}

std::string quoted(std::string_view value) {
  std::string text = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') {
      text += '\\';
      text += c;
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\r') {
      text += "\\r";
    } else if (c == '\t') {
      text += "\\t";
    } else if (c == '\0') {
      text += "\\0";
    } else {
      text += c;
    }
  }
  return text + "'";
}

std::string interval_text(std::int64_t microseconds) {
  struct Unit {
    std::int64_t size;
    const char* name;
  };
  constexpr std::array<Unit, 6> units{{{86'400'000'000, "DAY"},
                                       {3'600'000'000, "HOUR"},
                                       {60'000'000, "MINUTE"},
                                       {1'000'000, "SECOND"},
                                       {1'000, "MILLISECOND"},
                                       {1, "MICROSECOND"}}};
  if (microseconds == 0) return "INTERVAL 0 SECONDS";
  for (const Unit& unit : units) {
    if (microseconds % unit.size != 0) continue;
    const std::int64_t count = microseconds / unit.size;
    return "INTERVAL " + std::to_string(count) + " " + unit.name + (count == 1 ? "" : "S");
  }
  return {};
}

std::string decimal_text(int128 digits, int scale) {
  const bool negative = digits < 0;
  std::string text;
  for (; digits != 0; digits /= 10) {
    const int digit = static_cast<int>(digits % 10);
    text.insert(text.begin(), static_cast<char>('0' + (digit < 0 ? -digit : digit)));
  }
  while (static_cast<int>(text.size()) <= scale) text.insert(text.begin(), '0');
  text.insert(text.size() - static_cast<std::size_t>(scale), scale > 0 ? "." : "");
  return (negative ? "-" : "") + text;
}

Text real_text(double value, bool single) {
  if (!std::isfinite(value)) {
    const char* name = std::isnan(value) ? "'NaN'" : value > 0 ? "'Infinity'" : "'-Infinity'";
    return {std::string("CAST(") + name + (single ? " AS FLOAT)" : " AS DOUBLE)"), atom};
  }
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific);
  std::string text(buffer.data(), end.ptr);
  // The parser reads 1.5 as a decimal: a double needs its exponent or suffix.
  std::array<char, 400> plain_buffer{};
  const auto plain =
      std::to_chars(plain_buffer.data(), plain_buffer.data() + plain_buffer.size(), value);
  std::string shortest(plain_buffer.data(), plain.ptr);
  if (shortest.size() < text.size() + 4) text = shortest;
  return {text + (single ? "F" : "D"), value < 0 || std::signbit(value) ? unary : atom};
}

Text literal_text(const ExpressionNode& node) {
  const Value& value = node.value;
  if (value.is_null()) {
    if (node.type.id() == TypeId::null) return {"NULL", atom};
    return {"CAST(NULL AS " + node.type.to_string() + ")", atom};
  }
  switch (node.type.id()) {
    case TypeId::boolean:
      return {value.boolean() ? "true" : "false", atom};
    case TypeId::smallint:
    case TypeId::integer:
    case TypeId::bigint: {
      const char* suffix = node.type.id() == TypeId::bigint     ? "L"
                           : node.type.id() == TypeId::smallint ? "S"
                                                                : "";
      return {std::to_string(value.integer()) + suffix, value.integer() < 0 ? unary : atom};
    }
    case TypeId::float32:
    case TypeId::float64:
      return real_text(value.real(), node.type.id() == TypeId::float32);
    case TypeId::decimal: {
      const int128 digits = std::get<int128>(value.data);
      std::string text = decimal_text(digits, node.type.scale());
      if (node.type.scale() == 0) text += "BD";
      return {text, digits < 0 ? unary : atom};
    }
    case TypeId::string:
      return {quoted(value.text()), atom};
    case TypeId::binary: {
      std::string text = "X'";
      for (const char c : value.text()) {
        constexpr std::string_view digits = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        text += digits[byte >> 4];
        text += digits[byte & 15];
      }
      return {text + "'", atom};
    }
    case TypeId::date:
      return {"DATE '" + format_date(static_cast<std::int32_t>(value.integer())) + "'", atom};
    case TypeId::timestamp:
      return {"TIMESTAMP '" + format_timestamp(value.integer()) + "'", atom};
    case TypeId::day_interval:
      return {interval_text(value.integer()), atom};
    case TypeId::month_interval:
      return {"INTERVAL " + std::to_string(value.integer()) + " MONTHS", atom};
    default:
      return {to_text(value, node.type), atom};
  }
}

bool is_plain_name(std::string_view name) {
  if (name.empty() || is_keyword(name)) return false;
  if (name[0] >= '0' && name[0] <= '9') return false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (!(std::isalnum(byte) || c == '_' || byte >= 0x80)) return false;
  }
  return true;
}

std::string quoted_name(std::string_view name) {
  if (is_plain_name(name)) return std::string(name);
  std::string text = "`";
  for (const char c : name) text += c == '`' ? std::string("``") : std::string(1, c);
  return text + "`";
}

/// Names of columns may be paths; parts that stand in backticks stay as they are.
std::string path_text(std::string_view path) {
  std::string text;
  for (const std::string& part : split_path(path)) {
    if (!text.empty()) text += '.';
    text += quoted_name(part);
  }
  return text.empty() ? "``" : text;
}

struct Infix {
  const char* name;
  const char* sign;
  Tightness tightness;
};
constexpr std::array<Infix, 15> infixes{{{"or", "OR", or_level},
                                         {"and", "AND", and_level},
                                         {"=", "=", predicate},
                                         {"<>", "<>", predicate},
                                         {"<", "<", predicate},
                                         {"<=", "<=", predicate},
                                         {">", ">", predicate},
                                         {">=", ">=", predicate},
                                         {"<=>", "<=>", predicate},
                                         {"+", "+", sum},
                                         {"-", "-", sum},
                                         {"*", "*", product},
                                         {"/", "/", product},
                                         {"%", "%", product},
                                         {"div", "DIV", product}}};

std::string case_text(const std::vector<Expression>& arguments) {
  std::string text = "CASE";
  std::size_t i = 0;
  for (; i + 1 < arguments.size(); i += 2) {
    text += " WHEN " + bracketed(arguments[i], loosest) + " THEN " +
            bracketed(arguments[i + 1], loosest);
  }
  if (i < arguments.size()) text += " ELSE " + bracketed(arguments[i], loosest);
  return text + " END";
}

/// Spellings other than name(arguments).
std::optional<Text> special_text(const ExpressionNode& node) {
  const auto& a = node.arguments;
  const std::string& name = node.name;
  for (const Infix& infix : infixes) {
    if (name != infix.name || a.size() != 2) continue;
    const auto left = infix.tightness == predicate ? concat_level : infix.tightness;
    return Text{bracketed(a[0], left) + " " + infix.sign + " " +
                    bracketed(a[1], static_cast<Tightness>(infix.tightness + 1)),
                infix.tightness};
  }
  // Bits bind looser than || and tighter than =; brackets make that plain.
  if ((name == "&" || name == "|" || name == "^") && a.size() == 2) {
    return Text{bracketed(a[0], concat_level) + " " + name + " " + bracketed(a[1], concat_level),
                predicate};
  }
  if (name == "~" && a.size() == 1) return Text{"~" + bracketed(a[0], postfix), unary};
  if (name == "not" && a.size() == 1) return Text{"NOT " + bracketed(a[0], not_level), not_level};
  if (name == "negate" && a.size() == 1) {
    // A number behind the sign would be read as a negative one.
    const std::string inner = bracketed(a[0], postfix);
    const bool number = !inner.empty() && inner[0] >= '0' && inner[0] <= '9';
    return Text{"-" + (number ? "(" + inner + ")" : inner), unary};
  }
  if (name == "is_null" && a.size() == 1) {
    return Text{bracketed(a[0], concat_level) + " IS NULL", predicate};
  }
  if (name == "is_not_null" && a.size() == 1) {
    return Text{bracketed(a[0], concat_level) + " IS NOT NULL", predicate};
  }
  if (name == "in" && a.size() > 1) {
    return Text{bracketed(a[0], concat_level) + " IN (" + joined(a, 1) + ")", predicate};
  }
  if (name == "like" && (a.size() == 2 || a.size() == 3)) {
    std::string text = bracketed(a[0], concat_level) + " LIKE " + bracketed(a[1], concat_level);
    if (a.size() == 3) text += " ESCAPE " + bracketed(a[2], concat_level);
    return Text{std::move(text), predicate};
  }
  if (name == "between" && a.size() == 3) {
    return Text{bracketed(a[0], concat_level) + " BETWEEN " + bracketed(a[1], concat_level) +
                    " AND " + bracketed(a[2], concat_level),
                predicate};
  }
  if (name == "case" && a.size() > 1) return Text{case_text(a), atom};
  if (name == "field" && a.size() == 2 && a[1].node().kind == Kind::literal &&
      a[1].node().type.id() == TypeId::string && a[0].node().kind != Kind::column) {
    const bool bare = a[0].node().kind == Kind::literal;
    return Text{(bare ? "(" + a[0].to_string() + ")" : bracketed(a[0], postfix)) + "." +
                    quoted_name(a[1].node().value.text()),
                postfix};
  }
  if (name == "element" && a.size() == 2) {
    return Text{bracketed(a[0], postfix) + "[" + bracketed(a[1], loosest) + "]", postfix};
  }
  return std::nullopt;
}

Text call_text(const ExpressionNode& node) {
  const bool star =
      std::any_of(node.arguments.begin(), node.arguments.end(), [](const Expression& argument) {
        return !argument.empty() && argument.node().kind == Kind::star;
      });
  if (!node.filter && !node.distinct && !star) {
    if (auto special = special_text(node)) return std::move(*special);
  }
  // EXTRACT(field FROM value) is a spelling of its own.
  const bool apart = node.name == "extract";
  std::string text = apart                            ? "`extract`"
                     : is_callable_keyword(node.name) ? node.name
                                                      : quoted_name(node.name);
  text += '(';
  if (node.distinct) text += "DISTINCT ";
  text += joined(node.arguments) + ")";
  if (node.filter) text += " FILTER (WHERE " + bracketed(*node.filter, loosest) + ")";
  return {std::move(text), atom};
}

Text print(const Expression& expression) {
  if (expression.empty()) return {"", atom};
  const ExpressionNode& node = expression.node();
  switch (node.kind) {
    case Kind::column:
      return {path_text(node.name), atom};
    case Kind::star:
      return {"*", atom};
    case Kind::literal:
      return literal_text(node);
    case Kind::call:
      return call_text(node);
    case Kind::cast:
      return {(node.name == "try_cast" ? "TRY_CAST(" : "CAST(") +
                  bracketed(node.arguments[0], loosest) + " AS " + node.type.to_string() + ")",
              atom};
    case Kind::alias:
      return {bracketed(node.arguments[0], or_level) + " AS " + quoted_name(node.name), loosest};
    case Kind::sort:
      return {bracketed(node.arguments[0], or_level) + (node.name == "desc" ? " DESC" : " ASC"),
              loosest};
  }
  return {"", atom};
}

}  // namespace

std::string Expression::to_string() const { return print(*this).text; }

}  // namespace libstream
