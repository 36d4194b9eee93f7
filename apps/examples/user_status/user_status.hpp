#pragma once
#include <libstream/libstream.hpp>

// A user's actions update the user's status; who does nothing for half an hour becomes inactive.
namespace user_status {
using namespace libstream;
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

struct UserAction {
  std::string user, action;
  Time time;
};
BOOST_DESCRIBE_STRUCT(UserAction, (), (user, action, time))
struct UserStatus {
  std::string user;
  std::int64_t actions = 0;
  Time last_seen;
  bool active = false;
};
BOOST_DESCRIBE_STRUCT(UserStatus, (), (user, actions, last_seen, active))
constexpr std::chrono::minutes patience{30};

inline UserStatus update_user_status(const std::string& user, std::span<const UserAction> actions,
                                     GroupState<UserStatus>& state) {
  auto status = state.get_or_default();
  if (state.has_timed_out()) {
    state.remove();
    return {user, status.actions, status.last_seen, false};
  }
  for (const auto& action : actions) status.last_seen = std::max(status.last_seen, action.time);
  status = {user, status.actions + std::ssize(actions), status.last_seen, true};
  state.update(status);
  if (state.kind() == GroupTimeout::processing_time) {
    state.set_timeout_duration(patience);
  } else {
    state.set_timeout_timestamp(std::max(status.last_seen + patience, state.current_watermark()));
  }
  return status;
}

inline DataStream latest_statuses(const DataStream& actions, GroupTimeout timeout) {
  return actions.as<UserAction>()
      .group_by_key([](const UserAction& action) { return action.user; })
      .map_groups_with_state<UserStatus>(timeout, update_user_status)
      .to_stream();
}
}  // namespace user_status
