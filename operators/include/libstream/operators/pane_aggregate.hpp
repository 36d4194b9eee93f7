#pragma once

#include <libstream/operators/keyed_aggregate.hpp>
#include <libstream/operators/project.hpp>

#include <optional>
#include <string>

namespace libstream {

/// An aggregation over sliding windows that updates one state a row: it adds rows up by key and
/// pane (see docs/panes.md), and panes up to windows where they are emitted.
struct PaneSpec {
  /// keys[window_key] is the window: its column index means nothing, its field is that of the
  /// output. time_key: the window or absent. Arguments are over the input, which has no window
  /// column. In stage final_ the input is the output of stage partial: the other keys, the pane's
  /// number (bigint), the intermediates, the number of rows.
  AggregateSpec aggregate;
  std::uint32_t window_key = 0;
  WindowSpec window;
};
/// Output of stages single and final_: as keyed_aggregate over assign_windows. Rows with a null
/// time are dropped and counted as filtered. A row is late where all its windows are, and goes to
/// the late port once, with the last of its windows behind the input's columns. State rows are
/// pairs of a key and a pane; dropped_groups counts late rows.
OperatorFactory pane_aggregate(PaneSpec spec);

/// Columns of the output of a stage.
Schema pane_schema(const PaneSpec& spec);
/// The keys but the window: input columns and fields.
std::vector<std::uint32_t> pane_keys(const PaneSpec& spec);
std::vector<Field> pane_key_fields(const PaneSpec& spec);
/// "panes of 2 seconds".
std::string pane_text(const WindowSpec& window);

/// True where the result of an aggregate follows the order in which rows arrive, which panes do
/// not keep: such ones take assign_windows and keyed_aggregate.
bool follows_arrival(const AggregateCall& call);

}  // namespace libstream
