#pragma once

#include <libstream/batch.hpp>
#include <libstream/bound_expression.hpp>
#include <libstream/state.hpp>
#include <libstream/time.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace libstream {

/// Begins an epoch on every channel.
struct EpochStart {
  Epoch epoch{};
  EpochContext context;  ///< epoch timestamp and seed: the only time and chance operators know
};

/// Ends an epoch on every channel.
struct Barrier {
  Epoch epoch{};
  Watermark watermark;  ///< We of the epoch: what eviction goes by; next epoch's lateness test
  /// Where the query's watermarkPolicy is perSide: the watermark of each watermark operator, in the
  /// topology's order; else null.
  std::shared_ptr<const std::vector<Watermark>> streams = nullptr;
};

/// Takes what an operator produces. Port 0 is the result, port 1 the late rows.
class Output {
 public:
  static constexpr std::size_t main_port = 0;
  static constexpr std::size_t late_port = 1;

  virtual ~Output() = default;
  /// Hands a batch of ≥ 1 row on; takes any number, but see `full`.
  virtual void emit(BatchPtr batch, std::size_t port = main_port) = 0;
  /// True when credit is used up: an operator that multiplies rows should return Flow::more.
  virtual bool full() const = 0;
  /// True when someone takes that port; late rows need not be gathered otherwise.
  virtual bool connected(std::size_t port) const = 0;
};

enum class Flow : std::uint8_t {
  done,
  more,  ///< output was full; call `resume` when credit is back, before anything else
};

/// What an operator did in an epoch; cleared by `start`. Row counts of input and output are the
/// task's business: it counts them and checks the operator's account at every barrier,
///   rows in + made = rows out + late + filtered + absorbed
///   held = held at the barrier before + taken - released
/// where all are zero for an operator that hands each row on once, or sets it aside. A query whose
/// account does not balance has lost or repeated a row: the process aborts.
struct OperatorMetrics {
  std::uint64_t late_rows = 0;      ///< rows dropped as late, all handed to the late port
  std::uint64_t filtered_rows = 0;  ///< rows a filter dropped, or null event times a window dropped
  std::uint64_t dropped_groups =
      0;  ///< numRowsDroppedByWatermark as Structured Streaming counts it
  bool stateful = false;
  std::uint64_t state_rows = 0;     ///< numRowsTotal after the epoch
  std::uint64_t state_updated = 0;  ///< numRowsUpdated
  std::uint64_t state_removed = 0;  ///< numRowsRemoved
  std::uint64_t state_bytes = 0;    ///< memoryUsedBytes
  std::uint64_t held_rows = 0;      ///< input rows that live on in state not yet emitted (append)
  std::uint64_t made_rows = 0;      ///< rows out that are results, or second copies of a row in
  std::uint64_t absorbed_rows = 0;  ///< rows in that went into groups instead of out
  /// Rows of the query that went into `held_rows`, and out of it. A row of a partial aggregation
  /// stands for several: what a partial one releases, the final one takes.
  std::uint64_t taken_rows = 0;
  std::uint64_t released_rows = 0;
  /// The processing time, ms since 1970, from which on it wants an epoch even without data.
  std::optional<std::int64_t> next_epoch_milliseconds;
  /// Further counts by name, summed over tasks: customMetrics of the progress.
  std::map<std::string, std::uint64_t> custom;
  /// Watermark operator: statistics of the rows it saw this epoch (µs); absent without rows.
  struct EventTimes {
    EventTime min;
    EventTime max;
    double sum;
    std::uint64_t rows;
  };
  std::optional<EventTimes> event_times;
  /// Watermark operator that goes by source partition: the smallest watermark (ms) of the task's
  /// partitions, INT64_MIN where one has had no row; absent where the task has none.
  std::optional<std::int64_t> partition_watermark;
};

/// Computes one partition of one dataflow step.
///
/// Call order: `restore` once; per epoch `start`, `process` any number of times, `on_barrier` once,
/// `collect_changes` once, `metrics`. After Flow::more only `resume`, until it says done. Calls
/// never overlap and must not block, look at a clock or a file. The only memory is the keyed state:
/// over the state of epoch n a new operator continues as the old one would have.
///
/// Errors: throws Error on a fault; the query restarts from its last decision or ends with it. Late
/// and malformed rows are data, not faults.
/// Source: Carbone et al. 2015, "Lightweight Asynchronous Snapshots", arXiv:1506.08603.
class Operator {
 public:
  virtual ~Operator() = default;

  /// `state`: this partition's entries. `late`: the watermark of the last decided epoch (Wl of the
  /// epoch to come), 0 in a new query.
  virtual void restore(const StateReader& /*state*/, Watermark /*late*/) {}
  /// Only where the query's watermarkPolicy is perSide: the watermark of each input, before
  /// `restore` those of the last decided epoch, before `on_barrier` those of the epoch. The one
  /// that these two and `output_watermark` are given is the least of them.
  virtual void set_input_watermarks(std::span<const Watermark> /*inputs*/) {}
  virtual void start(const EpochStart& epoch) = 0;
  /// Shape: at least 1 row; the columns of that input's schema, in its order.
  virtual Flow process(BatchPtr batch, std::size_t input, Output& output) = 0;
  /// Ends the epoch: emits and evicts up to `barrier.watermark`.
  virtual Flow on_barrier(const Barrier& /*barrier*/, Output& /*output*/) { return Flow::done; }
  /// Continues a call that returned Flow::more.
  virtual Flow resume(Output& /*output*/) { return Flow::done; }
  /// Writes the state changed since the last call.
  virtual void collect_changes(ChangelogWriter& /*changes*/) {}
  virtual OperatorMetrics metrics() const { return {}; }
  /// The watermark for downstream, given the one this operator got; at most that one. A pure
  /// function, so that a restart can work it out again.
  virtual Watermark output_watermark(Watermark input) const { return input; }
};

}  // namespace libstream
