#pragma once

#include <libstream/join.hpp>
#include <libstream/schema.hpp>
#include <libstream/topology.hpp>

#include <memory>

namespace libstream {

/// Joins two streams on equal keys: inner, left, right and full outer, left semi. Input 0 is the
/// left one, 1 the right one; both come exchanged by their keys, in any interleaving, which the
/// result does not depend on. Port 0 has the columns `plan.output`; port 1 the late rows of either
/// side with the columns of `stream_join_late_schema`.
///
/// Each row is matched with all rows that the other side has and had not evicted before this epoch;
/// rows are evicted at the barrier, when outer rows without a match come out padded with nulls. A
/// fault of the condition is Error(data).
std::unique_ptr<Operator> make_stream_join(JoinPlan plan, Schema left, Schema right,
                                           const OperatorContext& context);

/// The left columns, then the right ones, all nullable: a late row has nulls on the other side.
Schema stream_join_late_schema(const Schema& left, const Schema& right);

}  // namespace libstream
