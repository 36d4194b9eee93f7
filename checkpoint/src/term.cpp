#include "decision_log.hpp"
#include "meta_check.hpp"
#include "restore.hpp"
#include "retention.hpp"
#include "snapshot_store.hpp"
#include "state_files.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <deque>
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
/// Changes wait until a snapshot is due, so that a key that changes in every epoch is stored once;
/// but no more of them than this: those in entries take memory, all of them time to fold.
constexpr std::uint64_t unfolded_inline_bytes = 16ULL << 20;
constexpr std::uint64_t unfolded_file_bytes = 256ULL << 20;

class LockedReader final : public StateReader {
 public:
  LockedReader(const StateStore& store, std::mutex& mutex, OperatorId op, std::uint32_t begin,
               std::uint32_t end)
      : store_(store), mutex_(mutex), op_(op), begin_(begin), end_(end) {}

  void for_each(const std::function<void(std::uint32_t, std::string_view, std::string_view)>& visit)
      const override {
    const std::lock_guard lock(mutex_);
    store_.range(op_, begin_, end_, visit);
  }

 private:
  const StateStore& store_;
  std::mutex& mutex_;
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
        retention_(std::max<std::uint64_t>(options_.retained_snapshots, 1)) {
    number_ = log_.open({0, options_.host, options_.process, environment.clock->now_milliseconds(),
                         environment.random->uuid()});
    files_ = std::make_unique<StateFiles>(root_, number_, environment.random->uuid());
    store_ = options_.cache_directory.empty() ? memory_snapshot_store()
                                              : rocks_snapshot_store(options_.cache_directory);
    try {
      restore();
    } catch (const Error& error) {
      prefer_lost(error);
      throw;
    }
  }

  std::uint64_t number() const override { return number_; }
  const RestoredQuery& restored() const override { return restored_; }

  std::unique_ptr<StateReader> state(OperatorId op, std::uint32_t begin,
                                     std::uint32_t end) const override {
    return std::make_unique<LockedReader>(*store_, maintain_mutex_, op, begin, end);
  }

