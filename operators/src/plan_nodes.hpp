#pragma once

#include <libstream/operation.hpp>
#include <libstream/resolved_plan.hpp>
#include <libstream/topology.hpp>

#include <cstdint>
#include <span>

// Nodes of the operators that need nothing of the plan but their own step.
namespace libstream {

TopologyNode explode_node(const ResolvedPlan& plan);
TopologyNode windows_node(const ResolvedPlan& plan);
TopologyNode sessions_node(const ResolvedPlan& plan);
TopologyNode sort_node(const ResolvedPlan& plan);

/// Tasks of a custom operation whose inputs have `tasks`. Throws Error(analysis) where they do not
/// go together.
std::uint32_t operation_tasks(const OperationPlan& operation, std::span<const std::uint32_t> tasks,
                              std::uint32_t partitions);

}  // namespace libstream
