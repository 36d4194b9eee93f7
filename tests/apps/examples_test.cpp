// The examples of operators, joins, sessions and sinks of one's own.
#include <libstream/checkpoint/term.hpp>
#include <libstream/testing/operator_test.hpp>
#include <libstream/testing/simulation.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <custom_join/latest_price.hpp>
#include <exactly_once_sink/ledger_sink.hpp>
#include <memory>
#include <running_mean/running_mean.hpp>
#include <sessions/sessions.hpp>

using namespace libstream;

namespace {

/// One run over what is there; the checkpoint goes on to the next.
void run(const DataStream& stream, const std::shared_ptr<CheckpointRoot>& root,
         const MemoryTable& table) {
  stream.write_stream()
      .checkpoint(root)
      .trigger(Trigger::available_now())
      .memory(table)
      .start()
      .await_termination();
}

}  // namespace

TEST_CASE("Running mean: the operator alone, with restarts between any two epochs") {
  const Schema input = Schema::parse("sensor string, value double");
  const OperationInput described{input, {}, false, true};
  const auto factory = running_mean::MeanOperation().plan(std::span(&described, 1)).factory;
  for (const bool restarts : {false, true}) {
    for (const std::uint32_t partitions : {1U, 3U}) {
      testing::OperatorTest test({{factory, {0}}}, input,
                                 {.partitions = partitions, .restart_always = restarts});
      const auto out = Schema::parse("sensor string, value double, mean double");
      test.process({{"a", 1.0}, {"b", 5.0}});
      CHECK(testing::text(out, test.barrier()) == "a 1.0 1.0 | b 5.0 5.0");
      test.process({{"a", 3.0}});
      CHECK(testing::text(out, test.barrier()) == "a 3.0 2.0");
      test.restart(4);
      test.process({{"a", nullptr}, {"b", 6.0}});
      CHECK(testing::text(out, test.barrier()) == "a null 2.0 | b 6.0 5.5");
      CHECK(test.metrics().state_rows == 2);
    }
  }
}

TEST_CASE("Running mean: as a step of a query, over restarts") {
  MemoryStream readings("value double, sensor string");
  MemoryTable table;
  const auto root = memory_root();
  for (const char* expected : {"a 1.0 1.0", "a 1.0 1.0 | a 3.0 2.0"}) {
    Session session({.threads = 1, .partitions = 2});
    readings.add({{table.rows().empty() ? 1.0 : 3.0, "a"}});
    run(running_mean::means(session.read_stream().memory(readings)), root, table);
    CHECK(table.text() == expected);
  }
}

TEST_CASE("A join of one's own remembers prices over restarts") {
  MemoryStream trades("symbol string, amount bigint");
  MemoryStream prices("symbol string, price double");
  MemoryTable table;
  const auto root = memory_root();
  const auto epoch = [&](const std::vector<Row>& new_trades, const std::vector<Row>& new_prices) {
    MemoryStream::add_together({{trades, new_trades}, {prices, new_prices}});
    table.clear();
    Session session({.threads = 1, .partitions = 3});
    run(latest_price::priced(session.read_stream().memory(trades),
                             session.read_stream().memory(prices)),
        root, table);
    return table.text();
  };
  CHECK(epoch({{"x", 1}, {"y", 2}}, {{"x", 10.0}}) == "x 1 10.0");
  CHECK(epoch({{"x", 3}, {"y", 4}}, {{"y", 7.5}}) == "x 3 10.0 | y 4 7.5");
  CHECK(epoch({{"x", 5}}, {{"x", 11.0}}) == "x 5 11.0");
}

TEST_CASE("Sessions by event time") {
  MemoryStream clicks("user string, time timestamp");
  MemoryTable table;
  Session session({.threads = 1, .partitions = 2});
  Query query = sessions::closed(session.read_stream().memory(clicks).with_watermark(
                                     "time", std::chrono::milliseconds(0)),
                                 GroupTimeout::event_time, std::chrono::seconds(10))
                    .write_stream()
                    .memory(table)
                    .start();
  const auto second = [](std::int64_t s) { return Value(s * 1'000'000); };
  clicks.add({{"ada", second(1)}, {"ada", second(5)}, {"bob", second(8)}});
  query.process_all_available();
  CHECK(table.text() == "");
  clicks.add({{"bob", second(16)}});
  query.process_all_available();
  CHECK(table.text() == "ada 1970-01-01T00:00:01Z 1970-01-01T00:00:05Z 2");
  clicks.add({{"eve", second(40)}});
  query.process_all_available();
  CHECK(table.text() ==
        "ada 1970-01-01T00:00:01Z 1970-01-01T00:00:05Z 2 | bob 1970-01-01T00:00:08Z "
        "1970-01-01T00:00:16Z 2");
}

TEST_CASE("Sessions by the clock, wherever the process dies") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    MemoryStream clicks("user string, time timestamp");
    testing::Simulation simulation({.seed = seed, .run_for = std::chrono::minutes(1)});
    for (const int second : {0, 10, 50}) {
      simulation.at(std::chrono::seconds(second), [&clicks, second] {
        clicks.add({{"ada", std::int64_t{second} * 1'000'000}});
      });
    }
    const auto result = simulation.run([&](testing::SimulatedSession& session) {
      return sessions::closed(session.read_stream().memory(clicks), GroupTimeout::processing_time,
                              std::chrono::seconds(30))
          .write_stream();
    });
    CHECK(result.text() ==
          "ada 1970-01-01T00:00:00Z 1970-01-01T00:00:10Z 2 | ada 1970-01-01T00:00:50Z "
          "1970-01-01T00:00:50Z 1");
  }
}

TEST_CASE("A sink of one's own: every epoch once, over restarts and repeated commits") {
  const auto book = std::make_shared<ledger::Ledger>();
  MemoryStream input("x bigint");
  const auto root = memory_root();
  for (std::int64_t i = 1; i <= 3; ++i) {
    input.add({{i}});
    Session session({.threads = 1, .partitions = 1});
    session.read_stream()
        .memory(input)
        .write_stream()
        .checkpoint(root)
        .trigger(Trigger::available_now())
        .sink(std::make_shared<ledger::LedgerSink>(book))
        .start()
        .await_termination();
  }
  CHECK(book->text() == "1 / 2 / 3");
  ledger::LedgerSink sink(book);
  const std::vector<StagedHandle> again{{"1", 1}};
  sink.commit(Epoch{0}, again);
  CHECK(book->text() == "1 / 2 / 3");
}
