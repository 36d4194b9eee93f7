#pragma once

#include "join_rows.hpp"

#include <libstream/operators/stream_join.hpp>

namespace libstream {

/// As make_stream_join, with sizes for tests.
std::unique_ptr<Operator> make_stream_join(JoinPlan plan, Schema left, Schema right,
                                           const OperatorContext& context,
                                           const JoinTuning& tuning);

}  // namespace libstream
