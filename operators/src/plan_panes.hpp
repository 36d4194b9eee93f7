#pragma once

#include <libstream/operators/pane_aggregate.hpp>
#include <libstream/options.hpp>
#include <libstream/resolved_plan.hpp>

#include <string>

namespace libstream {

/// The sliding windows that an aggregation can add up in panes: they stand right below it, are one
/// of its keys and nothing else of it, rows are late by no other key, and no result follows the
/// order of arrival. Null: the windows are expanded.
const ResolvedPlan* pane_windows(const ResolvedPlan& aggregate);

/// Of a plan of windows: "over ts, size 10 seconds, slide 2 seconds".
std::string windows_text(const ResolvedPlan& windows);

/// What must match at a restart: panes cut otherwise, or kept for other windows, are no start.
std::string pane_signature(const WindowSpec& windows);

/// Option slidingWindows, "panes" or "expanded". Unless it says, panes: but strict mode counts
/// state as Structured Streaming does, an entry a key and window, and expands. Throws
/// Error(invalid_argument), or Error(unsupported) for panes in strict mode.
bool wants_panes(const Options& options, bool strict);

/// `spec`: of the aggregation as if its windows were expanded.
PaneSpec pane_spec(const ResolvedPlan& windows, AggregateSpec spec);

}  // namespace libstream
