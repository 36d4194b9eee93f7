#include "as_of_join.hpp"

#include "counted_output.hpp"
#include "join_rows.hpp"
#include "late_pairs.hpp"
#include "late_rows.hpp"
#include "latest_rows.hpp"
#include "value_order.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/stream_join.hpp>

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

namespace libstream {
namespace {

/// Right rows that the watermark has reached since the last barrier, by key hash, then time, then
/// columns: behind all rows of its hash up to a time stands the one that is the latest then.
class DueRows {
 public:
  DueRows(const Schema& schema, std::vector<std::uint32_t> keys, std::uint32_t time)
      : schema_(schema), keys_(std::move(keys)), time_(time) {}

  void add(const RowList& rows) {
    if (rows.size() == 0) return;
    for (std::size_t c = 0; c < schema_.size(); ++c) {
      parts_[c].push_back(gather_column(schema_[c].type, rows, c, Texts::copied));
    }
    count_ += rows.size();
  }
  void clear() {
    parts_.assign(schema_.size(), {});
    count_ = 0;
    rows_ = nullptr;
    order_.clear();
  }
  void sort();

  /// The rows of `batch` that have a candidate: appends them to `found` and the row to `latest`.
  /// The others to `rest`.
  void find(const Batch& batch, std::span<const std::uint32_t> keys, const std::uint64_t* hashes,
            const KeyTime& times, std::vector<std::uint32_t>& found, RowList& latest,
            std::vector<std::uint32_t>& rest) const;
  /// The latest row of each key; null where there is none.
  BatchPtr latest() const;

 private:
  struct Place {
    std::uint64_t hash;
    EventTime time;
    std::uint32_t row;
  };
  bool same_key(std::uint32_t a, std::uint32_t b) const {
    return std::all_of(keys_.begin(), keys_.end(), [&](std::uint32_t key) {
      return compare_values(*rows_->columns[key], a, b) == 0;
    });
  }

