// Typed streams and state by key through a session: what the random tests do not say by name.
#include "manual_clock.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <stdexcept>
#include <thread>
#include <tuple>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace groups_test {

struct Click {
  std::string user;
  std::int64_t price;
};
BOOST_DESCRIBE_STRUCT(Click, (), (user, price))

struct Total {
  std::string user;
  std::int64_t n;
  std::string status;
};
BOOST_DESCRIBE_STRUCT(Total, (), (user, n, status))

struct Page {
  std::string_view site;
  std::int32_t number;
  friend bool operator<(const Page& a, const Page& b) {
    return std::tie(a.site, a.number) < std::tie(b.site, b.number);
  }
};
BOOST_DESCRIBE_STRUCT(Page, (), (site, number))

// Three lives of one state.
struct Before {
  std::int64_t n = 0;
};
BOOST_DESCRIBE_STRUCT(Before, (), (n))
struct Grown {
  std::int64_t n = 0;
  std::string city = "none";
};
BOOST_DESCRIBE_STRUCT(Grown, (), (n, city))
struct Changed {
  std::string n;
};
BOOST_DESCRIBE_STRUCT(Changed, (), (n))

}  // namespace groups_test

using namespace groups_test;

namespace {

using Clicks = std::span<const Click>;
using Totals = std::vector<Total>;
using Count = GroupState<std::int64_t>;

Totals count_until_idle(const std::string& user, Clicks clicks, Count& state) {
  if (state.has_timed_out()) {
    const auto n = state.get();
    state.remove();
    return {{user, n, "timeout"}};
  }
  const auto n = state.get_or_default() + static_cast<std::int64_t>(clicks.size());
  state.update(n);
  state.set_timeout_duration("10 seconds");
  return {{user, n, "data"}};
}

Totals count_all(const std::string& user, Clicks clicks, Count& state) {
  const auto n = state.get_or_default() + static_cast<std::int64_t>(clicks.size());
  state.update(n);
  return {{user, n, "data"}};
}

/// A query over clicks that can be started again, with a clock that stands still.
struct ClickQuery {
  using Build = std::function<DataStream(const TypedStream<Click>&)>;

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>(1000);
  std::shared_ptr<CheckpointRoot> root = memory_root();
  MemoryStream input{"user string, price bigint"};
  MemoryTable output;
  bool strict = false;
  bool no_data_epochs = true;
  Trigger trigger;
  OutputMode mode = OutputMode::update;
  std::unique_ptr<Session> session;
  std::optional<Query> query;

  void start(const Build& build, std::uint32_t partitions = 3) {
    if (query) query->stop();
    query.reset();
    SessionOptions options;
    options.threads = 2;
    options.partitions = partitions;
    options.strict = strict;
    options.environment.clock = clock;
    session = std::make_unique<Session>(options);
    query = build(session->read_stream().memory(input).as<Click>())
                .write_stream()
                .output_mode(mode)
                .trigger(trigger)
                .checkpoint(root)
                .option("noDataEpochs", no_data_epochs)
                .memory(output)
                .start();
  }
  /// What comes at a time, in ms, with clicks of these users.
  std::string at(std::int64_t now, const std::vector<std::string>& users = {}) {
    output.clear();
    clock->set(now);
    std::vector<Row> rows;
    for (const auto& user : users) rows.push_back({user, std::int64_t{1}});
    if (!rows.empty()) input.add(rows);
    query->process_all_available();
    return output.text();
  }
  std::string failure() {
    try {
      query->process_all_available();
    } catch (const Error& error) {
      return std::string(to_string(error.code())) + ": " + error.what();
    }
    return "no failure";
  }
};

DataStream by_user(const TypedStream<Click>& clicks, GroupTimeout timeout, auto function) {
  return clicks.group_by_key<std::string>("user")
      .flat_map_groups_with_state<std::int64_t>(OutputMode::update, timeout, function)
      .to_stream();
}
DataStream idle_counts(const TypedStream<Click>& clicks) {
  return by_user(clicks, GroupTimeout::processing_time, count_until_idle);
}

}  // namespace

