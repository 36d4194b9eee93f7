#pragma once

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/environment.hpp>

namespace libstream::checkpoint {

/// Writes `meta`, or checks it against the one there and returns what counts from now on: the
/// recorded query id and key groups. Throws Error(incompatible) naming every difference.
CheckpointMeta settle_meta(CheckpointRoot& root, const CheckpointMeta& meta);

}  // namespace libstream::checkpoint