  const Schema& schema_;
  const std::vector<std::uint32_t> keys_;
  const std::uint32_t time_;
  std::vector<std::vector<ColumnPtr>> parts_;  ///< by column
  std::size_t count_ = 0;
  BatchPtr rows_;
  std::vector<Place> order_;
};

void DueRows::sort() {
  if (count_ == 0) return;
  std::vector<ColumnPtr> columns;
  for (std::size_t c = 0; c < schema_.size(); ++c) {
    columns.push_back(concatenate(schema_[c].type, parts_[c]));
  }
  rows_ = make_batch(std::move(columns), count_);
  KeyHashes hashes;
  const std::uint64_t* of_keys = hashes.compute(*rows_, keys_);
  const KeyTime times(*rows_->columns[time_]);
  order_.reserve(count_);
  for (std::uint32_t i = 0; i < count_; ++i) order_.push_back({of_keys[i], times.at(i), i});
  std::sort(order_.begin(), order_.end(), [&](const Place& a, const Place& b) {
    if (a.hash != b.hash) return a.hash < b.hash;
    if (a.time != b.time) return a.time < b.time;
    for (const ColumnPtr& column : rows_->columns) {
      if (const int order = compare_values(*column, a.row, b.row)) return order < 0;
    }
    return false;
  });
}

void DueRows::find(const Batch& batch, std::span<const std::uint32_t> keys,
                   const std::uint64_t* hashes, const KeyTime& times,
                   std::vector<std::uint32_t>& found, RowList& latest,
                   std::vector<std::uint32_t>& rest) const {
  std::vector<std::uint32_t> walking;
  std::vector<std::size_t> ends;  // the candidate is the one before
  for (std::uint32_t i = 0; i < batch.rows; ++i) {
    const auto behind =
        std::upper_bound(order_.begin(), order_.end(), std::tuple(hashes[i], times.at(i)),
                         [](const std::tuple<std::uint64_t, EventTime>& value, const Place& place) {
                           return value < std::tuple(place.hash, place.time);
                         });
    walking.push_back(i);
    ends.push_back(static_cast<std::size_t>(behind - order_.begin()));
  }
  RowList candidates;
  std::vector<std::uint8_t> same;
  // Nearly all end at the first one: others have the same hash and another key.
  for (;;) {
    std::size_t kept = 0;
    candidates.clear();
    for (std::size_t i = 0; i < walking.size(); ++i) {
      if (ends[i] == 0 || order_[ends[i] - 1].hash != hashes[walking[i]]) {
        rest.push_back(walking[i]);
        continue;
      }
      candidates.push_back(rows_.get(), order_[ends[i] - 1].row);
      walking[kept] = walking[i];
      ends[kept++] = ends[i];
    }
    walking.resize(kept);
    ends.resize(kept);
    if (kept == 0) return;
    match_columns(candidates, keys_, batch, keys, walking, same);
    kept = 0;
    for (std::size_t i = 0; i < walking.size(); ++i) {
      if (same[i] != 0) {
        found.push_back(walking[i]);
        latest.push_back(rows_.get(), candidates.rows[i]);
      } else {
        walking[kept] = walking[i];
        ends[kept++] = ends[i] - 1;
      }
    }
    walking.resize(kept);
    ends.resize(kept);
  }
}

BatchPtr DueRows::latest() const {
  std::vector<std::uint32_t> rows;
  std::size_t first = 0;  // of those with this hash
  for (std::size_t i = order_.size(); i-- > 0;) {
    if (i + 1 == order_.size() || order_[i].hash != order_[i + 1].hash) first = rows.size();
    const bool seen = std::any_of(rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end(),
                                  [&](std::uint32_t row) { return same_key(row, order_[i].row); });
    if (!seen) rows.push_back(order_[i].row);
  }
  return rows.empty() ? nullptr : gather(*rows_, rows);
}

class AsOfJoin final : public Operator {
 public:
  AsOfJoin(AsOfJoinPlan plan, Schema left, Schema right, const OperatorContext& context,
           const JoinTuning& tuning)
      : plan_(std::move(plan)),
        left_width_(left.size()),
        pair_(stream_join_late_schema(left, right)),
        right_schema_(right),
        left_(side_spec('l', std::move(left), plan_.left_keys, plan_.left_time, context, tuning),
              log_),
        right_(side_spec('r', right_schema_, plan_.right_keys, plan_.right_time, context, tuning),
               log_),
        latest_({'k', right_schema_, plan_.right_keys, plan_.right_time, context.key_groups}),
        due_(right_schema_, plan_.right_keys, plan_.right_time),
        late_{LateFilter(plan_.left_time), LateFilter(plan_.right_time)} {
    reach_.column = plan_.right_time;
    reach_.bound = -plan_.tolerance;
  }

  void restore(const StateReader& state, Watermark late) override {
    state.for_each([&](std::uint32_t group, std::string_view key, std::string_view value) {
      switch (key.empty() ? '\0' : key[0]) {
        case 'l':
          return left_.load(group, key, value);
        case 'r':
          return right_.load(group, key, value);
        case 'k':
          return latest_.load(value);
        default:
          throw Error(ErrorCode::corrupt,
                      "state entry of an as-of join belongs to neither side; restart from an older "
                      "checkpoint");
      }
    });
    left_.finish_load(late);
    right_.finish_load(late);
    for (LateFilter& filter : late_) filter.set_limit(late);
  }

  void start(const EpochStart& epoch) override {
    left_.start(epoch.epoch);
    right_.start(epoch.epoch);
    for (LateFilter& filter : late_) filter.start();
    rows_before_ = rows();
    added_ = filtered_ = absorbed_ = made_ = 0;
  }

  Flow process(BatchPtr batch, std::size_t input, Output& to) override {
    CountedOutput output(to, made_);
    const bool pads = input == 0 && plan_.type == JoinType::left_outer;
    if (!pads) batch = drop_unmatchable(std::move(batch), input);
    if (batch == nullptr) return Flow::done;
    LatePairs late_output(output, pair_, input == 0 ? 0 : left_width_);
    batch = late_[input].take(std::move(batch), late_output);
    if (batch != nullptr && pads) batch = pad_unmatchable(std::move(batch), output);
    if (batch == nullptr) return Flow::done;
    const auto& keys = input == 0 ? plan_.left_keys : plan_.right_keys;
    JoinRows& side = input == 0 ? left_ : right_;
    side.add(*batch, hashes_.compute(*batch, keys), nullptr, nullptr);
    added_ += batch->rows;
    absorbed_ += batch->rows;
    return Flow::done;
  }

