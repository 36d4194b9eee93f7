#pragma once

#include <cstdint>

namespace libstream {

class Options;

/// By which watermark a row is late.
enum class EventTimeRule : std::uint8_t {
  /// That of the query in the epoch before, as in Structured Streaming: which rows are late depends
  /// on how the input is cut into epochs.
  per_epoch,
  /// That of the row's own source partition when the row was read: largest event time seen there,
  /// less the delay. Which rows are late, and what append mode puts out, depends on the input
  /// alone,
  /// not on batch sizes, triggers, parallelism or restarts.
  per_source_partition,
};
/// For `event_time(per_source_partition)`.
inline constexpr EventTimeRule per_source_partition = EventTimeRule::per_source_partition;

/// How an operator that goes by event time tells late rows.
enum class Lateness : std::uint8_t {
  by_epoch,  ///< by the watermark of the epoch before
  by_row,    ///< by the row's own watermark: the last column of its input, bigint, ms
  tested,    ///< none is late: they were tested further down
};

/// Option "eventTime" of a query: "perEpoch" (default) or "perSourcePartition". Throws
/// Error(invalid_argument) for any other text.
EventTimeRule event_time_rule(const Options& options);

}  // namespace libstream
