#pragma once

// Aggregates over lists of values, written as one would say them.

#include "values.hpp"

#include <string>
#include <vector>

namespace libstream::oracle {

/// The result of an aggregate over the arguments of all rows of a group, in their order.
/// `options`: the constants behind the arguments.
Value naive_aggregate(const std::string& name, std::vector<Row> arguments,
                      const std::vector<Value>& options, bool distinct);
/// How its results compare.
Compare compare_of(const std::string& name);

}  // namespace libstream::oracle
