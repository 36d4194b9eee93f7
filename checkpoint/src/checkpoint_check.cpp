#include "checkpoint_check.hpp"

#include "decision_log.hpp"
#include "frame.hpp"
#include "retention.hpp"
#include "sections.hpp"
#include "state_files.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace libstream::checkpoint {
namespace {

constexpr auto meta_name = "meta";
constexpr std::string_view log_folder = "log/";
constexpr std::string_view state_folder = "state/";

std::string log_owner(const std::string& name, const CheckpointRoot& root) {
  return "log entry " + name + " in the checkpoint " + root.describe();
}

std::uint64_t index_of(const std::string& name, const CheckpointRoot& root) {
  const auto index = parse_padded(std::string_view(name).substr(log_folder.size()));
  if (!index) {
    throw Error(ErrorCode::corrupt, "the checkpoint " + root.describe() +
                                        " has a file that is not its own: " + name +
                                        "; move it away");
  }
  return *index;
}

bool is_open(const StoredEntry& stored) { return std::holds_alternative<OpenEntry>(stored.entry); }

/// One look at everything; what it finds wrong goes into the report.
class Check final {
 public:
  explicit Check(std::shared_ptr<CheckpointRoot> root)
      : root_(std::move(root)), files_(root_, 0, std::string()) {}

  CheckpointReport run() {
    const auto state_names = root_->list(std::string(state_folder));
    check_meta();
    check_log();
    check_order();
    // The newest first: where the query removes files meanwhile, those entries stay the longest.
    for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) check_files(*it);
    forgive_removed();
    for (const auto& name : state_names) {
      if (!owners_.contains(name)) report_.unnamed.push_back(name);
    }
    return std::move(report_);
  }

 private:
  /// Runs one check; false where it found something.
  template <class F>
  bool checked(const std::string& object, F&& check) {
    try {
      check();
      return true;
    } catch (const Error& error) {
      report_.problems.push_back({object, error.what()});
      return false;
    }
  }

  void check_meta() {
    checked(meta_name, [&] {
      const auto bytes = root_->read(meta_name);
      query_id_ = read_meta(*root_).query_id;
      report_.bytes += bytes->size();
    });
  }

  void check_log() {
    for (const auto& name : root_->list(std::string(log_folder))) {
      checked(name, [&] {
        const auto bytes = root_->read(name);
        if (!bytes) return;  // removed meanwhile
        listed_.insert(index_of(name, *root_));
        const auto what = log_owner(name, *root_);
        if (!query_id_) {
          unframe(FileKind::entry, *bytes, what);  // without `meta` more cannot be said
        } else {
          entries_.push_back(decode_entry(*bytes, index_of(name, *root_), *query_id_, what));
        }
        ++report_.entries;
        report_.bytes += bytes->size();
      });
    }
  }

  /// As a start does: the log begins with the first term, and lacks no entry behind the oldest
  /// decision; epochs follow one another.
  void check_order() {
    if (listed_.empty()) return;
    if (!listed_.contains(0)) missing_.insert(0);
    const auto first = std::ranges::find_if_not(entries_, is_open);
    if (first == entries_.end()) return;
    for (auto index = first->index; index <= *listed_.rbegin(); ++index) {
      if (!listed_.contains(index)) missing_.insert(index);
    }
    const StoredEntry* before = nullptr;
    const EpochEntry* last = nullptr;
    for (const auto& stored : entries_) {
      const auto* entry = std::get_if<EpochEntry>(&stored.entry);
      const bool follows = before != nullptr && before->index + 1 == stored.index;
      before = &stored;
      if (!follows) last = nullptr;
      if (entry == nullptr) continue;
      if (last != nullptr && entry->epoch != next(last->epoch)) {
        report_.problems.push_back({DecisionLog::name(stored.index),
                                    "it decides epoch " + std::to_string(number(entry->epoch)) +
                                        " after epoch " + std::to_string(number(last->epoch))});
      }
      last = entry;
    }
  }

