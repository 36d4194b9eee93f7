#include "recording_shared.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <sstream>
#include <thread>

namespace libstream {
namespace {

/// A longer pause of the recorded query is not waited for: nobody could stop the replay meanwhile.
constexpr std::int64_t longest_pause_us = 10'000'000;

/// Rows [skip, skip + take) of a chunk.
struct Piece {
  std::size_t epoch = 0;
  std::size_t chunk = 0;
  std::uint64_t skip = 0;
  std::uint64_t take = 0;
};

std::string to_bytes(const Piece& piece) {
  return std::to_string(piece.epoch) + " " + std::to_string(piece.chunk) + " " +
         std::to_string(piece.skip) + " " + std::to_string(piece.take);
}

Piece to_piece(const std::string& bytes) {
  std::istringstream in(bytes);
  Piece piece;
  in >> piece.epoch >> piece.chunk >> piece.skip >> piece.take;
  LIBSTREAM_ASSERT(!in.fail(), "units are those that the source made");
  return piece;
}

class RecordedReader final : public SourceReader {
 public:
  RecordedReader(std::shared_ptr<const Recording::Shared> shared, std::size_t source)
      : shared_(std::move(shared)), source_(source) {}

  bool blocking() const override { return true; }

  void open(std::vector<ReadUnit> units) override {
    units_ = std::move(units);
    next_unit_ = 0;
    batches_.clear();
    next_batch_ = 0;
    metrics_ = {};
  }

  BatchPtr next() override {
    while (next_batch_ == batches_.size()) {
      if (next_unit_ == units_.size()) return nullptr;
      load(to_piece(units_[next_unit_++].bytes));
    }
    auto batch = std::move(batches_[next_batch_++]);
    metrics_.rows += batch->rows;
    return batch;
  }

  SourceMetrics metrics() const override { return metrics_; }

 private:
  void load(const Piece& piece) {
    const auto& chunk = shared_->sources[source_].epochs[piece.epoch].chunks[piece.chunk];
    batches_.clear();
    next_batch_ = 0;
    auto skip = piece.skip;
    auto take = piece.take;
    for (auto& batch : recorded_rows(*shared_, source_, chunk)) {
      const auto begin = std::min<std::uint64_t>(skip, batch->rows);
      const auto count = std::min<std::uint64_t>(take, batch->rows - begin);
      skip -= begin;
      take -= count;
      if (count == 0) continue;
      batches_.push_back(count == batch->rows ? std::move(batch) : slice(*batch, begin, count));
    }
  }

  std::shared_ptr<const Recording::Shared> shared_;
  std::size_t source_;
  std::vector<ReadUnit> units_;
  std::size_t next_unit_ = 0;
  std::vector<BatchPtr> batches_;
  std::size_t next_batch_ = 0;
  SourceMetrics metrics_;
};

/// Where a source stands: so many recorded epochs are behind, and of the next one so many rows.
struct Position {
  std::size_t epoch = 0;
  std::uint64_t row = 0;
};

class RecordedInput final : public Source {
 public:
  RecordedInput(std::shared_ptr<const Recording::Shared> shared, std::size_t source,
                const ReplayRules& rules)
      : shared_(std::move(shared)),
        source_(source),
        recorded_(shared_->sources[source]),
        rules_(rules) {
    if (!(rules_.pace >= 0)) {
      throw Error(ErrorCode::invalid_argument, "a replay's pace is 0 (at full speed) or above");
    }
  }

  const Schema& schema() const override { return recorded_.schema; }
  std::string describe() const override { return "RecordedSource[" + recorded_.name + "]"; }
  std::uint32_t splits() const override { return recorded_.splits; }
  std::shared_ptr<std::recursive_mutex> planning_lock() override { return shared_->planning; }

  void restore(const Offset& committed, const StateReader&) override { rewind(committed); }

  void rewind(const Offset& committed) override {
    position_ = {};
    if (committed.empty()) return;
    std::istringstream in(committed);
    // {"epochs":3,"rows":0}
    in.ignore(16, ':') >> position_.epoch;
    in.ignore(16, ':') >> position_.row;
    if (in.fail() || position_.epoch > recorded_.epochs.size()) {
      throw Error(ErrorCode::incompatible,
                  "the position " + committed + " is none of the recording's source " +
                      recorded_.name + "; start with a new checkpoint");
    }
  }

