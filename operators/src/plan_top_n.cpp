#include "plan_top_n.hpp"

#include "plan_state_columns.hpp"

#include <libstream/operators/top_n.hpp>

#include <string>

namespace libstream {
namespace {

std::string names_of_keys(const ResolvedPlan& plan) {
  std::string text;
  for (const auto key : plan.keys) text += (text.empty() ? "" : ", ") + plan.schema[key].name;
  return "[" + text + "]";
}

std::string order_text(const ResolvedPlan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
    text +=
        (i == 0 ? "" : ", ") + plan.expressions[i]->text + (plan.descending[i] ? " DESC" : " ASC");
  }
  return text;
}

/// How long rows live, in words.
std::string retention(const ResolvedPlan& plan, OutputMode mode) {
  if (mode == OutputMode::complete) return "of each epoch by itself";
  const auto rows = std::to_string(plan.count) + (plan.ties ? " rows and their ties" : " rows");
  if (!plan.time_key) return "keeps " + rows + " a key for ever: no key carries a watermark";
  const auto& field = plan.schema[plan.keys[*plan.time_key]];
  const auto window = field.type.id() == TypeId::structure;
  return "keeps " + rows + " a key until the watermark passes " + field.name +
         (window ? ".end" : "");
}

/// What must match at a restart. Also how many rows stay: a larger number needs rows that are gone.
std::string signature(const ResolvedPlan& plan) {
  auto text = "top " + std::to_string(plan.count) + (plan.ties ? " with ties" : "") + " keys(";
  for (std::size_t i = 0; i < plan.keys.size(); ++i) {
    text += (i == 0 ? "" : ", ") + plan.schema[plan.keys[i]].type.to_string();
  }
  text += ") order(";
  for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
    text += (i == 0 ? "" : ", ") + plan.expressions[i]->type.to_string() +
            (plan.descending[i] ? " desc" : "");
  }
  text += ") rows(";
  for (std::size_t i = 0; i < plan.schema.size(); ++i) {
    text += (i == 0 ? "" : ", ") + plan.schema[i].type.to_string();
  }
  return text + ")";
}

}  // namespace

TopologyNode top_n_node(const ResolvedPlan& plan, OutputMode mode, std::uint32_t partitions) {
  TopNSpec spec;
  // Bounded input is one epoch, whose result is the whole one.
  spec.mode = plan.streaming ? mode : OutputMode::complete;
  spec.count = static_cast<std::uint64_t>(plan.count);
  spec.keep_ties = plan.ties;
  spec.schema = plan.schema;
  spec.keys = plan.keys;
  spec.time_key = plan.time_key;
  for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
    spec.order.push_back({plan.expressions[i], plan.descending[i]});
  }
  TopologyNode node;
  node.name = "top n";
  node.schema = plan.schema;
  node.parallelism = plan.keys.empty() ? 1 : partitions;
  node.explain =
      std::to_string(plan.count) + (plan.ties ? " with ties" : "") + ", key " +
      names_of_keys(plan) + ", order " + order_text(plan) +
      (plan.time_key ? ", event time " + plan.schema[plan.keys[*plan.time_key]].name : "") + "\n" +
      retention(plan, spec.mode);
  if (spec.mode != OutputMode::complete) {
    node.stateful = true;
    node.id = plan.id;
    node.place = plan.place;
    node.state_name = "topN";
    node.comparable = TopologyNode::Comparable::values;  // rows are numbered as they came
    node.state_signature = signature(plan);
    std::vector<Field> keys;
    for (const std::uint32_t key : plan.keys) keys.push_back(plan.schema[key]);
    node.state_columns = state_columns_of(std::move(keys));
    node.wants_no_data_epoch = plan.time_key.has_value();
    if (!plan.name.empty()) node.explain += "\nnamed \"" + plan.name + "\"";
  }
  node.factory = top_n(std::move(spec));
  return node;
}

}  // namespace libstream
