#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace libstream {

enum class OutputMode : std::uint8_t { append, update, complete };
std::string_view to_string(OutputMode mode);

/// When epochs begin.
struct Trigger {
  enum class Kind : std::uint8_t { as_soon_as_possible, processing_time, once, available_now };
  Kind kind = Kind::as_soon_as_possible;
  std::chrono::milliseconds interval{0};

  static Trigger processing_time(std::chrono::milliseconds interval);  ///< 0: as soon as possible
  static Trigger processing_time(std::string_view interval);
  /// One epoch with all that is there, ignoring rate limits; then the query ends.
  static Trigger once() { return {Kind::once, {}}; }
  /// As many epochs as rate limits ask for, over what is there at the start; then the query ends.
  static Trigger available_now() { return {Kind::available_now, {}}; }
};

/// How a recording is replayed; as it stands: the recorded epochs, seeds and times, at full speed.
struct ReplayRules {
  std::uint64_t epoch_rows = 0;       ///< most rows a source reads in an epoch; 0: as recorded
  double pace = 0;                    ///< 1: as fast as recorded, 2: twice; 0: at full speed
  std::optional<std::uint64_t> seed;  ///< what the seeds of the epochs are made from instead
};

/// Options of sources and sinks: names as users of Structured Streaming know them
/// ("maxFilesPerTrigger"), compared without regard to case.
class Options {
 public:
  void set(std::string_view name, std::string value);
  std::optional<std::string> find(std::string_view name) const;
  std::string get(std::string_view name, std::string fallback) const;
  /// Throws Error(invalid_argument) naming the option and the text.
  std::optional<std::int64_t> integer(std::string_view name) const;
  bool boolean(std::string_view name, bool fallback) const;
  /// Lower-case names, sorted.
  const std::map<std::string, std::string>& entries() const { return entries_; }
  /// Throws Error(invalid_argument) for an option that is not in `known`, with candidates.
  void check_known(std::initializer_list<std::string_view> known, std::string_view what) const;

 private:
  std::map<std::string, std::string> entries_;
};

}  // namespace libstream
