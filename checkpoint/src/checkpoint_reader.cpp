#include "checkpoint_check.hpp"
#include "decision_log.hpp"
#include "layers.hpp"
#include "read_only_root.hpp"
#include "restore.hpp"
#include "retention.hpp"

#include <libstream/checkpoint/checkpoint_reader.hpp>
#include <libstream/error.hpp>

#include <map>
#include <optional>
#include <utility>

namespace libstream {
namespace checkpoint {
namespace {

class RestoredState final : public StateReader {
 public:
  RestoredState(std::shared_ptr<const Layers> layers, OperatorId op, std::uint32_t begin,
                std::uint32_t end)
      : layers_(std::move(layers)), op_(op), begin_(begin), end_(end) {}

  void for_each(const std::function<void(std::uint32_t, std::string_view, std::string_view)>& visit)
      const override {
    layers_->for_each(op_, begin_, end_, visit);
  }

 private:
  const std::shared_ptr<const Layers> layers_;
  const OperatorId op_;
  const std::uint32_t begin_;
  const std::uint32_t end_;
};

std::string epochs_text(const std::map<Epoch, const EpochEntry*>& by_epoch) {
  if (by_epoch.empty()) return "no epoch";
  return "epochs " + std::to_string(number(by_epoch.begin()->first)) + " to " +
         std::to_string(number(by_epoch.rbegin()->first));
}

/// Refuses epochs whose state cannot be built (any more).
void check_restorable(const std::vector<StoredEntry>& entries, Epoch epoch,
                      const std::string& root) {
  std::map<Epoch, const EpochEntry*> by_epoch;
  for (const auto& stored : entries) {
    if (const auto* entry = std::get_if<EpochEntry>(&stored.entry)) by_epoch[entry->epoch] = entry;
  }
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::invalid_argument,
                why + "; the log of the checkpoint " + root + " has " + epochs_text(by_epoch));
  };
  const auto name = "epoch " + std::to_string(number(epoch));
  const auto found = by_epoch.find(epoch);
  if (found == by_epoch.end()) refuse(name + " is not there");
  const auto& snapshot = found->second->snapshot;
  for (std::uint64_t i = snapshot ? number(snapshot->epoch) + 1 : 0; i < number(epoch); ++i) {
    if (by_epoch.contains(Epoch{i})) continue;
    refuse("the state of " + name + " needs the changes of epoch " + std::to_string(i) +
           ", which were cleaned up; choose a later epoch");
  }
}

class DirectoryReader final : public CheckpointReader {
 public:
  DirectoryReader(const std::string& directory, std::shared_ptr<FileSystem> files)
      : root_(read_only_root(directory, std::move(files))),
        files_(std::make_shared<const StateFiles>(root_, 0, std::string())) {}

  CheckpointMeta meta() override { return read_meta(*root_); }

  std::vector<RecordedEntry> entries() override {
    std::vector<RecordedEntry> recorded;
    for (auto& one : read_log(*root_, meta().query_id)) {
      auto named = named_files(one.stored);
      recorded.push_back(
          {one.stored.index, one.bytes, std::move(one.stored.entry), std::move(named)});
    }
    return recorded;
  }

  std::unique_ptr<StateReader> state(Epoch epoch, OperatorId op, std::uint32_t begin,
                                     std::uint32_t end) override {
    // Of two epochs at a time: differences go through them by key group.
    auto found = states_.find(epoch);
    if (found == states_.end()) {
      if (states_.size() == 2) states_.clear();
      auto entries = stored_entries();
      check_restorable(entries, epoch, root_->describe());
      found = states_.emplace(epoch, state_at(entries, epoch, files_)).first;
    }
    return std::make_unique<RestoredState>(found->second, op, begin, end);
  }

  CheckpointReport verify() override { return check_checkpoint(root_); }

  CheckpointGarbage garbage(std::uint64_t retained_snapshots) override {
    Retention retention(retained_snapshots);
    for (const auto& stored : stored_entries()) retention.add(stored);
    auto garbage = retention.take_garbage({});
    return {std::move(garbage.entries), std::move(garbage.files)};
  }

 private:
  std::vector<StoredEntry> stored_entries() {
    std::vector<StoredEntry> entries;
    for (auto& one : read_log(*root_, meta().query_id)) entries.push_back(std::move(one.stored));
    return entries;
  }

  const std::shared_ptr<CheckpointRoot> root_;
  const std::shared_ptr<const StateFiles> files_;
  std::map<Epoch, std::shared_ptr<const Layers>> states_;
};

}  // namespace
}  // namespace checkpoint

std::unique_ptr<CheckpointReader> CheckpointReader::open(const std::string& directory,
                                                         std::shared_ptr<FileSystem> files) {
  return std::make_unique<checkpoint::DirectoryReader>(directory, std::move(files));
}

}  // namespace libstream
