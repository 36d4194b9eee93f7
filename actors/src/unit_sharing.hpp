#pragma once

#include <libstream/source.hpp>

#include <cstdint>
#include <vector>

namespace libstream {

/// Shares an epoch's units out to the tasks of a source: units of a split always to the same task,
/// the others so that weights come out even. Each task gets its units in the order planned.
std::vector<std::vector<ReadUnit>> share_out(std::vector<ReadUnit> units, std::uint32_t tasks);

}  // namespace libstream
