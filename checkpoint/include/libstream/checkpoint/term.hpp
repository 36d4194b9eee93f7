#pragma once

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/environment.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace libstream {

struct TermOptions {
  std::string host;
  std::int64_t process = 0;
  std::uint64_t snapshot_epochs = 20;  ///< a snapshot is due after so many epochs,
  /// or so many bytes of changelog; four times as many of what a floor may erase as a whole.
  std::uint64_t snapshot_bytes = 256ULL << 20;
  std::uint64_t retained_snapshots = 2;
  std::uint64_t run_file_bytes = 32ULL << 20;  ///< a run is cut into files of about this size
};

/// Where a query stands when a term begins.
struct RestoredQuery {
  std::string query_id;            ///< the recorded one wins over that of the meta given
  std::uint32_t key_groups = 0;    ///< the recorded number wins, too
  bool fresh = false;              ///< no decision yet
  std::optional<EpochEntry> last;  ///< newest decision (changes and handles included)
  std::int64_t committed_through = -1;
  /// Decided and possibly not committed: to be committed again, in order, before anything else.
  struct Pending {
    Epoch epoch{};
    std::vector<SinkStage> sinks;
  };
  std::vector<Pending> pending;
};

/// One generation of a query's coordinator: the decision protocol over a CheckpointRoot as a plain
/// state machine, step by step that of the model in tests/checkpoint/model. Blocking: called on the
/// I/O pool, one call at a time. `docs/checkpoint.md` has the protocol and its crash points.
///
/// Errors: conflict = another process took the log (this term has lost and must end), incompatible
/// = the checkpoint is of another query or plan, corrupt = a file does not match (names file, epoch
/// and CRC), io = the disk failed: the root is poisoned, the term must end.
class Term {
 public:
  /// Writes `meta` or checks it against what is there, writes `open` at the end of the log and only
  /// then restores everything before it.
  static std::unique_ptr<Term> open(std::shared_ptr<CheckpointRoot> root, CheckpointMeta meta,
                                    Environment environment, TermOptions options);
  virtual ~Term() = default;

  virtual std::uint64_t number() const = 0;
  virtual const RestoredQuery& restored() const = 0;
  /// State of an operator for key groups [begin, end) at the last decision. To be read before the
  /// first `decide`; from any thread.
  virtual std::unique_ptr<StateReader> state(OperatorId op, std::uint32_t begin,
                                             std::uint32_t end) const = 0;

  /// Writes a task's changes as an immutable file where they are too large for the entry
  /// (`inline_limit`); may be called from several threads, also while `decide` runs. `extent`:
  /// where known, what the changelog's entries lie in; changes that a later floor erases as a whole
  /// are not folded at all.
  virtual TaskChanges store_changes(OperatorId op, std::uint32_t partition, Epoch epoch,
                                    std::string changelog,
                                    std::optional<ChangeExtent> extent = std::nullopt) = 0;
  static constexpr std::size_t inline_limit = 64 * 1024;
  static constexpr std::size_t entry_inline_limit = 1024 * 1024;

  /// Writes the decision. When it returns, the epoch's state and output exist. Fills in term,
  /// committed_through and snapshot. Epochs are dense.
  virtual void decide(EpochEntry entry) = 0;
  /// All sinks have committed this epoch; recorded by the next entry.
  virtual void committed(Epoch epoch) = 0;
  virtual std::int64_t committed_through() const = 0;
  /// Background work after decisions: folds changes into runs when a snapshot is due (named by a
  /// later decision), removes entries and files that nobody needs. Never needed for
  /// correctness; may be called at any time between decisions, also from another thread.
  virtual void maintain() = 0;
  /// Removes state files of older terms that no entry names; once, after open.
  virtual void sweep() = 0;
  /// Clean stop: records committed_through.
  virtual void close() = 0;
};

/// A root in a directory (mode 0700; files 0600): temp, fdatasync, link without overwrite, fsync of
/// the directory. Holds a lock while it lives; a second process gets Error(conflict) naming the
/// holder. A failed fsync poisons it: every later call throws.
std::shared_ptr<CheckpointRoot> directory_root(const std::string& path,
                                               std::shared_ptr<FileSystem> files);
/// The same over files of any kind, simulated ones, say, without lock and modes: two holders at
/// once are kept apart by the log alone. `holder`: a name unlike that of any other holder, for
/// temporary files. A failed fsync poisons this object.
std::shared_ptr<CheckpointRoot> unlocked_directory_root(const std::string& path,
                                                        std::shared_ptr<FileSystem> files,
                                                        std::string holder);
/// A root in memory, for simulation and tests.
std::shared_ptr<CheckpointRoot> memory_root();

}  // namespace libstream
