#pragma once

#include <libstream/options.hpp>
#include <libstream/resolved_plan.hpp>
#include <libstream/topology.hpp>

#include <cstdint>

namespace libstream {

/// The node of a plan of kind top_n, without its edges.
TopologyNode top_n_node(const ResolvedPlan& plan, OutputMode mode, std::uint32_t partitions);

}  // namespace libstream
