// Rows that get lost or repeated are found out at the next barrier.
#include "../../actors/src/engine.hpp"
#include "../../actors/src/task.hpp"
#include "fakes.hpp"
#include "virtual_clock.hpp"

#include <libstream/checkpoint/term.hpp>

#include <doctest/doctest.h>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace libstream;
using namespace libstream::fakes;

namespace {

const Schema pairs = Schema::parse("k bigint, v bigint");

BatchPtr pair_batch(std::size_t count) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < count; ++i) rows.push_back({static_cast<std::int64_t>(i), 1});
  return batch_of(pairs, rows);
}

/// What `run` prints before it aborts, in a process of its own; empty where it does not.
template <class Run>
std::string last_words(Run run) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // doctest has its own
    ::dup2(ends[1], 2);
    run();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[256];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? text : "";
}

/// Hands on what `part` makes of each batch, and claims to hand on each row once.
class Careless final : public Operator {
 public:
  explicit Careless(std::function<void(const BatchPtr&, Output&)> part) : part_(std::move(part)) {}
  void start(const EpochStart&) override {}
  Flow process(BatchPtr batch, std::size_t, Output& output) override {
    part_(batch, output);
    return Flow::done;
  }

 private:
  std::function<void(const BatchPtr&, Output&)> part_;
};

class SilentHost final : public TaskHost {
 public:
  void send(TaskId, TaskMessage) override {}
  void run(std::function<void()>, std::function<void(std::exception_ptr)>) override {}
  void later(std::function<void()>) override {}
  void report(TaskReport) override { ++reports; }
  int reports = 0;
};

/// One epoch of 5 rows through an operator task. The barrier says that `sent` rows came.
int run_epoch(std::function<void(const BatchPtr&, Output&)> part, std::uint64_t sent = 5) {
  TaskWiring wiring;
  wiring.name = "careless";
  wiring.inputs = {{{1, 0}, 0}};
  wiring.edges = {{Output::main_port, {}, {0}}, {Output::late_port, {}, {1}}};
  wiring.outputs = {{2, 0}, {3, 0}};
  OperatorTask task(wiring, {}, 16, std::make_unique<Careless>(std::move(part)));
  SilentHost host;
  task.attach(host);
  TaskMessage messages[] = {ChannelMessage{0, 0, EpochStart{}}, ChannelMessage{0, 1, pair_batch(5)},
                            ChannelMessage{0, 2, Barrier{}, sent}};
  for (auto& message : messages) task.receive(message);
  return host.reports;
}

/// Counts the rows it keeps, as state too; forgets some of them when it starts again.
class Forgetful final : public Operator {
 public:
  explicit Forgetful(std::uint64_t forgets) : forgets_(forgets) {}
  void restore(const StateReader& state, Watermark) override {
    state.for_each([this](std::uint32_t, std::string_view, std::string_view value) {
      kept_ = std::stoull(std::string(value)) - forgets_;
    });
  }
  void start(const EpochStart&) override { taken_ = 0; }
  Flow process(BatchPtr batch, std::size_t, Output&) override {
    taken_ += batch->rows;
    kept_ += batch->rows;
    return Flow::done;
  }
  void collect_changes(ChangelogWriter& changes) override {
    changes.put(0, "kept", std::to_string(kept_));
  }
  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.stateful = true;
    metrics.held_rows = kept_;
    metrics.absorbed_rows = metrics.taken_rows = taken_;
    return metrics;
  }

 private:
  std::uint64_t forgets_;
  std::uint64_t kept_ = 0;
  std::uint64_t taken_ = 0;
};

