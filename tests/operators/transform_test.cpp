// The rules of transform_with_state, one by one.
#include "transform_script.hpp"

#include <set>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace {

constexpr auto none = TimeMode::none;
constexpr auto processing = TimeMode::processing_time;
constexpr auto event = TimeMode::event_time;

/// Gives each row back with its time.
struct Stamped {
  std::string user;
  std::chrono::sys_time<std::chrono::microseconds> at;
};
BOOST_DESCRIBE_STRUCT(Stamped, (), (user, at))
struct Echo {
  void init(ProcessorHandle, OutputMode, TimeMode) {}
  std::vector<Stamped> handle_input_rows(const std::string& user, std::span<const Command> rows,
                                         const TimerValues&) {
    std::vector<Stamped> answers;
    for (const Command& row : rows) answers.push_back({user, row.at});
    return answers;
  }
};

/// Calls a function for each key's rows, with a handle made in init.
template <class F>
struct Probe {
  F function;
  ProcessorHandle handle{};
  ValueState<std::int64_t> value{};
  ListState<std::int64_t> list{};
  void init(ProcessorHandle made, OutputMode, TimeMode) {
    handle = made;
    value = handle.value_state<std::int64_t>("value");
    list = handle.list_state<std::int64_t>("list");
  }
  std::vector<Answer> handle_input_rows(const std::string& user, std::span<const Command>,
                                        const TimerValues& times) {
    return {{user, function(*this, times)}};
  }
};
template <class F>
Probe<F> probe(F function) {
  return Probe<F>{std::move(function)};
}

/// What the first epoch with one row throws.
template <class P>
std::string failure(TimeMode mode, P processor) {
  return error_of([&] {
    TransformTest test(mode, std::move(processor));
    test.epoch(1000, {command("a", "")});
  });
}

}  // namespace

TEST_CASE("each key has a value, a list and a map of its own, over restarts") {
  for (const std::uint32_t partitions : {1U, 3U, 8U}) {
    CAPTURE(partitions);
    TransformTest test(none, Script{}, {.partitions = partitions});
    CHECK(test.epoch(0, {command("a", "v=", 1), command("a", "l+", 2), command("b", "m=", 3, 300),
                         command("a", "v?")}) == "a v 1");
    test.test->restart(2);
    test.epoch(0, {command("a", "l+", 4), command("b", "m=", 5, 7)});
    test.test->restart(partitions);
    CHECK(test.epoch(0, {command("a", "v?"), command("a", "l?"), command("a", "m?"),
                         command("b", "l?"), command("b", "m?")}) ==
          "a l 2 4 | a m | a v 1 | b l | b m 7:5 300:3");
    CHECK(test.test->metrics().state_rows == 5);  // two epochs gave the list a part each
    CHECK(test.epoch(0, {command("a", "lput", 8), command("a", "l?"), command("b", "m-", 0, 7),
                         command("b", "m?")}) == "a l 8 9 | b m 300:3");
  }
}

TEST_CASE("what a key has changed is written, and nothing else of a large map") {
  TransformTest test(none, Script{});
  std::vector<Row> rows;
  for (int i = 0; i < 1000; ++i) rows.push_back(command("a", "m=", i, i));
  test.epoch(0, rows);
  CHECK(test.test->metrics().state_updated == 1000);
  test.epoch(0, {command("a", "m=", 5, 5), command("a", "m-", 0, 6), command("a", "v=", 1),
                 command("a", "m=", 1, 5000), command("a", "m-", 0, 5000)});
  CHECK(test.test->metrics().state_updated == 2);
  CHECK(test.test->metrics().state_removed == 1);
  CHECK(test.test->metrics().state_rows == 1000);
}

TEST_CASE("a key without a variable and a timer is gone from memory and store") {
  TransformTest test(processing, Script{});
  test.epoch(0, {command("a", "v=", 1), command("b", "l+", 1), command("c", "m=", 1),
                 command("d", "t+", 50)});
  const auto full = test.test->state(0).entries().size();
  test.epoch(1,
             {command("a", "v!"), command("b", "l!"), command("c", "m!"), command("d", "t-", 50)});
  CHECK(test.test->metrics().state_rows == 0);
  CHECK(test.test->metrics().state_removed == 4);
  CHECK(test.test->state(0).entries().size() == full - 4);  // layouts stay
  CHECK(!test.test->metrics().next_epoch_milliseconds);
}

TEST_CASE("timers fire in ascending time, at or before the epoch's time, once") {
  TransformTest test(processing, Script{});
  CHECK(test.epoch(1000, {command("a", "t+", 3000), command("a", "t+", 2000),
                          command("b", "t+", 2500), command("a", "t+", 2000)}) == "");
  CHECK(test.count("numRegisteredTimers") == 3);
  CHECK(test.test->metrics().next_epoch_milliseconds == 2000);
  CHECK(test.epoch(1999, {}) == "");
  CHECK(test.epoch(2000, {}) == "a fired 2000 of 2000 3000");
  CHECK(test.count("numExpiredTimers") == 1);
  CHECK(test.test->metrics().next_epoch_milliseconds == 2500);
  test.test->restart(3);
  test.test->set_time(3000);
  const auto rows = test.test->barrier();
  REQUIRE(rows.size() == 2);
  CHECK(test.epoch(9000, {}) == "");
  TransformTest one(processing, Script{});
  one.epoch(1, {command("b", "t+", 30), command("a", "t+", 20), command("a", "t+", 40)});
  one.test->set_time(50);
  std::string order;
  for (const Row& row : one.test->barrier()) order += row[1].text() + "; ";
  CHECK(order == "fired 20 of 20 40; fired 30 of 30; fired 40 of 40; ");
}

