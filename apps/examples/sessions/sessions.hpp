#pragma once

#include <libstream/libstream.hpp>

#include <algorithm>
#include <string>
#include <vector>

// Sessions of users, ended by a gap: of the event time, or of the clock.
namespace sessions {

using namespace libstream;
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

struct Click {
  std::string user;
  Time time;
};
BOOST_DESCRIBE_STRUCT(Click, (), (user, time))

struct Open {
  Time first = Time::max();
  Time last = Time::min();
  std::int64_t clicks = 0;
};
BOOST_DESCRIBE_STRUCT(Open, (), (first, last, clicks))

struct Closed {
  std::string user;
  Time first;
  Time last;
  std::int64_t clicks = 0;
};
BOOST_DESCRIBE_STRUCT(Closed, (), (user, first, last, clicks))

/// `clicks`: user string, time timestamp; by event time with a watermark.
inline DataStream closed(const DataStream& clicks, GroupTimeout timeout,
                         std::chrono::milliseconds gap) {
  const auto track = [timeout, gap](const std::string& user, std::span<const Click> rows,
                                    GroupState<Open>& state) {
    std::vector<Closed> closed;
    Open open = state.get_or_default();
    if (state.has_timed_out()) {
      closed.push_back({user, open.first, open.last, open.clicks});
      state.remove();
      return closed;
    }
    for (const Click& click : rows) {
      open.first = std::min(open.first, click.time);
      open.last = std::max(open.last, click.time);
      ++open.clicks;
    }
    state.update(open);
    if (timeout == GroupTimeout::processing_time) {
      state.set_timeout_duration(gap);
    } else {
      const Time due = std::max(open.last + gap, Time(state.current_watermark()));
      state.set_timeout_timestamp(due, std::chrono::milliseconds(1));
    }
    return closed;
  };
  return clicks.as<Click>()
      .group_by_key<std::string>("user")
      .flat_map_groups_with_state<Open>(OutputMode::append, timeout, track)
      .to_stream();
}

}  // namespace sessions
