#pragma once

#include <libstream/join.hpp>
#include <libstream/schema.hpp>
#include <libstream/topology.hpp>

#include <memory>

namespace libstream {

/// Each left row with the latest right row of its keys, as of its time. Input 0 is the left one, 1
/// the right one; both come exchanged by their keys, in any interleaving, which the result does not
/// depend on. Port 0 has the columns `plan.output`; port 1 the late rows of either side with the
/// columns of `stream_join_late_schema`.
///
/// Left rows come out at the barrier whose watermark reaches their time; those with a null key or
/// time match nothing, and come out padded in their own epoch. Of right rows of one key and time
/// the greatest is taken, by its columns from the first to the last, nulls least.
///
/// State: left rows until they come out, right rows until the watermark reaches their time, and
/// from then on the latest one of each key until the tolerance has passed as well.
std::unique_ptr<Operator> make_as_of_join(AsOfJoinPlan plan, Schema left, Schema right,
                                          const OperatorContext& context);

}  // namespace libstream
