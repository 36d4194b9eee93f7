#pragma once

#include <libstream/operators/physical_planner.hpp>
#include <libstream/resolved_plan.hpp>

namespace libstream {

/// Turns an optimised plan into operators, exchanges and sinks.
Topology plan_resolved(const ResolvedPtr& plan, const QuerySpec& spec,
                       const PlannerOptions& options, const Environment& environment);

}  // namespace libstream
