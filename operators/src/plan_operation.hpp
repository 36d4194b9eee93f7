#pragma once

#include <libstream/environment.hpp>
#include <libstream/operation.hpp>
#include <libstream/operators/physical_planner.hpp>
#include <libstream/resolved_plan.hpp>
#include <libstream/topology.hpp>

#include <cstdint>
#include <span>

namespace libstream {

struct PlanningOptions {
  const QuerySpec& spec;
  const PlannerOptions& options;
  const Environment& environment;
};

/// True where an input's rows come in the first epoch only, and no task sends them.
bool in_first_epoch(const OperationPlan& operation, std::uint32_t input);
Exchange exchange_of(const OperationPlan& operation, std::uint32_t input);

/// The node of a custom operation over inputs of so many tasks; adds what its first epoch reads to
/// the topology's static sides. `stateful` and `state_name` are set, the rest of its state's
/// identity is not. Throws Error(analysis) where the inputs' tasks do not fit together.
TopologyNode operation_node(const ResolvedPlan& plan, std::span<const std::uint32_t> tasks,
                            const PlanningOptions& planning, Topology& topology);

}  // namespace libstream
