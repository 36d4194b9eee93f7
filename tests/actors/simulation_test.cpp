#include "../../actors/src/engine.hpp"
#include "fakes.hpp"
#include "virtual_clock.hpp"

#include <libstream/checkpoint/term.hpp>

#include <doctest/doctest.h>

using namespace libstream;
using namespace libstream::fakes;

namespace {

const Schema pairs = Schema::parse("k bigint, v bigint");

/// A query of random shape over random rows, as a test drives it: run, crash, run again elsewhere.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : random_(seeded_random(seed)) {
    environment_.clock = clock_;
    environment_.random = seeded_random(seed + 1);
    keyed_ = pick(2) == 0;
    copies_ = keyed_ ? 1 : 1 + pick(3);
    sources_ = 1 + pick(2);
    blocking_source_ = pick(2) == 0;
    blocking_sink_ = pick(2) == 0;
    for (std::uint64_t i = 0; i < sources_; ++i) {
      auto list = std::make_shared<ListSource::Shared>();
      list->schema = pairs;
      lists_.push_back(list);
      fill(*list);
    }
  }

  std::uint64_t pick(std::uint64_t limit) { return random_->next() % limit; }

  /// Runs until the end or, in a run that crashes, so many steps.
  void run(std::optional<std::uint64_t> crash_after) {
    auto actors = make_simulated_actors(random_->next());
    auto* simulated = actors.get();
    clock_->follow(simulated);
    SessionOptions options;
    options.environment = environment_;
    options.channel_batches = 1 + pick(4);
    options.channel_bytes = 64U << pick(8);
    auto engine = std::make_shared<Session::Engine>(options, std::move(actors));
    QuerySpec spec;
    spec.trigger = pick(3) == 0 ? Trigger::once() : Trigger::available_now();
    if (!crash_after) spec.trigger = Trigger::available_now();
    spec.checkpoint_root = root_;
    spec.options.set("snapshotEpochs", std::to_string(1 + pick(4)));
    auto query = engine->start(topology(), spec, "");
    std::uint64_t steps = 0;
    while (query->active() && (!crash_after || steps < *crash_after)) {
      REQUIRE(simulated->step());
      ++steps;
      if (steps > 1'000'000) throw std::runtime_error("the query does not end");
    }
    check_error(*query);
    progress_ = query->recent_progress();
    check_watermarks();
    trace_ = hash_word(trace_ ^ simulated->trace());
    clock_->follow(nullptr);
  }

  std::vector<std::string> expected() const {
    std::vector<std::string> rows;
    for (const auto& list : lists_) {
      for (const auto& batch : list->batches) {
        for (const auto& row : rows_of(*batch)) {
          for (std::uint64_t i = 0; i < copies_; ++i) {
            rows.push_back(std::to_string(row[0].integer()) + " " +
                           std::to_string(row[1].integer()));
          }
        }
      }
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  void check() {
    for (const auto& [epoch, repeats] : sink_->again) {
      for (const auto& repeat : repeats) CHECK(sorted(repeat) == sorted(sink_->epochs.at(epoch)));
    }
    if (keyed_) {
      check_sums();
    } else {
      CHECK(sink_->rows() == expected());
    }
    std::uint64_t rows = 0;
    for (const auto& list : lists_) {
      for (const auto& batch : list->batches) rows += batch->rows;
    }
    if (!progress_.empty()) {
      CHECK(progress_.back().totals.at("inputRows") == rows);
      CHECK(progress_.back().totals.at("outputRows") == sink_->rows().size());
    }
  }

  std::uint64_t trace() const { return trace_; }
  void add_rows() {
    for (const auto& list : lists_) fill(*list);
  }

 private:
  static std::vector<std::string> sorted(std::vector<std::string> rows) {
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  void fill(ListSource::Shared& list) {
    const auto batches = 1 + pick(8);
    for (std::uint64_t i = 0; i < batches; ++i) {
      std::vector<Row> rows;
      const auto count = 1 + pick(20);
      for (std::uint64_t j = 0; j < count; ++j) {
        rows.push_back({static_cast<std::int64_t>(pick(7)), static_cast<std::int64_t>(pick(100))});
      }
      list.batches.push_back(batch_of(pairs, rows));
    }
  }

  Topology topology() {
    Topology topology;
    topology.key_groups = 16;
    const auto partitions = static_cast<std::uint32_t>(1 + pick(8));
    const auto copies = static_cast<std::uint32_t>(copies_);
    std::uint32_t node = 0;
    for (const auto& list : lists_) {
      const auto parallelism = static_cast<std::uint32_t>(1 + pick(3));
      auto source = std::make_shared<ListSource>(list, blocking_source_, 1 + pick(4));
      topology.nodes.push_back(source_node(source, parallelism));
      topology.nodes.back().id = OperatorId{100 + node};
    }
    node = static_cast<std::uint32_t>(lists_.size());
    if (keyed_) {
      topology.nodes.push_back(op_node("sum", partitions, [](const OperatorContext& context) {
        return std::make_unique<SumPerKey>(context);
      }));
      auto& sum = topology.nodes.back();
      sum.stateful = true;
      sum.id = OperatorId{1};
      sum.state_name = "sum";
      sum.state_signature = "sum per key";
    } else {
      topology.nodes.push_back(op_node("repeat", partitions, [copies](const OperatorContext&) {
        return std::make_unique<Repeat>(copies);
      }));
    }
    const bool gathered = pick(2) == 0;
    topology.nodes.push_back(
        sink_node(std::make_shared<ListSink>(sink_, blocking_sink_), gathered ? 1 : partitions));
    for (std::uint32_t i = 0; i < node; ++i) {
      topology.edges.push_back({i, 0, node, 0, {Exchange::Kind::hash, {0}}});
    }
    topology.edges.push_back(
        {node, 0, node + 1, 0, {gathered ? Exchange::Kind::gather : Exchange::Kind::forward, {}}});
    return topology;
  }

  static void check_error(const QueryRun& query) {
    if (query.exception()) std::rethrow_exception(query.exception());
  }

  void check_watermarks() {
    for (const auto& progress : progress_) {
      CHECK(progress.watermark >= watermark_);
      watermark_ = progress.watermark;
    }
  }

  /// The last sum told of each key is the sum of its values.
  void check_sums() {
    std::map<std::string, std::string> told;
    for (const auto& epoch : sink_->epochs) {
      for (const auto& row : epoch.second) {
        const auto blank = row.find(' ');
        told[row.substr(0, blank)] = row.substr(blank + 1);
      }
    }
    std::map<std::string, std::int64_t> sums;
    for (const auto& list : lists_) {
      for (const auto& batch : list->batches) {
        for (const auto& row : rows_of(*batch)) {
          sums[std::to_string(row[0].integer())] += row[1].integer();
        }
      }
    }
    std::map<std::string, std::string> right;
    for (const auto& [key, sum] : sums) right[key] = std::to_string(sum);
    CHECK(told == right);
  }

  std::shared_ptr<Random> random_;
  std::shared_ptr<VirtualClock> clock_ = std::make_shared<VirtualClock>();
  Environment environment_;
  std::shared_ptr<CheckpointRoot> root_ = memory_root();
  std::vector<std::shared_ptr<ListSource::Shared>> lists_;
  std::shared_ptr<ListSink::Shared> sink_ = std::make_shared<ListSink::Shared>();
  bool keyed_ = false;
  std::uint64_t copies_ = 1;
  std::uint64_t sources_ = 1;
  bool blocking_source_ = false;
  bool blocking_sink_ = false;
  std::vector<QueryProgress> progress_;
  Watermark watermark_;
  std::uint64_t trace_ = 0;
};

std::uint64_t simulate(std::uint64_t seed) {
  CAPTURE(seed);
  Simulation simulation(seed);
  const auto crashes = simulation.pick(4);
  for (std::uint64_t i = 0; i < crashes; ++i) {
    simulation.run(simulation.pick(400));
    if (simulation.pick(3) == 0) simulation.add_rows();
  }
  simulation.run(std::nullopt);
  simulation.check();
  return simulation.trace();
}

}  // namespace

TEST_CASE("a simulated query that crashes anywhere gives what an undisturbed one gives") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) simulate(seed);
}

TEST_CASE("the same seed gives the same schedule, another seed another one") {
  CHECK(simulate(7) == simulate(7));
  CHECK(simulate(7) != simulate(8));
}