TEST_CASE("map, filter and flat_map run over structs and give columns again") {
  Session session{{.threads = 2, .partitions = 3}};
  MemoryStream input("user string, price bigint, unused double");
  MemoryTable output;
  auto query = session.read_stream()
                   .memory(input)
                   .as<Click>()
                   .filter([](const Click& click) { return click.price > 0; })
                   .map([](const Click& click) {
                     return Click{click.user + "!", click.price * 2};
                   })
                   .flat_map([](const Click& click) {
                     return std::vector<Click>(static_cast<std::size_t>(click.price), click);
                   })
                   .to_stream()
                   .where("price < 5")
                   .group_by("user")
                   .agg(count().as("n"), sum("price").as("total"))
                   .write_stream()
                   .output_mode(OutputMode::complete)
                   .memory(output)
                   .start();
  input.add({{"ada", 1, 0.5}, {"bob", 2, Value()}, {"eve", 0, Value()}, {"eve", 3, Value()}});
  query.process_all_available();
  CHECK(output.text() == "ada! 2 4 | bob! 4 16");
  const auto operators = query.last_progress()->operators;
  CHECK(operators.at(0).name == "project");  // cuts off what is not read
  CHECK(operators.at(1).name == "as<Click>, filter, map, flat_map");
  CHECK(operators.at(1).rows_in == 4);
  CHECK(operators.at(1).rows_out == 12);
}

TEST_CASE("a key may be computed, of several fields, and leaves the event time known") {
  Session session{{.threads = 2, .partitions = 3}};
  MemoryStream input("url string, number int, time timestamp");
  MemoryTable output;
  const auto rows = session.read_stream().memory(input).with_watermark("time", 5s);
  const auto start = [&](const DataStream& pages) {
    return pages.as<Page>()
        .group_by_key([](const Page& page) {
          return Page{page.site, page.number % 2};
        })
        .flat_map_groups_with_state<std::int64_t>(
            OutputMode::append, GroupTimeout::event_time,
            [](const Page& page, std::span<const Page> seen, Count& state) {
              if (state.has_timed_out()) {
                return std::vector<Total>{
                    {std::string(page.site), state.get() * 10 + page.number, "over"}};
              }
              state.update(state.get_or_default() + static_cast<std::int64_t>(seen.size()));
              state.set_timeout_timestamp(state.current_watermark() + 40s);
              return std::vector<Total>{};
            })
        .to_stream()
        .write_stream()
        .memory(output)
        .start();
  };
  CHECK_THROWS_WITH_AS(start(rows), doctest::Contains("site"), Error);  // it is "url" there
  auto query = start(rows.with_column_renamed("url", "site"));
  constexpr std::int64_t second = 1'000'000;
  input.add({{"a", 1, 20 * second}, {"a", 3, 21 * second}, {"a", 2, 21 * second}});
  input.add({{"b", 5, 22 * second}});
  query.process_all_available();
  CHECK(output.text() == "");
  input.add({{"z", 5, 100 * second}});
  query.process_all_available();
  CHECK(output.text() == "a 10 over | a 21 over | b 11 over | z 11 over");
}

