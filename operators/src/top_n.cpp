#include "eviction_index.hpp"
#include "key_time.hpp"
#include "late_rows.hpp"
#include "rank_keys.hpp"
#include "ranked_rows.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/operators/top_n.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>

namespace libstream {
namespace {

std::vector<BoundPtr> expressions(const TopNSpec& spec) {
  std::vector<BoundPtr> list;
  for (const auto& key : spec.order) list.push_back(key.expression);
  return list;
}

std::vector<bool> directions(const TopNSpec& spec) {
  std::vector<bool> list;
  for (const auto& key : spec.order) list.push_back(key.descending);
  return list;
}

std::optional<std::uint32_t> late_column(const TopNSpec& spec) {
  if (!spec.time_key || spec.mode == OutputMode::complete) return std::nullopt;
  return spec.keys[*spec.time_key];
}

/// The state: one entry a row, under the key and a number among the key's rows. A row that takes
/// another's place takes its number too, so that it overwrites the entry.
class TopN final : public Operator {
 public:
  TopN(TopNSpec spec, const OperatorContext& context)
      : spec_(std::move(spec)),
        context_(context),
        evaluator_(expressions(spec_)),
        ranks_(directions(spec_)),
        rows_(spec_.schema, spec_.keys, spec_.count, spec_.keep_ties),
        late_(late_column(spec_)) {}

  void restore(const StateReader& state, Watermark late) override {
    late_.set_limit(late);
    std::vector<std::string> values;
    std::vector<std::uint32_t> ids;
    state.for_each([&](std::uint32_t, std::string_view key, std::string_view value) {
      std::uint32_t id = 0;
      if (key.size() < sizeof id) corrupt_entry();
      std::memcpy(&id, key.data() + key.size() - sizeof id, sizeof id);
      ids.push_back(id);
      values.emplace_back(value);
      if (ids.size() == batch_rows) load(values, ids);
    });
    if (!ids.empty()) load(values, ids);
  }

  void start(const EpochStart& epoch) override {
    epoch_ = epoch.context;
    late_.start();
    rows_.reset_counts();
    offered_ = updated_ = removed_ = rows_due_ = 0;
  }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    const BatchPtr on_time = late_.take(std::move(batch), output);
    if (on_time == nullptr) return Flow::done;
    offered_ += on_time->rows;
    ranks_.set(evaluator_.evaluate(*on_time, epoch_), on_time->rows);
    rows_.offer(*on_time, ranks_);
    if (spec_.time_key && !each_epoch()) index(columns_at(*on_time, spec_.keys));
    return Flow::done;
  }

  Flow on_barrier(const Barrier& barrier, Output& output) override {
    barrier_ = barrier.watermark;
    note_erased(rows_.take_dropped());
    due_ = each_epoch() ? live_groups() : due_index_.take(barrier_);
    list_rows_to_emit();
    emitted_ = 0;
    return resume(output);
  }

  Flow resume(Output& output) override {
    while (emitted_ < emit_.size()) {
      if (output.full()) return Flow::more;
      const std::size_t count = std::min(batch_rows, emit_.size() - emitted_);
      emit(std::span(emit_).subspan(emitted_, count), output);
      emitted_ += count;
    }
    emit_.clear();
    emitted_ = 0;
    evict();
    late_.set_limit(barrier_);
    return Flow::done;
  }

  void collect_changes(ChangelogWriter& changes) override {
    for (const auto& [group, key] : erased_) changes.erase(group, key);
    erased_.clear();
    if (each_epoch()) return rows_.clear_marks();
    std::vector<Group> groups;
    std::size_t rows = 0;
    for (const Group group : rows_.touched()) {
      if (!is_live(group)) continue;
      groups.push_back(group);
      const auto entries = rows_.rows(group);
      rows += static_cast<std::size_t>(std::count_if(entries.begin(), entries.end(), is_fresh));
    }
    for (std::size_t begin = 0; begin < groups.size(); begin += batch_rows) {
      const std::size_t count = std::min(batch_rows, groups.size() - begin);
      const std::size_t written =
          put(std::span<const Group>(groups).subspan(begin, count), changes);
      // The entries of the first batch tell how long all will be.
      if (begin == 0 && written > 0) {
        changes.reserve(changes.bytes().size() / written * rows * 9 / 8);
      }
    }
    rows_.clear_marks();
  }

