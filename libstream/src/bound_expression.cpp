#include "function.hpp"
#include "rewrite.hpp"

#include <libstream/bound_expression.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace libstream {
namespace {

using Kind = BoundExpression::Kind;

/// Applies `change` to the arguments; the same node where none changes.
template <class Change>
BoundPtr with_arguments(const BoundPtr& expression, Change change) {
  std::vector<BoundPtr> arguments;
  bool changed = false;
  for (const BoundPtr& argument : expression->arguments) {
    arguments.push_back(change(argument));
    changed = changed || arguments.back() != argument;
  }
  if (!changed) return expression;
  auto copy = std::make_shared<BoundExpression>(*expression);
  copy->arguments = std::move(arguments);
  return copy;
}

bool all_literals(const BoundExpression& expression) {
  return std::all_of(expression.arguments.begin(), expression.arguments.end(),
                     [](const BoundPtr& a) { return a->kind == Kind::literal; });
}

void collect(const BoundExpression& expression, std::set<std::uint32_t>& columns) {
  if (expression.kind == Kind::column) columns.insert(expression.column);
  for (const BoundPtr& argument : expression.arguments) collect(*argument, columns);
}

bool is_call(const BoundExpression& expression, std::string_view name) {
  return expression.kind == Kind::call && expression.function->name == name;
}

bool is_whole_literal(const BoundExpression& expression) {
  return expression.kind == Kind::literal && expression.type.is_integral() &&
         !expression.value.is_null();
}

}  // namespace

BoundPtr fold_constants(BoundPtr expression) {
  BoundPtr folded = with_arguments(expression, [](const BoundPtr& a) { return fold_constants(a); });
  if (folded->kind == Kind::column || folded->kind == Kind::literal) return folded;
  if (!all_literals(*folded) ||
      (folded->kind == Kind::call && (folded->user || !folded->function->deterministic))) {
    return folded;
  }
  try {
    Value value = constant_value(folded);
    auto literal = std::make_shared<BoundExpression>();
    literal->kind = Kind::literal;
    literal->type = folded->type;
    literal->nullable = value.is_null();
    literal->value = std::move(value);
    literal->text = folded->text;
    return literal;
  } catch (const Error& error) {
    // It may stand where no row comes by; if one does, the error comes then.
    if (error.code() != ErrorCode::data) throw;
    return folded;
  }
}

bool is_deterministic(const BoundExpression& expression) {
  if (expression.kind == Kind::call && !expression.function->deterministic) return false;
  return std::all_of(expression.arguments.begin(), expression.arguments.end(),
                     [](const BoundPtr& a) { return is_deterministic(*a); });
}

bool calls_user_function(const BoundExpression& expression) {
  return expression.user != nullptr ||
         std::any_of(expression.arguments.begin(), expression.arguments.end(),
                     [](const BoundPtr& a) { return calls_user_function(*a); });
}

std::vector<std::uint32_t> input_columns(const BoundExpression& expression) {
  std::set<std::uint32_t> columns;
  collect(expression, columns);
  return {columns.begin(), columns.end()};
}

BoundPtr remap_columns(const BoundPtr& expression, std::span<const std::uint32_t> mapping) {
  if (expression->kind == Kind::column) {
    LIBSTREAM_ASSERT(expression->column < mapping.size(), "a place for every column");
    if (mapping[expression->column] == expression->column) return expression;
    auto copy = std::make_shared<BoundExpression>(*expression);
    copy->column = mapping[expression->column];
    return copy;
  }
  return with_arguments(expression, [&](const BoundPtr& a) { return remap_columns(a, mapping); });
}

BoundPtr substitute_columns(const BoundPtr& expression, std::span<const BoundPtr> replacements) {
  if (expression->kind == Kind::column) {
    LIBSTREAM_ASSERT(expression->column < replacements.size(), "an expression for every column");
    return replacements[expression->column];
  }
  return with_arguments(expression,
                        [&](const BoundPtr& a) { return substitute_columns(a, replacements); });
}

BoundPtr specialise(BoundPtr expression) {
  BoundPtr result = with_arguments(expression, [](const BoundPtr& a) { return specialise(a); });
  if (!is_call(*result, "=") || !is_whole_literal(*result->arguments[1])) return result;
  const BoundExpression& left = *result->arguments[0];
  if (!is_call(left, "%") || !left.type.is_integral() || !is_whole_literal(*left.arguments[1]) ||
      left.arguments[1]->value.integer() == 0) {
    return result;
  }
  auto fused = std::make_shared<BoundExpression>(*result);
  fused->function = find_function("%=");
  fused->arguments = {left.arguments[0], left.arguments[1], result->arguments[1]};
  return fused;
}

}  // namespace libstream
