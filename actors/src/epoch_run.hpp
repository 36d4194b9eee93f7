#pragma once

#include "query_setup.hpp"
#include "watermark_tracker.hpp"

#include <libstream/progress.hpp>

#include <exception>
#include <optional>
#include <vector>

namespace libstream {

/// What is known of an epoch from its planning to its commit.
struct EpochRun {
  EpochEntry entry;
  std::vector<std::optional<PlannedRange>> ranges;  ///< by source; units are taken out
  std::vector<Offset> starts;                       ///< by source
  std::vector<TaskReport> reports;                  ///< by task
  std::size_t missing = 0;  ///< reports that have not come, changelogs that are being stored
  /// Steady clock, µs: when planning began, the tasks began, all had reported, the decision was
  /// durable, the sinks had committed.
  std::int64_t trigger_wall_ms = 0;
  std::int64_t triggered = 0;
  std::int64_t began = 0;
  std::int64_t reported = 0;
  std::int64_t decided = 0;
  std::int64_t committed = 0;
};

/// Sums the epoch's reports into the tracker and the entry: watermarks, handles, totals.
void close_epoch(const QuerySetup& setup, const std::vector<TaskWiring>& wiring, EpochRun& run,
                 WatermarkTracker& watermarks, std::map<std::string, std::uint64_t>& totals);

/// What a user's function threw, with the epoch and the rows it was at; other errors as they are.
std::exception_ptr with_position(const QuerySetup& setup, const EpochRun& run,
                                 std::exception_ptr error);

/// `previous_trigger_ms`: when the epoch before began; absent in the first.
QueryProgress progress_of(const QuerySetup& setup, const std::vector<TaskWiring>& wiring,
                          const EpochRun& run, std::optional<std::int64_t> previous_trigger_ms);

}  // namespace libstream
