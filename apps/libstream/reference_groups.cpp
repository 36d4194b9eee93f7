#include "reference_groups.hpp"

#include <libstream/error.hpp>
#include <libstream/libstream.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>

namespace libstream::apps {

// Not in an unnamed namespace: they are described.
struct TimedKey {
  std::chrono::sys_time<std::chrono::microseconds> ts;
};
BOOST_DESCRIBE_STRUCT(TimedKey, (), (ts))

struct CountedKey {
  std::string k;
  std::int64_t n;
  std::string status;
};
BOOST_DESCRIBE_STRUCT(CountedKey, (), (k, n, status))

namespace {

using Rows = std::span<const TimedKey>;
using State = GroupState<std::int64_t>;
using Result = std::vector<CountedKey>;

constexpr std::chrono::seconds session_gap{5};
constexpr std::chrono::seconds idle_time{10};

std::int64_t counted(Rows rows, State& state) {
  const auto n = state.get_or_default() + static_cast<std::int64_t>(rows.size());
  state.update(n);
  return n;
}

Result timed_out(const std::string& key, State& state) {
  const auto n = state.get();
  state.remove();
  return {{key, n, "timeout"}};
}

Result running_count(const std::string& key, Rows rows, State& state) {
  return {{key, counted(rows, state), "data"}};
}

Result session_max(const std::string& key, Rows rows, State& state) {
  if (state.has_timed_out()) return timed_out(key, state);
  auto newest = state.option();
  for (const TimedKey& row : rows) {
    const auto second = std::chrono::floor<std::chrono::seconds>(row.ts).time_since_epoch().count();
    newest = std::max(newest.value_or(second), second);
  }
  state.update(*newest);
  state.set_timeout_timestamp(State::TimePoint(std::chrono::seconds(*newest)), session_gap);
  return {{key, *newest, "data"}};
}

Result every_second(const std::string& key, Rows rows, State& state) {
  Result result;
  const auto before = state.get_or_default();
  const auto n = counted(rows, state);
  for (auto i = before + 1; i <= n; ++i) {
    if (i % 2 == 0) result.push_back({key, i, "data"});
  }
  return result;
}

Result count_until_idle(const std::string& key, Rows rows, State& state) {
  if (state.has_timed_out()) return timed_out(key, state);
  const auto n = counted(rows, state);
  state.set_timeout_duration(idle_time);
  return {{key, n, "data"}};
}

}  // namespace

DataStream reference_groups(const DataStream& rows, const ReferenceGroups& groups) {
  const auto keyed = rows.as<TimedKey>().group_by_key<std::string>(groups.key);
  const auto with = [&](auto function) {
    return keyed.flat_map_groups_with_state<std::int64_t>(groups.mode, groups.timeout, function)
        .to_stream();
  };
  if (groups.function == "running_count") return with(running_count);
  if (groups.function == "session_max") return with(session_max);
  if (groups.function == "every_second") return with(every_second);
  if (groups.function == "count_until_idle") return with(count_until_idle);
  throw Error(ErrorCode::invalid_argument,
              "flat_map_groups: \"" + groups.function + "\" is no reference function");
}

}  // namespace libstream::apps
