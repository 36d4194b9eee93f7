#include "fuse.hpp"

#include <algorithm>

namespace libstream {
namespace {

using Kind = ResolvedPlan::Kind;
using Node = BoundExpression::Kind;

// Up to so many calls an expression is worked out again rather than in a step of its own: a step
// costs some microseconds a batch, a kernel about one.
constexpr std::size_t cheap_calls = 3;

std::size_t calls(const BoundExpression& expression) {
  std::size_t count = expression.kind == Node::call || expression.kind == Node::cast ? 1 : 0;
  for (const auto& argument : expression.arguments) count += calls(*argument);
  return count;
}

void count_uses(const BoundExpression& expression, std::vector<std::size_t>& uses) {
  if (expression.kind == Node::column) ++uses[expression.column];
  for (const auto& argument : expression.arguments) count_uses(*argument, uses);
}

/// Chance must be drawn once a row, dear columns be computed once, users' functions called once.
bool can_be_repeated(const BoundExpression& expression) {
  return calls(expression) <= cheap_calls && is_deterministic(expression) &&
         !calls_user_function(expression);
}

bool may_fuse(const FusedStep& below, const ResolvedPlan& above) {
  std::vector<std::size_t> uses(below.columns.size(), 0);
  for (const auto& expression : above.expressions) count_uses(*expression, uses);
  // A filter's own columns are all handed on as well.
  const std::size_t allowed = above.kind == Kind::filter ? 0 : 1;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (uses[i] > allowed && !can_be_repeated(*below.columns[i])) return false;
  }
  return true;
}

FusedStep alone(const ResolvedPtr& base) {
  FusedStep step{base, nullptr, {}};
  for (std::uint32_t i = 0; i < base->schema.size(); ++i) {
    step.columns.push_back(bound_column(i, base->schema[i]));
  }
  return step;
}

}  // namespace

bool FusedStep::passes_all() const {
  if (filter || columns.size() != base->schema.size()) return false;
  for (std::uint32_t i = 0; i < columns.size(); ++i) {
    if (columns[i]->kind != Node::column || columns[i]->column != i) return false;
  }
  return true;
}

FusedStep fuse(const ResolvedPtr& plan) {
  if (plan->kind != Kind::filter && plan->kind != Kind::project) return alone(plan);
  auto step = fuse(plan->inputs[0]);
  if (!may_fuse(step, *plan)) step = alone(plan->inputs[0]);
  if (plan->kind == Kind::filter) {
    auto condition = substitute_columns(plan->expressions[0], step.columns);
    step.filter = step.filter ? both(step.filter, condition) : condition;
    return step;
  }
  std::vector<BoundPtr> columns;
  for (const auto& expression : plan->expressions) {
    columns.push_back(substitute_columns(expression, step.columns));
  }
  step.columns = std::move(columns);
  return step;
}

}  // namespace libstream
