// The example of a source of one's own, under simulated crashes. Its log refuses to read what it
// was told to give up, so a release that came too early would end the query.
#include <libstream/testing/simulation.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <custom_source/order_source.hpp>

using namespace libstream;
using namespace std::chrono_literals;
using libstream::testing::SimulatedSession;
using libstream::testing::Simulation;

TEST_CASE("A source of one's own: every order once, and none kept that is decided") {
  std::uint32_t crashes = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    const auto log = std::make_shared<orders::OrderLog>(3);
    const bool ends = seed % 2 == 0;
    Simulation simulation({.seed = seed, .crashes = 3, .partitions = {1, 2, 5}});
    for (int i = 0; i < 40; ++i) {
      simulation.at(std::chrono::milliseconds(i * 7), [log, i] {
        const auto part = static_cast<std::size_t>(i % 3);
        for (int j = 0; j < 10; ++j) log->append(part, j % 2 == 0 ? "ada" : "bob", i);
      });
    }
    const auto result = simulation.run([&](SimulatedSession& session) {
      auto writer = orders::totals(session.read_stream(), log).write_stream();
      writer.output_mode(OutputMode::complete);
      if (ends) writer.trigger(Trigger::available_now());
      return writer;
    });
    CHECK(result.text() == "ada 3900 200 | bob 3900 200");
    CHECK(log->kept() == 0);
    crashes += result.crashes;
  }
  CHECK(crashes > 100);
}

TEST_CASE("A source of one's own: its offsets alone say where a restart reads on") {
  const auto log = std::make_shared<orders::OrderLog>(2);
  for (int i = 0; i < 250; ++i) log->append(0, "ada", i);
  log->append(1, "bob", 7);
  orders::OrderSource source(log);
  source.restore("", empty_state());
  const auto first = source.plan(false);
  REQUIRE(first);
  CHECK(first->end == "100 1");
  CHECK(first->latest == "250 1");
  CHECK(first->units.size() == 2);
  CHECK(source.plan(false)->end == "200 1");
  source.rewind(first->end);  // the second was not decided
  CHECK(source.plan(true)->end == "250 1");
  CHECK_FALSE(source.plan(false));
  source.release("100 1");
  CHECK(log->kept() == 150);

  orders::OrderSource next(log);
  next.restore("200 1", empty_state());
  next.freeze();
  log->append(1, "bob", 8);
  const auto rest = next.plan(false);
  REQUIRE(rest);
  CHECK(rest->start == "200 1");
  CHECK(rest->end == "250 1");
  CHECK_FALSE(next.plan(false));
  auto reader = next.reader(0, 1);
  reader->open(rest->units);
  CHECK(reader->next()->rows == 50);
  CHECK(reader->next() == nullptr);
  CHECK(reader->metrics().rows == 50);
  reader->open({{"0 0 10", 10, 0}});
  CHECK_THROWS_WITH_AS(reader->next(), "orders 0 of part 0 were given up", Error);
}
