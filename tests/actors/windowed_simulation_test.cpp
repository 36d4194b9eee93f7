// The real planner and operators on the simulated engine: tumbling windows over random streams,
// crashes at any step, other partitions at each restart. Every decision is checked against a naive
// recomputation from the rows that it covers.
#include "watched_root.hpp"

#include <libstream/libstream.hpp>
#include <libstream/testing/simulated_session.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <utility>

using namespace libstream;
using namespace libstream::fakes;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t window_size = 10 * second;
constexpr std::int64_t delay = 15 * second;
constexpr std::int64_t unwanted = 3;  // the value that the query filters out

struct Flight {
  std::int64_t key;
  std::optional<std::int64_t> time;
  std::int64_t value;
  std::int64_t id;
};

/// What the query must give, epoch by epoch: one row after the other.
class Model {
 public:
  std::vector<std::vector<std::vector<Flight>>> streams;  ///< batches of each stream
  bool append = true;
  std::map<std::uint64_t, std::vector<Row>> output;  ///< by epoch
  std::map<std::uint64_t, std::vector<Row>> late;    ///< ids
  std::uint64_t rows_read = 0;

  void decide(const EpochEntry& entry) {
    const auto epoch = number(entry.epoch);
    CAPTURE(epoch);
    CHECK(epoch == epochs_++);
    late[epoch];  // also where none is
    CHECK(entry.watermark.milliseconds == next_watermark_);
    CHECK(entry.watermark.milliseconds >= watermark_);
    std::map<std::pair<std::int64_t, std::int64_t>, bool> updated;
    read(entry, updated);
    emit(entry, updated);
    watermark_ = entry.watermark.milliseconds;
    if (max_time_) {
      next_watermark_ = std::max(watermark_, (*max_time_ - delay) / 1000);
    }
    CHECK(entry.next_watermark.milliseconds == next_watermark_);
    check_account(entry.totals);
  }

 private:
  struct Group {
    std::int64_t rows = 0;
    std::int64_t sum = 0;
  };
  using Key = std::pair<std::int64_t, std::int64_t>;  // window's start, key

  void read(const EpochEntry& entry, std::map<Key, bool>& updated) {
    read_.resize(streams.size());
    REQUIRE(entry.source_ends.size() == streams.size());
    for (std::size_t i = 0; i < streams.size(); ++i) {
      const auto& end = entry.source_ends[i];
      const std::size_t to = end.empty() ? 0 : std::stoull(end.substr(end.find(':') + 1));
      REQUIRE(to >= read_[i]);
      REQUIRE(to <= streams[i].size());
      if (entry.no_data) CHECK(to == read_[i]);
      for (; read_[i] < to; ++read_[i]) {
        for (const auto& flight : streams[i][read_[i]]) {
          take(flight, updated, late[number(entry.epoch)]);
        }
      }
    }
  }

  void take(const Flight& flight, std::map<Key, bool>& updated, std::vector<Row>& late_rows) {
    ++rows_read;
    if (flight.value == unwanted) {
      ++filtered_;
      return;
    }
    if (!flight.time) {
      ++filtered_;
      return;
    }
    max_time_ = std::max(max_time_.value_or(*flight.time), *flight.time);
    const auto start = *flight.time / window_size * window_size;
    // Late by the watermark of the epoch before.
    if ((start + window_size) / 1000 <= watermark_) {
      ++late_;
      late_rows.push_back({flight.id});
      return;
    }
    auto& group = groups_[{start, flight.key}];
    ++group.rows;
    group.sum += flight.id;
    updated[{start, flight.key}] = true;
  }

  void emit(const EpochEntry& entry, const std::map<Key, bool>& updated) {
    auto& rows = output[number(entry.epoch)];
    const auto emit = [&](const Key& key, const Group& group) {
      rows.push_back({key.second, key.first, group.rows, group.sum});
    };
    if (!append) {
      for (const auto& change : updated) emit(change.first, groups_[change.first]);
    }
    for (auto it = groups_.begin(); it != groups_.end();) {
      if ((it->first.first + window_size) / 1000 > entry.watermark.milliseconds) {
        ++it;
        continue;
      }
      if (append) emit(it->first, it->second);
      closed_ += static_cast<std::uint64_t>(it->second.rows);
      it = groups_.erase(it);
    }
    rows_out_ += rows.size();
  }

  void check_account(std::map<std::string, std::uint64_t> totals) const {
    std::uint64_t held = 0;
    for (const auto& group : groups_) held += static_cast<std::uint64_t>(group.second.rows);
    CHECK(totals["inputRows"] == rows_read);
    CHECK(totals["lateRows"] == late_);
    CHECK(totals["filteredRows"] == filtered_);
    CHECK(totals["heldRows"] == held);
    CHECK(totals["stateRows"] == groups_.size());
    CHECK(totals["outputRows"] == rows_out_);
    CHECK(totals["inputRows"] ==
          closed_ + totals["lateRows"] + totals["filteredRows"] + totals["heldRows"]);
  }

  std::vector<std::size_t> read_;
  std::map<Key, Group> groups_;
  std::int64_t watermark_ = 0;
  std::int64_t next_watermark_ = 0;
  std::optional<std::int64_t> max_time_;
  std::uint64_t epochs_ = 0;
  std::uint64_t late_ = 0;
  std::uint64_t filtered_ = 0;
  std::uint64_t closed_ = 0;
  std::uint64_t rows_out_ = 0;
};