  Flow on_barrier(const Barrier& barrier, Output& output) override {
    watermark_ = barrier.watermark;
    due_.clear();
    for (bool more = true; more;) {
      list_.clear();
      more = right_.evict(watermark_, list_);
      due_.add(list_);
    }
    right_.finish_eviction();
    due_.sort();
    return resume(output);
  }

  Flow resume(Output& to) override {
    CountedOutput output(to, made_);
    for (bool more = true; more;) {
      list_.clear();
      more = left_.evict(watermark_, list_);
      emit(output);
      if (more && output.full()) return Flow::more;
    }
    left_.finish_eviction();
    if (const BatchPtr rows = due_.latest()) latest_.replace(rows);
    due_.clear();
    latest_.evict(JoinRows::limit(reach_, watermark_));
    for (LateFilter& filter : late_) filter.set_limit(watermark_);
    return Flow::done;
  }

  void collect_changes(ChangelogWriter& changes) override {
    left_.finish_log();
    right_.finish_log();
    log_.collect(changes);
    latest_.collect(changes);
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.late_rows = late_[0].rows() + late_[1].rows();
    metrics.dropped_groups = metrics.late_rows;  // counted in rows here
    metrics.filtered_rows = filtered_;
    metrics.stateful = true;
    metrics.made_rows = made_;
    metrics.absorbed_rows = absorbed_;
    metrics.taken_rows = added_;
    metrics.released_rows = rows_before_ + added_ - rows();
    metrics.state_rows = metrics.held_rows = rows();
    metrics.state_updated = added_;
    metrics.state_removed = rows_before_ + added_ - rows();
    metrics.state_bytes = left_.bytes() + right_.bytes() + latest_.bytes();
    return metrics;
  }

 private:
  static JoinRows::Spec side_spec(char tag, Schema schema, const std::vector<std::uint32_t>& keys,
                                  std::uint32_t time, const OperatorContext& context,
                                  const JoinTuning& tuning) {
    JoinRows::Spec spec;
    spec.tag = tag;
    spec.schema = std::move(schema);
    spec.keys = keys;
    spec.null_safe.assign(keys.size(), false);
    spec.retention.column = time;
    spec.flagged = false;
    spec.padded = true;  // they all come out when the watermark reaches them
    spec.indexed = false;
    spec.key_groups = context.key_groups;
    spec.tuning = tuning;
    return spec;
  }

  std::uint64_t rows() const { return left_.live() + right_.live() + latest_.live(); }

  /// Splits rows into those whose keys and time are there, and the others.
  void split(const Batch& batch, std::size_t input, Selection& whole, RowList& others) const {
    const auto& keys = input == 0 ? plan_.left_keys : plan_.right_keys;
    const KeyTime time(*batch.columns[input == 0 ? plan_.left_time : plan_.right_time]);
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      const bool matchable = time.has(i) && std::none_of(keys.begin(), keys.end(), [&](auto key) {
                               return batch.columns[key]->is_null(i);
                             });
      if (matchable) {
        whole.push_back(i);
      } else {
        others.push_back(&batch, i);
      }
    }
  }

  BatchPtr drop_unmatchable(BatchPtr batch, std::size_t input) {
    Selection whole;
    RowList others;
    split(*batch, input, whole, others);
    filtered_ += others.size();
    if (others.size() == 0) return batch;
    return whole.empty() ? nullptr : gather(*batch, whole);
  }

  BatchPtr pad_unmatchable(BatchPtr batch, Output& output) {
    Selection whole;
    RowList others;
    split(*batch, 0, whole, others);
    if (others.size() == 0) return batch;
    absorbed_ += others.size();
    emit_padded(*gather(*batch, others.rows), output);
    return whole.empty() ? nullptr : gather(*batch, whole);
  }

  void emit_padded(const Batch& rows, Output& output) const {
    std::vector<ColumnPtr> columns;
    for (const std::uint32_t column : plan_.output) {
      columns.push_back(column < left_width_ ? rows.columns[column]
                                             : Column::nulls(pair_[column].type, rows.rows));
    }
    output.emit(make_batch(std::move(columns), rows.rows));
  }

