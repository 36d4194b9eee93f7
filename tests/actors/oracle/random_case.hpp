#pragma once

#include "model.hpp"

#include <optional>
#include <string>
#include <vector>

namespace libstream::oracle {

/// One start of the query and its end.
struct Run {
  enum class Kind { threads, available_now, once, as_soon_as_possible, processing_time };
  Kind kind = Kind::available_now;
  std::uint32_t partitions = 1;
  std::size_t additions = 0;  ///< of those left: what comes before or while it runs
  /// Simulated runs: the process dies after so many steps. Absent: at its end, or when idle.
  std::optional<std::uint64_t> crash_after;
  std::uint64_t schedule = 0;  ///< seed
};

std::string text_of(const Run& run);

/// Rows that come together, by stream.
using Addition = std::vector<std::pair<std::size_t, std::vector<Row>>>;

/// A query, its input and its runs, all from a seed; the shrinker takes away from it.
struct Case {
  std::uint64_t seed = 0;
  std::vector<Addition> input;
  std::vector<Run> runs;
};

Case random_case(std::uint64_t seed);
/// Runs it against the recount: the first difference, nullopt where they agree.
std::optional<std::string> run_case(const Case& plan);
/// A smaller case that differs, too.
Case shrink(Case plan);
/// Query, rows and runs in words.
std::string describe(const Case& plan);

}  // namespace libstream::oracle
