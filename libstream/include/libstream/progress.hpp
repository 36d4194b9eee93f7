#pragma once

#include <libstream/time.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace libstream {

struct SourceProgress {
  std::string description;
  std::string start_offset;  ///< JSON; empty = null
  std::string end_offset;
  std::string latest_offset;
  std::uint64_t rows = 0;
  std::uint64_t malformed_rows = 0;
};

struct StateOperatorProgress {
  std::string operator_name;
  std::uint64_t rows_total = 0;
  std::uint64_t rows_updated = 0;
  std::uint64_t rows_removed = 0;
  std::uint64_t rows_dropped_by_watermark = 0;  ///< groups, as Structured Streaming counts
  std::uint64_t memory_used_bytes = 0;
  std::uint64_t partitions = 0;
  /// By the names of Structured Streaming: "numDroppedDuplicateRows" of deduplications.
  std::map<std::string, std::uint64_t> custom_metrics;
};

struct OperatorProgress {
  std::string name;
  std::uint64_t rows_in = 0;
  std::uint64_t rows_out = 0;
  std::uint64_t late_rows = 0;
  std::uint64_t filtered_rows = 0;
  std::uint64_t held_rows = 0;  ///< input rows in state that no output row stands for yet
};

/// What an epoch gave and left, comparable between runs with other partitions: each is a sum over
/// hashes of rows or entries, so order does not count. See docs/recordings.md.
struct EpochHashes {
  std::uint64_t output = 0;  ///< rows of the first sink
  std::optional<std::uint64_t> late;  ///< rows of the late sink; absent without one
  struct State {
    std::string operator_name;
    std::uint64_t hash = 0;  ///< all entries, after the epoch
    friend bool operator==(const State&, const State&) = default;
  };
  /// Nearest the sink first; without operators whose entries depend on the order of arrival.
  std::vector<State> state;
  friend bool operator==(const EpochHashes&, const EpochHashes&) = default;
};

struct SinkProgress {
  std::string description;
  std::uint64_t rows = 0;
};

/// One executed (or, with `executed` false, idle) trigger. `json()` has the field names of
/// Structured Streaming, plus "operators", "sinks" and "totals".
struct QueryProgress {
  std::string id;
  std::string run_id;
  std::string name;
  std::int64_t timestamp_milliseconds = 0;  ///< start of the trigger
  Epoch epoch{};
  bool executed = true;
  bool no_data = false;
  std::int64_t batch_duration_ms = 0;
  std::uint64_t input_rows = 0;
  double input_rows_per_second = 0;  ///< NaN or infinite: left out of the JSON
  double processed_rows_per_second = 0;
  std::map<std::string, std::int64_t> duration_ms;
  Watermark watermark;  ///< used in this epoch
  bool has_watermark = false;
  struct EventTimes {
    std::int64_t min_ms, max_ms, avg_ms;
  };
  std::optional<EventTimes> event_time;
  std::vector<SourceProgress> sources;
  std::vector<StateOperatorProgress> state_operators;  ///< nearest the sink first
  std::vector<OperatorProgress> operators;             ///< in the order of the topology
  std::vector<SinkProgress> sinks;
  std::optional<EpochHashes> hashes;  ///< with the query's option "hashes"
  /// Since the query's first epoch, across restarts: taken from the decisions. Keys:
  /// "inputRows", "outputRows", "lateRows", "filteredRows", "malformedRows", "droppedGroups",
  /// and (not cumulative, as of this epoch) "heldRows", "stateRows".
  std::map<std::string, std::uint64_t> totals;

  std::string json() const;
};

}  // namespace libstream
