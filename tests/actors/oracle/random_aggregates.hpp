#pragma once

#include "state_steps.hpp"

namespace libstream::oracle {

/// An aggregate over the input's columns. `ordered`: also one that depends on the order of rows.
AggregateTerm random_aggregate(Chance& chance, bool ordered);

/// Aggregates of the engine that random_aggregate never gives.
std::vector<std::string> undrawn_aggregates();

}  // namespace libstream::oracle