  /// The left rows of `list_`, each with what was the latest at its time.
  void emit(Output& output) {
    if (list_.size() == 0) return;
    std::vector<ColumnPtr> columns;
    for (std::uint32_t c = 0; c < left_width_; ++c) {
      columns.push_back(gather_column(pair_[c].type, list_, c, Texts::copied));
    }
    const BatchPtr lefts = make_batch(std::move(columns), list_.size());
    const std::uint64_t* hashes = hashes_.compute(*lefts, plan_.left_keys);
    const KeyTime times(*lefts->columns[plan_.left_time]);
    std::vector<std::uint32_t> found;
    std::vector<std::uint32_t> rest;
    RowList rights;
    due_.find(*lefts, plan_.left_keys, hashes, times, found, rights, rest);
    latest_.find(*lefts, plan_.left_keys, hashes, rest, found, rights);
    std::vector<std::uint8_t> matched(lefts->rows, 0);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const KeyTime right(*rights.batches[i]->columns[plan_.right_time]);
      EventTime apart = 0;
      if (__builtin_sub_overflow(times.at(found[i]), right.at(rights.rows[i]), &apart) ||
          apart > plan_.tolerance) {
        continue;
      }
      matched[found[i]] = 1;
      found[kept] = found[i];
      rights.batches[kept] = rights.batches[i];
      rights.rows[kept++] = rights.rows[i];
    }
    found.resize(kept);
    rights.batches.resize(kept);
    rights.rows.resize(kept);
    emit_matched(*lefts, found, rights, output);
    if (plan_.type != JoinType::left_outer || kept == lefts->rows) return;
    Selection others;
    for (std::uint32_t i = 0; i < lefts->rows; ++i) {
      if (matched[i] == 0) others.push_back(i);
    }
    emit_padded(*gather(*lefts, others), output);
  }

  void emit_matched(const Batch& lefts, std::span<const std::uint32_t> found, const RowList& rights,
                    Output& output) const {
    if (found.empty()) return;
    std::vector<ColumnPtr> columns;
    for (const std::uint32_t column : plan_.output) {
      columns.push_back(column < left_width_ ? lefts.columns[column]->gather(found)
                                             : gather_column(pair_[column].type, rights,
                                                             column - left_width_, Texts::copied));
    }
    output.emit(make_batch(std::move(columns), found.size()));
  }

  const AsOfJoinPlan plan_;
  const std::size_t left_width_;
  const Schema pair_;
  const Schema right_schema_;
  JoinLog log_;
  JoinRows left_;      ///< not yet come out
  JoinRows right_;     ///< ahead of the watermark
  LatestRows latest_;  ///< behind it
  DueRows due_;
  LateFilter late_[2];
  JoinRetention reach_;  ///< how long the latest rows are needed
  KeyHashes hashes_;
  Watermark watermark_;
  RowList list_;

  std::uint64_t rows_before_ = 0;
  std::uint64_t added_ = 0;
  std::uint64_t filtered_ = 0;
  std::uint64_t absorbed_ = 0;
  std::uint64_t made_ = 0;
};

}  // namespace

std::unique_ptr<Operator> make_as_of_join(AsOfJoinPlan plan, Schema left, Schema right,
                                          const OperatorContext& context) {
  return make_as_of_join(std::move(plan), std::move(left), std::move(right), context, JoinTuning());
}

std::unique_ptr<Operator> make_as_of_join(AsOfJoinPlan plan, Schema left, Schema right,
                                          const OperatorContext& context,
                                          const JoinTuning& tuning) {
  LIBSTREAM_ASSERT(plan.type == JoinType::inner || plan.type == JoinType::left_outer,
                   "an as-of join takes left rows one by one");
  LIBSTREAM_ASSERT(!plan.left_keys.empty() && plan.left_keys.size() == plan.right_keys.size(),
                   "an as-of join has keys, one column of each side");
  return std::make_unique<AsOfJoin>(std::move(plan), std::move(left), std::move(right), context,
                                    tuning);
}

}  // namespace libstream
