#pragma once

#include "state_steps.hpp"

namespace libstream::oracle {

/// An aggregate over the input's columns. `ordered`: also one that depends on the order of rows.
AggregateTerm random_aggregate(Chance& chance, bool ordered);

}  // namespace libstream::oracle
