// Inputs that have nothing to read: they hold the watermark back unless the query says otherwise.
#include "../../actors/src/engine.hpp"
#include "entry_codec.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <algorithm>

using namespace libstream;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t second = 1'000'000;

class ManualClock final : public Clock {
 public:
  std::int64_t now_milliseconds() override { return now; }
  std::int64_t steady_microseconds() override { return now * 1000; }
  std::int64_t now = 1'700'000'000'000;
};

/// What the log says of each epoch: the watermark used, the next one, which inputs were idle.
struct Decision {
  std::int64_t watermark;
  std::int64_t next;
  std::vector<std::int64_t> idle_since;
  friend bool operator==(const Decision&, const Decision&) = default;
};

/// A query over a busy and an idle input; each run is a start of its own.
class TwoInputs {
 public:
  std::string timeout = "0 seconds";
  MemoryStream busy{"time timestamp"};
  MemoryStream idle{"time timestamp"};
  MemoryTable output;
  MemoryTable late;
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  std::map<std::string, std::uint64_t> totals;

  static void add(MemoryStream& stream, std::initializer_list<std::int64_t> seconds) {
    std::vector<Row> rows;
    for (const auto time : seconds) rows.push_back({time * second});
    stream.add(rows);
  }

  /// Reads all there is, or so many steps of the engine; true where it came to the end.
  bool run(std::optional<std::uint64_t> crash_after = std::nullopt) {
    auto actors = make_simulated_actors(++seed_);
    auto* simulated = actors.get();
    SessionOptions options;
    options.environment.clock = clock;
    options.environment.random = seeded_random(seed_);
    options.partitions = static_cast<std::uint32_t>(1 + seed_ % 3);
    auto engine = std::make_shared<Session::Engine>(options, std::move(actors));
    const auto read = [&](const MemoryStream& stream) {
      return DataStreamReader(engine, true).memory(stream).with_watermark("time", 0s);
    };
    auto writer = read(busy)
                      .union_all(read(idle))
                      .group_by(window("time", "10 seconds"))
                      .agg(count().as("n"))
                      .select(col("window").field("start").as("start"), col("n"))
                      .write_stream();
    writer.trigger(Trigger::available_now()).checkpoint(root_).memory(output);
    writer.late_rows(memory_sink(late));
    if (!timeout.empty()) writer.option("idleTimeout", timeout);
    auto query = writer.start();
    for (std::uint64_t steps = 0; query.is_active(); ++steps) {
      if (crash_after && steps == *crash_after) return false;
      REQUIRE(simulated->step());
    }
    if (query.exception()) std::rethrow_exception(query.exception());
    if (const auto progress = query.last_progress()) totals = progress->totals;
    return true;
  }

  std::vector<Decision> decisions() const {
    std::vector<Decision> list;
    const auto meta = checkpoint::decode_meta(*root_->read("meta"), "meta");
    auto names = root_->list("log/");
    std::sort(names.begin(), names.end());
    for (const auto& name : names) {
      const auto stored = checkpoint::decode_entry(*root_->read(name), std::stoull(name.substr(4)),
                                                   meta.query_id, name);
      if (const auto* epoch = std::get_if<EpochEntry>(&stored.entry)) {
        list.push_back(
            {epoch->watermark.milliseconds, epoch->next_watermark.milliseconds, epoch->idle_since});
      }
    }
    return list;
  }

 private:
  std::shared_ptr<CheckpointRoot> root_ = memory_root();
  std::uint64_t seed_ = 0;
};

}  // namespace

