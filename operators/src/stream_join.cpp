#include "stream_join.hpp"

#include "counted_output.hpp"
#include "join_pairs.hpp"
#include "join_rounds.hpp"
#include "join_rows.hpp"
#include "key_time.hpp"
#include "late_pairs.hpp"
#include "late_rows.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace libstream {
namespace {

bool pads_left(JoinType type) {
  return type == JoinType::left_outer || type == JoinType::full_outer;
}
bool pads_right(JoinType type) {
  return type == JoinType::right_outer || type == JoinType::full_outer;
}

class StreamJoin final : public Operator {
 public:
  StreamJoin(JoinPlan plan, Schema left, Schema right, const OperatorContext& context,
             const JoinTuning& tuning)
      : plan_(std::move(plan)),
        pair_(stream_join_late_schema(left, right)),
        pairs_(plan_, pair_, left.size()),
        tuning_(tuning) {
    sides_.reserve(2);
    sides_.emplace_back(side_spec(0, std::move(left), context), plan_.left, log_);
    sides_.emplace_back(side_spec(1, std::move(right), context), plan_.right, log_);
  }

  void set_input_watermarks(std::span<const Watermark> inputs) override {
    own_ = {inputs[0], inputs[1]};
  }

  void restore(const StateReader& state, Watermark late) override {
    state.for_each([&](std::uint32_t group, std::string_view key, std::string_view value) {
      if (key.empty() || (key[0] != 'l' && key[0] != 'r')) {
        throw Error(ErrorCode::corrupt,
                    "state entry of a join belongs to neither side; restart from an older "
                    "checkpoint");
      }
      sides_[key[0] == 'l' ? 0 : 1].rows.load(group, key, value);
    });
    for (const std::size_t side : {0U, 1U}) {
      sides_[side].rows.finish_load(bounding(side, late));
      sides_[side].late.set_limit(own(side, late));
    }
  }

  void start(const EpochStart& epoch) override {
    for (Side& side : sides_) {
      side.rows.start(epoch.epoch);
      side.late.start();
    }
    pairs_.start(epoch.context);
    updated_ = removed_ = filtered_ = absorbed_ = made_ = taken_ = 0;
    if (semi()) older_.assign(batch_rows, {});
  }

  Flow process(BatchPtr batch, std::size_t input, Output& to) override {
    CountedOutput output(to, made_);
    Side& side = sides_[input];
    side_ = input;
    batch = drop_unmatchable(std::move(batch));
    if (batch == nullptr) return Flow::done;
    LatePairs late_output(output, pair_, input == 0 ? 0 : pair_.size() - batch->columns.size());
    batch = side.late.take(std::move(batch), late_output);
    if (batch != nullptr && side.filter) batch = filter(std::move(batch), output);
    if (batch == nullptr) return Flow::done;
    absorbed_ += batch->rows;
    begin_probe(std::move(batch));
    return probe(output);
  }

  Flow on_barrier(const Barrier& barrier, Output& to) override {
    CountedOutput output(to, made_);
    watermark_ = barrier.watermark;
    side_ = 0;
    return evict(output);
  }

  Flow resume(Output& to) override {
    CountedOutput output(to, made_);
    return probe_ ? probe(output) : evict(output);
  }

  void collect_changes(ChangelogWriter& changes) override {
    for (Side& side : sides_) side.rows.finish_log();
    log_.collect(changes);
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.late_rows = sides_[0].late.rows() + sides_[1].late.rows();
    metrics.dropped_groups = metrics.late_rows;  // counted in rows here
    metrics.filtered_rows = filtered_;
    metrics.stateful = true;
    metrics.state_rows = metrics.held_rows = live();
    metrics.made_rows = made_;
    metrics.absorbed_rows = absorbed_;
    metrics.taken_rows = taken_;
    metrics.released_rows = sides_[0].rows.evicted().rows + sides_[1].rows.evicted().rows;
    metrics.state_updated = updated_;
    metrics.state_removed = removed_;
    metrics.state_bytes = sides_[0].rows.bytes() + sides_[1].rows.bytes();
    return metrics;
  }

  Watermark output_watermark(Watermark input) const override {
    Watermark least = input;
    for (const std::size_t side : {0U, 1U}) {
      const JoinRetention& retention = plan_of(side).retention;
      if (!retention.bounded()) continue;
      const EventTime limit = JoinRows::limit(retention, bounding(side, input));
      least = std::min(least, Watermark{floor_to_milliseconds(limit)});
    }
    return std::max(least, Watermark{0});
  }

