#include "static_join.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/static_join.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

namespace libstream {
namespace {

constexpr std::int64_t default_broadcast_limit = 64 << 20;

/// Which input is the table. Of two bounded ones the one whose rows need not all come out.
std::uint32_t table_input(const ResolvedPlan& plan) {
  const bool left = plan.inputs[0]->streaming;
  const bool right = plan.inputs[1]->streaming;
  LIBSTREAM_ASSERT(!(left && right), "a static join has a bounded side");
  if (left || right) return left ? 1 : 0;
  return plan.join->type == JoinType::right_outer ? 0 : 1;
}

void check_type(const ResolvedPlan& plan, bool stream_left) {
  const auto type = plan.join->type;
  // Without a stream there is one epoch with all rows: when it ends, each row's matches are known.
  if (type == JoinType::inner || (type == JoinType::full_outer && !plan.streaming)) return;
  if (stream_left && (type == JoinType::left_outer || type == JoinType::left_semi ||
                      type == JoinType::left_anti)) {
    return;
  }
  if (!stream_left && type == JoinType::right_outer) return;
  const std::string name(to_string(type));
  throw Error(
      ErrorCode::analysis, "UNSUPPORTED_STREAM_STATIC_JOIN",
      name + " join with the stream on the " + (stream_left ? "left" : "right") +
          ": whether a row of the bounded side stays unmatched is not known before the "
          "stream ends; " +
          (stream_left ? "inner, left outer, left semi and left anti" : "inner and right outer") +
          " joins are possible");
}

/// The table's rows that can match at all.
ResolvedPtr filtered(const ResolvedPtr& input, const BoundPtr& filter) {
  if (!filter) return input;
  auto plan = std::make_shared<ResolvedPlan>();
  plan->kind = ResolvedPlan::Kind::filter;
  plan->inputs = {input};
  plan->schema = input->schema;
  plan->event_times = input->event_times;
  plan->streaming = false;
  plan->watermarked = input->watermarked;
  plan->expressions = {filter};
  return plan;
}

/// All rows of the table come out, so its filter only says which ones can match: a part of the
/// condition. The table is the right side.
std::shared_ptr<const JoinPlan> with_filter_in_condition(const ResolvedPlan& plan) {
  auto join = std::make_shared<JoinPlan>(*plan.join);
  const auto filter = std::exchange(join->right.filter, nullptr);
  if (!filter) return join;
  const auto left = static_cast<std::uint32_t>(plan.inputs[0]->schema.size());
  std::vector<std::uint32_t> mapping(plan.inputs[1]->schema.size());
  std::iota(mapping.begin(), mapping.end(), left);
  const auto of_pair = remap_columns(filter, mapping);
  join->condition = join->condition ? both(of_pair, join->condition) : of_pair;
  return join;
}

std::uint64_t broadcast_limit(const QuerySpec& spec) {
  const auto limit = spec.options.integer("broadcastLimit").value_or(default_broadcast_limit);
  if (limit < 0) {
    throw Error(ErrorCode::invalid_argument, "option broadcastLimit: " + std::to_string(limit) +
                                                 " is negative; 0 shares no table between tasks");
  }
  return static_cast<std::uint64_t>(limit);
}

std::string keys_text(const ResolvedPlan& plan) {
  const auto& join = *plan.join;
  std::string text;
  for (std::size_t i = 0; i < join.left.keys.size(); ++i) {
    text += (i == 0 ? "" : ", ") + plan.inputs[0]->schema[join.left.keys[i]].name +
            (join.null_safe[i] ? " <=> " : " = ") + plan.inputs[1]->schema[join.right.keys[i]].name;
  }
  return text.empty() ? "no key: every row is compared with the whole table" : "key " + text;
}

}  // namespace

StaticJoin plan_static_join(const ResolvedPlan& plan, const QuerySpec& spec,
                            const PlannerOptions& options, const Environment& environment) {
  const auto table = table_input(plan);
  const bool stream_left = table == 1;
  check_type(plan, stream_left);
  const bool keeps_table = plan.join->type == JoinType::full_outer;
  const auto used = keeps_table ? with_filter_in_condition(plan) : plan.join;
  const auto& join = *used;
  const auto& table_side = stream_left ? join.right : join.left;

  StaticJoin result;
  result.stream = 1 - table;
  result.keys = stream_left ? join.left.keys : join.right.keys;
  auto bounded = std::make_unique<StaticPlan>(filtered(plan.inputs[table], table_side.filter), spec,
                                              options, environment);
  const auto limit = broadcast_limit(spec);
  // Where unmatched rows of the table come out, one task must see all that may match a row.
  result.partitioned = !result.keys.empty() && options.partitions > 1 &&
                       (keeps_table || limit == 0 || bounded->size_estimate() > limit);
  result.gathered = keeps_table && !result.partitioned;

  StaticTableSide::Form form;
  form.schema = plan.inputs[table]->schema;
  form.keys = table_side.keys;
  form.null_safe = join.null_safe;
  form.null_row =
      keeps_table || join.type == JoinType::left_outer || join.type == JoinType::right_outer;
  form.shared_index = !result.partitioned;
  auto side = std::make_shared<StaticTableSide>(std::move(bounded), std::move(form));
  result.explain = std::string(to_string(join.type)) + ", " + keys_text(plan) +
                   (join.condition ? "\nwhere " + join.condition->text : "") + "\ntable on the " +
                   (stream_left ? "right" : "left") + ", " +
                   (result.partitioned ? "each task has its keys"
                    : result.gathered  ? "one task has all"
                                       : "shared by all tasks") +
                   ": " + side->describe();

  StaticJoinSpec op;
  op.join = used;
  op.stream_left = stream_left;
  op.left = plan.inputs[0]->schema;
  op.right = plan.inputs[1]->schema;
  op.side = side;
  op.partitioned = result.partitioned;
  result.factory = static_join(std::move(op));
  result.side = std::move(side);
  return result;
}

}  // namespace libstream
