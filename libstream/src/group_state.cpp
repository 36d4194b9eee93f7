#include <libstream/group_state.hpp>

#include <string>

namespace libstream {
namespace {

std::string text_of(std::int64_t milliseconds) {
  constexpr auto limit = std::numeric_limits<std::int64_t>::max() / 1000;
  return milliseconds > limit ? std::to_string(milliseconds) + " ms"
                              : format_timestamp(milliseconds * 1000);
}

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorCode::invalid_argument, message);
}

void check_kind(GroupTimeout is, GroupTimeout wanted, const std::string& call) {
  if (is == wanted) return;
  fail(call +
       " needs the operator to be made with GroupTimeout::" + std::string(to_string(wanted)) +
       ", but this one has GroupTimeout::" + std::string(to_string(is)));
}

}  // namespace

std::string_view to_string(GroupTimeout timeout) {
  switch (timeout) {
    case GroupTimeout::none:
      return "none";
    case GroupTimeout::processing_time:
      return "processing_time";
    case GroupTimeout::event_time:
      return "event_time";
  }
  return "";
}

void throw_no_group_state() {
  fail("GroupState::get: this key has no state; ask exists() first, or take get_or_default()");
}

GroupTimes::TimePoint GroupTimes::current_watermark() const {
  if (!watermark_) {
    fail(
        "GroupState::current_watermark: the input has no watermark; call with_watermark(…) below "
        "the operator");
  }
  return TimePoint(Milliseconds(watermark_->milliseconds));
}

void GroupTimes::set_timeout_duration(Milliseconds duration) {
  check_kind(kind_, GroupTimeout::processing_time, "GroupState::set_timeout_duration");
  if (duration.count() <= 0) {
    fail("GroupState::set_timeout_duration: " + std::to_string(duration.count()) +
         " ms is not above zero");
  }
  if (__builtin_add_overflow(processing_ms_, duration.count(), &timeout_)) timeout_ = never;
}

void GroupTimes::set_timeout_duration(std::string_view duration) {
  set_timeout_duration(Milliseconds(parse_duration(duration) / 1000));
}

void GroupTimes::set_timeout_timestamp(TimePoint time, Milliseconds additional) {
  check_kind(kind_, GroupTimeout::event_time, "GroupState::set_timeout_timestamp");
  std::int64_t due = 0;
  if (additional.count() < 0) {
    fail("GroupState::set_timeout_timestamp: the additional duration, " +
         std::to_string(additional.count()) + " ms, must not be negative");
  }
  if (time.time_since_epoch().count() <= 0) {
    fail("GroupState::set_timeout_timestamp: " + text_of(time.time_since_epoch().count()) +
         " is not behind 1970");
  }
  if (__builtin_add_overflow(time.time_since_epoch().count(), additional.count(), &due)) {
    due = never - 1;
  }
  const auto now = current_watermark().time_since_epoch().count();
  if (due < now) {
    fail("GroupState::set_timeout_timestamp: " + text_of(due) + " lies before the watermark, " +
         text_of(now) + ", and would never be waited for; set a later one");
  }
  timeout_ = due;
}

}  // namespace libstream
