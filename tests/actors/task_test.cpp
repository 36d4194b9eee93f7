#include "../../actors/src/task.hpp"

#include "fakes.hpp"

#include <doctest/doctest.h>

#include <tuple>

using namespace libstream;
using namespace libstream::fakes;

namespace {

const Schema pairs = Schema::parse("k bigint, v bigint");

BatchPtr pair_batch(std::int64_t first, std::size_t rows) {
  std::vector<Row> batch;
  for (std::size_t i = 0; i < rows; ++i, ++first) batch.push_back({first, first * 10});
  return batch_of(pairs, batch);
}

/// Keeps what a task sends; runs its jobs when the test says so.
class RecordingHost final : public TaskHost {
 public:
  void send(TaskId to, TaskMessage message) override {
    if (const auto* credit = std::get_if<Credit>(&message)) {
      credits.emplace_back(to, *credit);
      return;
    }
    auto& sent = std::get<ChannelMessage>(message);
    if (const auto* batch = std::get_if<BatchPtr>(&sent.body)) {
      log.push_back(std::to_string(to) + ":rows " + std::to_string((*batch)->rows));
      bytes.push_back((*batch)->bytes());
      batches.emplace_back(to, *batch);
    } else if (const auto* start = std::get_if<EpochStart>(&sent.body)) {
      log.push_back(std::to_string(to) + ":start " + std::to_string(number(start->epoch)));
    } else {
      const auto& barrier = std::get<Barrier>(sent.body);
      log.push_back(std::to_string(to) + ":barrier " + std::to_string(number(barrier.epoch)) + " " +
                    std::to_string(barrier.watermark.milliseconds));
    }
  }
  void run(std::function<void()> job, std::function<void(std::exception_ptr)> done) override {
    jobs.emplace_back(std::move(job), std::move(done));
  }
  void later(std::function<void()> step) override { steps.push_back(std::move(step)); }
  void report(TaskReport report) override { reports.push_back(std::move(report)); }

  void run_job() {
    auto [job, done] = std::move(jobs.front());
    jobs.pop_front();
    job();
    done(nullptr);
  }
  std::vector<std::string> take_log() { return std::exchange(log, {}); }

  std::vector<std::string> log;
  std::vector<std::size_t> bytes;
  std::vector<std::pair<TaskId, BatchPtr>> batches;
  std::vector<std::pair<TaskId, Credit>> credits;
  std::deque<std::pair<std::function<void()>, std::function<void(std::exception_ptr)>>> jobs;
  std::deque<std::function<void()>> steps;
  std::vector<TaskReport> reports;
};

/// Two upstream tasks (0, 1), the task under test (2), `targets` downstream tasks (3, …).
TaskWiring middle(std::uint32_t targets, Exchange exchange = {}) {
  TaskWiring wiring;
  wiring.id = 2;
  wiring.inputs = {{{0, 0}, 0}, {{1, 0}, 0}};
  TaskWiring::Edge edge{0, std::move(exchange), {}};
  for (std::uint32_t i = 0; i < targets; ++i) {
    edge.channels.push_back(i);
    wiring.outputs.push_back({3 + i, 0});
  }
  if (targets > 0) wiring.edges = {edge};
  return wiring;
}

class Feed {
 public:
  Feed(Task& task, std::uint32_t channel) : task_(task), channel_(channel) {}
  void start(std::uint64_t epoch) { put(EpochStart{Epoch{epoch}, {}}); }
  void rows(std::size_t count) { put(pair_batch(0, count)); }
  void barrier(std::uint64_t epoch, std::int64_t watermark = 0) {
    put(Barrier{Epoch{epoch}, {watermark}});
  }
  void put(std::variant<BatchPtr, EpochStart, Barrier> body) {
    ChannelMessage sent{channel_, sequence_++, std::move(body)};
    if (const auto* batch = std::get_if<BatchPtr>(&sent.body)) rows_ += (*batch)->rows;
    if (std::holds_alternative<Barrier>(sent.body)) sent.rows = std::exchange(rows_, 0);
    TaskMessage message = std::move(sent);
    task_.receive(message);
  }

