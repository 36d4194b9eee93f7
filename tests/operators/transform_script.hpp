#pragma once

#include "../support/operator_test.hpp"
#include "../support/plan_fixture.hpp"

#include <libstream/operators/transform_stream.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace libstream::test {

/// A row that tells a Script what to do with the state of its key.
struct Command {
  std::string user;
  std::string op;
  std::int64_t key;
  std::int64_t n;
  std::chrono::sys_time<std::chrono::microseconds> at;
};
BOOST_DESCRIBE_STRUCT(Command, (), (user, op, key, n, at))

struct Answer {
  std::string user;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Answer, (), (user, text))

using Moment = std::chrono::sys_time<std::chrono::milliseconds>;
inline Moment moment(std::int64_t ms) { return Moment(std::chrono::milliseconds(ms)); }
inline std::int64_t ms_of(Moment time) { return time.time_since_epoch().count(); }

/// Has a variable of each kind and obeys: v= v! v? l+ lput l! l? m= m- m! m? t+ t- t?
/// Timers act by their last digit: 4 deletes and registers the time three later; 5 clears all; 7
/// registers itself and the time before; 8 deletes the time behind; 9 writes the value.
struct Script {
  std::optional<std::chrono::milliseconds> ttl;
  ProcessorHandle handle{};
  ValueState<std::int64_t> value{};
  ListState<std::int64_t> list{};
  libstream::MapState<std::int64_t, std::int64_t> map{};
  std::string calls{};

  void init(ProcessorHandle made, OutputMode /*mode*/, TimeMode /*time*/) {
    handle = made;
    value = handle.value_state<std::int64_t>("value", ttl);
    list = handle.list_state<std::int64_t>("list", ttl);
    map = handle.map_state<std::int64_t, std::int64_t>("map", ttl);
  }

  std::vector<Answer> handle_input_rows(const std::string& user, std::span<const Command> rows,
                                        const TimerValues& /*times*/) {
    std::vector<Answer> answers;
    for (const Command& row : rows) {
      std::string text = run(row);
      if (!text.empty()) answers.push_back({user, text});
    }
    return answers;
  }

  std::vector<Answer> handle_expired_timer(const std::string& user, const TimerValues& /*times*/,
                                           const ExpiredTimer& timer) {
    const std::int64_t time = ms_of(timer.expiry);
    const std::string text = "fired " + std::to_string(time) + " of" + timers();
    switch (time % 10) {
      case 4:
        handle.delete_timer(moment(time + 3));
        handle.register_timer(moment(time + 3));
        break;
      case 5:
        value.clear();
        list.clear();
        map.clear();
        break;
      case 7:
        handle.register_timer(moment(time));
        handle.register_timer(moment(time - 1));
        break;
      case 8:
        handle.delete_timer(moment(time + 1));
        break;
      case 9:
        value.update(time);
        break;
      default:
        break;
    }
    return {{user, text}};
  }

 private:
  std::string timers() const {
    std::string text;
    for (const auto time : handle.list_timers()) text += " " + std::to_string(ms_of(time));
    return text;
  }
  std::string run(const Command& row) {
    if (row.op == "v=") value.update(row.n);
    if (row.op == "v!") value.clear();
    if (row.op == "v?") return "v" + (value.exists() ? " " + std::to_string(*value.get()) : "");
    if (row.op == "l+") list.append_value(row.n);
    if (row.op == "lput") list.put({row.n, row.n + 1});
    if (row.op == "l!") list.clear();
    if (row.op == "m=") map.update_value(row.key, row.n);
    if (row.op == "m-") map.remove_key(row.key);
    if (row.op == "m!") map.clear();
    if (row.op == "t+") handle.register_timer(moment(row.n));
    if (row.op == "t-") handle.delete_timer(moment(row.n));
    if (row.op == "t?") return "t" + timers();
    std::string text;
    if (row.op == "l?") {
      text = "l";
      for (const auto n : list.get()) text += " " + std::to_string(n);
    }
    if (row.op == "m?") {
      text = "m";
      for (const auto& [key, n] : map) text += " " + std::to_string(key) + ":" + std::to_string(n);
    }
    return text;
  }
};

inline Schema command_schema() { return schema_of<Command>(); }
inline Row command(const std::string& user, const std::string& op, std::int64_t n = 0,
                   std::int64_t key = 0, std::int64_t at_ms = 1'000'000) {
  return {user, op, key, n, at_ms * 1000};
}

/// The operator that a typed stream of commands leads to, as a task makes it.
inline OperationPlan operation_of(const DataStream& stream, bool watermarked) {
  const auto operation = std::static_pointer_cast<const Operation>(stream.plan()->custom);
  const OperationInput input{command_schema(), {4}, watermarked, true};
  return operation->plan({&input, 1});
}
inline KeyedStream<std::string, Command> commands() {
  return stream("user string, op string, key bigint, n bigint, at timestamp")
      .as<Command>()
      .group_by_key<std::string>("user");
}

/// A processor on its own, by epochs.
class TransformTest {
 public:
  template <class P>
  TransformTest(TimeMode time, P processor, OperatorTest::Options options = {},
                std::string event_time = {}) {
    const auto stream =
        commands()
            .transform_with_state(OutputMode::append, time, std::move(processor), event_time)
            .to_stream();
    plan_ = operation_of(stream, true);
    steps_ = {OperatorTest::Step(plan_.factory, {0})};
    test.emplace(steps_, command_schema(), options);
  }
  /// Rows of an epoch at a processing time and a watermark, sorted, as text.
  std::string epoch(std::int64_t now, const std::vector<Row>& rows, std::int64_t watermark = 0) {
    test->set_time(now);
    test->process(rows);
    return text(plan_.schema, test->barrier(watermark));
  }
  std::uint64_t count(const std::string& metric) const { return test->metrics().custom.at(metric); }
  const OperationPlan& plan() const { return plan_; }

  std::optional<OperatorTest> test;

 private:
  OperationPlan plan_;
  std::vector<OperatorTest::Step> steps_;
};

}  // namespace libstream::test
