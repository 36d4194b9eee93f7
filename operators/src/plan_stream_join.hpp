#pragma once

#include <libstream/resolved_plan.hpp>
#include <libstream/topology.hpp>

namespace libstream {

/// The operator of a join of two streams, `tasks` times; both inputs come to it exchanged by the
/// keys. By the policy perSide it goes by the watermark of each side.
TopologyNode stream_join_node(const ResolvedPlan& plan, std::uint32_t tasks,
                              WatermarkPolicy policy);

/// The same for an as-of join.
TopologyNode as_of_join_node(const ResolvedPlan& plan, std::uint32_t tasks);

}  // namespace libstream
