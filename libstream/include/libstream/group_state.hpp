#pragma once

#include <libstream/error.hpp>
#include <libstream/time.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace libstream {

/// By which time groups time out.
enum class GroupTimeout : std::uint8_t {
  none,
  processing_time,  ///< the timestamp of epochs
  event_time,       ///< the watermark; needs one on the input
};
std::string_view to_string(GroupTimeout timeout);

/// Times of a call, and the timeout that it sets: what GroupState<S> has for every S.
class GroupTimes {
 public:
  using Milliseconds = std::chrono::milliseconds;
  using TimePoint = std::chrono::sys_time<Milliseconds>;
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  GroupTimes(GroupTimeout kind, std::int64_t processing_ms, std::optional<Watermark> watermark)
      : kind_(kind), processing_ms_(processing_ms), watermark_(watermark) {}

  /// The epoch's timestamp, the same in every call of an epoch and in its repetition.
  TimePoint current_processing_time() const { return TimePoint(Milliseconds(processing_ms_)); }
  /// The epoch's watermark. Throws where the input has none.
  TimePoint current_watermark() const;

  /// Due `duration` > 0 after the epoch's timestamp. Timeouts are cleared at each call: set again.
  void set_timeout_duration(Milliseconds duration);
  void set_timeout_duration(std::string_view duration);  ///< "10 seconds"
  /// Due when the watermark has passed `time`, which must not lie before it already.
  void set_timeout_timestamp(TimePoint time, Milliseconds additional = Milliseconds(0));

  std::int64_t timeout() const { return timeout_; }  ///< ms since 1970, `never` where none is set
  void clear_timeout() { timeout_ = never; }
  GroupTimeout kind() const { return kind_; }

 private:
  GroupTimeout kind_;
  std::int64_t processing_ms_;
  std::optional<Watermark> watermark_;
  std::int64_t timeout_ = never;
};

[[noreturn]] void throw_no_group_state();

/// The state of one key during a call of the function of (flat_)map_groups_with_state.
/// Rules: those of Structured Streaming's GroupState.
template <class S>
class GroupState : public GroupTimes {
 public:
  enum class Change : std::uint8_t { none, updated, removed };

  GroupState(const GroupTimes& times, S& value, bool exists, bool timed_out)
      : GroupTimes(times), value_(value), exists_(exists), timed_out_(timed_out) {
    clear_timeout();
  }
  GroupState(const GroupState&) = delete;
  GroupState& operator=(const GroupState&) = delete;

  bool exists() const { return exists_; }
  /// Throws where no state exists.
  const S& get() const {
    if (!exists_) throw_no_group_state();
    return value_;
  }
  std::optional<S> option() const { return exists_ ? std::optional<S>(value_) : std::nullopt; }
  /// The state, or a fresh S where none exists.
  S get_or_default() const { return exists_ ? value_ : S{}; }
  void update(S value) {
    value_ = std::move(value);
    exists_ = true;
    change_ = Change::updated;
  }
  void remove() {
    exists_ = false;
    change_ = Change::removed;
  }
  /// True in the call for a key whose timeout is over; it has no rows then.
  bool has_timed_out() const { return timed_out_; }

  Change change() const { return change_; }

 private:
  S& value_;
  bool exists_;
  bool timed_out_;
  Change change_ = Change::none;
};

}  // namespace libstream