 private:
  struct Side {
    Side(JoinRows::Spec spec, const JoinSide& side, JoinLog& log)
        : plan(side), rows(std::move(spec), log), late(side.event_column) {
      if (side.filter) filter.emplace(std::vector<BoundPtr>{side.filter});
    }
    const JoinSide& plan;
    JoinRows rows;
    LateFilter late;
    std::optional<Evaluator> filter;
    KeyHashes hashes;
  };
  /// Where the matching of a batch stands: between any two steps the output may be full.
  struct Probe {
    BatchPtr batch;
    const std::uint64_t* hashes = nullptr;
    std::size_t generation = 0;
    bool searched = false;  ///< the generation's table, for the batch
    std::size_t pairs = 0;  ///< how many to check at once
  };

  struct Older {
    std::size_t generation = ~std::size_t{0};
    std::uint64_t hash = 0;
    JoinTable::Row row = JoinTable::none;
  };

  const JoinSide& plan_of(std::size_t side) const { return side == 0 ? plan_.left : plan_.right; }

  /// The watermark by which rows of a side are late.
  Watermark own(std::size_t side, Watermark least) const { return own_ ? (*own_)[side] : least; }
  /// The one that says which rows of the other side may still come, and so how long this side's are
  /// needed: the other's, unless a key's time is known of this side alone.
  Watermark bounding(std::size_t side, Watermark least) const {
    const JoinRetention& retention = plan_of(side).retention;
    const JoinSide& other = plan_of(1 - side);
    const bool by_own = retention.key && other.event_column != other.keys[*retention.key];
    return own(by_own ? side : 1 - side, least);
  }

  JoinRows::Spec side_spec(std::size_t side, Schema schema, const OperatorContext& context) const {
    const bool left = side == 0;
    const JoinSide& plan = plan_of(side);
    const bool padded = left ? pads_left(plan_.type) : pads_right(plan_.type);
    return {left ? 'l' : 'r',
            std::move(schema),
            plan.keys,
            plan_.null_safe,
            plan.retention,
            padded || (left && plan_.type == JoinType::left_semi),
            padded,
            true,
            context.key_groups,
            tuning_};
  }

  bool pads(std::size_t side) const {
    return side == 0 ? pads_left(plan_.type) : pads_right(plan_.type);
  }
  std::uint64_t live() const { return sides_[0].rows.live() + sides_[1].rows.live(); }
  bool semi() const { return plan_.type == JoinType::left_semi; }

  /// Rows with a null key match nothing: without them where they would not come out padded.
  BatchPtr drop_unmatchable(BatchPtr batch) {
    const JoinRows& rows = sides_[side_].rows;
    if (!rows.mute_rows(*batch, mute_)) {
      mute_.clear();
      return batch;
    }
    if (pads(side_)) return batch;
    Selection kept;
    for (std::uint32_t i = 0; i < batch->rows; ++i) {
      if (mute_[i] == 0) kept.push_back(i);
    }
    filtered_ += batch->rows - kept.size();
    return kept.empty() ? nullptr : gather(*batch, kept);
  }

  /// The rows that pass the side's filter; the others come out padded, or not at all.
  BatchPtr filter(BatchPtr batch, Output& output) {
    Selection kept;
    sides_[side_].filter->select(0, *batch, pairs_.context(), kept);
    if (kept.size() == batch->rows) return batch;
    if (!pads(side_)) {
      filtered_ += batch->rows - kept.size();
    } else {
      RowList failed;
      std::size_t next = 0;
      for (std::uint32_t i = 0; i < batch->rows; ++i) {
        if (next < kept.size() && kept[next] == i) {
          ++next;
        } else {
          failed.push_back(batch.get(), i);
        }
      }
      absorbed_ += failed.size();
      pairs_.emit_padded(failed, side_, output);
    }
    return kept.empty() ? nullptr : gather(*batch, kept);
  }

  void begin_probe(BatchPtr batch) {
    Side& side = sides_[side_];
    if (!side.rows.mute_rows(*batch, mute_)) mute_.clear();
    probes_.clear();
    for (std::uint32_t i = 0; i < batch->rows; ++i) {
      if (mute_.empty() || mute_[i] == 0) probes_.push_back(i);
    }
    const std::uint64_t* hashes = side.hashes.compute(*batch, side.plan.keys);
    pairs_.begin(*batch, side_);
    probe_ = Probe{std::move(batch), hashes};
  }