TEST_CASE("an idle input holds the watermark back, unless it may be left out") {
  for (const std::string timeout : {"", "0 seconds"}) {
    CAPTURE(timeout);
    TwoInputs query;
    query.timeout = timeout;
    TwoInputs::add(query.busy, {1, 12});
    TwoInputs::add(query.idle, {3});
    query.run();
    CHECK(query.output.text().empty());
    TwoInputs::add(query.busy, {25});
    query.run();
    const bool released = !timeout.empty();
    CHECK(query.output.text() ==
          (released ? "1970-01-01T00:00:00Z 2 | 1970-01-01T00:00:10Z 1" : ""));
    // It comes back with an old row, which is late only where windows went without it.
    TwoInputs::add(query.idle, {5});
    query.run();
    CHECK(query.totals["lateRows"] == (released ? 1 : 0));
    CHECK(query.late.rows().size() == (released ? 1 : 0));
    if (released) CHECK(query.late.rows()[0][0].integer() == 5 * second);
    // And counts again: the watermark is what both have reached.
    TwoInputs::add(query.busy, {70});
    TwoInputs::add(query.idle, {41});
    query.run();
    CHECK(query.decisions().back().next == 41'000);
    CHECK(query.output.text() == "1970-01-01T00:00:00Z " + std::string(released ? "2" : "3") +
                                     " | 1970-01-01T00:00:10Z 1 | 1970-01-01T00:00:20Z 1");
  }
}

TEST_CASE("an input that never had a row is left out, too") {
  TwoInputs query;
  TwoInputs::add(query.busy, {1, 12});
  query.run();
  CHECK(query.decisions().back().next == 12'000);
  CHECK(query.output.text() == "1970-01-01T00:00:00Z 1");
}

TEST_CASE("where no input has anything to read the watermark stays") {
  TwoInputs query;
  TwoInputs::add(query.busy, {30});
  TwoInputs::add(query.idle, {13});
  query.run();  // with a no-data epoch, in which both are idle
  REQUIRE(query.decisions().size() == 2);
  CHECK(query.decisions()[1].next == 13'000);
  CHECK(query.decisions()[1].idle_since[0] >= 0);
  CHECK(query.decisions()[1].idle_since[1] >= 0);
}

TEST_CASE("an input is left out when it has had nothing for the whole timeout, across restarts") {
  TwoInputs query;
  query.timeout = "1 minute";
  TwoInputs::add(query.busy, {1});
  TwoInputs::add(query.idle, {1});
  query.run();
  std::int64_t time = 10;
  const auto after = [&](std::int64_t seconds) {
    query.clock->now += seconds * 1000;
    TwoInputs::add(query.busy, {time += 10});
    query.run();
    return query.decisions().back().next;
  };
  const auto first = query.clock->now;  // of the no-data epoch
  CHECK(after(5) == 1000);
  CHECK(query.decisions().back().idle_since == std::vector<std::int64_t>{-1, first});
  CHECK(after(54) == 1000);
  CHECK(after(1) == 40'000);
  TwoInputs::add(query.idle, {2});
  CHECK(after(1) == 40'000);  // back, and late; it never falls
  CHECK(query.totals["lateRows"] == 1);
  CHECK(after(59) == 40'000);  // idle anew
  CHECK(after(60) == 70'000);
}

TEST_CASE("a crash anywhere changes neither who is idle nor any watermark") {
  const auto life = [](std::optional<std::uint64_t> crash_after) {
    TwoInputs query;
    bool crashed = false;
    const auto run = [&] {
      while (!query.run(crash_after)) {
        crashed = true;
        *crash_after *= 2;  // or it would never end
      }
    };
    TwoInputs::add(query.busy, {1, 12});
    TwoInputs::add(query.idle, {3});
    run();
    TwoInputs::add(query.busy, {25});
    run();
    TwoInputs::add(query.idle, {5});
    run();
    TwoInputs::add(query.busy, {60});
    TwoInputs::add(query.idle, {41});
    run();
    CHECK(query.late.rows().size() == 1);
    CHECK(crashed == crash_after.has_value());
    return std::pair(query.decisions(), query.output.text());
  };
  const auto expected = life(std::nullopt);
  for (std::uint64_t steps = 1; steps < 60; ++steps) {
    CAPTURE(steps);
    CHECK(life(steps) == expected);
  }
}

TEST_CASE("idleTimeout is refused where it means nothing") {
  const auto message = [](const char* timeout, const char* policy, bool strict) {
    Session session{{.threads = 1, .strict = strict}};
    MemoryStream stream("time timestamp");
    try {
      session.read_stream()
          .memory(stream)
          .with_watermark("time", 1s)
          .write_stream()
          .option("idleTimeout", timeout)
          .option("watermarkPolicy", policy)
          .none()
          .start();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("started");
  };
  CHECK(message("1 minute", "min", false) == "started");
  CHECK(message("soon", "min", false).find("option idleTimeout takes a duration") == 0);
  CHECK(message("-1 second", "min", false).find("must not be negative") != std::string::npos);
  CHECK(message("1 minute", "max", false).find("no use with watermarkPolicy max") !=
        std::string::npos);
  CHECK(message("1 minute", "min", true) ==
        "strict mode: option idleTimeout is an extension; leave it out, or leave strict mode");
}