  std::optional<PlannedRange> plan(bool unlimited) override {
    if (position_.epoch == recorded_.epochs.size()) return std::nullopt;
    PlannedRange range;
    if (position_.epoch > 0 || position_.row > 0) range.start = offset(position_);
    const auto begin = position_.epoch;
    wait_for(recorded_.epochs[begin]);
    unlimited || rules_.epoch_rows > 0 ? take_rows(range, unlimited) : take_epoch(range);
    range.end = offset(position_);
    range.latest = offset({recorded_.epochs.size(), 0});
    const auto& last = recorded_.epochs[std::max(begin, position_.row > 0 ? position_.epoch
                                                                          : position_.epoch - 1)];
    range.context = last.context;
    if (rules_.seed) range.context->seed = hash_word(*rules_.seed ^ last.context.seed);
    shared_->clock->reach(last.context.timestamp_milliseconds);
    return range;
  }

  void freeze() override {}  // nothing comes later

  std::unique_ptr<SourceReader> reader(std::uint32_t, std::uint32_t) override {
    return std::make_unique<RecordedReader>(shared_, source_);
  }

 private:
  static Offset offset(const Position& position) {
    return "{\"epochs\":" + std::to_string(position.epoch) +
           ",\"rows\":" + std::to_string(position.row) + "}";
  }

  void take_epoch(PlannedRange& range) {
    range.idle = recorded_.epochs[position_.epoch].idle;
    add_rows(range, UINT64_MAX);
  }

  /// Of the epoch at hand; goes on to the next one where that was all.
  std::uint64_t add_rows(PlannedRange& range, std::uint64_t most) {
    const auto& chunks = recorded_.epochs[position_.epoch].chunks;
    std::uint64_t before = 0;  // rows of the chunks before
    std::uint64_t taken = 0;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      const std::uint64_t rows = chunks[i].rows;
      const auto skip = std::min(rows, position_.row - std::min(position_.row, before));
      const auto take = std::min(rows - skip, most - taken);
      before += rows;
      if (take == 0) continue;
      range.units.push_back({to_bytes({position_.epoch, i, skip, take}), take, chunks[i].split});
      taken += take;
    }
    position_.row += taken;
    if (position_.row == before) position_ = {position_.epoch + 1, 0};
    return taken;
  }

  void take_rows(PlannedRange& range, bool unlimited) {
    auto rest = unlimited || rules_.epoch_rows == 0 ? UINT64_MAX : rules_.epoch_rows;
    while (rest > 0 && position_.epoch < recorded_.epochs.size()) rest -= add_rows(range, rest);
  }

  /// As long as the recorded query took from its first epoch to this one.
  void wait_for(const RecordedEpoch& epoch) {
    if (rules_.pace == 0) return;
    const auto recorded = epoch.context.timestamp_milliseconds;
    const auto now = shared_->clock->steady_microseconds();
    if (last_recorded_) {
      const auto pause =
          static_cast<double>(recorded - *last_recorded_) * 1000 / rules_.pace;
      const auto due = last_at_ + std::min(static_cast<std::int64_t>(pause), longest_pause_us);
      if (due > now) std::this_thread::sleep_for(std::chrono::microseconds(due - now));
    }
    last_recorded_ = recorded;
    last_at_ = shared_->clock->steady_microseconds();
  }

  std::shared_ptr<const Recording::Shared> shared_;
  std::size_t source_;
  const RecordedSource& recorded_;
  const ReplayRules rules_;
  Position position_;
  std::optional<std::int64_t> last_recorded_;  ///< ms: time of the epoch planned last
  std::int64_t last_at_ = 0;                   ///< steady µs: when that was
};

}  // namespace

std::shared_ptr<Source> recorded_source(std::shared_ptr<const Recording::Shared> shared,
                                        std::size_t index, const ReplayRules& rules) {
  return std::make_shared<RecordedInput>(std::move(shared), index, rules);
}

}  // namespace libstream
