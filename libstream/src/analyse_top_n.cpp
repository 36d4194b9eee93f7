#include "analysis.hpp"

#include <algorithm>

// The best rows of each key: names, types and the modes that it can run in.
namespace libstream::analysis {
namespace {

using Kind = ResolvedPlan::Kind;

std::string name_of(const ResolvedPlan& plan) {
  std::string keys;
  for (const auto key : plan.keys) keys += (keys.empty() ? "" : ", ") + plan.schema[key].name;
  return "top_n by [" + keys + "]";
}

void check_arguments(const LogicalPlan& plan) {
  if (plan.count < 1) {
    fail("INVALID_LIMIT", "top_n: " + std::to_string(plan.count) +
                              " rows is below one; give the number of rows to keep of each key");
  }
  if (plan.expressions.empty()) {
    fail("INVALID_EXPRESSION",
         "top_n: without an order no row is better than another; name at least one column, the "
         "best first, as in {col(\"price\").desc()}");
  }
  for (const auto& key : plan.keys) {
    if (!is_call(without_alias(key), "session_window")) continue;
    fail_unsupported("UNSUPPORTED_STREAMING_OPERATOR",
                     "top_n: " + key.to_string() +
                         ": sessions merge as rows come, so that no row has one of its own; "
                         "aggregate by it below with group_by, and rank by the column that this "
                         "makes");
  }
}

void add_order(const LogicalPlan& plan, const ResolvedPlan& input, ResolvedPlan& node) {
  for (const auto& key : plan.expressions) {
    const auto sorted = key.node().kind == ExpressionNode::Kind::sort;
    node.expressions.push_back(bind_in(sorted ? key.node().arguments[0] : key, input, "top_n"));
    if (!is_deterministic(*node.expressions.back())) {
      fail("NONDETERMINISTIC_ORDER",
           "top_n: the order " + node.expressions.back()->text +
               " has another value each time it is worked out, but a row must keep its place; add "
               "it as a column below with with_column, and name that column");
    }
    node.descending.push_back(sorted && same_name(key.node().name, "desc"));
  }
}

bool has_top_n(const ResolvedPlan& plan) {
  return plan.kind == Kind::top_n ||
         std::any_of(plan.inputs.begin(), plan.inputs.end(),
                     [](const ResolvedPtr& input) { return has_top_n(*input); });
}

bool is_stateful(const ResolvedPlan& plan) {
  return plan.kind == Kind::aggregate || plan.kind == Kind::deduplicate || plan.kind == Kind::top_n;
}

void check_above(const ResolvedPlan& plan, OutputMode mode) {
  const auto above = std::any_of(plan.inputs.begin(), plan.inputs.end(),
                                 [](const ResolvedPtr& input) { return has_top_n(*input); });
  if (!above || !is_stateful(plan) || mode != OutputMode::update) return;
  const auto* name = plan.kind == Kind::aggregate ? "an aggregation"
                     : plan.kind == Kind::top_n   ? "another top_n"
                                                  : "drop_duplicates";
  fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       std::string(name) +
           " stands above top_n, which output mode update does not allow: it would keep rows that "
           "better ones displace later; use append, with a watermark and the event time among the "
           "keys of both");
}

}  // namespace

ResolvedPtr resolve_top_n(const LogicalPlan& plan, const ResolvedPtr& input,
                          const Identity& identity) {
  check_arguments(plan);
  const auto keys = resolve_keys(plan.keys, input, "top_n");
  const auto& below = keys.below;
  auto node = node_above(Kind::top_n, {below});
  node->schema = below->schema;
  node->qualifiers = below->qualifiers;
  node->id = identity.id;
  node->place = identity.place;
  node->name = plan.name;
  node->count = plan.count;
  node->ties = plan.ties;
  add_order(plan, *below, *node);
  for (const auto key : keys.columns) {
    if (std::find(node->keys.begin(), node->keys.end(), key) == node->keys.end()) {
      node->keys.push_back(key);
    }
  }
  // Rows go out when the watermark passes their key, so that other event times may be behind it.
  for (std::uint32_t i = 0; i < node->keys.size(); ++i) {
    if (!below->carries_event_time(node->keys[i])) continue;
    node->event_times.push_back(node->keys[i]);
    if (!node->time_key) node->time_key = i;
  }
  std::sort(node->event_times.begin(), node->event_times.end());
  return node;
}

void check_top_n(const ResolvedPlan& plan, OutputMode mode) {
  check_above(plan, mode);
  if (plan.kind != Kind::top_n) return;
  if (mode == OutputMode::append && !plan.time_key) {
    fail("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
         name_of(plan) +
             " cannot run in output mode append without a watermark: no key carries the event "
             "time, so a better row may come for ever; call with_watermark(…) below it and put "
             "window(…) or that column among its keys, or use update");
  }
  const auto aggregated = aggregates_stream(*plan.inputs[0]);
  if (mode == OutputMode::update && aggregated) {
    fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
         name_of(plan) +
             " stands above an aggregation, which output mode update does not allow: it would "
             "rank rows that change later; use append, with a watermark and its window in the keys "
             "of both, or complete");
  }
  if (mode == OutputMode::complete && !aggregated) {
    fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
         name_of(plan) +
             " stands below the aggregation, which output mode complete does not allow: it would "
             "pass on rows that better ones displace later; use append, or rank the aggregation's "
             "result");
  }
}

}  // namespace libstream::analysis