  Flow probe(Output& output) {
    JoinRows& others = sides_[1 - side_].rows;
    for (; probe_->generation < others.generations(); ++probe_->generation) {
      JoinGeneration& generation = others.generation(probe_->generation);
      if (!probe_->searched) search(generation);
      while (!heads_.empty() || rounds_.next(found_, heads_)) {
        if (semi()) {
          walk_semi(others, generation);
        } else {
          walk(others, generation);
        }
        const bool round_over = heads_.empty() && rounds_.pending();
        if (pairs_.candidates() < probe_->pairs && !round_over) continue;
        pairs_.flush(output);
        probe_->pairs = std::min(probe_->pairs * 2, tuning_.pair_rows);
        if (output.full()) return Flow::more;
      }
      probe_->searched = false;
    }
    pairs_.flush(output);
    store();
    probe_.reset();
    return Flow::done;
  }

  void search(JoinGeneration& generation) {
    found_.clear();
    heads_.clear();
    if (generation.live() > 0) generation.table().find(probe_->hashes, probes_, found_, heads_);
    probe_->searched = true;
    probe_->pairs = tuning_.pair_rows;
    if (!semi()) return;
    // A left row that came once is through: to propose it again before that is known is in vain.
    if (side_ == 1) {
      rounds_.split(found_, heads_);
    } else {
      probe_->pairs = std::min(tuning_.pair_rows, 2 * heads_.size());
    }
  }

  /// One step along every chain, so that their memory is fetched side by side.
  void walk(JoinRows& others, JoinGeneration& generation) {
    const JoinTable& table = generation.table();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      const JoinTable::Row row = heads_[i];
      propose(found_[i], row, others, generation);
      kept = go_on(kept, found_[i], table.next(row));
    }
    found_.resize(kept);
    heads_.resize(kept);
  }

