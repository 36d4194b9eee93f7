#pragma once

#include "static_table.hpp"

#include <libstream/join.hpp>
#include <libstream/topology.hpp>

#include <memory>

namespace libstream {

/// Joins the rows of a stream, the one input, with the table of a StaticTableSide. Keeps nothing.
struct StaticJoinSpec {
  std::shared_ptr<const JoinPlan> join;
  bool stream_left = true;
  Schema left;
  Schema right;
  std::shared_ptr<const StaticTableSide> side;
  bool partitioned = false;  ///< rows come exchanged by the stream's keys
};
OperatorFactory static_join(StaticJoinSpec spec);

}  // namespace libstream
