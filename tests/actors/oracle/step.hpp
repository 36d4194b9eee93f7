#pragma once

// One step of a query, told twice: to the engine, and as a brute-force recount.

#include "values.hpp"

#include <libstream/libstream.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace libstream::oracle {

/// The watermarks of an epoch, ms since 1970: what is late, and what is evicted.
struct Times {
  std::int64_t late = 0;
  std::int64_t evict = 0;
};

/// The counters of a stateful step after an epoch.
struct StateCount {
  std::uint64_t total = 0;
  std::optional<std::uint64_t> updated;  ///< absent: not compared
  std::uint64_t removed = 0;
  std::uint64_t dropped = 0;
  std::uint64_t held = 0;  ///< input rows that live on in groups
  std::optional<std::uint64_t> duplicates;
};

/// To add an operation to the random queries: derive from this, and pick it in random_query.cpp.
class Step {
 public:
  virtual ~Step() = default;
  virtual DataStream apply(const DataStream& stream) const = 0;
  /// What it does, as an expression or a call.
  virtual std::string words() const = 0;
  /// The rows that leave it in one epoch. Throws RowError where a row must fail the query.
  virtual std::vector<Row> epoch(const std::vector<Row>& rows, const Times& times) = 0;
  /// Of the last epoch; absent for steps without state.
  virtual std::optional<StateCount> state() const { return std::nullopt; }
  /// The rows of the last epoch that came too late, as they came in.
  virtual std::vector<Row> late() const { return {}; }
  /// The columns that leave it, given those that come in.
  virtual Columns columns(const Columns& input) const { return input; }
  /// True for filters that move below the watermark: none of theirs is the event time.
  virtual bool sinks() const { return false; }
  /// True where an advance of the watermark alone asks for an epoch.
  virtual bool wants_no_data_epoch(OutputMode) const { return false; }
  /// At most so many of the rows that left it last are in the result: any of them.
  virtual std::optional<std::uint64_t> any_of() const { return std::nullopt; }
  /// True where the operator hands its late rows on.
  virtual bool drops_late_rows() const { return false; }
};
using StepPtr = std::unique_ptr<Step>;

/// A row that the query must fail at.
struct RowError {};

/// ms, rounded down.
std::int64_t milliseconds_of(std::int64_t micros);
std::string seconds_text(std::int64_t seconds);

}  // namespace libstream::oracle
