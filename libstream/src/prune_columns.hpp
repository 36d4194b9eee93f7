#pragma once

#include <libstream/optimiser.hpp>

namespace libstream {

/// Takes out expressions and columns that nobody above reads.
ResolvedPtr prune_columns(const ResolvedPtr& plan, const OptimiserOptions& options);

}  // namespace libstream