/// Reads `list` to its end through one operator, from the checkpoint at `root`.
void run_query(const std::shared_ptr<ListSource::Shared>& list,
               const std::shared_ptr<CheckpointRoot>& root, std::uint64_t forgets) {
  auto actors = make_simulated_actors(1);
  auto* simulated = actors.get();
  auto clock = std::make_shared<VirtualClock>();
  clock->follow(simulated);
  SessionOptions options;
  options.environment.clock = clock;
  auto engine = std::make_shared<Session::Engine>(options, std::move(actors));
  Topology topology;
  topology.key_groups = 16;
  topology.nodes.push_back(source_node(std::make_shared<ListSource>(list, false, 8), 1));
  topology.nodes.push_back(op_node("forgetful", 1, [forgets](const OperatorContext&) {
    return std::make_unique<Forgetful>(forgets);
  }));
  topology.nodes.back().stateful = true;
  topology.nodes.back().id = OperatorId{2};
  topology.nodes.push_back(
      sink_node(std::make_shared<ListSink>(std::make_shared<ListSink::Shared>(), false), 1));
  topology.edges = {{0, 0, 1, 0, {}}, {1, 0, 2, 0, {}}};
  QuerySpec spec;
  spec.trigger = Trigger::available_now();
  spec.checkpoint_root = root;
  auto query = engine->start(std::move(topology), spec, "");
  while (query->active() && simulated->step()) continue;
  clock->follow(nullptr);
  if (query->exception()) std::rethrow_exception(query->exception());
}

}  // namespace

TEST_CASE("an operator that hands each row on once keeps its account") {
  CHECK(run_epoch([](const BatchPtr& batch, Output& output) { output.emit(batch); }) == 1);
}

TEST_CASE("an operator that loses a row is found out at the barrier") {
  const auto words = last_words([] {
    run_epoch([](const BatchPtr& batch, Output& output) { output.emit(slice(*batch, 0, 4)); });
  });
  CHECK(words.find("the account of operator \"careless\" in epoch 0 does not balance: in 5 made 0 "
                   "out 4") != std::string::npos);
}

TEST_CASE("an operator that sends a row twice is found out at the barrier") {
  const auto words = last_words([] {
    run_epoch([](const BatchPtr& batch, Output& output) {
      output.emit(batch);
      output.emit(slice(*batch, 2, 1));
    });
  });
  CHECK(words.find("in 5 made 0 out 6") != std::string::npos);
}

TEST_CASE("late rows that are handed out and not counted are found out") {
  const auto words = last_words([] {
    run_epoch([](const BatchPtr& batch, Output& output) {
      output.emit(batch);
      output.emit(slice(*batch, 2, 1), Output::late_port);
    });
  });
  CHECK(words.find("late 0 handed out as late 1") != std::string::npos);
}

TEST_CASE("rows that a channel loses or repeats are found out") {
  const auto pass = [](const BatchPtr& batch, Output& output) { output.emit(batch); };
  for (const std::uint64_t sent : {4U, 6U}) {
    CHECK(last_words([&] { run_epoch(pass, sent); }).find("as many rows come as were sent") !=
          std::string::npos);
  }
}

TEST_CASE("rows of the state that a restart loses are found out") {
  auto list = std::make_shared<ListSource::Shared>();
  list->schema = pairs;
  list->batches = {pair_batch(3)};
  const auto root = memory_root();
  run_query(list, root, 0);
  list->batches.push_back(pair_batch(2));
  const auto words = last_words([&] { run_query(list, root, 1); });
  CHECK(words.find("got rows held 2, but the ones before it handed on 3") != std::string::npos);
  run_query(list, root, 0);
}

TEST_CASE("a source that miscounts ends its query") {
  auto list = std::make_shared<ListSource::Shared>();
  list->schema = pairs;
  list->batches = {pair_batch(3)};
  ListSource source(list, false, 1);
  class Miscounting final : public SourceReader {
   public:
    explicit Miscounting(std::unique_ptr<SourceReader> reader) : reader_(std::move(reader)) {}
    bool blocking() const override { return false; }
    void open(std::vector<ReadUnit> units) override { reader_->open(std::move(units)); }
    BatchPtr next() override { return reader_->next(); }
    SourceMetrics metrics() const override { return {4, 0, 0}; }

   private:
    std::unique_ptr<SourceReader> reader_;
  };
  TaskWiring wiring;
  wiring.name = "list source";
  wiring.edges = {{0, {}, {0}}};
  wiring.outputs = {{1, 0}};
  SilentHost host;
  SourceTask task(wiring, {}, 16, std::make_shared<Miscounting>(source.reader(0, 1)), {8, false});
  task.attach(host);
  source.rewind("");
  TaskMessage begin;
  auto& epoch = begin.emplace<BeginEpoch>();
  epoch.units = source.plan(false)->units;
  try {
    task.receive(begin);
    FAIL("the source handed on 3 rows and claims 4");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::data);
    CHECK(std::string(error.what()).find("the list source says that it read 4 rows") == 0);
  }
}
