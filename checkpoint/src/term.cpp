#include "decision_log.hpp"
#include "meta_check.hpp"
#include "restore.hpp"
#include "retention.hpp"
#include "run_fold.hpp"
#include "state_files.hpp"
#include "unfolded.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <exception>
#include <mutex>
#include <set>
#include <tuple>
#include <utility>

namespace libstream {
namespace checkpoint {
namespace {

/// Decided epochs that may wait for their commit; the coordinator's own limit is far below.
constexpr std::int64_t uncommitted_bound = 1024;
/// Decided changes that may wait for `maintain`; beyond, `decide` folds them itself.
constexpr std::size_t unfolded_bound = 1024;

/// Files that vanish while they are read are no damage where a later term removed them.
void prefer_lost(const DecisionLog& log, const Error& error) {
  if (error.code() == ErrorCode::corrupt) {
    log.check_newest();
  }
}

class LayersReader final : public StateReader {
 public:
  LayersReader(std::shared_ptr<const Layers> layers, const DecisionLog& log, OperatorId op,
               std::uint32_t begin, std::uint32_t end)
      : layers_(std::move(layers)), log_(log), op_(op), begin_(begin), end_(end) {}

  void for_each(const std::function<void(std::uint32_t, std::string_view, std::string_view)>& visit)
      const override {
    try {
      layers_->for_each(op_, begin_, end_, visit);
    } catch (const Error& error) {
      prefer_lost(log_, error);
      throw;
    }
  }

 private:
  std::shared_ptr<const Layers> layers_;
  const DecisionLog& log_;
  OperatorId op_;
  std::uint32_t begin_;
  std::uint32_t end_;
};

/// Steps as in docs/checkpoint.md, which names those of the model.
class DurableTerm final : public Term {
 public:
  DurableTerm(std::shared_ptr<CheckpointRoot> root, const CheckpointMeta& meta,
              const Environment& environment, TermOptions options)
      : root_(std::move(root)),
        options_(std::move(options)),
        meta_(settle_meta(*root_, meta)),
        log_(root_, meta_.query_id),
        unfolded_(options_),
        retention_(std::max<std::uint64_t>(options_.retained_snapshots, 1)) {
    number_ = log_.open({0, options_.host, options_.process, environment.clock->now_milliseconds(),
                         environment.random->uuid()});
    files_ = std::make_shared<StateFiles>(root_, number_, environment.random->uuid());
    try {
      restore();
    } catch (const Error& error) {
      prefer_lost(log_, error);
      throw;
    }
  }

  std::uint64_t number() const override { return number_; }
  const RestoredQuery& restored() const override { return restored_; }

  std::unique_ptr<StateReader> state(OperatorId op, std::uint32_t begin,
                                     std::uint32_t end) const override {
    const std::lock_guard lock(mutex_);
    LIBSTREAM_ASSERT(restored_state_, "state is read before the first decision");
    return std::make_unique<LayersReader>(restored_state_, log_, op, begin, end);
  }

  TaskChanges store_changes(OperatorId op, std::uint32_t partition, Epoch /*epoch*/,
                            std::string changelog, std::optional<ChangeExtent> extent) override {
    TaskChanges changes{op, partition, {}, std::nullopt, std::move(extent)};
    if (changelog.size() <= inline_limit) {
      changes.inline_bytes = std::move(changelog);
    } else {
      changes.file = files_->store(FileKind::changes, "changes", std::move(changelog));
    }
    return changes;
  }

  void decide(EpochEntry entry) override;
  void committed(Epoch epoch) override;
  std::int64_t committed_through() const override {
    const std::lock_guard lock(mutex_);
    return committed_;
  }
  void maintain() override;
  void sweep() override;
  void close() override;

 private:
  void restore();
  void check_alive() const;
  void append(StoredEntry stored);
  void spill(StoredEntry& stored);
  void fold(std::size_t epochs);
  SnapshotReference folded(const std::vector<DecidedChanges>& epochs);
  std::vector<DecidedChanges> take_unfolded(std::size_t& epochs);
  void clean();
  void take_replaced(std::vector<std::string>& garbage);
  std::set<std::string> snapshot_in_work() const;

  std::shared_ptr<CheckpointRoot> root_;
  TermOptions options_;
  CheckpointMeta meta_;
  DecisionLog log_;
  std::shared_ptr<StateFiles> files_;
  std::uint64_t number_ = 0;
  RestoredQuery restored_;
  bool closed_ = false;

