#include "eviction_index.hpp"
#include "group_table.hpp"
#include "key_time.hpp"
#include "late_rows.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/operators/deduplicate.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace libstream {
namespace {

/// The state: a table of the keys seen. Within a watermark each row also has the time (µs) at which
/// its key expires; elsewhere that is the key's own event time, or never.
class Deduplicate final : public Operator {
 public:
  Deduplicate(DeduplicateSpec spec, const OperatorContext& context)
      : spec_(std::move(spec)),
        context_(context),
        table_(spec_.key_fields, within() ? sizeof(EventTime) : 0),
        late_(spec_.event_column, spec_.lateness) {}

  void restore(const StateReader& state, Watermark late) override {
    late_.set_limit(late);
    Loading loading;
    for (const Field& field : spec_.key_fields) loading.keys.emplace_back(field.type);
    state.for_each([&](std::uint32_t, std::string_view key, std::string_view value) {
      for (ColumnBuilder& builder : loading.keys) decode_value(key, builder);
      EventTime expires = 0;
      if (!key.empty() || value.size() != (within() ? sizeof expires : 0)) {
        throw Error(ErrorCode::corrupt,
                    "state entry of a deduplication has the wrong length; restart from an older "
                    "checkpoint");
      }
      if (within()) std::memcpy(&expires, value.data(), sizeof expires);
      loading.expires.push_back(expires);
      if (loading.expires.size() == batch_rows) load(loading);
    });
    if (!loading.expires.empty()) load(loading);
  }

  void start(const EpochStart&) override {
    late_.start();
    fresh_.clear();
    erased_.clear();
    updated_ = removed_ = duplicates_ = 0;
  }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    const BatchPtr on_time = late_.take(std::move(batch), output);
    if (on_time == nullptr) return Flow::done;
    const auto keys = columns_at(*on_time, spec_.keys);
    table_.find(keys, on_time->rows, hashes_.compute(*on_time, spec_.keys));
    if (expires_by_row()) return pass_expired(*on_time, output);
    const auto created = table_.created();
    duplicates_ += on_time->rows - created.size();
    if (created.empty()) return Flow::done;
    updated_ += created.size();
    fresh_.insert(fresh_.end(), created.begin(), created.end());
    note_expiry(*on_time);
    output.emit(created.size() == on_time->rows ? on_time : gather(*on_time, table_.created_by()));
    return Flow::done;
  }

  Flow on_barrier(const Barrier& barrier, Output& /*output*/) override {
    late_.set_limit(barrier.watermark);
    auto due = due_index_.take(barrier.watermark);
    if (expires_by_row()) drop_renewed(due, barrier.watermark);
    removed_ = due.size();
    if (due.empty()) return Flow::done;
    const BufferPtr hashes = hash_columns(table_.keys(due), due.size());
    const auto* values = hashes->as<std::uint64_t>();
    for (std::size_t i = 0; i < due.size(); ++i) {
      if (!(table_.header(due[i]) & GroupHeader::stored)) continue;
      erased_.emplace_back(key_group(values[i], context_.key_groups), std::string());
      table_.encode_key(due[i], erased_.back().second);
    }
    table_.erase(due, values);
    return Flow::done;
  }

  void collect_changes(ChangelogWriter& changes) override {
    for (const auto& [group, key] : erased_) changes.erase(group, key);
    erased_.clear();
    std::erase_if(fresh_,
                  [this](Group group) { return !(table_.header(group) & GroupHeader::live); });
    const BufferPtr hashes = hash_columns(table_.keys(fresh_), fresh_.size());
    std::string key;
    for (std::size_t i = 0; i < fresh_.size(); ++i) {
      key.clear();
      table_.encode_key(fresh_[i], key);
      const auto* expires = reinterpret_cast<const char*>(expiry(fresh_[i]));
      changes.put(key_group(hashes->as<std::uint64_t>()[i], context_.key_groups), key,
                  {expires, within() ? sizeof(EventTime) : 0});
      table_.header(fresh_[i]) |= GroupHeader::stored;
    }
    fresh_.clear();
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.late_rows = late_.rows();
    metrics.dropped_groups = late_.rows();  // counted in rows here
    metrics.filtered_rows = duplicates_;
    metrics.stateful = true;
    metrics.state_rows = table_.size();
    metrics.state_updated = updated_;
    metrics.state_removed = removed_;
    metrics.state_bytes = table_.bytes();
    return metrics;
  }

 private:
  using Group = GroupTable::Group;
  /// Entries on their way into the table, column by column.
  struct Loading {
    std::vector<ColumnBuilder> keys;
    std::vector<EventTime> expires;
  };

  /// Within the watermark, by the rows' own: a key counts as gone as soon as the watermark of the
  /// row that asks has passed its time, whether a barrier has evicted it yet or not.
  bool expires_by_row() const { return within() && spec_.lateness == Lateness::by_row; }

