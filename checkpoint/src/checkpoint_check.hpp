#pragma once

#include "entry_codec.hpp"

#include <libstream/checkpoint/checkpoint_reader.hpp>
#include <libstream/environment.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace libstream::checkpoint {

// Reading a checkpoint that someone else may be writing to, without being a term.

/// Throws Error(unreachable) where there is none: not a checkpoint, or one whose query never began.
CheckpointMeta read_meta(CheckpointRoot& root);

struct LogFile {
  StoredEntry stored;
  std::uint64_t bytes = 0;
};
/// The log, oldest first. Entries that are removed while they are read are left out.
std::vector<LogFile> read_log(CheckpointRoot& root, const std::string& query_id);

CheckpointReport check_checkpoint(const std::shared_ptr<CheckpointRoot>& root);

}  // namespace libstream::checkpoint