TEST_CASE("timeouts by processing time fire in an epoch of their own, strictly behind their time") {
  for (const bool strict : {false, true}) {
    for (const std::uint32_t partitions : {1U, 3U, 8U}) {
      CAPTURE(strict);
      CAPTURE(partitions);
      ClickQuery test;
      test.strict = strict;
      test.start(idle_counts, partitions);
      CHECK(test.at(1000, {"a"}) == "a 1 data");                  // until 11 s
      CHECK(test.at(2000, {"b"}) == "b 1 data");                  // until 12 s
      CHECK(test.at(11'000) == "");                               // due, not yet over
      CHECK(test.at(12'000, {"b"}) == "a 1 timeout | b 2 data");  // b until 22 s
      CHECK(test.at(22'000, {"b", "b"}) == "b 4 data");           // data keeps it alive: until 32 s
      CHECK(test.at(23'000, {"c"}) == "c 1 data");                // until 33 s
      CHECK(test.at(32'001) == "b 4 timeout");
      CHECK(test.at(33'000) == "");
      CHECK(test.at(33'001) == "c 1 timeout");
      CHECK(test.at(40'000, {"a"}) == "a 1 data");  // begins anew
      const auto state = test.query->last_progress()->state_operators.at(0);
      CHECK(state.operator_name == "flatMapGroupsWithState");
      CHECK(state.rows_total == 1);
    }
  }
}

TEST_CASE("without timeouts that are over there is no epoch, but in strict mode at every trigger") {
  const auto epochs = [](ClickQuery& test) {
    std::size_t count = 0;
    for (const auto& progress : test.query->recent_progress()) count += progress.executed ? 1 : 0;
    return count;
  };
  ClickQuery test;
  test.start(idle_counts);
  test.at(1000, {"a"});
  for (int i = 0; i < 20; ++i) test.at(2000 + i);
  CHECK(epochs(test) == 1);
  test.at(11'001);
  CHECK(epochs(test) == 2);
  CHECK(test.query->last_progress()->no_data);

  ClickQuery strict;
  strict.strict = true;
  strict.trigger = Trigger::processing_time(100ms);
  strict.start(idle_counts);
  strict.input.add({{"a", 1}});
  for (std::size_t slot = 1; slot <= 5; ++slot) {
    strict.clock->set(static_cast<std::int64_t>(slot) * 100 + 1000);
    while (epochs(strict) < slot) std::this_thread::sleep_for(1ms);
    CHECK(strict.query->last_progress()->no_data == (slot > 1));
  }
  strict.start(idle_counts);  // forgets that it wanted them
  std::this_thread::sleep_for(50ms);
  CHECK(epochs(strict) == 0);
}

TEST_CASE("timeouts survive a restart, with other partitions; without epochs for them they wait") {
  ClickQuery test;
  test.start(idle_counts, 3);
  CHECK(test.at(1000, {"a", "b", "c", "d"}) == "a 1 data | b 1 data | c 1 data | d 1 data");
  CHECK(test.at(5000, {"b"}) == "b 2 data");
  test.start(idle_counts, 8);
  CHECK(test.at(5000) == "");
  CHECK(test.at(11'001) == "a 1 timeout | c 1 timeout | d 1 timeout");
  test.no_data_epochs = false;
  test.start(idle_counts, 2);
  CHECK(test.at(60'000) == "");
  CHECK(test.at(60'001, {"a"}) == "a 1 data | b 2 timeout");
  test.no_data_epochs = true;
  test.clock->set(80'000);
  test.trigger = Trigger::available_now();
  test.output.clear();
  test.start(idle_counts, 1);  // due at the start: that is available now
  test.query->await_termination();
  CHECK(test.output.text() == "a 1 timeout");
}

TEST_CASE("a state may gain fields between two starts, and lose or change none") {
  ClickQuery test;
  const auto counting = [](auto example) {
    using State = decltype(example);
    return [](const TypedStream<Click>& clicks) {
      return clicks.group_by_key<std::string>("user")
          .template flat_map_groups_with_state<State>(
              OutputMode::update, GroupTimeout::none,
              [](const std::string& user, Clicks rows, GroupState<State>& state) {
                auto now = state.get_or_default();
                Totals totals;
                if constexpr (std::is_same_v<State, Grown>) {
                  totals.push_back({user, now.n, now.city});
                  now.city = "Ulm";
                } else {
                  totals.push_back({user, 0, ""});
                }
                if constexpr (!std::is_same_v<State, Changed>) {
                  now.n += static_cast<std::int64_t>(rows.size());
                }
                state.update(now);
                return totals;
              })
          .to_stream();
    };
  };
  test.start(counting(Before{}));
  test.at(1000, {"a", "a", "b"});
  test.start(counting(Grown{}));
  CHECK(test.at(2000, {"a"}) == "a 2 none");
  test.start(counting(Grown{}), 8);
  CHECK(test.at(3000, {"a", "b"}) == "a 3 Ulm | b 1 none");
  for (const bool lost : {true, false}) {
    CAPTURE(lost);
    if (lost) {
      test.start(counting(Before{}));
    } else {
      test.start(counting(Changed{}));
    }
    const auto text = test.failure();
    CAPTURE(text);
    CHECK(text.starts_with("incompatible: "));
    CHECK(text.find("n bigint NOT NULL, city string NOT NULL") != text.npos);
    CHECK(text.find(lost ? "field city is gone" : "field n has another type") != text.npos);
  }
  test.start(counting(Grown{}));
  CHECK(test.at(4000, {"b"}) == "b 2 Ulm");
}

TEST_CASE("a function that throws ends the query with its name, the key and the position") {
  ClickQuery test;
  bool broken = false;
  const auto build = [&](const TypedStream<Click>& clicks) {
    return by_user(clicks, GroupTimeout::none,
                   [&broken](const std::string& user, Clicks rows, Count& state) {
                     auto totals = count_all(user, rows, state);
                     if (broken && user == "b") throw std::runtime_error("no b today");
                     return totals;
                   });
  };
  test.start(build);
  CHECK(test.at(1000, {"a", "b"}) == "a 1 data | b 1 data");
  broken = true;
  test.input.add({{"a", 1}, {"b", 1}});
  const auto text = test.failure();
  CHECK(text ==
        "user_function: the function of flat_map_groups_with_state at key [b] threw: no b today; "
        "in epoch 1, which reads MemorySource from {\"batches\":1} to {\"batches\":2}");
  CHECK(!test.query->is_active());
  CHECK(test.output.text() == "a 1 data | b 1 data");
  broken = false;
  test.start(build);
  test.query->process_all_available();
  CHECK(test.output.text() == "a 1 data | a 2 data | b 1 data | b 2 data");
}

TEST_CASE("functions of map and of keys are named where they throw; what is no exception, too") {
  ClickQuery test;
  test.mode = OutputMode::append;
  test.start([](const TypedStream<Click>& clicks) {
    return clicks
        .map([](const Click& click) {
          if (click.price == 1) throw 7;
          return click;
        })
        .to_stream();
  });
  test.input.add({{"a", 1}});
  CHECK(test.failure().starts_with(
      "user_function: the function of map threw something that is no std::exception; in epoch 0"));

  ClickQuery keys;
  keys.start([](const TypedStream<Click>& clicks) {
    return clicks
        .group_by_key(
            [](const Click& click) -> std::string { return std::string(click.user).substr(5); })
        .map_groups_with_state<std::int64_t>(
            GroupTimeout::none, [](const std::string&, Clicks, Count&) { return Total{}; })
        .to_stream();
  });
  keys.input.add({{"a", 1}});
  CHECK(keys.failure().starts_with("user_function: the function of group_by_key threw: "));
}

TEST_CASE("GroupState refuses what the rules refuse, and says what to do") {
  const auto failure = [](GroupTimeout timeout, auto call) {
    ClickQuery test;
    test.start([&](const TypedStream<Click>& clicks) {
      return by_user(clicks, timeout, [call](const std::string&, Clicks, Count& state) {
        call(state);
        return Totals{};
      });
    });
    test.input.add({{"a", 1}});
    return test.failure();
  };
  const auto processing = GroupTimeout::processing_time;
  const auto duration = [](Count& state) { state.set_timeout_duration(1s); };
  const auto stamp = [](Count& state) { state.set_timeout_timestamp(Count::TimePoint(1s)); };
  CHECK(failure(GroupTimeout::none, duration).find("GroupTimeout::processing_time") !=
        std::string::npos);
  CHECK(failure(GroupTimeout::none, stamp).find("GroupTimeout::event_time") != std::string::npos);
  CHECK(failure(processing, stamp).find("GroupTimeout::event_time") != std::string::npos);
  CHECK(failure(processing, [](Count& state) { state.set_timeout_duration(0s); }).find("0") !=
        std::string::npos);
  CHECK(failure(processing, [](Count& state) {
          state.set_timeout_duration("soon");
        }).find("soon") != std::string::npos);
  CHECK(failure(processing, [](Count& state) { state.get(); }).find("exists()") !=
        std::string::npos);
  CHECK(failure(processing, [](Count& state) {
          state.current_watermark();
        }).find("with_watermark") != std::string::npos);
}