 private:
  Task& task_;
  std::uint32_t channel_;
  std::uint64_t sequence_ = 0;
  std::uint64_t rows_ = 0;
};

void credit(Task& task, std::size_t bytes, std::size_t batches) {
  TaskMessage message = Credit{0, bytes, batches};
  task.receive(message);
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a channel that is an epoch ahead is held until the others have caught up") {
  RecordingHost host;
  OperatorTask task(middle(1), {}, 16, std::make_unique<Repeat>());
  task.attach(host);
  Feed left(task, 0);
  Feed right(task, 1);
  left.start(0);
  left.rows(1);
  left.barrier(0, 500);
  left.start(1);
  left.rows(2);
  left.barrier(1, 900);
  CHECK(host.take_log() == Lines{"3:start 0", "3:rows 1"});
  right.start(0);
  right.rows(3);
  CHECK(host.reports.empty());
  right.barrier(0, 700);
  CHECK(host.take_log() == Lines{"3:rows 3", "3:barrier 0 500", "3:start 1", "3:rows 2"});
  REQUIRE(host.reports.size() == 1);
  CHECK(host.reports[0].rows_in == 4);
  right.start(1);
  right.barrier(1, 800);
  CHECK(host.take_log() == Lines{"3:barrier 1 800"});
  CHECK(host.reports.size() == 2);
}

TEST_CASE("a task takes no input while an output lacks credit, and goes on when it comes back") {
  RecordingHost host;
  OperatorTask task(middle(1), {1U << 20, 2}, 16, std::make_unique<Repeat>());
  task.attach(host);
  Feed left(task, 0);
  Feed right(task, 1);
  left.start(0);
  for (std::size_t i = 1; i <= 4; ++i) left.rows(i);
  left.barrier(0);
  right.start(0);
  right.barrier(0);
  CHECK(host.take_log() == Lines{"3:start 0", "3:rows 1", "3:rows 2"});
  CHECK(host.reports.empty());
  credit(task, host.bytes[0], 1);
  CHECK(host.take_log() == Lines{"3:rows 3"});
  credit(task, host.bytes[1] + host.bytes[2], 2);
  CHECK(host.take_log() == Lines{"3:rows 4", "3:barrier 0 0"});
  CHECK(host.reports.size() == 1);
}

TEST_CASE("an operator that multiplies rows is resumed, and its input's credit waits for the end") {
  RecordingHost host;
  OperatorTask task(middle(1), {1U << 20, 2}, 16, std::make_unique<Repeat>(5));
  task.attach(host);
  Feed left(task, 0);
  left.start(0);
  left.rows(7);
  left.rows(8);
  CHECK(host.take_log() == Lines{"3:start 0", "3:rows 7", "3:rows 7"});
  CHECK(host.credits.empty());
  credit(task, host.bytes[0] * 2, 2);
  CHECK(host.take_log() == Lines{"3:rows 7", "3:rows 7"});
  CHECK(host.credits.empty());
  credit(task, host.bytes[0] * 2, 2);
  CHECK(host.take_log() == Lines{"3:rows 7", "3:rows 8"});
  REQUIRE(host.credits.size() == 1);
  CHECK(host.credits[0].first == 0);
  CHECK(host.credits[0].second.batches == 1);
}

TEST_CASE("a batch larger than the window passes an empty channel, alone") {
  RecordingHost host;
  OperatorTask task(middle(1), {100, 16}, 16, std::make_unique<Repeat>());
  task.attach(host);
  Feed left(task, 0);
  left.start(0);
  left.rows(1000);
  left.rows(1000);
  CHECK(host.take_log() == Lines{"3:start 0", "3:rows 1000"});
  credit(task, host.bytes[0], 1);
  CHECK(host.take_log() == Lines{"3:rows 1000"});
}

TEST_CASE("credit comes back in quarters of the window") {
  RecordingHost host;
  OperatorTask task(middle(0), {1U << 20, 16}, 16, std::make_unique<Repeat>());
  task.attach(host);
  Feed left(task, 0);
  left.start(0);
  for (int i = 0; i < 16; ++i) left.rows(1);
  REQUIRE(host.credits.size() == 4);
  for (const auto& credit : host.credits) CHECK(credit.second.batches == 4);
}

TEST_CASE("the hash exchange sends each row to the owner of its key group, with its hash") {
  RecordingHost host;
  OperatorTask task(middle(3, {Exchange::Kind::hash, {0}}), {}, 128, std::make_unique<Repeat>());
  task.attach(host);
  Feed left(task, 0);
  left.start(0);
  left.rows(500);
  std::vector<std::int64_t> keys;
  REQUIRE(host.batches.size() == 3);
  for (const auto& [to, batch] : host.batches) {
    std::vector<std::uint64_t> hashes(batch->rows);
    const std::vector<std::uint32_t> key_columns{0};
    hash_keys(*batch, key_columns, hashes);
    REQUIRE(batch->hashes);
    for (std::size_t row = 0; row < batch->rows; ++row) {
      CHECK(owner(key_group(hashes[row], 128), 128, 3) == to - 3);
      CHECK(batch->hashes->as<std::uint64_t>()[row] == hashes[row]);
      keys.push_back(batch->columns[0]->values<std::int64_t>()[row]);
      CHECK(batch->columns[1]->values<std::int64_t>()[row] == keys.back() * 10);
    }
  }
  std::sort(keys.begin(), keys.end());
  REQUIRE(keys.size() == 500);
  for (std::size_t i = 0; i < keys.size(); ++i) CHECK(keys[i] == static_cast<std::int64_t>(i));
}

TEST_CASE("a single target gets the batch itself, without hashes of another exchange") {
  RecordingHost host;
  OperatorTask task(middle(1, {Exchange::Kind::hash, {0}}), {}, 128, std::make_unique<Repeat>());
  task.attach(host);
  Feed left(task, 0);
  left.start(0);
  const auto plain = pair_batch(0, 9);
  left.put(plain);
  CHECK(host.batches.back().second == plain);
  auto hashed = std::make_shared<Batch>(*plain);
  hashed->hashes = Buffer::allocate(9 * 8);
  left.put(BatchPtr(hashed));
  CHECK_FALSE(host.batches.back().second->hashes);
  CHECK(host.batches.back().second->columns[0] == plain->columns[0]);
}

TEST_CASE("a blocking source reads ahead one job at a time and stops when its channels are full") {
  auto list = std::make_shared<ListSource::Shared>();
  list->schema = pairs;
  for (std::size_t i = 0; i < 4; ++i) list->batches.push_back(pair_batch(0, i + 1));
  ListSource source(list, true, 4);
  TaskWiring wiring;
  wiring.edges = {{0, {}, {0}}};
  wiring.outputs = {{1, 0}};
  RecordingHost host;
  SourceTask task(wiring, {1U << 20, 1}, 16, source.reader(0, 1), {});
  task.attach(host);
  source.rewind("");
  auto range = source.plan(false);
  TaskMessage begin;
  auto& epoch = begin.emplace<BeginEpoch>();
  epoch.barrier.watermark = {250};
  epoch.units = range->units;
  task.receive(begin);
  CHECK(host.take_log() == Lines{"1:start 0"});
  REQUIRE(host.jobs.size() == 1);
  host.run_job();
  CHECK(host.take_log() == Lines{"1:rows 1"});
  host.run_job();  // one ahead
  CHECK(host.take_log().empty());
  CHECK(host.jobs.empty());
  for (std::size_t i = 0; i < 3; ++i) {
    credit(task, host.bytes[i], 1);
    while (!host.jobs.empty()) host.run_job();
  }
  CHECK(host.take_log() == Lines{"1:rows 2", "1:rows 3", "1:rows 4", "1:barrier 0 250"});
  REQUIRE(host.reports.size() == 1);
  CHECK(host.reports[0].source.rows == 10);
}

TEST_CASE("a source of a heavier pool reads more batches before others have their turn") {
  auto list = std::make_shared<ListSource::Shared>();
  list->schema = pairs;
  for (std::size_t i = 0; i < 6; ++i) list->batches.push_back(pair_batch(0, 1));
  for (const std::uint32_t weight : {1U, 3U}) {
    ListSource source(list, false, 6);
    source.rewind("");
    TaskWiring wiring;
    wiring.edges = {{0, {}, {0}}};
    wiring.outputs = {{1, 0}};
    RecordingHost host;
    SourceTask task(wiring, {}, 16, source.reader(0, 1), {weight, false});
    task.attach(host);
    TaskMessage begin;
    auto& epoch = begin.emplace<BeginEpoch>();
    epoch.units = source.plan(false)->units;
    task.receive(begin);
    CHECK(host.batches.size() == weight);
    REQUIRE(host.steps.size() == 1);
    host.steps.front()();
    CHECK(host.batches.size() == 2 * weight);
  }
}

TEST_CASE("a sink stages at the barrier, and only then takes rows of the next epoch") {
  for (const bool blocking : {false, true}) {
    auto shared = std::make_shared<ListSink::Shared>();
    ListSink sink(shared, blocking);
    RecordingHost host;
    SinkTask task(middle(0), {}, sink.writer({}));
    task.attach(host);
    Feed left(task, 0);
    Feed right(task, 1);
    left.start(0);
    left.rows(2);
    left.barrier(0);
    left.start(1);
    left.rows(1);
    right.start(0);
    right.rows(3);
    right.barrier(0);
    while (!host.jobs.empty()) host.run_job();
    REQUIRE(host.reports.size() == 1);
    CHECK(host.reports[0].staged.rows == 5);
    CHECK(host.reports[0].rows_in == 5);
    right.start(1);
    left.barrier(1);
    right.barrier(1);
    while (!host.jobs.empty()) host.run_job();
    REQUIRE(host.reports.size() == 2);
    CHECK(host.reports[1].staged.rows == 1);
  }
}
