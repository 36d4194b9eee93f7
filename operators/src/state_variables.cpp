#include "key_timers.hpp"

#include <libstream/hash.hpp>
#include <libstream/operators/processor.hpp>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace libstream {
namespace {

constexpr char without_expiry = 0;
constexpr char with_expiry = 1;
constexpr std::uint32_t timer_tag = 0;

bool is_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
  });
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string_view to_string(TimeMode mode) {
  switch (mode) {
    case TimeMode::none:
      return "none";
    case TimeMode::processing_time:
      return "processing_time";
    case TimeMode::event_time:
      return "event_time";
  }
  return "";
}

std::string_view to_string(StateVariable::Kind kind) {
  switch (kind) {
    case StateVariable::Kind::value:
      return "value";
    case StateVariable::Kind::list:
      return "list";
    case StateVariable::Kind::map:
      return "map";
  }
  return "";
}

void throw_unmade_state() {
  throw Error(ErrorCode::invalid_argument,
              "STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE",
              "a state variable or a handle is used that init did not set: keep what its "
              "ProcessorHandle gives in fields of the processor");
}

void throw_empty_list(const std::string& name) {
  throw Error(ErrorCode::invalid_argument, "ILLEGAL_STATE_STORE_VALUE.EMPTY_LIST_VALUE",
              "list state \"" + name + "\": an empty list cannot be put or appended; use clear()");
}

std::string ordered_suffix(std::uint64_t number) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
  return bytes;
}

