#pragma once

#include <libstream/column.hpp>

#include <cstddef>

namespace libstream {

/// Below 0, 0 or above 0 as row `a` of a column stands before row `b`, equals it or stands behind.
/// Nulls first, then by value, NaN last; structures and arrays by their parts.
int compare_values(const Column& column, std::size_t a, std::size_t b);

}  // namespace libstream
