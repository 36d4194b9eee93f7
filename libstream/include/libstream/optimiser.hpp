#pragma once

#include <libstream/resolved_plan.hpp>

namespace libstream {

struct OptimiserOptions {
  /// A sink takes late rows: they must be the rows that the user's plan brings to the aggregation,
  /// so nothing above it may take rows or columns away below it.
  bool late_rows = false;
  /// What Structured Streaming does by accident: the event time is taken away from a deduplication
  /// where nobody reads it, so that no row is late there; a join takes "v > 5" for a bound in time.
  bool recorded_rules = false;
};

/// The same answer for less work: folds constants, pushes filters towards the sources and takes
/// out columns that nobody reads. Never removes a part of a stream's plan, never changes what is
/// kept in state, its keys or the set of sources.
ResolvedPtr optimise(const ResolvedPtr& plan, const OptimiserOptions& options);

}  // namespace libstream