  OperatorMetrics metrics() const override {
    const auto& counts = rows_.counts();
    OperatorMetrics metrics;
    metrics.late_rows = late_.rows();
    metrics.dropped_groups = late_.rows();  // counted in rows here
    metrics.filtered_rows = offered_ - counts.entered + counts.left_fresh;
    // The rows that stay go out in this epoch, but in append mode, where they are held.
    if (each_epoch()) return metrics;
    // Rows that were held leave unseen in append mode; in update mode they went out long ago.
    if (spec_.mode == OutputMode::append) {
      metrics.filtered_rows += counts.left_stored;
      metrics.held_rows = rows_.size();
      metrics.absorbed_rows = metrics.taken_rows = counts.entered - counts.left_fresh;
      metrics.made_rows = metrics.released_rows = rows_due_ + counts.left_stored;
    }
    metrics.stateful = true;
    metrics.state_rows = rows_.size();
    metrics.state_updated = updated_;
    metrics.state_removed = removed_ + counts.left_stored;
    metrics.state_bytes = rows_.bytes();
    return metrics;
  }

 private:
  using Group = GroupTable::Group;
  using Stored = RankedRows::Stored;

  bool each_epoch() const { return spec_.mode == OutputMode::complete; }
  static bool is_fresh(const RankedRows::Entry& entry) {
    return (entry.row->marks & Stored::fresh) != 0;
  }
  bool is_live(Group group) const { return (rows_.table().header(group) & GroupHeader::live) != 0; }
  std::uint32_t key_group_of(std::uint64_t hash) const {
    return spec_.keys.empty() ? 0 : key_group(hash, context_.key_groups);
  }
  BufferPtr hashes_of(std::span<const Group> groups) const {
    return hash_columns(rows_.table().keys(groups), groups.size());
  }

  /// The rows of groups that entered in this epoch, as state entries; how many there are.
  std::size_t put(std::span<const Group> groups, ChangelogWriter& changes) const {
    std::size_t rows = 0;
    const BufferPtr hashes = hashes_of(groups);
    std::string key;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const auto number = key_group_of(hashes->as<std::uint64_t>()[i]);
      key.clear();
      rows_.table().encode_key(groups[i], key);
      for (const auto& entry : rows_.rows(groups[i])) {
        if (!is_fresh(entry)) continue;
        const auto size = key.size();
        key.append(reinterpret_cast<const char*>(&entry.row->id), sizeof entry.row->id);
        changes.put(number, key, entry.row->row());
        key.resize(size);
        ++rows;
      }
    }
    return rows;
  }

  [[noreturn]] static void corrupt_entry() {
    throw Error(ErrorCode::corrupt,
                "state entry of top_n has the wrong length; restart from an older checkpoint");
  }

  /// The rows from their bytes, cut off the front of each.
  BatchPtr decode(std::span<std::string_view> bytes) const {
    std::vector<ColumnPtr> columns;
    for (const Field& field : spec_.schema) columns.push_back(decode_rows(field.type, bytes));
    return make_batch(std::move(columns), bytes.size());
  }

  /// An entry's value is the row, which has the key and what the order is made of.
  void load(std::vector<std::string>& values, std::vector<std::uint32_t>& ids) {
    std::vector<std::string_view> bytes(values.begin(), values.end());
    const BatchPtr batch = decode(bytes);
    for (const std::string_view rest : bytes) {
      if (!rest.empty()) corrupt_entry();
    }
    ranks_.set(evaluator_.evaluate(*batch, epoch_), batch->rows);
    rows_.load(*batch, ranks_, ids);
    index(columns_at(*batch, spec_.keys));
    values.clear();
    ids.clear();
  }

