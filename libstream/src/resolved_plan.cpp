#include <libstream/operation.hpp>
#include <libstream/resolved_plan.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace libstream {
namespace {

using Kind = ResolvedPlan::Kind;

std::string texts(const std::vector<BoundPtr>& expressions) {
  std::string text;
  for (const auto& expression : expressions) {
    text += (text.empty() ? "" : ", ") + expression->text;
  }
  return text;
}

std::string projection(const ResolvedPlan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
    const auto& name = plan.schema[i].name;
    const auto& value = plan.expressions[i]->text;
    text += (i == 0 ? "" : ", ") + value + (value == name ? "" : " AS " + name);
  }
  return text;
}

std::string column_name(const ResolvedPlan& plan, std::uint32_t column) {
  return plan.inputs[0]->schema[column].name;
}

std::string aggregation(const ResolvedPlan& plan) {
  std::string keys;
  for (const auto key : plan.keys) keys += (keys.empty() ? "" : ", ") + column_name(plan, key);
  std::string values;
  for (const auto& aggregate : plan.aggregates) {
    const auto arguments = aggregate.arguments.empty() ? "*" : texts(aggregate.arguments);
    auto value = aggregate.function->name() + "(" + arguments + ")";
    if (aggregate.filter) value += " FILTER (WHERE " + aggregate.filter->text + ")";
    values += (values.empty() ? "" : ", ") + value;
    if (value != aggregate.name) values += " AS " + aggregate.name;
  }
  return "aggregate by [" + keys + "] " + values +
         (plan.time_key ? ", event time in " + plan.schema[*plan.time_key].name : "");
}

std::string order_of(const ResolvedPlan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
    text += (i == 0 ? "" : ", ") + plan.expressions[i]->text + (plan.descending[i] ? " DESC" : "");
  }
  return text;
}

std::string ranking(const ResolvedPlan& plan) {
  std::string keys;
  for (const auto key : plan.keys) keys += (keys.empty() ? "" : ", ") + column_name(plan, key);
  return "top " + std::to_string(plan.count) + (plan.ties ? " with ties" : "") + " by [" + keys +
         "] in the order " + order_of(plan) +
         (plan.time_key ? ", event time in " + column_name(plan, plan.keys[*plan.time_key]) : "");
}

std::string deduplication(const ResolvedPlan& plan) {
  std::string keys;
  for (const auto key : plan.keys) keys += (keys.empty() ? "" : ", ") + column_name(plan, key);
  return "deduplicate by [" + keys + "]" +
         (plan.within_watermark ? " within " + duration_text(plan.delay_milliseconds * 1000) : "") +
         (plan.event_column ? ", event time in " + column_name(plan, *plan.event_column) : "");
}

std::string as_of_joining(const ResolvedPlan& plan) {
  const auto& join = *plan.as_of;
  const auto& left = plan.inputs[0]->schema;
  const auto& right = plan.inputs[1]->schema;
  std::string keys;
  for (std::size_t i = 0; i < join.left_keys.size(); ++i) {
    keys += left[join.left_keys[i]].name + " = " + right[join.right_keys[i]].name + " and ";
  }
  return std::string(to_string(join.type)) + " as-of join on " + keys +
         right[join.right_time].name + " from " + duration_text(join.tolerance) + " before " +
         left[join.left_time].name + " to it";
}

std::string joining(const ResolvedPlan& plan) {
  const auto& join = *plan.join;
  std::string on;
  const auto add = [&](const std::string& part) { on += (on.empty() ? " on " : " AND ") + part; };
  for (std::size_t i = 0; i < join.left.keys.size(); ++i) {
    add(plan.inputs[0]->schema[join.left.keys[i]].name + (join.null_safe[i] ? " <=> " : " = ") +
        plan.inputs[1]->schema[join.right.keys[i]].name);
  }
  for (const auto& part : {join.left.filter, join.right.filter, join.condition}) {
    if (part) add(part->text);
  }
  return std::string(to_string(join.type)) + " join" + on;
}

