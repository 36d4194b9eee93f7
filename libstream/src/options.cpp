#include <libstream/error.hpp>
#include <libstream/event_time.hpp>
#include <libstream/options.hpp>
#include <libstream/schema.hpp>
#include <libstream/time.hpp>

#include <algorithm>
#include <charconv>

namespace libstream {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

}  // namespace

std::string_view to_string(OutputMode mode) {
  switch (mode) {
    case OutputMode::append:
      return "append";
    case OutputMode::update:
      return "update";
    case OutputMode::complete:
      return "complete";
  }
  return "unknown";
}

Trigger Trigger::processing_time(std::chrono::milliseconds interval) {
  if (interval.count() < 0) {
    throw Error(ErrorCode::invalid_argument,
                "the interval of a processing-time trigger is negative");
  }
  if (interval.count() == 0) return {};
  return {Kind::processing_time, interval};
}

Trigger Trigger::processing_time(std::string_view interval) {
  return processing_time(std::chrono::milliseconds(parse_duration(interval) / 1000));
}

void Options::set(std::string_view name, std::string value) {
  entries_[lower(name)] = std::move(value);
}

std::optional<std::string> Options::find(std::string_view name) const {
  const auto found = entries_.find(lower(name));
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

std::string Options::get(std::string_view name, std::string fallback) const {
  return find(name).value_or(std::move(fallback));
}

std::optional<std::int64_t> Options::integer(std::string_view name) const {
  const auto text = find(name);
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const auto result = std::from_chars(text->data(), text->data() + text->size(), value);
  if (result.ec != std::errc{} || result.ptr != text->data() + text->size()) {
    throw Error(ErrorCode::invalid_argument,
                "option " + std::string(name) + " takes a whole number, not \"" + *text + "\"");
  }
  return value;
}

bool Options::boolean(std::string_view name, bool fallback) const {
  const auto text = find(name);
  if (!text) return fallback;
  const auto word = lower(*text);
  if (word == "true" || word == "false") return word == "true";
  throw Error(ErrorCode::invalid_argument,
              "option " + std::string(name) + " takes true or false, not \"" + *text + "\"");
}

void Options::check_known(std::initializer_list<std::string_view> known,
                          std::string_view what) const {
  for (const auto& entry : entries_) {
    const bool found = std::any_of(known.begin(), known.end(), [&](std::string_view name) {
      return same_name(name, entry.first);
    });
    if (found) continue;
    std::string message = std::string(what) + " has no option \"" + entry.first + "\"";
    const auto similar =
        similar_names(entry.first, std::vector<std::string>(known.begin(), known.end()));
    if (!similar.empty()) message += "; did you mean \"" + similar.front() + "\"?";
    throw Error(ErrorCode::invalid_argument, message);
  }
}

EventTimeRule event_time_rule(const Options& options) {
  const auto text = options.get("eventTime", "perEpoch");
  if (same_name(text, "perEpoch")) return EventTimeRule::per_epoch;
  if (same_name(text, "perSourcePartition")) return EventTimeRule::per_source_partition;
  throw Error(ErrorCode::invalid_argument,
              "option eventTime is \"" + text + "\", but can be perEpoch or perSourcePartition");
}

}  // namespace libstream
