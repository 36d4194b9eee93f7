#include "plan_stream_join.hpp"

#include <libstream/operators/as_of_join.hpp>
#include <libstream/operators/stream_join.hpp>

#include <algorithm>

namespace libstream {
namespace {

std::string types_of(const Schema& schema) {
  std::string text;
  for (const auto& field : schema) text += (text.empty() ? "" : ", ") + field.type.to_string();
  return "(" + text + ")";
}

std::string retention_signature(const JoinRetention& retention) {
  if (retention.key) return "key " + std::to_string(*retention.key);
  if (!retention.column) return "all";
  return "column " + std::to_string(*retention.column) + " + " + std::to_string(retention.bound) +
         (retention.fixed ? " to " + std::to_string(*retention.fixed) : "");
}

/// What must match at a restart: kinds and types of the rows kept, and how long they are: the store
/// may hold rows that were evicted, which a restart knows by that.
std::string signature_of(const ResolvedPlan& plan) {
  const auto& join = *plan.join;
  std::string keys;
  for (std::size_t i = 0; i < join.left.keys.size(); ++i) {
    const auto& left = plan.inputs[0]->schema[join.left.keys[i]];
    keys += (i == 0 ? "" : ", ") + left.type.to_string() + (join.null_safe[i] ? " null-safe" : "");
  }
  return std::string(to_string(join.type)) + " join keys(" + keys + ") left" +
         types_of(plan.inputs[0]->schema) + " by " + retention_signature(join.left.retention) +
         " right" + types_of(plan.inputs[1]->schema) + " by " +
         retention_signature(join.right.retention);
}

std::string keys_text(const ResolvedPlan& plan) {
  const auto& join = *plan.join;
  std::string text;
  for (std::size_t i = 0; i < join.left.keys.size(); ++i) {
    text += (i == 0 ? "" : ", ") + plan.inputs[0]->schema[join.left.keys[i]].name +
            (join.null_safe[i] ? " <=> " : " = ") + plan.inputs[1]->schema[join.right.keys[i]].name;
  }
  return text;
}

/// "left rows", or "rows of i" where `as` named the side.
std::string rows_of(const ResolvedPlan& plan, bool left) {
  const auto& names = plan.inputs[left ? 0 : 1]->qualifiers;
  const auto one = !names.empty() && !names[0].empty() &&
                   std::all_of(names.begin(), names.end(), [&](const std::string& name) {
                     return name.empty() || name == names[0];
                   });
  if (one) return "rows of " + names[0];
  return left ? "left rows" : "right rows";
}

bool waits_for_match(JoinType type, bool left) {
  if (type == JoinType::full_outer) return true;
  return left ? type == JoinType::left_outer : type == JoinType::right_outer;
}

/// By the policy perSide: which side's watermark the text is about.
std::string whose(bool left) { return left ? " of the left side" : " of the right side"; }

std::string side_text(const ResolvedPlan& plan, bool left, bool per_side) {
  const auto& side = left ? plan.join->left : plan.join->right;
  const auto& other = left ? plan.join->right : plan.join->left;
  const auto rows = rows_of(plan, left);
  auto text = rows + " are " + side.retention.why;
  if (per_side && side.retention.bounded()) {
    const auto& key = side.retention.key;
    const bool own = key && other.event_column != other.keys[*key];
    text += "; it is the watermark" + whose(own == left);
  }
  if (side.event_column) {
    text += "; late by " + plan.inputs[left ? 0 : 1]->schema[*side.event_column].name;
    if (per_side) text += " and the watermark" + whose(left);
  }
  if (side.retention.bounded() && !side.retention.fixed) return text;
  text += "\nWARNING: " + rows + " are never dropped";
  if (waits_for_match(plan.join->type, left))
    text += ", so that those without a match never come out";
  return text;
}

}  // namespace

TopologyNode stream_join_node(const ResolvedPlan& plan, std::uint32_t tasks,
                              WatermarkPolicy policy) {
  const bool per_side = policy == WatermarkPolicy::per_side;
  const auto& join = *plan.join;
  TopologyNode node;
  node.name = "join";
  node.factory = [join, left = plan.inputs[0]->schema,
                  right = plan.inputs[1]->schema](const OperatorContext& context) {
    return make_stream_join(join, left, right, context);
  };
  node.schema = plan.schema;
  node.parallelism = tasks;
  node.stateful = true;
  node.id = plan.id;
  node.place = plan.place;
  node.state_name = "symmetricHashJoin";
  node.comparable = TopologyNode::Comparable::nothing;  // blocks of rows as they came
  node.state_signature = signature_of(plan) + (per_side ? " per side" : "");
  node.wants_no_data_epoch = join.left.retention.bounded() || join.right.retention.bounded();
  node.explain = std::string(to_string(join.type)) + ", key " + keys_text(plan) +
                 (join.condition ? "\nwhere " + join.condition->text : "") + "\n" +
                 side_text(plan, true, per_side) + "\n" + side_text(plan, false, per_side) +
                 (plan.name.empty() ? "" : "\nnamed \"" + plan.name + "\"");
  return node;
}

TopologyNode as_of_join_node(const ResolvedPlan& plan, std::uint32_t tasks) {
  const auto& join = *plan.as_of;
  const auto& left = plan.inputs[0]->schema;
  const auto& right = plan.inputs[1]->schema;
  TopologyNode node;
  node.name = "as-of join";
  node.factory = [join, left, right](const OperatorContext& context) {
    return make_as_of_join(join, left, right, context);
  };
  node.schema = plan.schema;
  node.parallelism = tasks;
  node.stateful = true;
  node.id = plan.id;
  node.place = plan.place;
  node.state_name = "asOfJoin";
  node.comparable = TopologyNode::Comparable::nothing;  // blocks of rows as they came
  node.wants_no_data_epoch = true;
  std::string types;
  std::string names;
  for (std::size_t i = 0; i < join.left_keys.size(); ++i) {
    const auto* comma = i == 0 ? "" : ", ";
    types += comma + left[join.left_keys[i]].type.to_string();
    names += comma + left[join.left_keys[i]].name + " = " + right[join.right_keys[i]].name;
  }
  const auto time_at = [](std::uint32_t column) { return " by " + std::to_string(column); };
  // The tolerance may change: what it has let go is gone from the store as well.
  node.state_signature = std::string(to_string(join.type)) + " as-of join keys(" + types +
                         ") left" + types_of(left) + time_at(join.left_time) + " right" +
                         types_of(right) + time_at(join.right_time);
  const auto& at = left[join.left_time].name;
  const auto& as_of = right[join.right_time].name;
  const auto far = duration_text(join.tolerance);
  node.explain = std::string(to_string(join.type)) + ", key " + names + "\n" + rows_of(plan, true) +
                 " are kept until the watermark reaches " + at +
                 ", for earlier right rows may come until then; late by " + at + "\n" +
                 rows_of(plan, false) + " are kept until the watermark reaches " + as_of +
                 ", the latest one of each key until it reaches " + as_of + " + " + far +
                 ", because " + as_of + " >= " + at + " - " + far + "; late by " + as_of +
                 (plan.name.empty() ? "" : "\nnamed \"" + plan.name + "\"");
  return node;
}

}  // namespace libstream
