#pragma once

#include <libstream/operator.hpp>
#include <libstream/topology.hpp>

#include <optional>
#include <vector>

namespace libstream {

/// Filter and projection in one: keeps the rows where `filter` is true, then computes `columns`
/// over them. Columns asked for as they are pass by reference when no row is dropped.
struct ProjectSpec {
  BoundPtr filter;  ///< may be null: all rows
  std::vector<BoundPtr> columns;
  /// Output column with the event time (or a window struct), for the batch's range; the range is
  /// kept as it is: a filter can only make it too wide, which is allowed.
};
OperatorFactory project(ProjectSpec spec);

/// One row per element of an array, beside the columns `keep` of the input. `outer`: rows with a
/// null or empty array give one row with a null element. Output: kept columns, then the element.
struct ExplodeSpec {
  std::vector<std::uint32_t> keep;
  std::uint32_t array_column = 0;
  bool outer = false;
};
OperatorFactory explode(ExplodeSpec spec);

/// Adds the sliding windows of each row: rows × windows, a struct<start: timestamp, end: timestamp>
/// column behind the input's. Rows with a null time are dropped and counted as filtered.
/// µs; 0 < slide ≤ size, |start| < slide. A tumbling window (slide = size) costs no copy.
struct WindowSpec {
  std::uint32_t time_column = 0;
  std::int64_t size = 0;
  std::int64_t slide = 0;
  std::int64_t start = 0;
};
OperatorFactory assign_windows(WindowSpec spec);

/// Adds the session that each row would have alone, struct<start: time_column, end: `end`>, behind
/// the input's columns. Rows with a null time or end, or an end not behind the time, are dropped
/// and counted as filtered.
struct SessionSpec {
  std::uint32_t time_column = 0;
  BoundPtr end;
};
OperatorFactory assign_sessions(SessionSpec spec);

/// Passes rows on, notes their event times (maximum for the coordinator) and sets the batch range.
/// `time_column` is a timestamp, or a window struct whose "end" counts.
struct WatermarkSpec {
  std::uint32_t time_column = 0;
};
OperatorFactory observe_watermark(WatermarkSpec spec);

/// The same per source partition. The last column of the input is the number of the row's split,
/// one a batch; that of the output the row's watermark (bigint, ms, never below 0): the largest
/// event time that came before it in its split, less the delay. State: one entry a split, the
/// largest event time (ms); every task gets all of them and writes those of its own splits, the
/// ones that are congruent to its partition.
struct RowWatermarkSpec {
  std::uint32_t time_column = 0;
  std::int64_t delay_milliseconds = 0;
  std::uint32_t splits = 1;
};
OperatorFactory assign_row_watermarks(RowWatermarkSpec spec);

/// Passes the rows of all inputs on; inputs have the same types.
OperatorFactory union_all();

}  // namespace libstream
