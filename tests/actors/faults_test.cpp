// Ends, faults and limits of queries, on simulated actors where the moment or the time counts.
#include "../../actors/src/engine.hpp"
#include "fakes.hpp"
#include "virtual_clock.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <thread>

using namespace libstream;
using namespace libstream::fakes;
using namespace std::chrono_literals;

namespace {

const Schema pairs = Schema::parse("k bigint, v bigint");

std::shared_ptr<ListSource::Shared> pair_list(std::size_t batches, std::int64_t first = 0) {
  auto list = std::make_shared<ListSource::Shared>();
  list->schema = pairs;
  for (std::size_t i = 0; i < batches; ++i) {
    std::vector<Row> rows;
    for (std::int64_t j = 0; j < 3; ++j, ++first) rows.push_back({first % 5, first});
    list->batches.push_back(batch_of(pairs, rows));
  }
  return list;
}

/// A query of source, operator and sink on virtual time, driven step by step.
struct Simulated {
  std::shared_ptr<VirtualClock> clock = std::make_shared<VirtualClock>();
  SimulatedActors* actors = nullptr;
  std::shared_ptr<Session::Engine> engine;
  std::shared_ptr<QueryRun> query;

  explicit Simulated(std::uint64_t seed) {
    auto made = make_simulated_actors(seed);
    actors = made.get();
    clock->follow(actors);
    SessionOptions options;
    options.environment.clock = clock;
    options.environment.random = seeded_random(seed + 1);
    engine = std::make_shared<Session::Engine>(options, std::move(made));
  }
  ~Simulated() { clock->follow(nullptr); }

  void start(std::shared_ptr<Source> source, std::shared_ptr<Sink> sink, QuerySpec spec) {
    Topology topology;
    topology.nodes = {source_node(std::move(source), 2),
                      op_node("repeat", 2, [](const auto&) { return std::make_unique<Repeat>(); }),
                      sink_node(std::move(sink), 2)};
    topology.edges = {{0, 0, 1, 0, {}}, {1, 0, 2, 0, {}}};
    query = engine->start(topology, spec, "");
  }
  void steps(std::uint64_t count) {
    while (query->active() && count-- > 0) REQUIRE(actors->step());
  }
  void finish() {
    for (std::uint64_t i = 0; query->active(); ++i) {
      REQUIRE(actors->step());
      REQUIRE(i < 1'000'000);
    }
  }
};

QuerySpec spec_over(const std::shared_ptr<CheckpointRoot>& root, Trigger trigger = {}) {
  QuerySpec spec;
  spec.trigger = trigger;
  spec.checkpoint_root = root;
  return spec;
}

std::vector<std::string> all_rows(std::size_t count) {
  std::vector<std::string> rows;
  for (std::size_t i = 0; i < count; ++i)
    rows.push_back(std::to_string(i % 5) + " " + std::to_string(i));
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// Stops after `steps`, then runs a second start to the end. Returns the epochs of the first.
std::size_t epochs_until_stop(std::uint64_t steps, bool finish_epoch) {
  const auto list = pair_list(12);
  const auto rows = std::make_shared<ListSink::Shared>();
  const auto root = memory_root();
  std::size_t epochs = 0;
  {
    Simulated run(steps);
    run.start(std::make_shared<ListSource>(list, true, 1), std::make_shared<ListSink>(rows, true),
              spec_over(root));
    run.steps(steps);
    run.query->request_stop(finish_epoch);
    run.finish();
    CHECK_FALSE(run.query->exception());
    epochs = rows->epochs.size();
    CHECK(rows->rows().size() == 3 * epochs);
    CHECK(run.query->recent_progress().size() == epochs);
  }
  Simulated run(steps + 1);
  run.start(std::make_shared<ListSource>(list, true, 1), std::make_shared<ListSink>(rows, true),
            spec_over(root, Trigger::available_now()));
  run.finish();
  CHECK_FALSE(run.query->exception());
  CHECK(rows->rows() == all_rows(36));
  CHECK(rows->epochs.size() == 12);
  CHECK(rows->again.empty());  // a clean end leaves nothing to commit again
  return epochs;
}

/// Fails the first commits, and keeps when they were tried.
class FailingSink final : public Sink {
 public:
  FailingSink(std::shared_ptr<Clock> clock, std::size_t failures, ErrorCode code = ErrorCode::io)
      : clock_(std::move(clock)), failures_(failures), code_(code) {}
  std::string describe() const override { return "FailingSink"; }
  std::unique_ptr<SinkWriter> writer(const StageContext& context) override {
    return sink_.writer(context);
  }
  void commit(Epoch epoch, std::span<const StagedHandle> handles) override {
    if (times.size() < failures_) {
      times.push_back(clock_->steady_microseconds());
      throw Error(code_, "the sink is out of order");
    }
    sink_.commit(epoch, handles);
  }
  void set_schema(const Schema&) override {}

  std::vector<std::int64_t> times;
  const std::shared_ptr<ListSink::Shared> rows = std::make_shared<ListSink::Shared>();

 private:
  ListSink sink_{rows, false};
  std::shared_ptr<Clock> clock_;
  std::size_t failures_;
  ErrorCode code_;
};

struct Counting final : QueryListener {
  bool throws;
  std::atomic<int> started{0}, progress{0}, idle{0}, terminated{0};
  explicit Counting(bool throws_errors) : throws(throws_errors) {}
  void heard(std::atomic<int>& count) const {
    ++count;
    if (throws) throw std::runtime_error("a listener may throw");
  }
  void on_started(const std::string&, const std::string&, const std::string&) override {
    heard(started);
  }
  void on_progress(const QueryProgress&) override { heard(progress); }
  void on_idle(const std::string&, const std::string&) override { heard(idle); }
  void on_terminated(const std::string&, const std::string&, const std::string&) override {
    heard(terminated);
  }
};

ErrorCode code_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return error.code();
  }
}