  mutable std::mutex maintain_mutex_;  ///< held over maintain and sweep; before mutex_
  mutable std::mutex mutex_;           ///< of all below; held for moments only
  std::exception_ptr fault_;           ///< why this term has ended
  std::int64_t decided_ = -1;
  std::int64_t committed_ = -1;
  std::shared_ptr<const Layers> restored_state_;  ///< until the first decision
  Unfolded unfolded_;                             ///< decided behind the newest snapshot
  std::optional<SnapshotReference> snapshot_;     ///< newest complete one
  std::set<std::string> replaced_;                ///< files of snapshots before it
  bool deciding_ = false;                         ///< an entry that names one is being written
  Retention retention_;
};

void DurableTerm::restore() {
  auto result = restore_query(log_.read(), files_);
  for (const auto& stored : result.entries) {
    retention_.add(stored);
  }
  restored_ = std::move(result.query);
  restored_.query_id = meta_.query_id;
  restored_.key_groups = meta_.key_groups;
  committed_ = restored_.committed_through;
  if (restored_.last) {
    decided_ = static_cast<std::int64_t>(libstream::number(restored_.last->epoch));
    snapshot_ = restored_.last->snapshot;
  }
  for (auto& epoch : result.unfolded) {
    unfolded_.add(epoch.epoch, std::move(epoch.changes));
  }
  restored_state_ = std::move(result.state);
}

void DurableTerm::check_alive() const {
  const std::lock_guard lock(mutex_);
  LIBSTREAM_ASSERT(!closed_, "a closed term does nothing more");
  if (fault_) {
    std::rethrow_exception(fault_);
  }
}

void DurableTerm::append(StoredEntry stored) {
  try {
    log_.append(std::move(stored));
  } catch (const Error&) {
    const std::lock_guard lock(mutex_);
    fault_ = std::current_exception();
    throw;
  }
}

void DurableTerm::spill(StoredEntry& stored) {
  auto& entry = std::get<EpochEntry>(stored.entry);
  using Item = std::tuple<std::size_t, bool, std::size_t, std::size_t>;  // size, handle?, place
  std::vector<Item> items;
  std::size_t total = 0;
  for (std::size_t i = 0; i < entry.changes.size(); ++i) {
    items.emplace_back(entry.changes[i].inline_bytes.size(), false, i, 0);
  }
  for (std::size_t i = 0; i < entry.sinks.size(); ++i) {
    for (std::size_t j = 0; j < entry.sinks[i].handles.size(); ++j) {
      items.emplace_back(entry.sinks[i].handles[j].bytes.size(), true, i, j);
    }
  }
  for (const auto& item : items) {
    total += std::get<0>(item);
  }
  std::ranges::sort(items, std::greater<>());
  for (const auto& item : items) {
    if (total <= entry_inline_limit) {
      break;
    }
    const auto i = std::get<2>(item);
    const auto j = std::get<3>(item);
    if (std::get<1>(item)) {
      auto& bytes = entry.sinks[i].handles[j].bytes;
      stored.handle_files.push_back({i, j, files_->store(FileKind::handle, "handle", bytes)});
      bytes.clear();
    } else {
      auto& changes = entry.changes[i];
      changes.file = files_->store(FileKind::changes, "changes", changes.inline_bytes);
      changes.inline_bytes.clear();
    }
    total -= std::get<0>(item);
  }
}

void DurableTerm::decide(EpochEntry entry) {
  check_alive();
  std::size_t overdue = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto epoch = static_cast<std::int64_t>(libstream::number(entry.epoch));
    LIBSTREAM_ASSERT(epoch == decided_ + 1, "epochs are decided in order, without gaps");
    LIBSTREAM_ASSERT(epoch - committed_ <= uncommitted_bound, "commits keep up with decisions");
    entry.term = number_;
    entry.committed_through = committed_;
    entry.snapshot = snapshot_;
    deciding_ = true;
    restored_state_.reset();  // its changelogs take memory
    if (unfolded_.epochs() >= unfolded_bound) overdue = unfolded_.epochs();
  }
  if (overdue > 0) {
    const std::lock_guard lock(maintain_mutex_);
    fold(overdue);
  }
  StoredEntry stored{0, std::move(entry), {}};
  spill(stored);
  append(stored);
  stored.index = log_.position() - 1;
  const std::lock_guard lock(mutex_);
  ++decided_;
  deciding_ = false;
  retention_.add(stored);
  auto& decided = std::get<EpochEntry>(stored.entry);
  unfolded_.add(decided.epoch, std::move(decided.changes));
}

void DurableTerm::committed(Epoch epoch) {
  const std::lock_guard lock(mutex_);
  const auto value = static_cast<std::int64_t>(libstream::number(epoch));
  LIBSTREAM_ASSERT(value == committed_ + 1, "epochs are committed in order");
  LIBSTREAM_ASSERT(value <= decided_, "only what is decided is committed");
  committed_ = value;
}

void DurableTerm::maintain() {
  check_alive();
  const std::lock_guard lock(maintain_mutex_);
  std::size_t due = 0;
  {
    const std::lock_guard state_lock(mutex_);
    due = unfolded_.due();
  }
  fold(due);
  clean();
}

/// The oldest epochs that wait, so many.
void DurableTerm::fold(std::size_t epochs) {
  try {
    for (auto taken = take_unfolded(epochs); !taken.empty(); taken = take_unfolded(epochs)) {
      auto snapshot = folded(taken);
      const std::lock_guard lock(mutex_);
      replaced_.merge(snapshot_in_work());
      snapshot_ = std::move(snapshot);
    }
  } catch (const Error&) {
    // What was taken is in no snapshot: none that leaves it out may follow.
    const std::lock_guard lock(mutex_);
    fault_ = std::current_exception();
    throw;
  }
}

SnapshotReference DurableTerm::folded(const std::vector<DecidedChanges>& epochs) {
  // Only `fold`, one call at a time, changes the snapshot: it may be read here.
  SnapshotReference snapshot{epochs.back().epoch, {}};
  try {
    snapshot.runs = RunFold(files_, options_.run_file_bytes)
                        .fold(snapshot_ ? snapshot_->runs : std::vector<StateRun>{}, epochs,
                              snapshot_ ? snapshot_owner(*snapshot_) : "no snapshot");
  } catch (const Error& error) {
    prefer_lost(log_, error);
    throw;
  }
  return snapshot;
}

/// As many as make a fold; `epochs` is left with the others.
std::vector<DecidedChanges> DurableTerm::take_unfolded(std::size_t& epochs) {
  const std::lock_guard lock(mutex_);
  auto taken = unfolded_.take(epochs);
  epochs -= taken.size();
  return taken;
}

std::set<std::string> DurableTerm::snapshot_in_work() const {
  std::set<std::string> names;
  if (snapshot_) {
    snapshot_->for_each_file([&](const StateFile& file) { names.insert(file.name); });
  }
  return names;
}

void DurableTerm::clean() {
  Retention::Garbage garbage;
  {
    const std::lock_guard lock(mutex_);
    garbage = retention_.take_garbage(snapshot_in_work());
    take_replaced(garbage.files);
  }
  // Entries first: what an entry names is always there. Files left by a crash are swept later.
  for (const auto index : garbage.entries) {
    log_.remove(index);
  }
  for (const auto& file : garbage.files) {
    root_->remove(file);
  }
}

/// Files of snapshots that gave way to a newer one before any decision named them.
void DurableTerm::take_replaced(std::vector<std::string>& garbage) {
  if (replaced_.empty() || deciding_) return;  // the entry under way may name them
  auto kept = retention_.live();
  kept.merge(snapshot_in_work());
  for (const auto& name : replaced_) {
    if (!kept.contains(name)) garbage.push_back(name);
  }
  replaced_.clear();
}

void DurableTerm::sweep() {
  check_alive();
  const std::lock_guard lock(maintain_mutex_);
  std::set<std::string> live;
  {
    const std::lock_guard state_lock(mutex_);
    live = retention_.live();
    live.merge(snapshot_in_work());
  }
  for (const auto& name : root_->list("state/")) {
    const auto term = StateFiles::term_of(name);
    if (term && *term < number_ && !live.contains(name)) {
      root_->remove(name);
    }
  }
}

void DurableTerm::close() {
  check_alive();
  append({0, CloseEntry{number_, committed_through()}, {}});
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

}  // namespace
}  // namespace checkpoint

std::unique_ptr<Term> Term::open(std::shared_ptr<CheckpointRoot> root, CheckpointMeta meta,
                                 Environment environment, TermOptions options) {
  return std::make_unique<checkpoint::DurableTerm>(std::move(root), meta, environment,
                                                   std::move(options));
}

}  // namespace libstream
