#include "plan_panes.hpp"

#include <libstream/error.hpp>

#include <algorithm>

namespace libstream {
namespace {

bool reads(const BoundPtr& expression, std::uint32_t column) {
  if (expression == nullptr) return false;
  const auto columns = input_columns(*expression);
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

/// The windows are the last column of their operator.
std::uint32_t window_column(const ResolvedPlan& windows) {
  return static_cast<std::uint32_t>(windows.schema.size() - 1);
}

}  // namespace

const ResolvedPlan* pane_windows(const ResolvedPlan& aggregate) {
  const ResolvedPlan& windows = *aggregate.inputs[0];
  // Panes go by one watermark for all rows.
  if (aggregate.lateness != Lateness::by_epoch) return nullptr;
  if (windows.kind != ResolvedPlan::Kind::windows) return nullptr;
  if (windows.window_slide == windows.window_size) return nullptr;
  const auto column = window_column(windows);
  const auto& keys = aggregate.keys;
  if (std::count(keys.begin(), keys.end(), column) != 1) return nullptr;
  if (aggregate.time_key && keys[*aggregate.time_key] != column) return nullptr;
  for (const AggregateCall& call : aggregate.aggregates) {
    if (follows_arrival(call) || reads(call.filter, column)) return nullptr;
    for (const BoundPtr& argument : call.arguments) {
      if (reads(argument, column)) return nullptr;
    }
  }
  return &windows;
}

bool wants_panes(const Options& options, bool strict) {
  const auto choice = options.get("slidingWindows", strict ? "expanded" : "panes");
  if (same_name(choice, "expanded")) return false;
  if (!same_name(choice, "panes")) {
    throw Error(ErrorCode::invalid_argument,
                "option slidingWindows is \"" + choice + "\", but can be panes or expanded");
  }
  if (strict) {
    throw Error(ErrorCode::unsupported, "EXTENSION_IN_STRICT_MODE",
                "strict mode: option slidingWindows = panes counts state by pane, which is an "
                "extension; leave it out, or leave strict mode");
  }
  return true;
}

std::string windows_text(const ResolvedPlan& windows) {
  return "over " + windows.inputs[0]->schema[windows.column].name + ", size " +
         duration_text(windows.window_size) + ", slide " + duration_text(windows.window_slide) +
         (windows.window_start == 0 ? "" : ", start " + duration_text(windows.window_start));
}

std::string pane_signature(const WindowSpec& windows) {
  return "windows(" + duration_text(windows.size) + ", " + duration_text(windows.slide) + ", " +
         duration_text(windows.start) + ")";
}

PaneSpec pane_spec(const ResolvedPlan& windows, AggregateSpec spec) {
  PaneSpec panes;
  const auto found = std::find(spec.keys.begin(), spec.keys.end(), window_column(windows));
  panes.window_key = static_cast<std::uint32_t>(found - spec.keys.begin());
  panes.window = {windows.column, windows.window_size, windows.window_slide, windows.window_start};
  panes.aggregate = std::move(spec);
  return panes;
}

}  // namespace libstream
