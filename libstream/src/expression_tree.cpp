#include "analysis.hpp"

#include <libstream/aggregate.hpp>
#include <libstream/time.hpp>

#include <algorithm>
#include <cctype>

namespace libstream::analysis {

using Kind = ExpressionNode::Kind;

void fail(std::string error_class, const std::string& message) {
  throw Error(ErrorCode::analysis, std::move(error_class), message);
}

void fail_unsupported(std::string error_class, const std::string& message) {
  throw Error(ErrorCode::unsupported, std::move(error_class), message);
}

const Expression& without_alias(const Expression& expression) {
  const auto* inner = &expression;
  while (inner->node().kind == Kind::alias) inner = &inner->node().arguments[0];
  return *inner;
}

bool is_call(const Expression& expression, std::string_view name) {
  return expression.node().kind == Kind::call && same_name(expression.node().name, name);
}

bool is_star(const Expression& expression) {
  const auto& node = expression.node();
  return node.kind == Kind::star ||
         (node.kind == Kind::column &&
          (node.name == "*" || (node.name.size() > 2 && node.name.ends_with(".*"))));
}

bool is_aggregate_call(const Expression& expression) {
  const auto& node = expression.node();
  return node.kind == Kind::call && !node.function && (node.aggregate || is_aggregate(node.name));
}

bool is_generator(const Expression& expression) {
  return is_call(expression, "explode") || is_call(expression, "explode_outer");
}

bool contains(const Expression& expression, const std::function<bool(const Expression&)>& found) {
  if (found(expression)) return true;
  const auto& node = expression.node();
  return std::any_of(node.arguments.begin(), node.arguments.end(),
                     [&](const Expression& part) { return contains(part, found); }) ||
         (node.filter && contains(*node.filter, found));
}

Expression rewrite(const Expression& expression,
                   const std::function<std::optional<Expression>(const Expression&)>& replace) {
  if (auto replaced = replace(expression)) return *replaced;
  if (expression.node().arguments.empty() && !expression.node().filter) return expression;
  auto copy = std::make_shared<ExpressionNode>(expression.node());
  for (auto& argument : copy->arguments) argument = rewrite(argument, replace);
  if (copy->filter) copy->filter = rewrite(*copy->filter, replace);
  return Expression(std::move(copy));
}

namespace {

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string aggregate_name(const ExpressionNode& node) {
  auto name = node.aggregate ? node.name : lower_case(node.name);
  if (name == "mean") name = "avg";
  std::string arguments;
  for (const auto& argument : node.arguments) {
    // Structured Streaming counts the literal 1, and says so in the column's name.
    const auto text = argument.node().kind == Kind::star     ? std::string("1")
                      : argument.node().kind == Kind::column ? argument.node().name
                                                             : argument.to_string();
    arguments += (arguments.empty() ? "" : ", ") + text;
  }
  if (name == "count" && node.arguments.empty()) arguments = "1";
  auto text = name + "(" + (node.distinct ? "DISTINCT " : "") + arguments + ")";
  if (node.filter) text += " FILTER (WHERE " + node.filter->to_string() + ")";
  return text;
}

}  // namespace

std::string derived_name(const Expression& expression) {
  const auto& node = expression.node();
  switch (node.kind) {
    case Kind::alias:
      return node.name;
    case Kind::column: {
      const auto dot = node.name.rfind('.');
      return dot == std::string::npos ? node.name : node.name.substr(dot + 1);
    }
    case Kind::call:
      if (is_aggregate_call(expression)) return aggregate_name(node);
      if (is_generator(expression)) return "col";
      if (is_call(expression, "window")) return "window";
      if (is_call(expression, "session_window")) return "session_window";
      if (is_call(expression, "field") && node.arguments.size() == 2 &&
          node.arguments[1].node().kind == Kind::literal) {
        return node.arguments[1].node().value.text();
      }
      return expression.to_string();
    default:
      return expression.to_string();
  }
}

bool same_expression(const Expression& a, const Expression& b) {
  const auto& left = a.node();
  const auto& right = b.node();
  if (left.kind != right.kind || left.arguments.size() != right.arguments.size() ||
      left.distinct != right.distinct || left.filter.has_value() != right.filter.has_value()) {
    return false;
  }
  if (left.kind == Kind::literal) {
    return left.value == right.value && left.type == right.type;
  }
  if (!same_name(left.name, right.name) || !(left.type == right.type)) return false;
  if (left.function != right.function || left.aggregate != right.aggregate) return false;
  if (left.filter && !same_expression(*left.filter, *right.filter)) return false;
  return std::equal(left.arguments.begin(), left.arguments.end(), right.arguments.begin(),
                    same_expression);
}

std::vector<Expression> conjuncts(const Expression& condition) {
  if (!is_call(condition, "and")) return {condition};
  std::vector<Expression> parts;
  for (const auto& argument : condition.node().arguments) {
    for (auto& part : conjuncts(argument)) parts.push_back(std::move(part));
  }
  return parts;
}

std::optional<std::int64_t> constant_duration(const Expression& expression, std::string& problem) {
  const auto& node = expression.node();
  if (node.kind == Kind::literal && node.type.id() == TypeId::day_interval) {
    return node.value.integer();
  }
  if (node.kind == Kind::literal && node.type.id() == TypeId::string && !node.value.is_null()) {
    try {
      return parse_duration(node.value.text());
    } catch (const Error& error) {
      problem = error.what();
      return std::nullopt;
    }
  }
  if (is_call(expression, "negate")) {
    const auto inner = constant_duration(node.arguments[0], problem);
    return inner ? std::optional(-*inner) : std::nullopt;
  }
  problem = node.kind == Kind::literal && node.type.id() == TypeId::month_interval
                ? "months and years have no fixed length; give days or weeks"
                : "it must be a constant duration such as \"10 minutes\"";
  return std::nullopt;
}

}  // namespace libstream::analysis
