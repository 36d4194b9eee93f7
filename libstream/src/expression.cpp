#include "lexer.hpp"

#include <libstream/error.hpp>
#include <libstream/expression.hpp>
#include <libstream/time.hpp>

#include <algorithm>
#include <cctype>
#include <limits>
#include <utility>

namespace libstream {
namespace {

using Kind = ExpressionNode::Kind;

std::string lower_name(std::string_view name) {
  std::string lowered(name);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lowered;
}

Expression make(ExpressionNode node) {
  return Expression(std::make_shared<const ExpressionNode>(std::move(node)));
}

Expression make_call(std::string_view name, std::vector<Expression> arguments) {
  ExpressionNode node;
  node.kind = Kind::call;
  node.name = lower_name(name);
  node.arguments = std::move(arguments);
  return make(std::move(node));
}

Expression literal(Value value, DataType type) {
  ExpressionNode node;
  node.kind = Kind::literal;
  node.type = std::move(type);
  node.value = std::move(value);
  return make(std::move(node));
}

Expression wrap(Kind kind, std::string name, const Expression& inner, DataType type = {}) {
  ExpressionNode node;
  node.kind = kind;
  node.name = std::move(name);
  node.type = std::move(type);
  node.arguments = {inner};
  return make(std::move(node));
}

int decimal_digits(int128 value) {
  int digits = 0;
  for (; value != 0; value /= 10) ++digits;
  return std::max(digits, 1);
}

Expression literal_of(Value value) {
  if (value.is_null()) return literal(std::move(value), DataType());
  if (std::holds_alternative<bool>(value.data)) return literal(std::move(value), TypeId::boolean);
  if (std::holds_alternative<double>(value.data)) return literal(std::move(value), TypeId::float64);
  if (std::holds_alternative<std::string>(value.data)) {
    return literal(std::move(value), TypeId::string);
  }
  if (const auto* integer = std::get_if<std::int64_t>(&value.data)) {
    const bool small = *integer >= std::numeric_limits<std::int32_t>::min() &&
                       *integer <= std::numeric_limits<std::int32_t>::max();
    return literal(std::move(value), small ? TypeId::integer : TypeId::bigint);
  }
  if (const auto* decimal = std::get_if<int128>(&value.data)) {
    const int digits = decimal_digits(*decimal);
    if (digits > 38) throw Error(ErrorCode::analysis, "a decimal literal has more than 38 digits");
    return literal(std::move(value), DataType::decimal(digits, 0));
  }
  std::vector<Expression> elements;
  for (const Value& element : value.list()) elements.push_back(literal_of(element));
  return make_call("array", std::move(elements));
}

/// The literal with the other sign, so that -(5) and the text "-5" are one tree.
std::optional<Expression> negated_literal(const ExpressionNode& node) {
  if (node.kind != Kind::literal) return std::nullopt;
  if (const auto* integer = std::get_if<std::int64_t>(&node.value.data)) {
    if (!node.type.is_integral() || *integer == std::numeric_limits<std::int64_t>::min()) {
      return std::nullopt;
    }
    return literal(Value(-*integer), node.type);
  }
  if (const auto* real = std::get_if<double>(&node.value.data)) {
    return literal(Value(-*real), node.type);
  }
  if (const auto* decimal = std::get_if<int128>(&node.value.data)) {
    return literal(Value(static_cast<int128>(-*decimal)), node.type);
  }
  return std::nullopt;
}

}  // namespace

Expression Expression::as(std::string name) const {
  return wrap(Kind::alias, std::move(name), *this);
}
Expression Expression::cast(const DataType& type) const {
  return wrap(Kind::cast, "cast", *this, type);
}
Expression Expression::cast(std::string_view type) const { return cast(DataType::parse(type)); }
Expression Expression::try_cast(std::string_view type) const {
  return wrap(Kind::cast, "try_cast", *this, DataType::parse(type));
}
Expression Expression::is_null() const { return make_call("is_null", {*this}); }
Expression Expression::is_not_null() const { return make_call("is_not_null", {*this}); }
Expression Expression::equals_null_safe(const Expression& other) const {
  return make_call("<=>", {*this, other});
}
Expression Expression::in(std::vector<Value> values) const {
  std::vector<Expression> arguments{*this};
  for (Value& value : values) arguments.push_back(literal_of(std::move(value)));
  return make_call("in", std::move(arguments));
}
Expression Expression::between(const Expression& low, const Expression& high) const {
  return make_call("between", {*this, low, high});
}
Expression Expression::like(std::string_view pattern) const {
  return make_call("like", {*this, lit(Value(std::string(pattern)))});
}
Expression Expression::field(std::string_view name) const {
  // The same tree as the text "w.start".
  if (node_->kind == Kind::column) return col(node_->name + "." + quoted_part(name));
  return make_call("field", {*this, lit(Value(std::string(name)))});
}
Expression Expression::element(const Expression& index) const {
  return make_call("element", {*this, index});
}
Expression Expression::filter(const Expression& condition) const {
  if (node_->kind != Kind::call) {
    throw Error(ErrorCode::analysis, "FILTER belongs to an aggregate, not to " + to_string());
  }
  ExpressionNode filtered = *node_;
  filtered.filter = condition;
  return make(std::move(filtered));
}
Expression Expression::asc() const { return wrap(Kind::sort, "asc", *this); }
Expression Expression::desc() const { return wrap(Kind::sort, "desc", *this); }

Expression col(std::string_view name) {
  ExpressionNode node;
  node.kind = name == "*" ? Kind::star : Kind::column;
  node.name = std::string(name);
  return make(std::move(node));
}
Expression lit(Value value) { return literal_of(std::move(value)); }
Expression lit(std::chrono::microseconds interval) {
  return literal(Value(static_cast<std::int64_t>(interval.count())), TypeId::day_interval);
}
Expression timestamp_lit(std::string_view iso8601) {
  EventTime time = 0;
  if (!parse_timestamp(iso8601, time)) {
    throw Error(ErrorCode::analysis,
                "'" + std::string(iso8601) + "' is no timestamp; write it as 2013-01-31T10:00:00Z");
  }
  return literal(Value(time), TypeId::timestamp);
}
Expression call(std::string_view function, std::vector<Expression> arguments) {
  return make_call(function, std::move(arguments));
}

Expression operator+(const Expression& a, const Operand& b) { return make_call("+", {a, b}); }
Expression operator-(const Expression& a, const Operand& b) { return make_call("-", {a, b}); }
Expression operator*(const Expression& a, const Operand& b) { return make_call("*", {a, b}); }
Expression operator/(const Expression& a, const Operand& b) { return make_call("/", {a, b}); }
Expression operator%(const Expression& a, const Operand& b) { return make_call("%", {a, b}); }
Expression operator==(const Expression& a, const Operand& b) { return make_call("=", {a, b}); }
Expression operator!=(const Expression& a, const Operand& b) { return make_call("<>", {a, b}); }
Expression operator<(const Expression& a, const Operand& b) { return make_call("<", {a, b}); }
Expression operator<=(const Expression& a, const Operand& b) { return make_call("<=", {a, b}); }
Expression operator>(const Expression& a, const Operand& b) { return make_call(">", {a, b}); }
Expression operator>=(const Expression& a, const Operand& b) { return make_call(">=", {a, b}); }
Expression operator&&(const Expression& a, const Expression& b) { return make_call("and", {a, b}); }
Expression operator||(const Expression& a, const Expression& b) { return make_call("or", {a, b}); }
Expression operator!(const Expression& a) { return make_call("not", {a}); }
Expression operator-(const Expression& a) {
  if (auto negated = negated_literal(a.node())) return *negated;
  return make_call("negate", {a});
}

Expression window(const ColumnArgument& time, std::chrono::microseconds size) {
  return make_call("window", {time, lit(size)});
}
Expression window(const ColumnArgument& time, std::chrono::microseconds size,
                  std::chrono::microseconds slide, std::chrono::microseconds start) {
  return make_call("window", {time, lit(size), lit(slide), lit(start)});
}
Expression window(const ColumnArgument& time, std::string_view size) {
  return make_call("window", {time, lit(Value(std::string(size)))});
}
Expression window(const ColumnArgument& time, std::string_view size, std::string_view slide,
                  std::string_view start) {
  return make_call("window", {time, lit(Value(std::string(size))), lit(Value(std::string(slide))),
                              lit(Value(std::string(start)))});
}

Expression session_window(const ColumnArgument& time, std::chrono::microseconds gap) {
  return make_call("session_window", {time, lit(gap)});
}
Expression session_window(const ColumnArgument& time, std::string_view gap) {
  return make_call("session_window", {time, lit(Value(std::string(gap)))});
}
Expression session_window(const ColumnArgument& time, const Expression& gap) {
  return make_call("session_window", {time, gap});
}

Expression count() { return make_call("count", {col("*")}); }
Expression count(const ColumnArgument& e) { return make_call("count", {e}); }
Expression count_if(const ColumnArgument& e) { return make_call("count_if", {e}); }
Expression sum(const ColumnArgument& e) { return make_call("sum", {e}); }
Expression avg(const ColumnArgument& e) { return make_call("avg", {e}); }
Expression mean(const ColumnArgument& e) { return make_call("mean", {e}); }
Expression min(const ColumnArgument& e) { return make_call("min", {e}); }
Expression max(const ColumnArgument& e) { return make_call("max", {e}); }
Expression first(const ColumnArgument& e, bool ignore_nulls) {
  if (ignore_nulls) return make_call("first", {e, lit(Value(true))});
  return make_call("first", {e});
}
Expression last(const ColumnArgument& e, bool ignore_nulls) {
  if (ignore_nulls) return make_call("last", {e, lit(Value(true))});
  return make_call("last", {e});
}

Expression explode(const ColumnArgument& e) { return make_call("explode", {e}); }
Expression split(const ColumnArgument& e, std::string_view pattern) {
  return make_call("split", {e, lit(Value(std::string(pattern)))});
}
Expression upper(const ColumnArgument& e) { return make_call("upper", {e}); }
Expression lower(const ColumnArgument& e) { return make_call("lower", {e}); }
Expression length(const ColumnArgument& e) { return make_call("length", {e}); }
Expression trim(const ColumnArgument& e) { return make_call("trim", {e}); }
Expression concat(std::vector<Expression> parts) { return make_call("concat", std::move(parts)); }
Expression coalesce(std::vector<Expression> values) {
  return make_call("coalesce", std::move(values));
}
Expression date_trunc(std::string_view unit, const ColumnArgument& e) {
  return make_call("date_trunc", {lit(Value(std::string(unit))), e});
}
Expression when(std::vector<std::pair<Expression, Operand>> branches) {
  std::vector<Expression> arguments;
  for (const auto& [condition, value] : branches) {
    arguments.push_back(condition);
    arguments.push_back(value);
  }
  return make_call("case", std::move(arguments));
}
Expression when(std::vector<std::pair<Expression, Operand>> branches, const Operand& otherwise) {
  std::vector<Expression> arguments;
  for (const auto& [condition, value] : branches) {
    arguments.push_back(condition);
    arguments.push_back(value);
  }
  arguments.push_back(otherwise);
  return make_call("case", std::move(arguments));
}

}  // namespace libstream
