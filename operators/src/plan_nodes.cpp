#include "plan_nodes.hpp"

#include "plan_panes.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/project.hpp>

#include <optional>

namespace libstream {
namespace {

TopologyNode node_of(const ResolvedPlan& plan, std::string name, OperatorFactory factory) {
  TopologyNode node;
  node.name = std::move(name);
  node.factory = std::move(factory);
  node.schema = plan.schema;
  return node;
}

}  // namespace

TopologyNode explode_node(const ResolvedPlan& plan) {
  auto node = node_of(plan, "explode", explode({plan.keep, plan.column, plan.outer}));
  node.explain = "array " + plan.inputs[0]->schema[plan.column].name;
  return node;
}

TopologyNode windows_node(const ResolvedPlan& plan) {
  auto node = node_of(
      plan, "windows",
      assign_windows({plan.column, plan.window_size, plan.window_slide, plan.window_start}));
  node.explain = windows_text(plan);
  return node;
}

TopologyNode sessions_node(const ResolvedPlan& plan) {
  auto node = node_of(plan, "sessions", assign_sessions({plan.column, plan.expressions[0]}));
  node.explain =
      "over " + plan.inputs[0]->schema[plan.column].name + ", until " + plan.expressions[0]->text;
  return node;
}

TopologyNode sort_node(const ResolvedPlan& plan) {
  SortSpec sort;
  std::string keys;
  for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
    keys +=
        (i == 0 ? "" : ", ") + plan.expressions[i]->text + (plan.descending[i] ? " DESC" : " ASC");
    sort.keys.push_back({plan.expressions[i], plan.descending[i]});
  }
  auto node = node_of(plan, "sort", sort_rows(std::move(sort)));
  node.explain = "by " + keys;
  return node;
}

std::uint32_t operation_tasks(const OperationPlan& operation, std::span<const std::uint32_t> tasks,
                              std::uint32_t partitions) {
  std::optional<std::uint32_t> all;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const auto kind =
        operation.exchanges.empty() ? Exchange::Kind::forward : operation.exchanges[i].kind;
    const auto here = kind == Exchange::Kind::hash     ? partitions
                      : kind == Exchange::Kind::gather ? 1
                                                       : tasks[i];
    if (all.value_or(here) != here) {
      throw Error(ErrorCode::analysis, "UNEQUAL_INPUTS",
                  operation.name + ": its inputs come in " + std::to_string(*all) + " and " +
                      std::to_string(here) + " tasks; let the operation hash or gather them all");
    }
    all = here;
  }
  return *all;
}

}  // namespace libstream
