#pragma once

#include <libstream/state.hpp>

#include <cstdint>
#include <vector>

namespace libstream::checkpoint {

/// The numbers of the changes by (key group, key), as RocksDB's bytewise order of stored keys.
std::vector<std::uint32_t> order_of(const std::vector<Change>& changes);

}  // namespace libstream::checkpoint
