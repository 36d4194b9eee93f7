#pragma once

#include <libstream/bound_expression.hpp>

namespace libstream {

/// Joins operators for which one kernel does the work of two: `x % 7 = 0`.
BoundPtr specialise(BoundPtr expression);

}  // namespace libstream
