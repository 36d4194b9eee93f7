// Arbitrary state by key on the simulated engine: random functions with timeouts of every kind over
// rows that arrive while it runs, crashes at any step, other partitions at each restart. Every
// decision is checked against a loop over keys.
#include "../support/groups_model.hpp"
#include "watched_root.hpp"

#include <libstream/libstream.hpp>
#include <libstream/testing/simulated_session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <utility>

using namespace libstream;
using namespace libstream::fakes;
using namespace libstream::test;

namespace {

constexpr std::int64_t delay = 1500;  // ms

class GroupsSimulation {
 public:
  explicit GroupsSimulation(std::uint64_t seed) : random_(seeded_random(seed)) {
    environment_.random = seeded_random(seed + 1);
    timeout_ = static_cast<GroupTimeout>(pick(3));
    watermarked_ = timeout_ == GroupTimeout::event_time || pick(2) == 0;
    no_data_epochs_ = pick(4) != 0;
    strict_ = pick(4) == 0;
    model_.one_row = pick(4) == 0;
    mode_ = model_.one_row || pick(2) == 0 ? OutputMode::update : OutputMode::append;
    model_.function = {random_->next(), timeout_, watermarked_};
    now_ = time_ / 1000;
    add_rows();
  }

  std::uint64_t pick(std::uint64_t limit) { return random_->next() % limit; }

  void add_rows() {
    const auto batches = 1 + pick(4);
    for (std::uint64_t i = 0; i < batches; ++i) add_batch();
  }

  void run_and_crash() { run(pick(700)); }

  /// To the end of the input, and until no timeout is left that time alone would bring about.
  void run_to_end() { run(std::nullopt); }

  void check() {
    for (auto& [epoch, rows] : expected_) {
      CAPTURE(epoch);
      auto found = output_.rows_of(Epoch{epoch});
      std::sort(found.begin(), found.end());
      std::sort(rows.begin(), rows.end());
      CHECK(found == rows);
    }
    CHECK(output_.epochs().size() == expected_.size());
    CHECK(read_ == batches_.size());
  }
  std::size_t epochs() const { return expected_.size(); }
  std::size_t empty_epochs() const { return empty_epochs_; }

 private:
  void add_batch() {
    std::vector<Reading> batch;
    std::vector<Row> rows;
    const auto count = 1 + pick(10);
    for (std::uint64_t i = 0; i < count; ++i) {
      now_ += static_cast<std::int64_t>(pick(700));
      Reading reading{std::nullopt, static_cast<std::int64_t>(pick(5)), std::nullopt};
      if (pick(10) != 0) reading.key = static_cast<std::int64_t>(pick(6));
      if (pick(15) != 0) {
        reading.time = Instant(std::chrono::milliseconds(now_ - static_cast<int>(pick(4000))));
      }
      rows.push_back(
          {reading.key ? Value(*reading.key) : Value(), reading.value,
           reading.time ? Value(reading.time->time_since_epoch().count() * 1000) : Value()});
      batch.push_back(reading);
    }
    batches_.push_back(std::move(batch));
    stream_.add(rows);
  }

