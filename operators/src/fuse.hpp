#pragma once

#include <libstream/resolved_plan.hpp>

#include <vector>

namespace libstream {

/// A run of filters and projections as one step over the output of `base`.
struct FusedStep {
  ResolvedPtr base;
  BoundPtr filter;  ///< null: all rows
  std::vector<BoundPtr> columns;

  /// True where it hands its input on unchanged (but for names).
  bool passes_all() const;
};

/// Takes as many filters and projections off the top of `plan` as one step can do.
FusedStep fuse(const ResolvedPtr& plan);

}  // namespace libstream
