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
        files.load(FileKind::handle, external.file, epoch_text(entry.epoch));
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

}  // namespace

std::uint64_t add_changes(Epoch epoch, const std::vector<TaskChanges>& changes,
                          const StateFiles& files, ChangelogFold& fold) {
  std::uint64_t bytes = 0;
  for (const auto& task : changes) {
    if (task.file) {
      const auto body = files.load(FileKind::changes, *task.file, epoch_text(epoch));
      fold.add(task.op, body);
      bytes += body.size();
    } else {
      fold.add(task.op, task.inline_bytes);
      bytes += task.inline_bytes.size();
    }
  }
  return bytes;
}

Restored restore_query(std::vector<StoredEntry> entries, const StateFiles& files,
                       SnapshotStore& store) {
  Restored restored;
  restored.entries = std::move(entries);
  restored.query.committed_through = committed_through(restored.entries);
  const auto by_epoch = decisions(restored.entries);
  if (by_epoch.empty()) {
    restored.query.fresh = true;
    return restored;
  }
  const auto last_epoch = by_epoch.rbegin()->first;
  auto& newest = std::get<EpochEntry>(by_epoch.rbegin()->second->entry);
  std::uint64_t unfolded = number(last_epoch) + 1;
  if (newest.snapshot) {
    const auto owner = "the snapshot of " + epoch_text(newest.snapshot->epoch);
    store.load(newest.snapshot->files,
               [&](const StateFile& file) { return files.load(FileKind::snapshot, file, owner); });
    unfolded = number(last_epoch) - number(newest.snapshot->epoch);
  }
  ChangelogFold fold;
  for (std::uint64_t i = 0; i < unfolded; ++i) {
    const Epoch epoch{number(last_epoch) - i};
    const auto& entry = std::get<EpochEntry>(decision(by_epoch, epoch).entry);
    restored.replayed_bytes += add_changes(epoch, entry.changes, files, fold);
  }
  fold.apply_to(store);
  for (auto n = Epoch{static_cast<std::uint64_t>(restored.query.committed_through + 1)};
       n <= last_epoch; n = next(n)) {
    auto& stored = decision(by_epoch, n);
    load_handles(stored, files);
    restored.query.pending.push_back({n, std::get<EpochEntry>(stored.entry).sinks});
  }
  load_handles(*by_epoch.rbegin()->second, files);
  restored.query.last = newest;
  return restored;
}

}  // namespace libstream::checkpoint