  /// Keys that a row renewed are in the index once more, at their new time.
  void drop_renewed(std::vector<Group>& due, Watermark watermark) const {
    std::sort(due.begin(), due.end());
    due.erase(std::unique(due.begin(), due.end()), due.end());
    std::erase_if(due, [&](Group group) { return !watermark.covers(*expiry(group)); });
  }

  Flow pass_expired(const Batch& batch, Output& output) {
    const KeyTime time(*batch.columns[*spec_.event_column]);
    const auto* limits = late_.row_watermarks()->values<std::int64_t>();
    const auto groups = table_.groups();
    const auto made_by = table_.created_by();
    std::vector<std::uint32_t> passed;
    for (std::uint32_t i = 0, made = 0; i < batch.rows; ++i) {
      const Group group = groups[i];
      const bool created = made < made_by.size() && made_by[made] == i;
      if (created) ++made;
      if (!created && !Watermark{limits[i]}.covers(*expiry(group))) continue;
      const EventTime expires = expires_after(time.has(i) ? time.at(i) : 0);
      *expiry(group) = created ? expires : std::max(expires, *expiry(group));
      due_index_.add(*expiry(group), group);
      fresh_.push_back(group);
      passed.push_back(i);
    }
    duplicates_ += batch.rows - passed.size();
    updated_ += passed.size();
    if (!passed.empty()) output.emit(gather(batch, passed));
    return Flow::done;
  }

  bool within() const { return spec_.within_milliseconds.has_value(); }
  EventTime* expiry(Group group) const {
    return reinterpret_cast<EventTime*>(table_.row(group) + table_.state_offset());
  }

  /// For the groups that the last find made, by the rows that made them.
  void note_expiry(const Batch& batch) {
    if (!within() && !spec_.time_key) return;
    const auto column = within() ? *spec_.event_column : spec_.keys[*spec_.time_key];
    const KeyTime time(*batch.columns[column]);
    for (std::size_t i = 0; i < table_.created().size(); ++i) {
      const std::uint32_t row = table_.created_by()[i];
      if (within()) {
        // A row without a time counts from 1970.
        *expiry(table_.created()[i]) = expires_after(time.has(row) ? time.at(row) : 0);
        due_index_.add(*expiry(table_.created()[i]), table_.created()[i]);
      } else if (time.has(row)) {
        due_index_.add(time.at(row), table_.created()[i]);
      }
    }
  }

  EventTime expires_after(EventTime time) const {
    constexpr auto last = std::numeric_limits<EventTime>::max();
    EventTime delay = 0;
    EventTime expires = 0;
    if (__builtin_mul_overflow(*spec_.within_milliseconds, std::int64_t{1000}, &delay)) return last;
    return __builtin_add_overflow(time, delay, &expires) ? last : expires;
  }

  void load(Loading& loading) {
    std::vector<ColumnPtr> keys;
    for (ColumnBuilder& builder : loading.keys) keys.push_back(builder.finish());
    const std::size_t rows = loading.expires.size();
    const BufferPtr hashes = hash_columns(keys, rows);
    table_.find(keys, rows, hashes->as<std::uint64_t>());
    LIBSTREAM_ASSERT(table_.created().size() == rows, "every stored key is there once");
    std::optional<KeyTime> time;
    if (spec_.time_key) time.emplace(*keys[*spec_.time_key]);
    for (std::size_t i = 0; i < rows; ++i) {
      const Group group = table_.groups()[i];
      table_.header(group) |= GroupHeader::stored;
      if (within()) {
        *expiry(group) = loading.expires[i];
        due_index_.add(loading.expires[i], group);
      } else if (time && time->has(i)) {
        due_index_.add(time->at(i), group);
      }
    }
    loading.expires.clear();
  }

  DeduplicateSpec spec_;
  OperatorContext context_;
  GroupTable table_;
  EvictionIndex due_index_;
  LateFilter late_;
  KeyHashes hashes_;
  std::vector<Group> fresh_;  ///< made in this epoch
  std::vector<std::pair<std::uint32_t, std::string>> erased_;
  std::uint64_t updated_ = 0;
  std::uint64_t removed_ = 0;
  std::uint64_t duplicates_ = 0;
};

}  // namespace

OperatorFactory deduplicate(DeduplicateSpec spec) {
  LIBSTREAM_ASSERT(spec.keys.size() == spec.key_fields.size(), "one field a key");
  LIBSTREAM_ASSERT(!spec.within_milliseconds || (spec.event_column && !spec.time_key),
                   "expiry within the watermark goes by the event time, not by a key");
  return [spec = std::move(spec)](const OperatorContext& context) -> std::unique_ptr<Operator> {
    return std::make_unique<Deduplicate>(spec, context);
  };
}

}  // namespace libstream
