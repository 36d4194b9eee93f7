#pragma once

#include "group_fold.hpp"
#include "sections.hpp"
#include "state_files.hpp"

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/state.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace libstream::checkpoint {

/// Changes of one operator that are older than those of the layer before: a changelog that was
/// read, or the files of a run, which are read when they are needed.
struct Layer {
  std::shared_ptr<const Sections> changelog;
  std::vector<RunFile> files;
};

/// What was decided in one epoch.
struct DecidedChanges {
  Epoch epoch{};
  std::vector<TaskChanges> changes;
};

/// The state that runs and the changelogs behind them make. Thread-safe once it is built.
class Layers final {
 public:
  explicit Layers(std::shared_ptr<const StateFiles> files) : files_(std::move(files)) {}

  /// Reads the changelogs of an epoch; later epochs first, all of them before the runs. Returns
  /// their bytes.
  std::uint64_t add(const DecidedChanges& epoch);
  /// Runs, the oldest first; `owner` names them in errors.
  void add(std::span<const StateRun> runs, const std::string& owner);

  std::vector<OperatorId> operators() const;
  /// For each of the key groups [begin, end) in order: the newest change of each key, which may be
  /// an erase. Reads one file of each run at a time.
  void fold(OperatorId op, std::uint32_t begin, std::uint32_t end,
            const std::function<void(std::uint32_t key_group, GroupFold& fold)>& visit) const;
  /// Entries of key groups [begin, end) in (key group, key) order.
  void for_each(OperatorId op, std::uint32_t begin, std::uint32_t end,
                const std::function<void(std::uint32_t key_group, std::string_view key,
                                         std::string_view value)>& visit) const;
  void forget(OperatorId op) { layers_.erase(op); }

 private:
  std::shared_ptr<const StateFiles> files_;
  std::string owner_;
  std::map<OperatorId, std::vector<Layer>> layers_;  ///< newest first
  std::map<OperatorId, Floors> floors_;              ///< of the changelogs added
};

}  // namespace libstream::checkpoint
