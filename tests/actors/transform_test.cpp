// Processors of transform_with_state through a session.
#include "manual_clock.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <optional>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace transform_session_test {

struct Visit {
  std::string user;
  std::int64_t n;
  std::chrono::sys_time<std::chrono::microseconds> time;
};
BOOST_DESCRIBE_STRUCT(Visit, (), (user, n, time))

struct Seen {
  std::string user;
  std::int64_t n;
  std::string what;
};
BOOST_DESCRIBE_STRUCT(Seen, (), (user, n, what))

struct Start {
  std::string user;
  std::int64_t n;
};
BOOST_DESCRIBE_STRUCT(Start, (), (user, n))

/// Counts visits; a user who stays away for ten seconds of the operator's time is told of.
struct Idle {
  ProcessorHandle handle{};
  ValueState<std::int64_t> count{};
  TimeMode mode{};

  void init(ProcessorHandle made, OutputMode /*mode*/, TimeMode time) {
    handle = made;
    mode = time;
    count = handle.value_state<std::int64_t>("count");
  }
  std::vector<Seen> handle_input_rows(const std::string& user, std::span<const Visit> visits,
                                      const TimerValues& times) {
    const auto n = count.get_or_default() + static_cast<std::int64_t>(visits.size());
    count.update(n);
    if (mode != TimeMode::none) {
      for (const auto timer : handle.list_timers()) handle.delete_timer(timer);
    }
    if (mode == TimeMode::processing_time) {
      handle.register_timer(times.current_processing_time() + 10s);
    } else if (mode == TimeMode::event_time) {
      handle.register_timer(std::chrono::floor<std::chrono::milliseconds>(visits.back().time) +
                            10s);
    }
    return {{user, n, "visit"}};
  }
  std::vector<Seen> handle_expired_timer(const std::string& user, const TimerValues&,
                                         const ExpiredTimer&) {
    const Seen seen{user, count.get_or_default(), "idle"};
    count.clear();
    return {seen};
  }
  void handle_initial_state(const std::string&, const Start& start, const TimerValues&) {
    count.update(count.get_or_default() + start.n);
  }
};

/// Gives each visit back, some time later.
struct Later {
  std::chrono::seconds delay;
  void init(ProcessorHandle, OutputMode, TimeMode) {}
  std::vector<Visit> handle_input_rows(const std::string&, std::span<const Visit> visits,
                                       const TimerValues&) {
    std::vector<Visit> later(visits.begin(), visits.end());
    for (Visit& visit : later) visit.time += delay;
    return later;
  }
};

/// Remembers how many of it are open.
struct Counted {
  std::shared_ptr<int> open;
  void init(ProcessorHandle, OutputMode, TimeMode) { ++*open; }
  std::vector<Start> handle_input_rows(const std::string& user, std::span<const Visit>,
                                       const TimerValues&) {
    return {{user, *open}};
  }
  void close() { --*open; }
};

}  // namespace transform_session_test

using namespace transform_session_test;

namespace {

/// A query over visits that can be started again, with a clock that stands still.
struct VisitQuery {
  using Build = std::function<DataStream(Session&, const DataStream&)>;

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>(1000);
  std::shared_ptr<CheckpointRoot> root = memory_root();
  MemoryStream input{"user string, n bigint, time timestamp"};
  MemoryTable output;
  OutputMode mode = OutputMode::append;
  bool strict = false;
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
    query = build(*session, session->read_stream().memory(input))
                .write_stream()
                .output_mode(mode)
                .checkpoint(root)
                .memory(output)
                .start();
  }
  /// What comes at a processing time, in seconds, with visits at these event times.
  std::string at(std::int64_t now_s,
                 const std::vector<std::pair<std::string, std::int64_t>>& visits = {}) {
    output.clear();
    clock->set(now_s * 1000);
    std::vector<Row> rows;
    for (const auto& [user, time] : visits) {
      rows.push_back({user, std::int64_t{1}, time * 1'000'000});
    }
    if (!rows.empty()) input.add(rows);
    query->process_all_available();
    return output.text();
  }
  std::string failure() {
    try {
      query->process_all_available();
    } catch (const Error& error) {
      return error.error_class() + ": " + error.what();
    }
    return "no failure";
  }
  StateOperatorProgress state() const { return query->last_progress()->state_operators.at(0); }
};

