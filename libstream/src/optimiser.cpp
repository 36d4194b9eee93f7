#include "analyse_join.hpp"
#include "function.hpp"
#include "optimise_join.hpp"
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
  if (copy->join) {
    auto join = *copy->join;
    for (auto* condition : {&join.left.filter, &join.right.filter, &join.condition}) {
      if (*condition) *condition = fold_constants(*condition);
    }
    copy->join = std::make_shared<const JoinPlan>(std::move(join));
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
    if (copy->kind == Kind::windows || copy->kind == Kind::sessions) {
      // They drop rows whose time is null: a join below need not keep them.
      auto& below = copy->inputs[0];
      if (stands_on_join(*below)) below = sink(not_null(copy->column, *below), below);
    }
    if (explodes_column(*copy) && copy->inputs[0]->watermarked) {
      // A row that brings none must not move the watermark either.
      auto& below = copy->inputs[0];
      below = sink(has_elements(copy->column, *below), below);
    }
    if (copy->kind == Kind::join && !keeps_late_rows(*copy)) filter_inputs(*copy);
    if (copy->kind != Kind::filter || !is_deterministic(*copy->expressions[0])) return copy;
    return sink(copy->expressions[0], copy->inputs[0]);
  }

 private:
  /// Whether rows without elements end there; and not an expression, which is computed once only.
  static bool explodes_column(const ResolvedPlan& plan) {
    if (plan.kind != Kind::explode || plan.outer) return false;
    const auto& below = *plan.inputs[0];
    return below.kind != Kind::project ||
           below.expressions[plan.column]->kind == BoundExpression::Kind::column;
  }

  static BoundPtr has_elements(std::uint32_t column, const ResolvedPlan& input) {
    const auto& array = input.schema[column];
    const auto test = bind(expr("size(array) > 0"), Schema{{"array", array.type, true}});
    const BoundPtr parts[] = {bound_column(column, array)};
    auto condition = std::make_shared<BoundExpression>(*substitute_columns(test, parts));
    condition->text = "size(" + parts[0]->text + ") > 0";
    return condition;
  }

  static ResolvedPtr filter_above(const BoundPtr& condition, const ResolvedPtr& input) {
    auto node = analysis::node_above(Kind::filter, {input});
    node->schema = input->schema;
    node->event_times = input->event_times;
    node->qualifiers = input->qualifiers;
    node->expressions = {condition};
    return node;
  }

  /// The filter as far below the top of `input` as the rules let it go.
  ResolvedPtr sink(const BoundPtr& condition, const ResolvedPtr& input) const {
    auto narrowed = input;
    narrow_join(condition, narrowed);
    if (narrowed != input) return sink(condition, narrowed);
    if (!passes(*condition, *input)) return filter_above(condition, input);
    auto copy = std::make_shared<ResolvedPlan>(*input);
    if (input->kind == Kind::join) {
      sink_into_join(condition, *copy);
      return copy;
    }
    const auto below = over_inputs(condition, *input);
    for (auto& side : copy->inputs) side = sink(below, side);
    return copy;
  }

  /// The late rows of a join must be all those that the user's plan brings to it.
  bool keeps_late_rows(const ResolvedPlan& join) const {
    return options_.late_rows && drops_late_rows(join);
  }

  void filter_inputs(ResolvedPlan& join) const {
    auto filters = filters_below(join);
    for (const auto& condition : filters.left) join.inputs[0] = sink(condition, join.inputs[0]);
    for (const auto& condition : filters.right) join.inputs[1] = sink(condition, join.inputs[1]);
    analysis::set_join(join, std::move(filters.join));
  }

  static bool stands_on_join(const ResolvedPlan& plan) {
    if (plan.kind == Kind::project || plan.kind == Kind::filter) {
      return stands_on_join(*plan.inputs[0]);
    }
    return plan.kind == Kind::join;
  }

  /// Looks for an outer join below that need not be one because of the condition above `plan`.
  void narrow_join(const BoundPtr& condition, ResolvedPtr& plan) const {
    if (plan->kind == Kind::join) {
      const auto type = type_below(*condition, *plan);
      if (type == plan->join->type || keeps_late_rows(*plan)) return;
      auto copy = std::make_shared<ResolvedPlan>(*plan);
      auto join = *plan->join;
      join.type = type;
      analysis::set_join(*copy, std::move(join));
      filter_inputs(*copy);
      plan = copy;
    } else if (plan->kind == Kind::project || plan->kind == Kind::filter) {
      auto below = plan->inputs[0];
      narrow_join(over_inputs(condition, *plan), below);
      if (below == plan->inputs[0]) return;
      auto copy = std::make_shared<ResolvedPlan>(*plan);
      copy->inputs[0] = below;
      plan = copy;
    }
  }

  void sink_into_join(const BoundPtr& condition, ResolvedPlan& join) const {
    const auto place = place_in_join(*condition, join);
    if (place == FilterPlace::condition) {
      auto plan = *join.join;
      const auto more = over_pair(condition, join);
      plan.condition = plan.condition ? both(plan.condition, more) : more;
      analysis::set_join(join, std::move(plan));
    } else {
      auto& side = join.inputs[place == FilterPlace::left ? 0 : 1];
      side = sink(over_side(condition, join, place), side);
    }
    // Equal keys carry the new condition over to the other side.
    filter_inputs(join);
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
      case Kind::as_of_join:  // so does which right row is the latest
        return false;
      case Kind::windows:
      case Kind::sessions:
        return !can_fail && !reads(static_cast<std::uint32_t>(node.schema.size() - 1));
      case Kind::explode:
        return !can_fail && !reads(static_cast<std::uint32_t>(node.keep.size()));
      case Kind::aggregate:
        return !can_fail && !options_.late_rows && !columns.empty() &&
               columns.back() < node.keys.size();
      case Kind::top_n:
        return !can_fail && !options_.late_rows && !columns.empty() &&
               std::all_of(columns.begin(), columns.end(), [&](std::uint32_t column) {
                 return std::find(node.keys.begin(), node.keys.end(), column) != node.keys.end();
               });
      case Kind::sort:
        return !can_fail;
      case Kind::join:
        return !can_fail && !keeps_late_rows(node) &&
               place_in_join(condition, node) != FilterPlace::above;
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

ResolvedPtr pin_joins(const ResolvedPtr& plan) {
  if (plan->kind == Kind::source) return plan;
  auto copy = std::make_shared<ResolvedPlan>(*plan);
  for (auto& input : copy->inputs) input = pin_joins(input);
  if (copy->kind == Kind::join && copy->inputs[0]->streaming && copy->inputs[1]->streaming) {
    auto join = *copy->join;
    analysis::pin_by_numbers(join, *copy->inputs[0], *copy->inputs[1]);
    copy->join = std::make_shared<const JoinPlan>(std::move(join));
  }
  return copy;
}

}  // namespace

ResolvedPtr optimise(const ResolvedPtr& plan, const OptimiserOptions& options) {
  const auto best = prune_columns(FilterPush(options).run(fold(plan)), options);
  return options.recorded_rules ? pin_joins(best) : best;
}

}  // namespace libstream