template <class Call>
std::string refused(ErrorCode code, Call call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  FAIL_CHECK("no Error was thrown");
  return {};
}

template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

}  // namespace

TEST_CASE("stopped at any step, a query ends committed, and the next start reads on") {
  std::size_t fewer = 0;
  for (std::uint64_t steps = 0; steps < 400; steps += 3) {
    CAPTURE(steps);
    const auto stopped = epochs_until_stop(steps, true);
    const auto aborted = epochs_until_stop(steps, false);
    CHECK(aborted <= stopped);
    if (aborted < stopped) ++fewer;
  }
  CHECK(fewer > 10);  // the epoch under way was given up
}

TEST_CASE("an idle query says so every ten seconds") {
  Simulated run(1);
  const auto listener = std::make_shared<Counting>(false);
  run.engine->add_listener(listener);
  const auto rows = std::make_shared<ListSink::Shared>();
  run.start(std::make_shared<ListSource>(pair_list(1), false, 1),
            std::make_shared<ListSink>(rows, false), spec_over(memory_root()));
  while (run.actors->now_microseconds() < 35'500'000) REQUIRE(run.actors->step());
  const auto progress = run.query->recent_progress();
  REQUIRE(progress.size() == 4);
  CHECK(progress[0].executed);
  for (std::size_t i = 1; i < 4; ++i) {
    CHECK_FALSE(progress[i].executed);
    CHECK(progress[i].input_rows == 0);
    CHECK(progress[i].totals.at("inputRows") == 3);
    const auto pause = progress[i].timestamp_milliseconds - progress[i - 1].timestamp_milliseconds;
    CHECK(pause >= 10'000);
    CHECK(pause < 10'300);
  }
  CHECK(listener->idle == 3);
  CHECK(listener->progress == 4);
  run.query->request_stop(true);
  run.finish();
}

TEST_CASE("restarts wait, longer each time, and then go on without loss") {
  Simulated run(2);
  const auto sink = std::make_shared<FailingSink>(run.clock, 4);
  auto spec = spec_over(memory_root(), Trigger::available_now());
  spec.options.set("restarts", "4");
  run.start(std::make_shared<ListSource>(pair_list(5), true, 1), sink, spec);
  run.finish();
  CHECK_FALSE(run.query->exception());
  CHECK(sink->rows->rows() == all_rows(15));
  REQUIRE(sink->times.size() == 4);
  for (std::size_t i = 1; i < 4; ++i) {
    CHECK(sink->times[i] - sink->times[i - 1] >= 100'000 << (i - 1));
  }
}

TEST_CASE("a query that waits to restart can be stopped, and ends with its fault") {
  Simulated run(3);
  const auto sink = std::make_shared<FailingSink>(run.clock, 100);
  auto spec = spec_over(memory_root());
  spec.options.set("restarts", "100");
  run.start(std::make_shared<ListSource>(pair_list(5), true, 1), sink, spec);
  while (sink->times.size() < 10) REQUIRE(run.actors->step());
  while (!run.query->status_message().starts_with("Waiting to restart")) {
    REQUIRE(run.actors->step());
  }
  CHECK(run.query->status_message().find("out of order") != std::string::npos);
  run.query->request_stop(true);
  const auto asked = run.actors->now_microseconds();
  run.finish();
  CHECK(run.actors->now_microseconds() == asked);
  CHECK(code_of(run.query->exception()) == ErrorCode::io);
}

TEST_CASE("faults that would come again at once are not tried again") {
  for (const auto code : {ErrorCode::conflict, ErrorCode::incompatible, ErrorCode::corrupt}) {
    Simulated run(4);
    const auto sink = std::make_shared<FailingSink>(run.clock, 100, code);
    auto spec = spec_over(memory_root());
    spec.options.set("restarts", "100");
    run.start(std::make_shared<ListSource>(pair_list(1), true, 1), sink, spec);
    run.finish();
    CHECK(sink->times.size() == 1);
    CHECK(code_of(run.query->exception()) == code);
  }
}

TEST_CASE("a query whose term is lost leaves, and the one that took it does all the work once") {
  Session first{{.threads = 2}};
  Session second{{.threads = 2}};
  const auto root = memory_root();
  MemoryStream input("a bigint");
  MemoryTable output;
  const auto start = [&](Session& session) {
    return session.read_stream()
        .memory(input)
        .write_stream()
        .checkpoint(root)
        .option("restarts", 3)
        .memory(output)
        .start();
  };
  auto loser = start(first);
  input.add({{1}});
  loser.process_all_available();
  auto winner = start(second);
  input.add({{2}});
  CHECK(refused(ErrorCode::conflict, [&] { loser.await_termination(); }) != "");
  CHECK_FALSE(loser.is_active());
  winner.process_all_available();
  CHECK(output.text() == "1 | 2");
  winner.stop();
  CHECK_FALSE(winner.exception());
}

TEST_CASE("at most eight epochs are decided and not committed") {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  std::vector<std::int64_t> seen;
  const auto root = memory_root();
  MemoryStream input("a bigint");
  for (std::int64_t i = 0; i < 30; ++i) input.add({{i}});
  Session session{{.threads = 2}};
  auto query = session.read_stream()
                   .option("maxBatchesPerTrigger", 1)
                   .memory(input)
                   .write_stream()
                   .trigger(Trigger::available_now())
                   .checkpoint(root)
                   .foreach_batch([&](const std::vector<BatchPtr>& batches, const Schema&, Epoch) {
                     std::unique_lock lock(mutex);
                     changed.wait(lock, [&] { return open; });
                     for (const auto& batch : batches) {
                       for (const auto& row : rows_of(*batch)) seen.push_back(row[0].integer());
                     }
                   })
                   .start();
  const auto entries = [&] { return root->list("log/").size(); };
  const bool full = eventually([&] { return entries() == 9; });  // and the term's own
  std::this_thread::sleep_for(200ms);
  const auto waiting = entries();
  {
    const std::lock_guard lock(mutex);
    open = true;
  }
  changed.notify_all();
  query.await_termination();
  CHECK(full);
  CHECK(waiting == 9);
  REQUIRE(seen.size() == 30);
  for (std::size_t i = 0; i < 30; ++i) CHECK(seen[i] == static_cast<std::int64_t>(i));
}

TEST_CASE("rows added to several streams together belong to one epoch") {
  MemoryStream left("side bigint");
  MemoryStream right("side bigint");
  std::map<std::uint64_t, std::int64_t> balance;
  std::atomic<std::uint64_t> rows{0};
  std::atomic<std::size_t> epochs{0};
  Session session{{.threads = 2}};
  auto query =
      session.read_stream()
          .memory(left)
          .union_all(session.read_stream().memory(right))
          .write_stream()
          .foreach_batch([&](const std::vector<BatchPtr>& batches, const Schema&, Epoch e) {
            for (const auto& batch : batches) {
              rows += batch->rows;
              for (const auto& row : rows_of(*batch)) balance[number(e)] += row[0].integer();
            }
            ++epochs;
          })
          .start();
  std::uint64_t added = 0;
  // Until it was planned often enough amid the additions.
  while (epochs < 200 && added < 200'000) {
    MemoryStream::add_together({{left, {{1}}}, {right, {{-1}}}});
    added += 2;
    std::this_thread::sleep_for(20us);  // the lock is no fair one
  }
  query.process_all_available();
  query.stop();
  CHECK(epochs >= 50);
  CHECK(rows == added);
  for (const auto& [epoch, sum] : balance) {
    CAPTURE(epoch);
    CHECK(sum == 0);
  }
}

TEST_CASE("a query of bounded sources alone reads all of it once and ends by itself") {
  Session session{{.threads = 2, .partitions = 3}};
  MemoryStream input("user string");
  for (int i = 0; i < 5; ++i) input.add({{"ada"}, {"bob"}, {"ada"}});
  const auto read = [&] { return session.read().option("maxBatchesPerTrigger", 1).memory(input); };
  MemoryTable rows;
  auto query = read().where("user = 'ada'").write_stream().memory(rows).start();
  query.await_termination();
  CHECK(rows.rows().size() == 10);
  CHECK(rows.epochs().size() == 1);
  // One epoch is the whole result, so that no output mode needs a watermark.
  for (const auto mode : {OutputMode::append, OutputMode::update, OutputMode::complete}) {
    MemoryTable counts;
    auto counted =
        read().group_by("user").count().write_stream().output_mode(mode).memory(counts).start();
    CHECK(counted.await_termination(60s));
    CHECK(counts.text() == "ada 10 | bob 5");
    CHECK(counts.epochs().size() == 1);
  }
  refused(ErrorCode::analysis, [&] {
    read().write_stream().trigger(Trigger::processing_time(1s)).memory(rows).start();
  });
  refused(ErrorCode::analysis, [&] { session.read().rate(1).write_stream().none().start(); });
}

TEST_CASE("listeners that throw are ignored, and others hear all the same") {
  const auto bad = std::make_shared<Counting>(true);
  const auto good = std::make_shared<Counting>(false);
  MemoryStream input("a bigint");
  Session session{{.threads = 2}};
  session.add_listener(bad);
  session.add_listener(good);
  auto query = session.read_stream().memory(input).write_stream().none().start();
  for (std::int64_t i = 0; i < 3; ++i) {
    input.add({{i}});
    query.process_all_available();
  }
  query.stop();
  CHECK_FALSE(query.exception());
  for (const auto& listener : {bad, good}) {
    CHECK(listener->started == 1);
    CHECK(listener->progress == 3);
    CHECK(listener->terminated == 1);
  }
}

TEST_CASE("waiting for any query hears of the first that ends, until told to forget it") {
  Session session{{.threads = 2}};
  MemoryStream input("a bigint");
  auto staying = session.read_stream().memory(input).write_stream().none().start();
  CHECK_FALSE(session.await_any_termination(20ms));
  auto leaving = session.read_stream().memory(input).write_stream().none().start();
  std::thread stopper([leaving]() mutable {
    std::this_thread::sleep_for(50ms);
    leaving.stop();
  });
  CHECK(session.await_any_termination());
  stopper.join();
  CHECK_FALSE(leaving.is_active());
  CHECK(staying.is_active());
  CHECK(session.await_any_termination(0ms));
  session.reset_terminated();
  CHECK_FALSE(session.await_any_termination(0ms));
  CHECK(session.queries().size() == 1);
}

TEST_CASE("wrong names, types and durations are refused at the start, with the way out") {
  Session session;
  MemoryStream input("name string, time timestamp");
  const auto start = [&](const DataStream& stream) { stream.write_stream().none().start(); };
  const auto rows = [&] { return session.read_stream().memory(input); };
  const auto unknown = refused(ErrorCode::analysis, [&] { start(rows().select(col("nmae"))); });
  CHECK(unknown.find("nmae") != std::string::npos);
  CHECK_MESSAGE(unknown.find("name") != std::string::npos, unknown);
  const auto type = refused(ErrorCode::analysis, [&] { start(rows().where("name")); });
  CHECK(type.find("boolean") != std::string::npos);
  CHECK(type.find("string") != std::string::npos);
  const auto duration = refused(ErrorCode::invalid_argument,
                                [&] { start(rows().with_watermark("time", "10 parsecs")); });
  CHECK(duration.find("parsecs") != std::string::npos);
  const auto option = refused(ErrorCode::invalid_argument, [&] {
    start(session.read_stream().option("maxBatchPerTrigger", 1).memory(input));
  });
  CHECK_MESSAGE(option.find("\"maxBatchesPerTrigger\"") != std::string::npos, option);
  CHECK(session.queries().empty());
}
