#pragma once

#include <libstream/resolved_plan.hpp>

#include <cstdint>
#include <functional>

namespace libstream {

/// Rewrites an optimised plan for event time per source partition: each row carries, as the last
/// column, first the number of its split, then (from its watermark operator on) the watermark of
/// that split when it was read, up to the first operator that drops late rows. `splits` tells how
/// many splits a source has.
///
/// Throws Error(analysis) where the result would still depend on how the input is cut into epochs,
/// naming the operator, the rule and a way out. docs/event-time.md has the rules and the proof.
ResolvedPtr carry_row_watermarks(const ResolvedPtr& plan,
                                 const std::function<std::uint32_t(const SourceSpec&)>& splits);

}  // namespace libstream
