#include "analysis.hpp"

// Event-time windows: as keys of an aggregation, and as columns of their own.
namespace libstream::analysis {

void bad_window(const Expression& window, std::string_view where, const std::string& problem) {
  fail("INVALID_WINDOW", std::string(where) + ": " + window.to_string() + ": " + problem);
}

Window window_of(const Expression& expression, std::string_view where) {
  const auto& arguments = expression.node().arguments;
  if (arguments.size() < 2 || arguments.size() > 4) {
    bad_window(expression, where, "window takes a time, a size and optionally a slide and a start");
  }
  constexpr std::string_view names[] = {"", "size", "slide", "start"};
  std::int64_t values[4] = {};
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    std::string problem;
    const auto value = constant_duration(arguments[i], problem);
    if (!value) {
      bad_window(expression, where, "the " + std::string(names[i]) + " is not valid: " + problem);
    }
    values[i] = *value;
  }
  Window window{values[1], arguments.size() > 2 ? values[2] : values[1], values[3]};
  if (window.size <= 0) bad_window(expression, where, "the size must be above zero");
  if (window.slide <= 0 || window.slide > window.size) {
    bad_window(expression, where, "the slide must be above zero and at most the size");
  }
  if (window.start <= -window.slide || window.start >= window.slide) {
    bad_window(expression, where, "the start must be between -slide and slide, both excluded");
  }
  return window;
}

/// The timestamp that a window is over, as a column of its own or the input's.
Item window_item(const Expression& expression, const ResolvedPlan& input, std::string_view where) {
  const auto& argument = expression.node().arguments[0];
  auto time = item_of(argument, input, where);
  if (is_window(time.value->type)) {
    time = item_of(call("window_time", {argument}).as(time.name + "_time"), input, where);
  }
  if (time.value->type.id() != TypeId::timestamp) {
    fail("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE", std::string(where) + ": " + expression.to_string() +
                                                    " needs a timestamp, but " + time.value->text +
                                                    " is " + time.value->type.to_string() +
                                                    "; cast it with cast(\"timestamp\")");
  }
  return time;
}

std::shared_ptr<ResolvedPlan> windows_above(const ResolvedPtr& below, ResolvedPlan::Kind kind,
                                            std::uint32_t time_column, const std::string& name) {
  auto plan = node_above(kind, {below});
  plan->column = time_column;
  auto fields = below->schema.fields();
  const auto column = static_cast<std::uint32_t>(fields.size());
  fields.push_back(
      {unused_name(name, below->schema),
       DataType::structure({{"start", TypeId::timestamp, true}, {"end", TypeId::timestamp, true}}),
       false});
  plan->schema = Schema(std::move(fields));
  plan->qualifiers = below->qualifiers;
  if (!plan->qualifiers.empty()) plan->qualifiers.emplace_back();
  plan->event_times = below->event_times;
  if (below->carries_event_time(time_column)) plan->event_times.push_back(column);
  return plan;
}

ResolvedPtr add_window(const ResolvedPtr& input, const Expression& expression,
                       std::string_view where) {
  const auto& window = without_alias(expression);
  const auto spec = window_of(window, where);
  auto time = window_item(window, *input, where);
  auto below = input;
  auto column = time.value->column;
  if (time.value->kind != BoundExpression::Kind::column) {
    column = static_cast<std::uint32_t>(input->schema.size());
    below = append_items(input, {std::move(time)});
  }
  auto plan = windows_above(below, ResolvedPlan::Kind::windows, column, derived_name(expression));
  plan->window_size = spec.size;
  plan->window_slide = spec.slide;
  plan->window_start = spec.start;
  return plan;
}

}  // namespace libstream::analysis