  void run(std::optional<std::uint64_t> crash_after) {
    SessionOptions options;
    options.environment = environment_;
    options.strict = strict_;
    options.partitions = static_cast<std::uint32_t>(1 + pick(6));
    options.channel_batches = 1 + pick(4);
    options.channel_bytes = 64U << pick(8);
    testing::SimulatedSession session(options, random_->next(), time_);
    auto query = start(session);
    std::uint64_t steps = 0;
    while (query.is_active() && (crash_after ? steps < *crash_after : !finished())) {
      REQUIRE(session.step());
      time_ = session.now_microseconds();
      REQUIRE(++steps < 200'000);
      if (crash_after && pick(150) == 0) add_batch();
    }
    if (query.exception()) std::rethrow_exception(query.exception());
  }

  /// All is read and nothing has happened for longer than any timeout, or, as some functions set
  /// timeouts for ever, enough has.
  bool finished() {
    if (read_ < batches_.size() || output_.epochs().size() < expected_.size()) return false;
    if (empty_epochs_ >= 25) return true;
    if (time_ / 1000 - decided_at_ < 5000) return false;
    CHECK((strict_ || !pending_));
    if (timeout_ == GroupTimeout::processing_time && no_data_epochs_) {
      CHECK((strict_ || !model_.earliest_timeout()));
    }
    return true;
  }

  Query start(testing::SimulatedSession& session) {
    auto rows = session.read_stream()
                    .option("maxBatchesPerTrigger", static_cast<std::int64_t>(1 + pick(3)))
                    .memory(stream_);
    if (watermarked_) rows = rows.with_watermark("time", std::chrono::milliseconds(delay));
    const auto keyed = rows.as<Reading>().group_by_key<std::optional<std::int64_t>>("key");
    const auto told =
        model_.one_row
            ? keyed.map_groups_with_state<Kept>(timeout_, OneRowFunction{model_.function})
            : keyed.flat_map_groups_with_state<Kept>(mode_, timeout_, model_.function);
    return told.to_stream()
        .write_stream()
        .output_mode(mode_)
        .checkpoint(root_)
        .option("snapshotEpochs", static_cast<std::int64_t>(1 + pick(4)))
        .option("noDataEpochs", no_data_epochs_)
        .memory(output_)
        .start();
  }

  /// A decision: what it must have read, known and given.
  void decide(const EpochEntry& entry) {
    CAPTURE(number(entry.epoch));
    CHECK(number(entry.epoch) == expected_.size());
    GroupsModel::Epoch epoch{{}, entry.context.timestamp_milliseconds, next_watermark_};
    CHECK(epoch.timestamp >= timestamp_);
    CHECK(entry.watermark.milliseconds == next_watermark_);
    check_reason(entry);
    timestamp_ = epoch.timestamp;
    decided_at_ = time_ / 1000;
    const auto& end = entry.source_ends.at(0);
    const std::size_t to = end.empty() ? 0 : std::stoull(end.substr(end.find(':') + 1));
    for (; read_ < to; ++read_) {
      for (const Reading& reading : batches_[read_]) {
        epoch.rows.push_back(reading);
        if (!watermarked_ || !reading.time) continue;
        next_watermark_ =
            std::max(next_watermark_, reading.time->time_since_epoch().count() - delay);
      }
    }
    pending_ = no_data_epochs_ && timeout_ == GroupTimeout::event_time &&
               next_watermark_ > entry.watermark.milliseconds;
    expected_[number(entry.epoch)] = model_.run(epoch);
    late_ += model_.counts().late;
    CHECK(entry.totals.at("stateRows") == model_.counts().total);
    CHECK(entry.totals.at("lateRows") == late_);
    if (timeout_ != GroupTimeout::processing_time) return;
    const auto earliest = model_.earliest_timeout();
    CHECK(entry.earliest_timeout.has_value() == earliest.has_value());
    if (earliest) CHECK(*entry.earliest_timeout == *earliest + 1);
  }

  /// Epochs without data come where a timeout is over or the watermark has risen; in strict mode
  /// timeouts by processing time make one at every trigger.
  void check_reason(const EpochEntry& entry) {
    if (!entry.no_data) return;
    ++empty_epochs_;
    CHECK(no_data_epochs_);
    if (timeout_ == GroupTimeout::event_time) {
      CHECK(pending_);
    } else {
      CHECK(timeout_ == GroupTimeout::processing_time);
      const auto earliest = model_.earliest_timeout();
      const bool over = earliest && *earliest < entry.context.timestamp_milliseconds;
      CHECK((strict_ || over));
    }
  }

  std::shared_ptr<Random> random_;
  std::int64_t time_ = 1'700'000'000'000'000;  ///< virtual, µs
  Environment environment_;
  GroupTimeout timeout_;
  bool watermarked_;
  bool no_data_epochs_;
  bool strict_;
  OutputMode mode_;
  GroupsModel model_;
  std::shared_ptr<CheckpointRoot> root_ =
      std::make_shared<WatchedRoot>([this](const EpochEntry& entry) { decide(entry); });
  MemoryStream stream_{"key bigint, value bigint, time timestamp"};
  MemoryTable output_;
  std::vector<std::vector<Reading>> batches_;
  std::int64_t now_ = 0;

  std::size_t read_ = 0;
  std::int64_t next_watermark_ = 0;
  std::int64_t timestamp_ = 0;
  std::int64_t decided_at_ = 0;
  bool pending_ = false;
  std::size_t late_ = 0;
  std::size_t empty_epochs_ = 0;
  std::map<std::uint64_t, std::vector<Row>> expected_;
};

}  // namespace

TEST_CASE("State by key is that of a loop, with crashes anywhere and timeouts of every kind") {
  std::size_t epochs = 0;
  std::size_t empty_epochs = 0;
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    CAPTURE(seed);
    GroupsSimulation simulation(seed);
    const auto crashes = simulation.pick(4);
    for (std::uint64_t i = 0; i < crashes; ++i) {
      simulation.run_and_crash();
      if (simulation.pick(3) == 0) simulation.add_rows();
    }
    simulation.run_to_end();
    simulation.check();
    epochs += simulation.epochs();
    empty_epochs += simulation.empty_epochs();
  }
  CHECK(empty_epochs > 5000);
  CHECK(epochs > 3 * empty_epochs / 2);
}
