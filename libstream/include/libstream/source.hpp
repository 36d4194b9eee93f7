#pragma once

#include <libstream/batch.hpp>
#include <libstream/bound_expression.hpp>
#include <libstream/environment.hpp>
#include <libstream/state.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace libstream {

/// A position of a source as JSON text; what a decision records and progress shows.
using Offset = std::string;

/// One piece of an epoch's input that one task reads: opaque to the engine.
struct ReadUnit {
  std::string bytes;
  std::uint64_t weight = 1;  ///< for sharing out evenly: bytes, rows, …
  /// Units of one split go to one task, in order; -1: to any task.
  std::int64_t split = -1;
};

/// What a source offers for the next epoch.
struct PlannedRange {
  Offset start;  ///< empty in the first epoch
  Offset end;
  Offset latest;  ///< newest known position, empty where unknown
  std::vector<ReadUnit> units;
  /// Source state to keep (paths taken, …): part of the epoch's changes under the source's id.
  std::string changelog;
  /// Nothing was new and only the position moves on: the input counts as idle. Of a recording, whose
  /// sources go through its epochs side by side.
  bool idle = false;
  /// Time and seed of the epoch, where the source knows them: a recording. Time never falls.
  std::optional<EpochContext> context;
};

struct SourceMetrics {
  std::uint64_t rows = 0;
  std::uint64_t malformed_rows = 0;  ///< kept as null rows, or dropped, as the mode says
  std::uint64_t dropped_rows = 0;    ///< of those: dropped, not handed on
};

/// Reads the units of one task in one epoch. Lives in a source task.
class SourceReader {
 public:
  virtual ~SourceReader() = default;
  /// True: `open` and `next` may block and run on the I/O pool; false: they run in the actor.
  virtual bool blocking() const = 0;
  virtual void open(std::vector<ReadUnit> units) = 0;
  /// The next batch of at least 1 row, or nullptr at the end of the units. Throws Error(data) for a
  /// malformed row in fail-fast mode, naming file and line.
  virtual BatchPtr next() = 0;
  /// Of the units since `open`.
  virtual SourceMetrics metrics() const = 0;
};

/// A replayable input. One object a query and source, driven by the coordinator on the I/O pool;
/// calls never overlap. Readers are made once a task.
class Source {
 public:
  virtual ~Source() = default;
  virtual const Schema& schema() const = 0;
  /// "FileSource[json readings/]".
  virtual std::string describe() const = 0;

  /// Before `restore`: a directory of this source's own that survives restarts, for inputs that
  /// cannot be read twice (they journal what they received before they plan it).
  virtual void set_journal_directory(const std::string& /*path*/) {}
  /// First call. `committed`: the end offset of the last decided epoch, empty in a new query.
  /// Throws Error(unreachable) where the input cannot be reached.
  virtual void restore(const Offset& committed, const StateReader& state) = 0;
  /// Plans the next epoch from the last planned end, within the source's own rate limit; nullopt
  /// when there is nothing new. `unlimited` ignores the rate limit (Trigger::once).
  virtual std::optional<PlannedRange> plan(bool unlimited) = 0;
  /// A lock that the engine holds while it plans, and while it freezes, all sources of a query that
  /// share it: what is added under it to several of them belongs to one epoch. `plan` may take it
  /// again; it does no input or output there. nullptr: none.
  virtual std::shared_ptr<std::recursive_mutex> planning_lock() { return nullptr; }
  /// Takes back every planned range that was not decided (their rows are planned afresh).
  virtual void rewind(const Offset& committed) = 0;
  /// Fixes the end: later data is not planned (Trigger::available_now, Trigger::once).
  virtual void freeze() = 0;
  /// Epochs up to this end are decided; what was read may be given up. Comes again after a restart.
  virtual void release(const Offset& /*decided*/) {}
  virtual std::unique_ptr<SourceReader> reader(std::uint32_t task, std::uint32_t tasks) = 0;
  /// How many splits its units name (0 … splits − 1), fixed for the life of a query; a split's
  /// units are planned in an order that does not depend on how much is planned at once. 1: units
  /// need not name one, all are one split in the order planned. Event time per source partition
  /// goes by it.
  virtual std::uint32_t splits() const { return 1; }
  /// Most tasks that make sense; 0 = as many as partitions.
  virtual std::uint32_t max_parallelism() const { return 0; }
  /// Milliseconds after which plan() may find something though nothing is known now; the engine
  /// asks again then. 10 is Structured Streaming's polling delay.
  virtual std::int64_t poll_interval_milliseconds() const { return 10; }
};

/// A source's kind without its place: "FileSource json" of "FileSource[json readings/]".
std::string source_kind(const Source& source);

}  // namespace libstream
