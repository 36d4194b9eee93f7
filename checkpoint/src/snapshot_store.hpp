#pragma once

#include "frame.hpp"

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/state.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace libstream::checkpoint {

/// Writes one file of a snapshot, durable when it returns; `suffix` ends its name.
using WriteSnapshotFile =
    std::function<StateFile(const std::string& suffix, std::string_view body)>;
/// Reads and checks one file of a snapshot.
using ReadSnapshotFile = std::function<std::string(const StateFile& file)>;

/// A StateStore whose whole content can be kept as files and taken back. One thread at a time.
class SnapshotStore : public StateStore {
 public:
  /// Applies changes of one operator, at most one a key, in any order.
  virtual void apply_distinct(OperatorId op, std::vector<Change> changes) = 0;
  /// Files of the content as it is now; unchanged files of the last snapshot saved or loaded are
  /// named again, not written again. No content: no files.
  virtual std::vector<StateFile> save(const WriteSnapshotFile& write) = 0;
  /// Takes the place of the content. Throws Error(corrupt) where the files make no whole.
  virtual void load(const std::vector<StateFile>& files, const ReadSnapshotFile& read) = 0;
};

std::unique_ptr<SnapshotStore> memory_snapshot_store();
/// The snapshot file of the memory store, which every store can take in.
bool is_dump(const StateFile& file);
void load_dump(const StateFile& file, std::string_view body, StateStore& store);
/// RocksDB under `cache_directory`/db, which is wiped first: a cache of decided state. No WAL, for
/// the truth is in the checkpoint root.
std::unique_ptr<SnapshotStore> rocks_snapshot_store(const std::string& cache_directory);

}  // namespace libstream::checkpoint
