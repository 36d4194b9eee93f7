#pragma once

#include <libstream/operators/physical_planner.hpp>
#include <libstream/resolved_plan.hpp>

#include <cstdint>
#include <string>

namespace libstream {

/// Turns an optimised plan into operators, exchanges and sinks.
Topology plan_resolved(const ResolvedPtr& plan, const QuerySpec& spec,
                       const PlannerOptions& options, const Environment& environment);

/// µs as "10 minutes", in the largest unit that divides it.
std::string duration_text(std::int64_t microseconds);

}  // namespace libstream
