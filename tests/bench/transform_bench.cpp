// transform_with_state in CPU time: the operator alone with its changelog, in one task. Epochs have
// a million rows, their keys in any order. One JSON line a case; arguments choose cases by name, a
// number among them is that of the keys.
#include "operator_run.hpp"

#include <libstream/hash.hpp>
#include <libstream/libstream.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>

using namespace libstream;
using namespace libstream::bench;
using namespace std::chrono_literals;

namespace transform_bench {

struct Event {
  std::int64_t value;
};
BOOST_DESCRIBE_STRUCT(Event, (), (value))
struct Counted {
  std::int64_t key;
  std::int64_t n;
};
BOOST_DESCRIBE_STRUCT(Counted, (), (key, n))

using Rows = std::span<const Event>;
using Result = std::array<Counted, 1>;

/// Counts the rows of each key.
struct Count {
  std::optional<std::chrono::milliseconds> ttl;
  ValueState<std::int64_t> count{};
  void init(ProcessorHandle handle, OutputMode, TimeMode) {
    count = handle.value_state<std::int64_t>("count", ttl);
  }
  Result handle_input_rows(std::int64_t key, Rows rows, const TimerValues&) {
    const auto n = count.get_or_default() + std::ssize(rows);
    count.update(n);
    return {Counted{key, n}};
  }
};

/// Keeps the last value of each of sixteen kinds.
struct Map {
  MapState<std::int64_t, std::int64_t> kinds{};
  void init(ProcessorHandle handle, OutputMode, TimeMode) {
    kinds = handle.map_state<std::int64_t, std::int64_t>("kinds");
  }
  Result handle_input_rows(std::int64_t key, Rows rows, const TimerValues&) {
    for (const Event& row : rows) kinds.update_value(row.value % 16, row.value);
    return {Counted{key, std::ssize(rows)}};
  }
};

/// Appends all values, and starts anew behind a hundred.
struct List {
  ListState<std::int64_t> values{};
  void init(ProcessorHandle handle, OutputMode, TimeMode) {
    values = handle.list_state<std::int64_t>("values");
  }
  Result handle_input_rows(std::int64_t key, Rows rows, const TimerValues&) {
    for (const Event& row : rows) values.append_value(row.value);
    const auto n = std::ssize(values.get());
    if (n > 100) values.clear();
    return {Counted{key, n}};
  }
};

/// A timer a key, which moves at each call.
struct Timers {
  ProcessorHandle handle{};
  ValueState<std::int64_t> due{};
  void init(ProcessorHandle made, OutputMode, TimeMode) {
    handle = made;
    due = handle.value_state<std::int64_t>("due");
  }
  static GroupTimes::TimePoint at(std::int64_t ms) {
    return GroupTimes::TimePoint(std::chrono::milliseconds(ms));
  }
  Result handle_input_rows(std::int64_t key, Rows rows, const TimerValues& times) {
    if (const auto* last = due.get()) handle.delete_timer(at(*last));
    const auto now = times.current_processing_time().time_since_epoch().count();
    const auto next = now + 100'000 + key * 37 % 10'000'000;
    due.update(next);
    handle.register_timer(at(next));
    return {Counted{key, std::ssize(rows)}};
  }
  Result handle_expired_timer(std::int64_t key, const TimerValues&, const ExpiredTimer&) {
    due.clear();
    return {Counted{key, 0}};
  }
};

}  // namespace transform_bench

using namespace transform_bench;

namespace {

constexpr int measured_epochs = 5;
constexpr std::size_t batches_an_epoch = 244;  // a million rows

template <class Processor>
OperatorFactory factory_of(Processor processor, TimeMode time) {
  TransformOperatorSpec spec;
  spec.name = "bench";
  spec.keys = {0};
  spec.key_fields = {{"key", TypeId::bigint, true}};
  spec.time = time;
  spec.function = [processor, time, fields = spec.key_fields] {
    return std::make_unique<TypedTransform<std::int64_t, Event, Counted, void, Processor>>(
        processor, OutputMode::update, time, Schema::parse("key bigint, value bigint"),
        Schema(fields), Schema());
  };
  return transform_operator(spec);
}

/// Fills the state with an epoch of each key, then measures epochs of a million rows, then idle
/// ones. Times are the least of the epochs; `time` goes on by a second an epoch.
void measure(const char* name, OperatorRun op, std::size_t keys, double before) {
  std::int64_t time = 1'000;
  std::int64_t next = 0;
  while (next < static_cast<std::int64_t>(keys)) {
    std::vector<BatchPtr> rows;
    while (next < static_cast<std::int64_t>(keys) && rows.size() < batches_an_epoch) {
      rows.push_back(pairs([&] { return next++; }));
    }
    op.epoch(time += 1'000, rows);
  }
  const auto filled = static_cast<double>(next);
  op.epoch(time += 1'000, {});
  const double bytes = resident_bytes() - before;
  double least = 1e9;
  std::uint64_t number = 0;
  const auto changelog_before = op.changelog_bytes();
  for (int epoch = 0; epoch < measured_epochs; ++epoch) {
    std::vector<BatchPtr> rows;
    for (std::size_t i = 0; i < batches_an_epoch; ++i) {
      rows.push_back(pairs([&] { return static_cast<std::int64_t>(hash_word(++number) % keys); }));
    }
    least = std::min(least, op.epoch(time += 1'000, rows));
  }
  constexpr double rows = batches_an_epoch * rows_per_batch;
  const auto changelog = static_cast<double>(op.changelog_bytes() - changelog_before);
  double idle = 0;
  for (int epoch = 0; epoch < 100; ++epoch) idle += op.epoch(time, {});
  // What is due within the next 200 s, if anything.
  const auto rows_before = op.rows_out();
  double firing = 0;
  for (int second = 1; second <= 20; ++second) firing += op.epoch(time += 10'000, {});
  const auto fired = static_cast<double>(op.rows_out() - rows_before);
  std::printf(
      "{\"case\":\"%s\",\"keys\":%.0f,\"ns_per_row\":%.1f,\"bytes_per_key\":%.0f,"
      "\"changelog_bytes_per_row\":%.1f,\"idle_epoch_microseconds\":%.2f,\"timers_fired\":%.0f,"
      "\"ns_per_timer\":%.0f}\n",
      name, filled, least * 1e9 / rows, bytes / filled, changelog / (rows * measured_epochs),
      idle * 1e4, fired, fired > 0 ? firing * 1e9 / fired : 0);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t keys = 100'000;
  std::vector<std::string> chosen;
  for (int i = 1; i < argc; ++i) {
    if (const auto number = std::strtoull(argv[i], nullptr, 10); number > 0) {
      keys = number;
    } else {
      chosen.emplace_back(argv[i]);
    }
  }
  const auto run = [&](const char* name, const OperatorFactory& factory) {
    if (!chosen.empty() && std::find(chosen.begin(), chosen.end(), name) == chosen.end()) return;
    const double before = resident_bytes();
    measure(name, OperatorRun(factory), keys, before);
  };
  run("value", factory_of(Count{}, TimeMode::none));
  run("value_ttl", factory_of(Count{1h}, TimeMode::processing_time));
  run("map", factory_of(Map{}, TimeMode::none));
  run("list", factory_of(List{}, TimeMode::none));
  run("timers", factory_of(Timers{}, TimeMode::processing_time));
}