  void check_files(const StoredEntry& stored) {
    const auto* entry = std::get_if<EpochEntry>(&stored.entry);
    if (entry == nullptr) return;
    const auto epoch = "epoch " + std::to_string(number(entry->epoch));
    const auto load = [&](FileKind kind, const StateFile& file, const std::string& owner,
                          const auto& check_body) {
      if (!owners_.emplace(file.name, stored.index).second) return;
      checked(file.name, [&] {
        check_body(files_.load(kind, file, owner));
        ++report_.files;
        report_.bytes += file.size;
      });
    };
    for (const auto& changes : entry->changes) {
      const auto check_changes = [](const Framed& file) {
        Change change;
        for (ChangelogReader reader(file.body()); reader.next(change);) continue;
      };
      if (changes.file) load(FileKind::changes, *changes.file, epoch, check_changes);
    }
    for (const auto& handle : stored.handle_files) {
      load(FileKind::handle, handle.file, epoch, [](const Framed&) {});
    }
    if (!entry->snapshot) return;
    const auto owner = "the snapshot of epoch " + std::to_string(number(entry->snapshot->epoch));
    for (const auto& run : entry->snapshot->runs) {
      for (const auto& part : run.files) {
        load(FileKind::run, part.file, owner,
             [&](Framed file) { check_run(std::move(file), part, owner); });
      }
    }
  }

  void check_run(Framed file, const RunFile& part, const std::string& owner) const {
    const auto what = files_.describe(part.file, owner);
    const auto sections = Sections::of_run(std::move(file), part, what);
    for (auto group = part.begin_group; group < part.end_group; ++group) {
      Change change;
      for (ChangelogReader reader(sections.section(group)); reader.next(change);) {
        if (change.key_group == group) continue;
        throw Error(ErrorCode::corrupt, what + " is corrupt: its CRC fits, but a key of group " +
                                            std::to_string(change.key_group) +
                                            " lies among those of group " + std::to_string(group));
      }
    }
  }

  /// Entries are removed oldest first, and files after the entries that name them. What is gone
  /// because all that needs it is gone by now was removed by the query meanwhile.
  void forgive_removed() {
    std::set<std::uint64_t> left;
    for (const auto& name : root_->list(std::string(log_folder))) {
      if (const auto index = parse_padded(std::string_view(name).substr(log_folder.size()))) {
        left.insert(*index);
      }
    }
    std::erase_if(report_.problems, [&](const CheckpointProblem& problem) {
      const auto owner = owners_.find(problem.object);
      return owner != owners_.end() && !left.contains(owner->second);
    });
    for (const auto index : missing_) {
      const bool needed =
          index == 0 || std::ranges::any_of(entries_, [&](const auto& stored) {
            return !is_open(stored) && stored.index < index && left.contains(stored.index);
          });
      if (!needed) continue;
      report_.problems.push_back({std::string(log_folder), "log entry " + DecisionLog::name(index) +
                                                               " is missing in the checkpoint " +
                                                               root_->describe() +
                                                               ": a restart refuses it"});
    }
  }

  const std::shared_ptr<CheckpointRoot> root_;
  const StateFiles files_;
  CheckpointReport report_;
  std::optional<std::string> query_id_;
  std::set<std::uint64_t> listed_;
  std::set<std::uint64_t> missing_;
  std::vector<StoredEntry> entries_;
  std::map<std::string, std::uint64_t> owners_;  ///< newest entry that names a file
};

}  // namespace

CheckpointMeta read_meta(CheckpointRoot& root) {
  const auto bytes = root.read(meta_name);
  if (!bytes) {
    const auto code =
        root.list(std::string(log_folder)).empty() ? ErrorCode::unreachable : ErrorCode::corrupt;
    throw Error(code,
                "there is no checkpoint in " + root.describe() + ": its file meta is missing");
  }
  return decode_meta(*bytes, "file meta in the checkpoint " + root.describe());
}

std::vector<LogFile> read_log(CheckpointRoot& root, const std::string& query_id) {
  std::vector<LogFile> log;
  for (const auto& name : root.list(std::string(log_folder))) {
    const auto bytes = root.read(name);
    if (!bytes) continue;
    log.push_back({decode_entry(*bytes, index_of(name, root), query_id, log_owner(name, root)),
                   bytes->size()});
  }
  return log;
}

CheckpointReport check_checkpoint(const std::shared_ptr<CheckpointRoot>& root) {
  return Check(root).run();
}

}  // namespace libstream::checkpoint
