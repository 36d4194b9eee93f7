#include "restore.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace libstream::checkpoint {
namespace {

std::string epoch_text(Epoch epoch) { return "epoch " + std::to_string(number(epoch)); }

/// Every retained decision by epoch; they must be dense, for they were written so. Entries below a
/// gap had been cleaned, and a power cut brought them back.
std::map<Epoch, StoredEntry*> decisions(std::vector<StoredEntry>& entries) {
  std::map<Epoch, StoredEntry*> by_epoch;
  std::uint64_t expected = 0;
  for (auto& stored : entries) {
    if (stored.index != expected) {
      by_epoch.clear();
    }
    expected = stored.index + 1;
    if (const auto* entry = std::get_if<EpochEntry>(&stored.entry)) {
      if (!by_epoch.empty() && entry->epoch != next(by_epoch.rbegin()->first)) {
        throw Error(ErrorCode::corrupt, "log entry " + std::to_string(stored.index) + " decides " +
                                            epoch_text(entry->epoch) + " after " +
                                            epoch_text(by_epoch.rbegin()->first));
      }
      by_epoch[entry->epoch] = &stored;
    }
  }
  return by_epoch;
}

StoredEntry& decision(const std::map<Epoch, StoredEntry*>& by_epoch, Epoch epoch) {
  const auto found = by_epoch.find(epoch);
  if (found == by_epoch.end()) {
    throw Error(ErrorCode::corrupt,
                "the decision of " + epoch_text(epoch) +
                    ", which a restart needs, is missing in the log; restore the checkpoint from "
                    "a copy, or start over with an empty checkpoint and an empty output");
  }
  return *found->second;
}

/// Handles that the entry keeps in files come back complete.
void load_handles(StoredEntry& stored, const StateFiles& files) {
  auto& entry = std::get<EpochEntry>(stored.entry);
  for (const auto& external : stored.handle_files) {
    entry.sinks[external.sink].handles[external.handle].bytes =
        files.load(FileKind::handle, external.file, epoch_text(entry.epoch)).body();
  }
}

std::int64_t committed_through(const std::vector<StoredEntry>& entries) {
  std::int64_t committed = -1;
  for (const auto& stored : entries) {
    if (const auto* entry = std::get_if<EpochEntry>(&stored.entry)) {
      committed = std::max(committed, entry->committed_through);
    } else if (const auto* close = std::get_if<CloseEntry>(&stored.entry)) {
      committed = std::max(committed, close->committed_through);
    }
  }
  return committed;
}

/// The state that the decision of `epoch` left; `unfolded` gets the changes behind its snapshot.
std::shared_ptr<const Layers> layers_at(const std::map<Epoch, StoredEntry*>& by_epoch, Epoch epoch,
                                        const std::shared_ptr<const StateFiles>& files,
                                        std::deque<DecidedChanges>& unfolded) {
  auto state = std::make_shared<Layers>(files);
  const auto& snapshot = std::get<EpochEntry>(decision(by_epoch, epoch).entry).snapshot;
  const std::uint64_t first = snapshot ? number(snapshot->epoch) + 1 : 0;
  for (std::uint64_t i = number(epoch) + 1; i > first; --i) {
    const Epoch one{i - 1};
    const auto& entry = std::get<EpochEntry>(decision(by_epoch, one).entry);
    unfolded.push_front({one, entry.changes});
    state->add(unfolded.front());
  }
  if (snapshot) {
    state->add(snapshot->runs, snapshot_owner(*snapshot));
  }
  return state;
}

}  // namespace

std::string snapshot_owner(const SnapshotReference& snapshot) {
  return "the snapshot of " + epoch_text(snapshot.epoch);
}

Restored restore_query(std::vector<StoredEntry> entries, std::shared_ptr<const StateFiles> files) {
  Restored restored;
  restored.entries = std::move(entries);
  restored.query.committed_through = committed_through(restored.entries);
  const auto by_epoch = decisions(restored.entries);
  if (by_epoch.empty()) {
    restored.state = std::make_shared<Layers>(files);
    restored.query.fresh = true;
    return restored;
  }
  const auto last_epoch = by_epoch.rbegin()->first;
  const auto& newest = std::get<EpochEntry>(by_epoch.rbegin()->second->entry);
  restored.state = layers_at(by_epoch, last_epoch, files, restored.unfolded);
  for (auto n = Epoch{static_cast<std::uint64_t>(restored.query.committed_through + 1)};
       n <= last_epoch; n = next(n)) {
    auto& stored = decision(by_epoch, n);
    load_handles(stored, *files);
    restored.query.pending.push_back({n, std::get<EpochEntry>(stored.entry).sinks});
  }
  load_handles(*by_epoch.rbegin()->second, *files);
  restored.query.last = newest;
  return restored;
}

std::shared_ptr<const Layers> state_at(std::vector<StoredEntry>& entries, Epoch epoch,
                                       const std::shared_ptr<const StateFiles>& files) {
  std::deque<DecidedChanges> unfolded;
  return layers_at(decisions(entries), epoch, files, unfolded);
}

}  // namespace libstream::checkpoint