TEST_CASE("a timer that is due when rows register it fires in the same epoch") {
  TransformTest test(event, Script{});
  CHECK(test.epoch(0, {command("a", "t+", 0)}) == "a fired 0 of 0");
  CHECK(test.epoch(0, {command("a", "t+", 10'000)}, 9'999) == "");
  CHECK(test.epoch(0, {}, 10'000) == "a fired 10000 of 10000");
  CHECK(test.epoch(0, {command("a", "t+", -5)}, 10'000) == "a fired -5 of -5");
}

TEST_CASE("a timer that a timer registers fires in the next epoch, one it deletes does not") {
  TransformTest test(processing, Script{});
  CHECK(test.epoch(1000, {command("a", "t+", 997)}) == "a fired 997 of 997");
  CHECK(test.test->metrics().next_epoch_milliseconds == 996);
  CHECK(test.epoch(1000, {}) == "a fired 996 of 996");
  CHECK(test.epoch(1000, {}) == "");
  CHECK(test.epoch(1000, {command("b", "t+", 998), command("b", "t+", 999)}) ==
        "b fired 998 of 998 999");
  CHECK(test.count("numDeletedTimers") == 1);
  CHECK(test.epoch(2000, {}) == "");
}

TEST_CASE("a timer is replaced by deleting and registering") {
  TransformTest test(processing, Script{});
  CHECK(test.epoch(1000, {command("a", "t+", 6000)}) == "");
  CHECK(test.epoch(3000, {command("a", "t-", 6000), command("a", "t+", 10'500),
                          command("a", "t?")}) == "a t 10500");
  CHECK(test.epoch(7000, {}) == "");
  CHECK(test.epoch(13'000, {}) == "a fired 10500 of 10500");
  CHECK(test.epoch(14'000, {}) == "");
}

TEST_CASE("rows come before timers, and timers before what expires") {
  TransformTest test(processing, Script{10ms});
  test.epoch(0, {command("a", "v=", 1), command("a", "t+", 9)});
  // The timer at 9 writes the value anew: it lives on although the first one expired.
  CHECK(test.epoch(10, {command("a", "v?"), command("a", "t?")}) == "a fired 9 of 9 | a t 9 | a v");
  CHECK(test.epoch(19, {command("a", "v?")}) == "a v 9");
}

TEST_CASE("a time to live begins at a write, not at a read; what is over is not seen") {
  TransformTest test(processing, Script{60s});
  const auto look = [&] { return std::vector<Row>{command("a", "v?")}; };
  test.epoch(1000, {command("a", "v=", 1)});
  CHECK(test.epoch(60'999, look()) == "a v 1");
  CHECK(test.epoch(61'000, look()) == "a v");
  CHECK(test.test->metrics().state_rows == 0);
  test.epoch(100'000, {command("a", "v=", 1)});
  test.epoch(130'000, {command("a", "v=", 2)});
  CHECK(test.epoch(189'999, look()) == "a v 2");
  CHECK(test.test->metrics().next_epoch_milliseconds == 190'000);
  test.epoch(190'000, {});  // without data
  CHECK(test.test->metrics().state_rows == 0);
  CHECK(test.count("numValuesRemovedDueToTTLExpiry") == 1);
}

TEST_CASE("elements of lists and entries of maps have a time to live each") {
  TransformTest test(processing, Script{10ms});
  test.epoch(0, {command("a", "l+", 1), command("a", "m=", 1, 1), command("a", "m=", 2, 2)});
  test.epoch(5, {command("a", "l+", 2), command("a", "l+", 3), command("a", "m=", 9, 2)});
  test.test->restart();
  CHECK(test.epoch(10, {command("a", "l?"), command("a", "m?")}) == "a l 2 3 | a m 2:9");
  CHECK(test.count("numValuesRemovedDueToTTLExpiry") == 2);
  CHECK(test.test->metrics().state_rows == 2);
  CHECK(test.epoch(15, {command("a", "l?"), command("a", "m?")}) == "a l | a m");
  CHECK(test.test->metrics().state_rows == 0);
}

TEST_CASE("a time to live may come, go and change at a restart") {
  test::MapState store;
  const auto run = [&](std::optional<std::chrono::milliseconds> ttl, std::int64_t now,
                       const std::vector<Row>& rows) {
    const auto plan = operation_of(
        commands().transform_with_state(OutputMode::append, processing, Script{ttl}).to_stream(),
        true);
    OperatorTest test({OperatorTest::Step(plan.factory, {0})}, command_schema());
    test.load(0, store);
    test.set_time(now);
    test.process(rows);
    const auto answer = text(plan.schema, test.barrier());
    store = test.state(0);
    return answer;
  };
  const std::vector<Row> look{command("a", "v?"), command("a", "l?")};
  run(100ms, 0, {command("a", "v=", 1), command("a", "l+", 1)});
  run(10ms, 5, {command("a", "l+", 2)});
  CHECK(run(10ms, 15, look) == "a l 1 | a v 1");  // the later element went first
  CHECK(run(std::nullopt, 200, look) == "a l 1 | a v 1");
  CHECK(run(10ms, 300, look) == "a l | a v");
}

TEST_CASE("rows at or behind the watermark are late by event time only") {
  for (const auto mode : {none, processing, event}) {
    TransformTest test(mode, Script{});
    test.epoch(0, {command("a", "v=", 1, 0, 50)}, 20);
    const auto answer = test.epoch(0, {command("a", "v?", 0, 0, 20), command("b", "v?", 0, 0, 21)});
    CHECK(answer == (mode == event ? "b v" : "a v 1 | b v"));
    CHECK(test.test->metrics().late_rows == (mode == event ? 1 : 0));
    CHECK(test.test->metrics().dropped_groups == (mode == event ? 1 : 0));
    CHECK(test.test->late_rows().size() == (mode == event ? 1 : 0));
    CHECK(test.plan().late_rows == (mode == event));
  }
}

TEST_CASE("which modes pass the watermark and want epochs without data") {
  for (const auto mode : {none, processing, event}) {
    TransformTest test(mode, Script{});
    const auto op = test.plan().factory({0, 1, 128});
    CHECK(op->output_watermark(Watermark{7}) == Watermark{mode == processing ? 0 : 7});
    CHECK(test.plan().wants_no_data_epoch == (mode != processing));
    CHECK(test.plan().wants_epoch_each_trigger == (mode == processing));
    CHECK(test.plan().state_name == "transformWithStateExec");
  }
}

TEST_CASE("a row with a named event time must lie behind the watermark of the epoch before") {
  TransformTest test(event, Echo{}, {}, "at");
  CHECK(test.plan().event_times == std::vector<std::uint32_t>{1});
  test.epoch(0, {command("a", "", 0, 0, 10)}, 30);
  test.epoch(0, {command("a", "", 0, 0, 31)}, 40);
  TransformTest other(none, Echo{}, {}, "at");
  other.epoch(0, {command("a", "", 0, 0, 10)}, 30);
  other.test->restart();
  const auto text = error_of([&] { other.epoch(0, {command("a", "", 0, 0, 30)}, 40); });
  CHECK(text.starts_with("EMITTING_ROWS_OLDER_THAN_WATERMARK_NOT_ALLOWED: "));
  CHECK(text.find("Echo emitted a row of 1970-01-01T00:00:00.030Z") != std::string::npos);
}

TEST_CASE("the variables, timers and what expired are counted") {
  TransformTest test(processing, Script{1s}, {.partitions = 3});
  test.epoch(0, {});
  CHECK(test.count("numValueStateWithTTLVars") == 1);
  CHECK(test.count("numListStateWithTTLVars") == 1);
  CHECK(test.count("numMapStateWithTTLVars") == 1);
  CHECK(test.count("numValueStateVars") == 0);
  TransformTest plain(none, Script{}, {.partitions = 3});
  plain.epoch(0, {});
  CHECK(plain.count("numValueStateVars") == 1);
  CHECK(plain.count("numListStateVars") == 1);
  CHECK(plain.count("numMapStateVars") == 1);
  CHECK(plain.count("numDeletedStateVars") == 0);
}

TEST_CASE("misuse of state and timers says what to do") {
  const auto contains = [](const std::string& text, const std::string& part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  contains(failure(none, probe([](auto& p, const TimerValues&) {
                     p.list.put({});
                     return "";
                   })),
           "list state \"list\": an empty list cannot be put");
  contains(failure(none, probe([](auto& p, const TimerValues&) {
                     p.list.append_list({});
                     return "";
                   })),
           "EMPTY_LIST_VALUE");
  const auto timer = probe([](auto& p, const TimerValues&) {
    p.handle.register_timer(moment(1));
    return "";
  });
  contains(failure(none, timer), "INVALID_TIME_MODE: ");
  contains(failure(none, timer), "register_timer needs TimeMode::processing_time or event_time");
  contains(failure(processing, timer), "has no handle_expired_timer");
  contains(failure(none, probe([](auto& p, const TimerValues&) {
                     p.handle.template value_state<bool>("late");
                     return "";
                   })),
           "\"late\" is made outside of init");
  contains(failure(none, probe([](auto& p, const TimerValues&) {
                     p.handle.delete_if_exists("value");
                     return "";
                   })),
           "outside of init");
  contains(failure(none, probe([](auto&, const TimerValues&) {
                     return ValueState<bool>().exists() ? "x" : "";
                   })),
           "that init did not set");
  contains(failure(none, probe([](auto&, const TimerValues&) -> std::string {
                     throw std::runtime_error("no luck");
                   })),
           "handle_input_rows at key [a] threw: no luck");
}