class WindowedSimulation {
 public:
  explicit WindowedSimulation(std::uint64_t seed) : random_(seeded_random(seed)) {
    environment_.random = seeded_random(seed + 1);
    model_.append = pick(2) == 0;
    const auto streams = 1 + pick(2);
    batches_per_epoch_ = static_cast<std::int64_t>(1 + pick(3));
    model_.streams.resize(streams);
    for (std::uint64_t i = 0; i < streams; ++i) {
      streams_.emplace_back("key bigint, time timestamp, value bigint, id bigint");
    }
    add_rows();
  }

  std::uint64_t pick(std::uint64_t limit) { return random_->next() % limit; }

  void add_rows() {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      const auto batches = 1 + pick(6);
      for (std::uint64_t j = 0; j < batches; ++j) add_batch(i);
    }
  }

  void run(std::optional<std::uint64_t> crash_after) {
    SessionOptions options;
    options.environment = environment_;
    options.partitions = static_cast<std::uint32_t>(1 + pick(8));
    options.channel_batches = 1 + pick(4);
    options.channel_bytes = 64U << pick(8);
    testing::SimulatedSession session(options, random_->next(), time_);
    const bool once = crash_after && pick(3) == 0;
    auto query = start(session, once ? Trigger::once() : Trigger::available_now());
    std::uint64_t steps = 0;
    while (query.is_active() && (!crash_after || steps < *crash_after)) {
      REQUIRE(session.step());
      REQUIRE(++steps < 1'000'000);
    }
    if (query.exception()) std::rethrow_exception(query.exception());
    time_ = session.now_microseconds();
  }

  void check() {
    check_rows(output_, model_.output, [](const Row& row) { return row; });
    const auto id = *late_.shared()->schema.find("id");
    check_rows(late_, model_.late, [id](const Row& row) { return Row{row[id]}; });
    std::uint64_t rows = 0;
    for (const auto& stream : model_.streams) {
      for (const auto& batch : stream) rows += batch.size();
    }
    CHECK(model_.rows_read == rows);
  }

 private:
  void add_batch(std::size_t stream) {
    std::vector<Flight> batch;
    std::vector<Row> rows;
    const auto count = 1 + pick(12);
    for (std::uint64_t i = 0; i < count; ++i) {
      now_ += static_cast<std::int64_t>(pick(3)) * second;
      Flight flight{static_cast<std::int64_t>(pick(5)), std::nullopt,
                    static_cast<std::int64_t>(pick(8)), next_id_++};
      if (pick(15) != 0) flight.time = now_ - static_cast<std::int64_t>(pick(60)) * second;
      rows.push_back(
          {flight.key, flight.time ? Value(*flight.time) : Value(), flight.value, flight.id});
      batch.push_back(flight);
    }
    streams_[stream].add(rows);
    model_.streams[stream].push_back(std::move(batch));
  }

  Query start(testing::SimulatedSession& session, Trigger trigger) {
    const auto read = [&](const MemoryStream& stream) {
      return session.read_stream()
          .option("maxBatchesPerTrigger", batches_per_epoch_)
          .memory(stream);
    };
    auto rows = read(streams_[0]);
    for (std::size_t i = 1; i < streams_.size(); ++i) rows = rows.union_all(read(streams_[i]));
    return rows.where("value <> 3")
        .with_watermark("time", std::chrono::seconds(delay / second))
        .group_by(col("key"), window("time", std::chrono::seconds(window_size / second)))
        .agg(count().as("n"), sum("id").as("ids"))
        .select(col("key"), col("window").field("start").as("start"), col("n"), col("ids"))
        .write_stream()
        .output_mode(model_.append ? OutputMode::append : OutputMode::update)
        .trigger(trigger)
        .checkpoint(root_)
        .option("snapshotEpochs", static_cast<std::int64_t>(1 + pick(4)))
        .memory(output_)
        .late_rows(memory_sink(late_))
        .start();
  }

  template <class Part>
  static void check_rows(const MemoryTable& table,
                         std::map<std::uint64_t, std::vector<Row>>& wanted, Part part) {
    for (auto& [epoch, rows] : wanted) {
      std::vector<Row> found;
      for (const auto& row : table.rows_of(Epoch{epoch})) found.push_back(part(row));
      std::sort(found.begin(), found.end());
      std::sort(rows.begin(), rows.end());
      CHECK(found == rows);
    }
    CHECK(table.epochs().size() == wanted.size());
  }

  std::shared_ptr<Random> random_;
  std::int64_t time_ = 1'700'000'000 * second;  ///< virtual, µs
  Environment environment_;
  Model model_;
  std::shared_ptr<CheckpointRoot> root_ =
      std::make_shared<WatchedRoot>([this](const EpochEntry& entry) { model_.decide(entry); });
  std::vector<MemoryStream> streams_;
  MemoryTable output_;
  MemoryTable late_;
  std::int64_t batches_per_epoch_ = 1;
  std::int64_t now_ = 1'700'000'000 * second;
  std::int64_t next_id_ = 0;
};

void simulate(std::uint64_t seed) {
  CAPTURE(seed);
  WindowedSimulation simulation(seed);
  const auto crashes = simulation.pick(4);
  for (std::uint64_t i = 0; i < crashes; ++i) {
    simulation.run(simulation.pick(600));
    if (simulation.pick(3) == 0) simulation.add_rows();
  }
  simulation.run(std::nullopt);
  simulation.check();
}

}  // namespace

TEST_CASE("windows that crash anywhere and change their partitions give what a recount gives") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) simulate(seed);
}