  /// The same for a semi join, past the rows that cannot change anything any more.
  void walk_semi(JoinRows& others, JoinGeneration& generation) {
    JoinTable& table = generation.table();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      const std::uint32_t probe = found_[i];
      JoinTable::Row row = heads_[i];
      if (side_ == 0) {
        if (pairs_.matched_before(probe)) continue;
        if (pairs_.matched()[probe] != 0) row = first_older(generation, probe, row);
        if (row == JoinTable::none) continue;
        propose(probe, row, others, generation);
        kept = go_on(kept, probe, table.next(row));
        continue;
      }
      JoinTable::Row next = table.next(row);
      // Left rows come out once: out of the chain with those that did.
      if (next != JoinTable::none && generation.matched(next)) {
        while (next != JoinTable::none && generation.matched(next)) next = table.next(next);
        table.next(row) = next;
      }
      if (!generation.matched(row)) propose(probe, row, others, generation);
      kept = go_on(kept, probe, next);
    }
    found_.resize(kept);
    heads_.resize(kept);
  }

  void propose(std::uint32_t probe, JoinTable::Row row, JoinRows& others,
               JoinGeneration& generation) {
    const JoinChunk& chunk = generation.chunk_of(row);
    if (!others.is_live(chunk, row)) return;
    pairs_.add(probe, *chunk.batch, row - chunk.first, generation, row);
  }

  std::size_t go_on(std::size_t kept, std::uint32_t probe, JoinTable::Row next) {
    found_[kept] = probe;
    heads_[kept] = next;
    return kept + (next != JoinTable::none ? 1 : 0);
  }

  /// The first row of a chain, from `row` on, that came before this epoch.
  JoinTable::Row first_older(const JoinGeneration& generation, std::uint32_t probe,
                             JoinTable::Row row) {
    if (!generation.is_fresh(row)) return row;
    // The same for every row of the chain until the epoch ends.
    const std::uint64_t hash = probe_->hashes[probe];
    Older& known = older_[hash % older_.size()];
    if (known.generation != probe_->generation || known.hash != hash) {
      while (row != JoinTable::none && generation.is_fresh(row)) row = generation.table().next(row);
      known = {probe_->generation, hash, row};
    }
    return known.row;
  }

  /// Keeps the batch. Left rows of a semi join that have come out thanks to a row of an earlier
  /// epoch are through.
  void store() {
    Side& side = sides_[side_];
    const Batch& batch = *probe_->batch;
    const std::uint8_t* matched = pairs_.matched();
    const std::uint8_t* mute = mute_.empty() ? nullptr : mute_.data();
    if (semi() && side_ == 0) {
      Selection kept;
      for (std::uint32_t i = 0; i < batch.rows; ++i) {
        if (!pairs_.matched_before(i)) kept.push_back(i);
      }
      if (kept.empty()) return;
      if (kept.size() < batch.rows) {
        std::vector<std::uint8_t> flags;
        for (const std::uint32_t i : kept) flags.push_back(matched[i]);
        const BatchPtr rest = gather(batch, kept);
        // Rows with null keys were dropped before.
        side.rows.add(*rest, side.hashes.compute(*rest, side.plan.keys), nullptr, flags.data());
        updated_ += rest->rows;
        taken_ += rest->rows;
        return;
      }
    }
    side.rows.add(batch, probe_->hashes, mute, matched);
    updated_ += batch.rows;
    taken_ += batch.rows;
  }

  Flow evict(Output& output) {
    for (; side_ < 2; ++side_) {
      JoinRows& rows = sides_[side_].rows;
      for (bool more = true; more;) {
        padded_.clear();
        more = rows.evict(bounding(side_, watermark_), padded_);
        pairs_.emit_padded(padded_, side_, output);
        if (more && output.full()) return Flow::more;
      }
      count_evicted(rows.evicted());
      rows.finish_eviction();
      sides_[side_].late.set_limit(own(side_, watermark_));
    }
    return Flow::done;
  }

  /// As Structured Streaming counts: rows that leave on the side that is padded are no removals,
  /// and right rows that leave in their own epoch were never stored, unless they come out padded.
  void count_evicted(const JoinRows::Evicted& evicted) {
    std::uint64_t removed = evicted.rows;
    if (side_ == 1) {
      updated_ -= evicted.settled_fresh;
      removed -= evicted.settled_fresh;
    }
    if (!pads(side_)) removed_ += removed;
  }

  const JoinPlan plan_;
  const Schema pair_;
  JoinPairs pairs_;
  const JoinTuning tuning_;
  JoinLog log_;
  std::vector<Side> sides_;
  std::size_t side_ = 0;  ///< of the batch being matched, or being evicted
  Watermark watermark_;
  std::optional<std::array<Watermark, 2>> own_;  ///< of each input, by the policy per_side

  std::optional<Probe> probe_;
  std::vector<std::uint8_t> mute_;
  std::vector<std::uint32_t> probes_;  ///< rows that can match
  std::vector<std::uint32_t> found_;   ///< rows with a chain yet to walk, and where they are in it
  std::vector<JoinTable::Row> heads_;
  JoinRounds rounds_;
  std::vector<Older> older_;  ///< by hash
  RowList padded_;

  std::uint64_t updated_ = 0;
  std::uint64_t removed_ = 0;
  std::uint64_t filtered_ = 0;
  std::uint64_t absorbed_ = 0;
  std::uint64_t made_ = 0;
  std::uint64_t taken_ = 0;
};

}  // namespace

Schema stream_join_late_schema(const Schema& left, const Schema& right) {
  std::vector<Field> fields;
  for (const Schema* schema : {&left, &right}) {
    for (Field field : *schema) {
      field.nullable = true;
      fields.push_back(std::move(field));
    }
  }
  return Schema(std::move(fields));
}

std::unique_ptr<Operator> make_stream_join(JoinPlan plan, Schema left, Schema right,
                                           const OperatorContext& context) {
  return make_stream_join(std::move(plan), std::move(left), std::move(right), context,
                          JoinTuning());
}

std::unique_ptr<Operator> make_stream_join(JoinPlan plan, Schema left, Schema right,
                                           const OperatorContext& context,
                                           const JoinTuning& tuning) {
  LIBSTREAM_ASSERT(plan.type != JoinType::left_anti, "streams have no anti join");
  LIBSTREAM_ASSERT(!plan.left.keys.empty() && plan.left.keys.size() == plan.right.keys.size() &&
                       plan.null_safe.size() == plan.left.keys.size(),
                   "a join has keys, one column of each side");
  return std::make_unique<StreamJoin>(std::move(plan), std::move(left), std::move(right), context,
                                      tuning);
}

}  // namespace libstream
