#pragma once

#include <libstream/resolved_plan.hpp>
#include <libstream/topology.hpp>

// Nodes of the operators that need nothing of the plan but their own step.
namespace libstream {

TopologyNode explode_node(const ResolvedPlan& plan);
TopologyNode windows_node(const ResolvedPlan& plan);
TopologyNode sessions_node(const ResolvedPlan& plan);
TopologyNode sort_node(const ResolvedPlan& plan);

}  // namespace libstream
