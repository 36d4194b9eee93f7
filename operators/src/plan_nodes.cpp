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

}  // namespace libstream