  /// Notes when the groups made last are due, by the rows that made them.
  void index(const std::vector<ColumnPtr>& keys) {
    const auto& table = rows_.table();
    if (!spec_.time_key || table.created().empty()) return;
    const KeyTime time(*keys[*spec_.time_key]);
    for (std::size_t i = 0; i < table.created().size(); ++i) {
      const std::uint32_t row = table.created_by()[i];
      if (time.has(row)) due_index_.add(time.at(row), table.created()[i]);
    }
  }

  std::vector<Group> live_groups() const {
    std::vector<Group> groups;
    for (Group group = 0; group < rows_.table().end(); ++group) {
      if (is_live(group)) groups.push_back(group);
    }
    return groups;
  }

  void list_rows_to_emit() {
    const bool update = spec_.mode == OutputMode::update;
    for (const Group group : rows_.touched()) {
      for (const auto& entry : rows_.rows(group)) {
        if (!is_fresh(entry)) continue;
        ++updated_;
        if (update) emit_.push_back(entry.row);
      }
    }
    if (update) return;
    for (const Group group : due_) {
      for (const auto& entry : rows_.rows(group)) emit_.push_back(entry.row);
    }
    rows_due_ = emit_.size();
  }

  void emit(std::span<const Stored* const> rows, Output& output) const {
    std::vector<std::string_view> bytes;
    for (const Stored* row : rows) bytes.push_back(row->row());
    output.emit(decode(bytes));
  }

  /// Removes the groups that are due, and notes their entries for the changes.
  void evict() {
    if (due_.empty()) return;
    std::vector<std::pair<Group, std::uint32_t>> entries;
    for (const Group group : due_) {
      removed_ += rows_.rows(group).size();
      for (const auto& entry : rows_.rows(group)) {
        if ((entry.row->marks & Stored::stored) != 0) entries.emplace_back(group, entry.row->id);
      }
    }
    note_erased(std::move(entries));
    rows_.erase(due_, hashes_of(due_)->as<std::uint64_t>());
    due_.clear();
  }

  void note_erased(std::vector<std::pair<Group, std::uint32_t>> entries) {
    std::sort(entries.begin(), entries.end());
    std::vector<Group> groups;
    for (const auto& [group, id] : entries) {
      if (groups.empty() || groups.back() != group) groups.push_back(group);
    }
    const BufferPtr hashes = hashes_of(groups);
    std::size_t at = 0;
    for (const auto& [group, id] : entries) {
      while (groups[at] != group) ++at;
      erased_.emplace_back(key_group_of(hashes->as<std::uint64_t>()[at]), std::string());
      std::string& key = erased_.back().second;
      rows_.table().encode_key(group, key);
      key.append(reinterpret_cast<const char*>(&id), sizeof id);
    }
  }

  TopNSpec spec_;
  OperatorContext context_;
  Evaluator evaluator_;
  RankKeys ranks_;
  RankedRows rows_;
  LateFilter late_;
  EvictionIndex due_index_;
  EpochContext epoch_;

  Watermark barrier_;
  std::vector<Group> due_;  // of the running barrier
  std::vector<const Stored*> emit_;
  std::size_t emitted_ = 0;

  std::vector<std::pair<std::uint32_t, std::string>> erased_;
  std::uint64_t offered_ = 0;
  std::uint64_t updated_ = 0;
  std::uint64_t removed_ = 0;
  std::uint64_t rows_due_ = 0;  ///< held rows that go out
};

}  // namespace

OperatorFactory top_n(TopNSpec spec) {
  LIBSTREAM_ASSERT(spec.mode != OutputMode::append || spec.time_key,
                   "append emits when the watermark passes the key");
  return [spec = std::move(spec)](const OperatorContext& context) -> std::unique_ptr<Operator> {
    return std::make_unique<TopN>(spec, context);
  };
}

}  // namespace libstream
