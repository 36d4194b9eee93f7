#include "analysis.hpp"
#include "function.hpp"
#include "prune_columns.hpp"

#include <libstream/optimiser.hpp>

#include <algorithm>

namespace libstream {
namespace {

using Kind = ResolvedPlan::Kind;

bool is_true(const BoundExpression& expression) {
  return expression.kind == BoundExpression::Kind::literal &&
         expression.type.id() == TypeId::boolean && !expression.value.is_null() &&
         expression.value.boolean();
}

/// True where some value could make it throw: then it must not see rows that it would not have
/// seen where the user wrote it.
bool may_fail(const BoundExpression& expression) {
  using Node = BoundExpression::Kind;
  if (expression.kind == Node::call && expression.function->fallible) return true;
  if (expression.kind == Node::cast && !expression.try_cast &&
      !cast_is_safe(expression.arguments[0]->type, expression.type)) {
    return true;
  }
  return std::any_of(expression.arguments.begin(), expression.arguments.end(),
                     [](const BoundPtr& argument) { return may_fail(*argument); });
}

ResolvedPtr fold(const ResolvedPtr& plan) {
  // Leaves stay the same objects: a source used twice is one source.
  if (plan->kind == Kind::source) return plan;
  auto copy = std::make_shared<ResolvedPlan>(*plan);
  for (auto& input : copy->inputs) input = fold(input);
  for (auto& expression : copy->expressions) expression = fold_constants(expression);
  for (auto& aggregate : copy->aggregates) {
    for (auto& argument : aggregate.arguments) argument = fold_constants(argument);
    if (aggregate.filter) aggregate.filter = fold_constants(aggregate.filter);
  }
  if (copy->kind == Kind::filter && is_true(*copy->expressions[0])) return copy->inputs[0];
  return copy;
}

/// Moves filters down, one condition at a time.
class FilterPush {
 public:
  explicit FilterPush(const OptimiserOptions& options) : options_(options) {}

  ResolvedPtr run(const ResolvedPtr& plan) const {
    if (plan->kind == Kind::source) return plan;
    auto copy = std::make_shared<ResolvedPlan>(*plan);
    for (auto& input : copy->inputs) input = run(input);
    if (copy->kind != Kind::filter || !is_deterministic(*copy->expressions[0])) return copy;
    return sink(copy->expressions[0], copy->inputs[0]);
  }

 private:
  static ResolvedPtr filter_above(const BoundPtr& condition, const ResolvedPtr& input) {
    auto node = analysis::node_above(Kind::filter, {input});
    node->schema = input->schema;
    node->event_times = input->event_times;
    node->expressions = {condition};
    return node;
  }

  /// The filter as far below the top of `input` as the rules let it go.
  ResolvedPtr sink(const BoundPtr& condition, const ResolvedPtr& input) const {
    if (!passes(*condition, *input)) return filter_above(condition, input);
    auto copy = std::make_shared<ResolvedPlan>(*input);
    const auto below = over_inputs(condition, *input);
    for (auto& side : copy->inputs) side = sink(below, side);
    return copy;
  }

  /// True for a filter on the event time that could sink no further than its watermark. All others
  /// pass it there, also those that may fail: which rows move the watermark depends on them, and
  /// must not depend on how a condition is written.
  static bool stays_at_watermark(const ResolvedPlan& filter) {
    const auto& input = *filter.inputs[0];
    return input.kind == Kind::watermark ||
           (input.kind == Kind::filter && stays_at_watermark(input));
  }

  bool passes(const BoundExpression& condition, const ResolvedPlan& node) const {
    const auto columns = input_columns(condition);
    const auto reads = [&](std::uint32_t column) {
      return std::binary_search(columns.begin(), columns.end(), column);
    };
    const auto can_fail = may_fail(condition);
    switch (node.kind) {
      case Kind::source:
        return false;
      case Kind::project:
        return std::all_of(node.expressions.begin(), node.expressions.end(),
                           [](const BoundPtr& value) { return is_deterministic(*value); }) &&
               std::none_of(columns.begin(), columns.end(), [&](std::uint32_t column) {
                 return calls_user_function(*node.expressions[column]);
               });
      case Kind::filter:
        // Changing the order of two filters is worth it only on the way further down.
        return (!can_fail || stays_at_watermark(node)) && is_deterministic(*node.expressions[0]) &&
               passes(condition, *node.inputs[0]);
      case Kind::watermark:
        return !reads(node.column);
      case Kind::union_all:
        return true;
      case Kind::deduplicate:  // which row is the first may depend on the others
      case Kind::limit:
        return false;
      case Kind::windows:
      case Kind::sessions:
        return !can_fail && !reads(static_cast<std::uint32_t>(node.schema.size() - 1));
      case Kind::explode:
        return !can_fail && !reads(static_cast<std::uint32_t>(node.keep.size()));
      case Kind::aggregate:
        return !can_fail && !options_.late_rows && !columns.empty() &&
               columns.back() < node.keys.size();
      case Kind::sort:
        return !can_fail;
      case Kind::join:
      case Kind::operation:
        return false;
    }
    return false;
  }

  /// The condition over the columns of the node's inputs.
  static BoundPtr over_inputs(const BoundPtr& condition, const ResolvedPlan& node) {
    switch (node.kind) {
      case Kind::project:
        return substitute_columns(condition, node.expressions);
      case Kind::explode:
        return remap_columns(condition, node.keep);
      case Kind::aggregate:
        return remap_columns(condition, node.keys);
      default:
        return condition;
    }
  }

  OptimiserOptions options_;
};

}  // namespace

ResolvedPtr optimise(const ResolvedPtr& plan, const OptimiserOptions& options) {
  return prune_columns(FilterPush(options).run(fold(plan)), options);
}

}  // namespace libstream