std::string describe(const ResolvedPlan& plan) {
  switch (plan.kind) {
    case Kind::source:
      return "source " + plan.source.format +
             (plan.source.path.empty() ? "" : " " + plan.source.path);
    case Kind::project:
      return "project " + projection(plan);
    case Kind::filter:
      return "filter " + plan.expressions[0]->text;
    case Kind::explode:
      return std::string(plan.outer ? "explode outer " : "explode ") +
             column_name(plan, plan.column);
    case Kind::windows:
      return "windows over " + column_name(plan, plan.column) + " size " +
             duration_text(plan.window_size) + " slide " + duration_text(plan.window_slide) +
             (plan.window_start == 0 ? "" : " start " + duration_text(plan.window_start));
    case Kind::sessions:
      return "sessions over " + column_name(plan, plan.column) + " until " +
             plan.expressions[0]->text;
    case Kind::deduplicate:
      return deduplication(plan);
    case Kind::limit:
      return "limit " + std::to_string(plan.count);
    case Kind::watermark:
      return "watermark " + column_name(plan, plan.column) + " delay " +
             duration_text(plan.delay_milliseconds * 1000);
    case Kind::aggregate:
      return aggregation(plan);
    case Kind::union_all:
      return "union";
    case Kind::sort:
      return "sort " + order_of(plan);
    case Kind::top_n:
      return ranking(plan);
    case Kind::operation:
      return plan.operation->name;
    case Kind::join:
      return joining(plan);
    case Kind::as_of_join:
      return as_of_joining(plan);
  }
  return "";
}

void print(const ResolvedPlan& plan, std::size_t depth, std::string& text) {
  text += std::string(2 * depth, ' ') + describe(plan);
  if (!plan.name.empty()) text += " named \"" + plan.name + "\"";
  text += "  [" + plan.schema.to_string() + "]\n";
  for (const auto& input : plan.inputs) print(*input, depth + 1, text);
}

}  // namespace

bool ResolvedPlan::carries_event_time(std::uint32_t output_column) const {
  return std::binary_search(event_times.begin(), event_times.end(), output_column);
}

std::string to_text(const ResolvedPlan& plan) {
  std::string text;
  print(plan, 0, text);
  return text;
}

bool drops_late_rows(const ResolvedPlan& plan) {
  return plan.kind == Kind::as_of_join ||
         (plan.kind == Kind::aggregate && plan.time_key.has_value()) ||
         (plan.kind == Kind::top_n && plan.time_key.has_value()) ||
         (plan.kind == Kind::deduplicate && plan.event_column.has_value()) ||
         (plan.kind == Kind::join &&
          (plan.join->left.event_column || plan.join->right.event_column));
}

bool tested_for_lateness(const ResolvedPlan& plan) {
  return drops_late_rows(plan) ||
         (!plan.inputs.empty() &&
          std::all_of(plan.inputs.begin(), plan.inputs.end(),
                      [](const ResolvedPtr& input) { return tested_for_lateness(*input); }));
}

bool finds_late_rows(const ResolvedPlan& plan) {
  return drops_late_rows(plan) &&
         !std::all_of(plan.inputs.begin(), plan.inputs.end(),
                      [](const ResolvedPtr& input) { return tested_for_lateness(*input); });
}

bool aggregates_stream(const ResolvedPlan& plan) {
  return plan.streaming &&
         (plan.kind == Kind::aggregate ||
          std::any_of(plan.inputs.begin(), plan.inputs.end(),
                      [](const ResolvedPtr& input) { return aggregates_stream(*input); }));
}

std::string duration_text(std::int64_t microseconds) {
  static constexpr std::array<std::pair<std::int64_t, std::string_view>, 6> units{
      {{86'400'000'000, "day"},
       {3'600'000'000, "hour"},
       {60'000'000, "minute"},
       {1'000'000, "second"},
       {1'000, "millisecond"},
       {1, "microsecond"}}};
  if (microseconds == 0) return "0 seconds";
  for (const auto& [size, name] : units) {
    if (microseconds % size != 0) continue;
    const auto count = microseconds / size;
    return std::to_string(count) + " " + std::string(name) + (count == 1 ? "" : "s");
  }
  return "";
}

BoundPtr both(const BoundPtr& a, const BoundPtr& b) {
  // Bound over two stand-ins: so the function table stays the only place that knows AND.
  static const BoundPtr conjunction =
      bind(call("and", {col("a"), col("b")}),
           Schema{{"a", TypeId::boolean, true}, {"b", TypeId::boolean, true}});
  const BoundPtr parts[] = {a, b};
  auto joined = std::make_shared<BoundExpression>(*substitute_columns(conjunction, parts));
  joined->text = a->text + " AND " + b->text;
  return joined;
}

}  // namespace libstream