  TaskChanges store_changes(OperatorId op, std::uint32_t partition, Epoch /*epoch*/,
                            std::string changelog) override {
    TaskChanges changes{op, partition, {}, std::nullopt};
    if (changelog.size() <= inline_limit) {
      changes.inline_bytes = std::move(changelog);
    } else {
      changes.file = files_->store(FileKind::changes, "changes", changelog);
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
  struct Decided {
    Epoch epoch{};
    std::vector<TaskChanges> changes;
  };
  struct Unfolded {
    std::deque<Decided> epochs;
    std::uint64_t inline_bytes = 0;
    std::uint64_t file_bytes = 0;
    std::uint64_t bytes() const { return inline_bytes + file_bytes; }
  };

  void restore();
  void check_alive() const;
  /// Files that vanish while they are read are no damage where a later term removed them.
  void prefer_lost(const Error& error) const {
    if (error.code() == ErrorCode::corrupt) {
      log_.check_newest();
    }
  }
  void append(StoredEntry stored);
  void spill(StoredEntry& stored);
  void fold();
  void apply(const Unfolded& unfolded);
  bool snapshot_due() const;
  bool fold_due() const;
  void save_snapshot();
  void clean();
  std::set<std::string> snapshot_in_work() const;

  std::shared_ptr<CheckpointRoot> root_;
  TermOptions options_;
  CheckpointMeta meta_;
  DecisionLog log_;
  std::unique_ptr<StateFiles> files_;
  std::uint64_t number_ = 0;
  RestoredQuery restored_;
  bool closed_ = false;

  mutable std::mutex maintain_mutex_;  ///< held over maintain and sweep; before mutex_
  std::unique_ptr<SnapshotStore> store_;
  std::int64_t folded_ = -1;         ///< epochs up to this are in store_
  std::int64_t saved_ = -1;          ///< epoch of the newest complete snapshot
  std::uint64_t unsaved_bytes_ = 0;  ///< folded since

  mutable std::mutex mutex_;  ///< of all below; held for moments only
  std::exception_ptr fault_;  ///< why this term has ended
  std::int64_t decided_ = -1;
  std::int64_t committed_ = -1;
  Unfolded unfolded_;
  std::optional<SnapshotReference> snapshot_;  ///< newest complete one
  Retention retention_;
};

void DurableTerm::restore() {
  auto result = restore_query(log_.read(), *files_, *store_);
  for (const auto& stored : result.entries) {
    retention_.add(stored);
  }
  restored_ = std::move(result.query);
  restored_.query_id = meta_.query_id;
  restored_.key_groups = meta_.key_groups;
  committed_ = restored_.committed_through;
  if (restored_.last) {
    decided_ = static_cast<std::int64_t>(libstream::number(restored_.last->epoch));
    folded_ = decided_;
    snapshot_ = restored_.last->snapshot;
    saved_ = snapshot_ ? static_cast<std::int64_t>(libstream::number(snapshot_->epoch)) : -1;
    unsaved_bytes_ = result.replayed_bytes;
  }
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
  bool overdue = false;
  {
    const std::lock_guard lock(mutex_);
    const auto epoch = static_cast<std::int64_t>(libstream::number(entry.epoch));
    LIBSTREAM_ASSERT(epoch == decided_ + 1, "epochs are decided in order, without gaps");
    LIBSTREAM_ASSERT(epoch - committed_ <= uncommitted_bound, "commits keep up with decisions");
    entry.term = number_;
    entry.committed_through = committed_;
    entry.snapshot = snapshot_;
    overdue = unfolded_.epochs.size() >= unfolded_bound;
  }
  if (overdue) {
    const std::lock_guard lock(maintain_mutex_);
    fold();
  }
  StoredEntry stored{0, std::move(entry), {}};
  spill(stored);
  append(stored);
  stored.index = log_.position() - 1;
  const std::lock_guard lock(mutex_);
  ++decided_;
  retention_.add(stored);
  auto& decided = std::get<EpochEntry>(stored.entry);
  for (const auto& changes : decided.changes) {
    unfolded_.inline_bytes += changes.inline_bytes.size();
    unfolded_.file_bytes += changes.file ? changes.file->size : 0;
  }
  unfolded_.epochs.push_back({decided.epoch, std::move(decided.changes)});
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
  if (snapshot_due()) {
    fold();
    save_snapshot();
  } else if (fold_due()) {
    fold();
  }
  clean();
}

bool DurableTerm::snapshot_due() const {
  const std::lock_guard lock(mutex_);
  return decided_ > saved_ &&
         (static_cast<std::uint64_t>(decided_ - saved_) >= options_.snapshot_epochs ||
          unsaved_bytes_ + unfolded_.bytes() >= options_.snapshot_bytes);
}

bool DurableTerm::fold_due() const {
  const std::lock_guard lock(mutex_);
  return unfolded_.inline_bytes >= unfolded_inline_bytes ||
         unfolded_.file_bytes >= unfolded_file_bytes;
}

void DurableTerm::fold() {
  Unfolded unfolded;
  {
    const std::lock_guard lock(mutex_);
    std::swap(unfolded, unfolded_);
  }
  if (unfolded.epochs.empty()) {
    return;
  }
  try {
    apply(unfolded);
  } catch (const Error&) {
    // A store that took part of the changes is none: no snapshot may come of it.
    const std::lock_guard lock(mutex_);
    fault_ = std::current_exception();
    throw;
  }
  folded_ = static_cast<std::int64_t>(libstream::number(unfolded.epochs.back().epoch));
}

void DurableTerm::apply(const Unfolded& unfolded) {
  try {
    ChangelogFold fold;
    for (auto it = unfolded.epochs.rbegin(); it != unfolded.epochs.rend(); ++it) {
      unsaved_bytes_ += add_changes(it->epoch, it->changes, *files_, fold);
    }
    fold.apply_to(*store_);
  } catch (const Error& error) {
    prefer_lost(error);
    throw;
  }
}

void DurableTerm::save_snapshot() {
  SnapshotReference snapshot{Epoch{static_cast<std::uint64_t>(folded_)}, {}};
  snapshot.files = store_->save([&](const std::string& suffix, std::string_view body) {
    return files_->store(FileKind::snapshot, suffix, body);
  });
  saved_ = folded_;
  unsaved_bytes_ = 0;
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(snapshot);
}

std::set<std::string> DurableTerm::snapshot_in_work() const {
  std::set<std::string> names;
  if (snapshot_) {
    for (const auto& file : snapshot_->files) {
      names.insert(file.name);
    }
  }
  return names;
}

void DurableTerm::clean() {
  Retention::Garbage garbage;
  {
    const std::lock_guard lock(mutex_);
    garbage = retention_.take_garbage(snapshot_in_work());
  }
  // Entries first: what an entry names is always there. Files left by a crash are swept later.
  for (const auto index : garbage.entries) {
    log_.remove(index);
  }
  for (const auto& file : garbage.files) {
    root_->remove(file);
  }
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