std::uint64_t number_of_suffix(std::string_view suffix) {
  if (suffix.size() != sizeof(std::uint64_t)) throw_short_state();
  std::uint64_t number = 0;
  for (const char byte : suffix) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

StateVariable::StateVariable(std::string name, Kind kind, const std::int64_t& now)
    : name_(std::move(name)), kind_(kind), now_(now), tag_(tag_of(name_)) {}

std::uint32_t StateVariable::tag_of(std::string_view name) {
  const auto tag = static_cast<std::uint32_t>(hash_bytes(name));
  return tag == timer_tag ? 1 : tag;
}

std::int64_t StateVariable::expiry() const {
  std::int64_t time = 0;
  if (!ttl_ || __builtin_add_overflow(now_, *ttl_, &time)) return never;
  return time;
}

std::int64_t StateVariable::stored_expiry(std::string_view& bytes) const {
  if (bytes.empty()) throw_short_state();
  const char form = bytes[0];
  bytes.remove_prefix(1);
  if (form == without_expiry) return never;
  const auto time = StateBytes<std::int64_t>::take_plain<std::int64_t>(bytes);
  return ttl_ ? time : never;
}

void StateVariable::append_expiry(std::string& bytes, std::int64_t expiry) {
  bytes.push_back(expiry == never ? without_expiry : with_expiry);
  if (expiry != never) StateBytes<std::int64_t>::append_plain(bytes, expiry);
}

void StateVariable::refuse_layout(const std::string& was, const std::string& problem) const {
  throw_state_layout(name_, was, layout(), problem);
}

StateVariables::StateVariables(TimeMode mode, std::string processor, bool fires)
    : mode_(mode),
      processor_(std::move(processor)),
      fires_(fires),
      timers_(std::make_unique<KeyTimers>()) {}

StateVariables::~StateVariables() = default;

void StateVariables::fail(std::string error_class, const std::string& message) const {
  throw Error(initialising_ ? ErrorCode::analysis : ErrorCode::invalid_argument,
              std::move(error_class), processor_ + ": " + message);
}

void StateVariables::refuse_access(std::string_view access) const {
  fail("STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE",
       "\"" + std::string(access) +
           "\" belongs to a key, and there is none here: use it in handle_input_rows, "
           "handle_expired_timer or handle_initial_state");
}

void StateVariables::refuse_change(std::string_view name) const {
  fail("INVALID_STATE_VARIABLE",
       "init makes \"" + std::string(name) +
           "\" now, but not when the query started, or of another type: it must make the same "
           "variables at every call");
}

StateVariable* StateVariables::declare(std::string_view name, StateVariable::Kind kind,
                                       std::optional<Milliseconds> ttl) {
  const std::string quoted = std::string(to_string(kind)) + " state \"" + std::string(name) + "\"";
  if (!initialising_) {
    fail("STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE",
         quoted + " is made outside of init; make all state variables there");
  }
  if (!is_name(name)) {
    fail("INVALID_STATE_VARIABLE",
         quoted + ": names are made of letters, digits, '_', '-' and '.'");
  }
  if (contains(declared_, name) || contains(removed_, name)) {
    fail("STATEFUL_PROCESSOR_DUPLICATE_STATE_VARIABLE_DEFINED",
         quoted + (contains(removed_, name) ? " is deleted by delete_if_exists in the same init"
                                            : " is there already; names are unique"));
  }
  if (ttl && mode_ != TimeMode::processing_time) {
    fail("STATEFUL_PROCESSOR_INCORRECT_TIME_MODE_TO_ASSIGN_TTL",
         quoted + ": a time to live needs TimeMode::processing_time, and this operator has " +
             std::string(to_string(mode_)));
  }
  if (ttl && ttl->count() <= 0) {
    fail("STATEFUL_PROCESSOR_TTL_DURATION_MUST_BE_POSITIVE",
         quoted + ": a time to live of " + std::to_string(ttl->count()) + " ms is not above zero");
  }
  declared_.emplace_back(name);
  StateVariable* known = find(StateVariable::tag_of(name));
  if (known != nullptr && known->name() != name) {
    fail("INVALID_STATE_VARIABLE", "\"" + known->name() + "\" and \"" + std::string(name) +
                                       "\" have the same hash; rename one of them");
  }
  if (known == nullptr && initialised_) refuse_change(name);
  return known;
}

StateVariable& StateVariables::add(std::unique_ptr<StateVariable> variable) {
  all_.push_back(std::move(variable));
  return *all_.back();
}

StateVariable* StateVariables::find(std::uint32_t tag) const {
  for (const auto& variable : all_) {
    if (variable->tag() == tag) return variable.get();
  }
  return nullptr;
}

void StateVariables::remove(std::string_view name) {
  if (!initialising_) {
    fail("STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE",
         "delete_if_exists(\"" + std::string(name) + "\") is called outside of init");
  }
  if (contains(declared_, name)) {
    fail("STATEFUL_PROCESSOR_DUPLICATE_STATE_VARIABLE_DEFINED",
         "delete_if_exists(\"" + std::string(name) + "\"): the same init makes that variable");
  }
  if (!contains(removed_, name)) removed_.emplace_back(name);
}

void StateVariables::begin_init() {
  initialising_ = true;
  declared_.clear();
  removed_.clear();
}

void StateVariables::end_init() {
  initialising_ = false;
  initialised_ = true;
}

StateVariables::Group StateVariables::timer_group(std::string_view access) const {
  const Group at = group(access);
  if (mode_ == TimeMode::none) {
    fail("STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_TIME_MODE",
         std::string(access) +
             " needs TimeMode::processing_time or event_time, and this operator has none");
  }
  return at;
}

void StateVariables::register_timer(TimePoint time) {
  const Group at = timer_group("register_timer");
  if (!fires_) {
    fail("STATEFUL_PROCESSOR_WITHOUT_TIMER_HANDLER",
         "register_timer: the processor has no handle_expired_timer(const Key&, const "
         "TimerValues&, const ExpiredTimer&) that would be called");
  }
  timers_->add(at, time.time_since_epoch().count(), firing_);
}

void StateVariables::delete_timer(TimePoint time) {
  timers_->remove(timer_group("delete_timer"), time.time_since_epoch().count());
}

std::vector<StateVariables::TimePoint> StateVariables::timers() const {
  std::vector<TimePoint> times;
  for (const auto time : timers_->of(timer_group("list_timers"))) {
    times.emplace_back(Milliseconds(time));
  }
  return times;
}

}  // namespace libstream
