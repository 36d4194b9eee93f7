#pragma once

#include "changelog_fold.hpp"
#include "entry_codec.hpp"
#include "snapshot_store.hpp"
#include "state_files.hpp"

#include <libstream/checkpoint/term.hpp>

#include <cstdint>
#include <vector>

namespace libstream::checkpoint {

struct Restored {
  RestoredQuery query;  ///< without what `meta` says
  std::vector<StoredEntry> entries;
  std::uint64_t replayed_bytes = 0;  ///< of changelogs since the snapshot
};

/// Builds the state of the last decision in `store`: the newest named snapshot, then the changelogs
/// of later epochs in order. Throws Error(corrupt) naming file, epoch and CRC.
Restored restore_query(std::vector<StoredEntry> entries, const StateFiles& files,
                       SnapshotStore& store);

/// Adds the changes of one decided epoch; later epochs come first. Returns their bytes.
std::uint64_t add_changes(Epoch epoch, const std::vector<TaskChanges>& changes,
                          const StateFiles& files, ChangelogFold& fold);

}  // namespace libstream::checkpoint
