#pragma once

#include <libstream/operators/physical_planner.hpp>
#include <libstream/resolved_plan.hpp>
#include <libstream/static_side.hpp>
#include <libstream/topology.hpp>

#include <memory>
#include <string>
#include <vector>

namespace libstream {

/// How a join with one bounded side runs. The stream's rows probe a table of the bounded side's.
struct StaticJoin {
  OperatorFactory factory;           ///< one input: the stream side
  std::shared_ptr<StaticSide> side;  ///< goes into Topology::static_sides
  std::uint32_t stream = 0;          ///< which input of the plan is the stream: 0 left, 1 right
  /// True: each task has a table of its own key groups, and the stream comes exchanged by `keys`.
  /// False: all tasks share one table, rows come as they are.
  bool partitioned = false;
  /// True: one task gets all rows, since unmatched rows of the table come out and no key tells
  /// tasks apart.
  bool gathered = false;
  std::vector<std::uint32_t> keys;  ///< of the stream side
  std::string explain;
};

/// Plans a join (`plan.kind` = join) of which one input is bounded, or both: then the right one is
/// the table, but for right outer the left one. The bounded input may be any plan.
///
/// The table is shared by all tasks unless its sources are larger than the query's option
/// "broadcastLimit" (bytes of the files or batches as they are at the start; default 64 MiB, 0:
/// never shared) or no two columns are compared for equality.
///
/// Stream on the left: inner, left outer, left semi, left anti. On the right: inner, right outer.
/// Without a stream any, over one epoch: of a full outer join the rows of the table that met none
/// come out when it ends.
/// Throws Error(analysis) for the others, naming the reason.
StaticJoin plan_static_join(const ResolvedPlan& plan, const QuerySpec& spec,
                            const PlannerOptions& options, const Environment& environment);

}  // namespace libstream
