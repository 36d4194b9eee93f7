#pragma once

#include <libstream/operators/keyed_aggregate.hpp>
#include <libstream/operators/state_columns.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace libstream {

/// The record of a state with these columns at the beginning of its keys and, where there are
/// calls, the values of GroupStates.
std::string state_columns_of(std::vector<Field> keys, const std::vector<AggregateCall>& calls = {});
/// Of session_aggregate.
std::string session_state_columns(const AggregateSpec& spec, std::uint32_t session_key);

}  // namespace libstream
