#pragma once

#include "join_rows.hpp"

#include <libstream/operators/as_of_join.hpp>

namespace libstream {

/// As make_as_of_join, with sizes for tests.
std::unique_ptr<Operator> make_as_of_join(AsOfJoinPlan plan, Schema left, Schema right,
                                          const OperatorContext& context, const JoinTuning& tuning);

}  // namespace libstream
