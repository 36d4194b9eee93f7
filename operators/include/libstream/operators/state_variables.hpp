#pragma once

#include <libstream/operators/state_variable.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// State of a processor in one task. Not included by users directly; see processor.hpp.
namespace libstream {

/// By which time timers of a processor are due.
enum class TimeMode : std::uint8_t {
  none,
  processing_time,  ///< the timestamp of epochs; the only mode with a time to live
  event_time,       ///< the watermark; needs one on the input
};
std::string_view to_string(TimeMode mode);

class KeyTimers;

/// The variables and timers of a processor in one task, and the key that it works on.
class StateVariables {
 public:
  using Group = StateVariable::Group;
  using Milliseconds = std::chrono::milliseconds;
  using TimePoint = GroupTimes::TimePoint;

  /// `processor`: its name, for messages. `fires`: it has a handle_expired_timer.
  StateVariables(TimeMode mode, std::string processor, bool fires);
  ~StateVariables();
  StateVariables(const StateVariables&) = delete;
  StateVariables& operator=(const StateVariables&) = delete;

  // Inside init.
  /// The variable of that name; made by the first init, found by later ones.
  template <class V>
  V& variable(std::string_view name, std::optional<Milliseconds> ttl) {
    StateVariable* known = declare(name, V::kind_of, ttl);
    if (known == nullptr) {
      known = &add(std::make_unique<V>(std::string(name), now_));
    }
    V* found = dynamic_cast<V*>(known);
    if (found == nullptr) refuse_change(name);
    known->set_ttl(ttl ? std::optional(ttl->count()) : std::nullopt);
    return *found;
  }
  void remove(std::string_view name);

  // Inside a call for a key.
  /// Throws outside, naming `access`.
  Group group(std::string_view access) const {
    if (group_ == no_group) refuse_access(access);
    return group_;
  }
  void register_timer(TimePoint time);
  void delete_timer(TimePoint time);
  std::vector<TimePoint> timers() const;

  // Of the operator.
  void begin_init();
  void end_init();
  void set_now(std::int64_t milliseconds) { now_ = milliseconds; }
  void enter(Group group) { group_ = group; }
  void leave() { group_ = no_group; }
  TimeMode mode() const { return mode_; }
  const std::string& processor() const { return processor_; }
  const std::vector<std::unique_ptr<StateVariable>>& all() const { return all_; }
  StateVariable* find(std::uint32_t tag) const;
  /// Names given to delete_if_exists.
  const std::vector<std::string>& removed() const { return removed_; }
  KeyTimers& key_timers() const { return *timers_; }
  void set_firing(bool firing) { firing_ = firing; }

 private:
  static constexpr Group no_group = std::numeric_limits<Group>::max();

  StateVariable* declare(std::string_view name, StateVariable::Kind kind,
                         std::optional<Milliseconds> ttl);
  StateVariable& add(std::unique_ptr<StateVariable> variable);
  [[noreturn]] void refuse_change(std::string_view name) const;
  [[noreturn]] void refuse_access(std::string_view access) const;
  [[noreturn]] void fail(std::string error_class, const std::string& message) const;
  Group timer_group(std::string_view access) const;

  TimeMode mode_;
  std::string processor_;
  bool fires_;
  std::int64_t now_ = 0;
  Group group_ = no_group;
  bool initialising_ = false;
  bool initialised_ = false;
  bool firing_ = false;
  std::vector<std::unique_ptr<StateVariable>> all_;
  std::vector<std::string> declared_;  ///< by this init
  std::vector<std::string> removed_;
  std::unique_ptr<KeyTimers> timers_;
};

}  // namespace libstream
