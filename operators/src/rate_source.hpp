#pragma once

#include <libstream/logical_plan.hpp>
#include <libstream/source.hpp>

#include <cstdint>
#include <memory>

namespace libstream {

/// How many rows a rate source has made after so many seconds.
struct RateSchedule {
  std::int64_t rows_per_second = 1;
  std::int64_t ramp_seconds = 0;

  /// Rows of the first `seconds` seconds: the rate rises evenly until the ramp's end.
  std::int64_t rows_until(std::int64_t seconds) const;
  /// The second (from 1) in which row number `row` is made.
  std::int64_t second_of(std::int64_t row) const;
};

/// Columns timestamp and value (0, 1, 2, …) at a rate; the same rows again after a restart. Options
/// rowsPerSecond, rampUpTime, numPartitions, rowsPerTrigger.
std::shared_ptr<Source> rate_source(const SourceSpec& spec, const Environment& environment);
Schema rate_schema();

}  // namespace libstream
