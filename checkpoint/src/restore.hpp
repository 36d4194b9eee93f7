#pragma once

#include "entry_codec.hpp"
#include "layers.hpp"
#include "state_files.hpp"

#include <libstream/checkpoint/term.hpp>

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace libstream::checkpoint {

struct Restored {
  RestoredQuery query;  ///< without what `meta` says
  std::vector<StoredEntry> entries;
  std::shared_ptr<const Layers> state;  ///< of the last decision
  std::deque<DecidedChanges> unfolded;  ///< changes behind its snapshot, oldest first
};

/// What the entries of the log say: the newest named snapshot and the changelogs of later epochs
/// are the state. Throws Error(corrupt) naming file, epoch and CRC; damage of a snapshot shows when
/// its state is read.
Restored restore_query(std::vector<StoredEntry> entries, std::shared_ptr<const StateFiles> files);

/// The state alone, as the decision of any epoch left it, for looking at.
std::shared_ptr<const Layers> state_at(std::vector<StoredEntry>& entries, Epoch epoch,
                                       const std::shared_ptr<const StateFiles>& files);

/// For messages.
std::string snapshot_owner(const SnapshotReference& snapshot);

}  // namespace libstream::checkpoint
