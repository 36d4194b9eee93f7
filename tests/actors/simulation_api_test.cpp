// Simulations as users write them.
#include <libstream/libstream.hpp>
#include <libstream/testing/simulation.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <set>

using namespace libstream;
using namespace std::chrono_literals;
using libstream::testing::SimulatedSession;
using libstream::testing::Simulation;

namespace {

struct Visit {
  std::string user;
  std::int64_t pages = 0;
};
BOOST_DESCRIBE_STRUCT(Visit, (), (user, pages))
struct Total {
  std::int64_t pages = 0;
};
BOOST_DESCRIBE_STRUCT(Total, (), (pages))

/// Pages of a user, told when nothing has come of the user for a while.
DataStreamWriter totals_after(std::chrono::milliseconds gap, SimulatedSession& session,
                              const MemoryStream& visits) {
  return session.read_stream()
      .memory(visits)
      .as<Visit>()
      .group_by_key<std::string>("user")
      .flat_map_groups_with_state<Total>(
          OutputMode::append, GroupTimeout::processing_time,
          [gap](const std::string& user, std::span<const Visit> rows, GroupState<Total>& state) {
            Total total = state.get_or_default();
            if (state.has_timed_out()) {
              state.remove();
              return std::vector<Visit>{{user, total.pages}};
            }
            for (const Visit& visit : rows) total.pages += visit.pages;
            state.update(total);
            state.set_timeout_duration(gap);
            return std::vector<Visit>{};
          })
      .to_stream()
      .write_stream();
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

DataStreamWriter pass(SimulatedSession& session, const MemoryStream& input) {
  return session.read_stream().memory(input).write_stream().trigger(Trigger::available_now());
}

}  // namespace

TEST_CASE("A simulated query dies and goes on; the same seed does it in the same way") {
  MemoryStream words("word string");
  for (int i = 0; i < 5; ++i) words.add({{"ada"}, {"bob"}, {"ada"}});
  std::uint32_t crashes = 0;
  std::set<std::uint64_t> traces;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    const auto run = [&] {
      Simulation simulation({.seed = seed, .crashes = 4});
      return simulation.run([&](SimulatedSession& session) {
        return session.read_stream()
            .option("maxBatchesPerTrigger", 1)
            .memory(words)
            .group_by("word")
            .count()
            .write_stream()
            .output_mode(OutputMode::complete)
            .trigger(Trigger::available_now());
      });
    };
    const auto result = run();
    CHECK(result.text() == "ada 10 | bob 5");
    CHECK(result.starts == result.crashes + 1);
    CHECK(run().trace == result.trace);
    traces.insert(result.trace);
    crashes += result.crashes;
  }
  CHECK(crashes > 60);
  CHECK(traces.size() == 60);
}

TEST_CASE("What happens outside happens once and in time, whether the process is up or not") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    MemoryStream visits("user string, pages bigint");
    Simulation simulation({.seed = seed, .run_for = 70s});
    simulation.at(50s, [&] { visits.add({{"ada", 1}}); });
    simulation.at(0s, [&] { visits.add({{"ada", 2}, {"bob", 3}}); });
    simulation.at(170s, [&] { visits.add({{"ada", 4}}); });
    const auto result = simulation.run(
        [&](SimulatedSession& session) { return totals_after(1min, session, visits); });
    CHECK(result.text() == "ada 3 | ada 4 | bob 3");
  }
}

TEST_CASE("A query that ends by itself starts again when something happens") {
  MemoryStream input("x bigint");
  Simulation simulation({.crashes = 0});
  for (std::int64_t i = 1; i <= 3; ++i) {
    simulation.at(std::chrono::minutes(i), [&input, i] { input.add({{i}}); });
  }
  const auto result =
      simulation.run([&](SimulatedSession& session) { return pass(session, input); });
  CHECK(result.text() == "1 | 2 | 3");
  CHECK(result.starts == 4);
  CHECK(result.output.epochs().size() == 3);
}

TEST_CASE("A simulation finds what a crash repeats") {
  MemoryStream input("x bigint");
  for (std::int64_t i = 1; i <= 4; ++i) input.add({{i}});
  bool repeated = false;
  for (std::uint64_t seed = 0; seed < 200 && !repeated; ++seed) {
    std::int64_t told = 0;  // outside, without a look at the epoch: a sink that is no sink
    Simulation simulation({.seed = seed, .crashes = 4});
    const auto result = simulation.run([&](SimulatedSession& session) {
      return session.read_stream()
          .option("maxBatchesPerTrigger", 1)
          .memory(input)
          .write_stream()
          .trigger(Trigger::available_now())
          .foreach_batch([&](const std::vector<BatchPtr>& batches, const Schema&, Epoch) {
            for (const BatchPtr& batch : batches) told += static_cast<std::int64_t>(batch->rows);
          });
    });
    CHECK(result.text() == "1 | 2 | 3 | 4");
    CHECK(told >= 4);
    repeated = told > 4;
  }
  CHECK(repeated);
}

TEST_CASE("What goes wrong in a simulation is told with its seed") {
  MemoryStream input("x bigint");
  input.add({{0}});
  CHECK(message_of([&] {
          Simulation({.seed = 41, .crashes = 0}).run([&](SimulatedSession& session) {
            return session.read_stream()
                .memory(input)
                .select(expr("1 / x").as("y"))
                .write_stream()
                .trigger(Trigger::available_now());
          });
        }).ends_with(" (simulation with seed 41, start 1)"));
  CHECK(message_of([&] {
          Simulation({.seed = 42, .crashes = 0, .most_steps = 10})
              .run([&](SimulatedSession& session) { return pass(session, input); });
        }) == "the simulated query does not end (simulation with seed 42, start 1)");
  CHECK(message_of([&] {
          Simulation({}).run([&](SimulatedSession& session) {
            return pass(session, input).checkpoint("somewhere/");
          });
        }).starts_with("the checkpoint of a simulated query is the simulation's"));
  CHECK(message_of([] { Simulation({.partitions = {}}); }) ==
        "SimulationOptions::partitions is empty: name one number at least");
}