/// The class and the message of the error with which a query is refused.
std::string refusal(const VisitQuery::Build& build, OutputMode mode = OutputMode::append) {
  VisitQuery test;
  test.mode = mode;
  try {
    test.start(build);
  } catch (const Error& error) {
    return error.error_class() + ": " + error.what();
  }
  return "no refusal";
}

template <class P>
DataStream transformed(const DataStream& visits, TimeMode time, P processor,
                       OutputMode mode = OutputMode::append, std::string event_time = {}) {
  return visits.as<Visit>()
      .group_by_key<std::string>("user")
      .transform_with_state(mode, time, std::move(processor), std::move(event_time))
      .to_stream();
}
DataStream idle(Session&, const DataStream& visits) {
  return transformed(visits, TimeMode::processing_time, Idle{});
}
DataStream idle_by_event(Session&, const DataStream& visits) {
  return transformed(visits.with_watermark("time", 0s), TimeMode::event_time, Idle{});
}

}  // namespace

TEST_CASE("timers by processing time make epochs when they are due, over restarts") {
  VisitQuery test;
  test.start(idle);
  CHECK(test.at(1, {{"a", 0}}) == "a 1 visit");
  CHECK(test.at(3, {{"a", 0}, {"b", 0}}) == "a 2 visit | b 1 visit");
  CHECK(test.at(12) == "");
  CHECK(test.at(13) == "a 2 idle | b 1 idle");
  CHECK(test.query->last_progress()->no_data);
  CHECK(test.state().rows_total == 0);
  CHECK(test.state().operator_name == "transformWithStateExec");
  CHECK(test.state().custom_metrics.at("numExpiredTimers") == 2);
  CHECK(test.query->last_progress()->json().find("\"numValueStateVars\":1") != std::string::npos);
  CHECK(test.at(14, {{"c", 0}}) == "c 1 visit");
  test.start(idle, 5);
  CHECK(test.at(23) == "");
  CHECK(test.at(24) == "c 1 idle");
}

TEST_CASE("timers by event time fire at or before the watermark; late rows are not seen") {
  VisitQuery test;
  test.start(idle_by_event);
  CHECK(test.at(1, {{"a", 5}, {"b", 7}}) == "a 1 visit | b 1 visit");
  CHECK(test.at(1, {{"c", 15}, {"a", 7}}) == "a 1 idle | c 1 visit");  // a's visit at 7 is late
  CHECK(test.query->last_progress()->no_data);
  test.start(idle_by_event, 2);
  CHECK(test.at(1, {{"c", 17}}) == "b 1 idle | c 2 visit");
}

TEST_CASE("initial states come first, several a key, once") {
  const auto build = [](Session& session, const DataStream& visits) {
    MemoryStream starts("user string, n bigint");
    starts.add({{"a", 10}, {"b", 20}, {"a", 100}});
    const auto initial =
        session.read().memory(starts).as<Start>().group_by_key<std::string>("user");
    return visits.as<Visit>()
        .group_by_key<std::string>("user")
        .transform_with_state(OutputMode::update, TimeMode::none, initial, Idle{})
        .to_stream();
  };
  VisitQuery test;
  test.mode = OutputMode::update;
  test.start(build);
  CHECK(test.at(1, {{"a", 0}, {"c", 0}}) == "a 111 visit | c 1 visit");
  CHECK(test.at(1, {{"b", 0}}) == "b 21 visit");
  test.start(build, 4);
  CHECK(test.at(1, {{"a", 0}}) == "a 112 visit");
}

