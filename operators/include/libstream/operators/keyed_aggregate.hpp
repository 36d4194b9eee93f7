#pragma once

#include <libstream/aggregate.hpp>
#include <libstream/event_time.hpp>
#include <libstream/options.hpp>
#include <libstream/topology.hpp>

#include <optional>
#include <vector>

namespace libstream {

/// Groups rows by keys and keeps one accumulator per key and aggregate.
struct AggregateSpec {
  enum class Stage : std::uint8_t {
    single,   ///< rows in, results out: one task, or rows already exchanged by key
    partial,  ///< rows in, keys and intermediate columns out; no state across epochs
    final_,   ///< keys and intermediates in, results out
  };
  Stage stage = Stage::single;
  OutputMode mode = OutputMode::append;
  /// Input columns that are the keys; output: the keys in this order, then the aggregates. In stage
  /// final_ the input is keys first, then each aggregate's intermediates.
  std::vector<std::uint32_t> keys;
  std::vector<Field> key_fields;
  std::vector<AggregateCall> aggregates;  ///< arguments over the input of stage single and partial
  /// Which of `keys` carries the event time: a timestamp, or a window struct whose end counts.
  /// Absent: nothing is late, nothing is evicted.
  std::optional<std::uint32_t> time_key;
  Lateness lateness = Lateness::by_epoch;  ///< how late rows are told; by_row: no stage final_
  /// Sessions go, and count for downstream as gone, when the watermark is so far past their end,
  /// ms.
  std::int64_t session_wait = 0;
  /// No keys: exactly one group, which exists from the first epoch on and is emitted every epoch.
  bool global() const { return keys.empty(); }
};
OperatorFactory keyed_aggregate(AggregateSpec spec);

/// The same for sessions: `keys[session_key]` is the session that each row would have alone. Rows
/// come exchanged by the other keys; those of one key whose sessions overlap or touch share one.
/// Stage single, modes append and complete; late rows are dropped in both.
OperatorFactory session_aggregate(AggregateSpec spec, std::uint32_t session_key);

/// Columns of the output of a stage.
Schema aggregate_schema(const AggregateSpec& spec);

/// Sorts all rows of an epoch at its barrier; above complete aggregations. One task.
struct SortSpec {
  struct Key {
    BoundPtr expression;
    bool descending = false;
  };
  std::vector<Key> keys;
};
OperatorFactory sort_rows(SortSpec spec);

}  // namespace libstream
