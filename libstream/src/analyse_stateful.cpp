#include "analysis.hpp"

#include <algorithm>

// Deduplication and limit.
namespace libstream::analysis {
namespace {

std::string name_of(const LogicalPlan& plan) {
  return plan.within_watermark ? "drop_duplicates_within_watermark" : "drop_duplicates";
}

std::shared_ptr<ResolvedPlan> same_columns(ResolvedPlan::Kind kind, const LogicalPlan& plan,
                                           const ResolvedPtr& input, const Identity& identity) {
  auto node = node_above(kind, {input});
  node->schema = input->schema;
  node->event_times = input->event_times;
  node->qualifiers = input->qualifiers;
  node->id = identity.id;
  node->place = identity.place;
  node->name = plan.name;
  return node;
}

/// The delay of the watermark that the event times below went through, the first input's first.
std::int64_t delay_below(const ResolvedPlan& plan) {
  if (plan.kind == ResolvedPlan::Kind::watermark) return plan.delay_milliseconds;
  for (const auto& input : plan.inputs) {
    if (input->watermarked) return delay_below(*input);
  }
  LIBSTREAM_ASSERT(false, "an event-time column has a watermark below");
  return 0;
}

/// Rows are kept for as long as the delay of the one event time says.
void check_within_watermark(const LogicalPlan& plan, const ResolvedPlan& input) {
  if (input.event_times.size() > 1) {
    fail_with_event_times(name_of(plan), input, input.event_times);
  }
  if (input.event_times.empty()) {
    fail("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
         name_of(plan) +
             " needs a watermark: it keeps a row's key for as long as the watermark's delay; call "
             "with_watermark(…) below it and keep that column, or use drop_duplicates");
  }
}

}  // namespace

void fail_with_event_times(const std::string& name, const ResolvedPlan& input,
                           std::span<const std::uint32_t> columns) {
  fail("MULTIPLE_EVENT_TIME_COLUMNS",
       name + ": both \"" + input.schema[columns[0]].name + "\" and \"" +
           input.schema[columns[1]].name +
           "\" carry the event time there; keep one of them with select or drop below");
}

ResolvedPtr resolve_deduplicate(const LogicalPlan& plan, const ResolvedPtr& input,
                                const Identity& identity) {
  if (plan.within_watermark) check_within_watermark(plan, *input);
  auto node = same_columns(ResolvedPlan::Kind::deduplicate, plan, input, identity);
  std::set<std::uint32_t> keys;
  for (const auto& key : plan.keys) {
    if (key.node().kind != ExpressionNode::Kind::column) {
      fail("INVALID_EXPRESSION",
           name_of(plan) + ": " + key.to_string() + " is no column; add it below with with_column");
    }
    keys.insert(column_of(key.node().name, *input, name_of(plan)));
  }
  for (std::uint32_t i = 0; i < input->schema.size(); ++i) {
    if (plan.keys.empty() || keys.contains(i)) node->keys.push_back(i);
  }
  if (!input->event_times.empty()) {
    // Of several, one that is a key; which of them are read at all is known once all is planned.
    const auto by_key = std::find_if(input->event_times.begin(), input->event_times.end(),
                                     [&](std::uint32_t column) { return keys.contains(column); });
    node->event_column = by_key == input->event_times.end() ? input->event_times[0] : *by_key;
    const auto place = std::find(node->keys.begin(), node->keys.end(), *node->event_column);
    if (place != node->keys.end() && !plan.within_watermark) {
      node->time_key = static_cast<std::uint32_t>(place - node->keys.begin());
    }
  }
  node->within_watermark = plan.within_watermark;
  if (plan.within_watermark) node->delay_milliseconds = delay_below(*input);
  return node;
}

ResolvedPtr resolve_limit(const LogicalPlan& plan, const ResolvedPtr& input,
                          const Identity& identity) {
  if (plan.count < 0) {
    fail("INVALID_LIMIT", "limit: " + std::to_string(plan.count) +
                              " rows is below zero; give the number of rows to keep");
  }
  auto node = same_columns(ResolvedPlan::Kind::limit, plan, input, identity);
  node->count = plan.count;
  return node;
}

}  // namespace libstream::analysis