TEST_CASE("operators behind a processor go by the event time column that it names") {
  const auto counted = [](const std::string& column, std::chrono::seconds delay) {
    return [column, delay](Session&, const DataStream& visits) {
      return transformed(visits.with_watermark("time", 0s), TimeMode::event_time, Later{delay},
                         OutputMode::append, column)
          .group_by(window("time", 10s))
          .agg(count().as("n"))
          .select("window.start", "n");
    };
  };
  const auto text = refusal(counted("", 0s));
  CHECK(text.find("WITHOUT_WATERMARK") != std::string::npos);
  VisitQuery test;
  test.start(counted("time", 5s));
  CHECK(test.at(1, {{"a", 1}, {"b", 4}, {"c", 6}}) == "");
  CHECK(test.at(1, {{"a", 12}}) == "1970-01-01T00:00:00Z 2");  // those of 6 s and 9 s
  test.start(counted("time", 5s), 2);
  CHECK(test.at(1, {{"a", 25}}) == "1970-01-01T00:00:10Z 2");
  VisitQuery behind;
  behind.start(counted("time", -5s));
  CHECK(behind.at(1, {{"a", 20}}) == "1970-01-01T00:00:10Z 1");
  behind.input.add({{"a", std::int64_t{1}, std::int64_t{21'000'000}}});
  const auto late = behind.failure();
  CHECK(late.find("EMITTING_ROWS_OLDER_THAN_WATERMARK_NOT_ALLOWED") == 0);
  CHECK(late.find("Later emitted a row of 1970-01-01T00:00:16Z") != std::string::npos);
}

TEST_CASE("the time mode and the output mode stay at a restart") {
  const auto lived = [](TimeMode time, OutputMode mode) {
    VisitQuery test;
    test.start(idle);
    test.at(1, {{"a", 0}});
    test.mode = mode;
    test.start([&](Session&, const DataStream& visits) {
      return transformed(visits.with_watermark("time", 0s), time, Idle{}, mode);
    });
    return test.failure();
  };
  try {
    const auto text = lived(TimeMode::event_time, OutputMode::append);
    CHECK(text.find("time mode") != std::string::npos);
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("time mode") != std::string::npos);
  }
  try {
    const auto text = lived(TimeMode::processing_time, OutputMode::update);
    CHECK(text.find("output mode update") != std::string::npos);
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("output mode update") != std::string::npos);
  }
}

TEST_CASE("what cannot run is refused when the query starts") {
  const auto starts = [](const std::string& text, const std::string& start) {
    CAPTURE(text);
    CHECK(text.starts_with(start));
  };
  starts(refusal([](Session&, const DataStream& visits) {
           return transformed(visits, TimeMode::event_time, Idle{});
         }),
         "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK: transform_with_state: ");
  starts(refusal([](Session&, const DataStream& visits) {
           return transformed(visits, TimeMode::none, Later{}, OutputMode::append, "time");
         }),
         "CANNOT_ASSIGN_EVENT_TIME_COLUMN_WITHOUT_WATERMARK: ");
  starts(refusal([](Session&, const DataStream& visits) {
           return transformed(visits.with_watermark("time", 0s), TimeMode::processing_time, Later{},
                              OutputMode::append, "time");
         }),
         "CANNOT_ASSIGN_EVENT_TIME_COLUMN_WITHOUT_WATERMARK: ");
  starts(refusal([](Session&, const DataStream& visits) {
           return transformed(visits.with_watermark("time", 0s), TimeMode::none, Later{},
                              OutputMode::append, "when");
         }),
         "UNRESOLVED_COLUMN: ");
  starts(refusal([](Session&, const DataStream& visits) {
           return transformed(visits.with_watermark("time", 0s), TimeMode::none, Later{},
                              OutputMode::append, "n");
         }),
         "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE: ");
  starts(refusal([](Session&, const DataStream& visits) {
           return transformed(visits, TimeMode::none, Idle{}, OutputMode::complete);
         }),
         "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION: ");
  starts(refusal(idle, OutputMode::update), "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION: ");
  starts(refusal([](Session&, const DataStream& visits) {
           const auto keyed = visits.as<Visit>().group_by_key<std::string>("user");
           return keyed
               .transform_with_state(OutputMode::append, TimeMode::none,
                                     visits.as<Start>().group_by_key<std::string>("user"), Idle{})
               .to_stream();
         }),
         "UNSUPPORTED_INITIAL_STATE: ");
}

TEST_CASE("each epoch has a processor of its own, which is closed") {
  auto open = std::make_shared<int>(0);
  VisitQuery test;
  test.start(
      [&](Session&, const DataStream& visits) {
        return transformed(visits, TimeMode::none, Counted{open});
      },
      1);
  CHECK(test.at(1, {{"a", 0}}) == "a 1");
  CHECK(test.at(2, {{"b", 0}}) == "b 1");
  CHECK(*open == 0);
}
