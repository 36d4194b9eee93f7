#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace libstream {

/// Number of a micro-batch: dense, from 0.
enum class Epoch : std::uint64_t {};
constexpr std::uint64_t number(Epoch epoch) { return static_cast<std::uint64_t>(epoch); }
constexpr Epoch next(Epoch epoch) { return Epoch{number(epoch) + 1}; }

/// Event time of a row: signed µs since 1970-01-01T00:00Z.
using EventTime = std::int64_t;

/// Signed ms since 1970-01-01T00:00Z, never below 0 in a query.
struct Watermark {
  std::int64_t milliseconds = 0;

  auto operator<=>(const Watermark&) const = default;
  /// True where `time` (or the end of a window) is at or before this watermark: late when the
  /// watermark is that of the epoch before, due when it is the epoch's own.
  constexpr bool covers(EventTime time) const {
    constexpr auto limit = std::numeric_limits<std::int64_t>::max() / 1000;
    return milliseconds > limit || time <= milliseconds * 1000;
  }
};

/// Rounds down to ms, also below zero.
constexpr std::int64_t floor_to_milliseconds(EventTime time) {
  return time / 1000 - (time % 1000 < 0 ? 1 : 0);
}

/// Parses "10 seconds", "1 hour 30 minutes", "interval 5 minutes", "500 ms" to µs.
/// Units: microsecond(s), millisecond(s)/ms, second(s)/s, minute(s), hour(s), day(s), week(s).
/// Throws Error(invalid_argument) naming the text; months and years are refused.
std::int64_t parse_duration(std::string_view text);

/// Formats µs since 1970 as ISO-8601 UTC with as many fraction digits as needed (0, 3 or 6):
/// "2013-01-01T10:00:00Z", "2013-01-01T10:00:00.500Z".
std::string format_timestamp(EventTime time);

/// Parses ISO-8601 ("2013-01-01T10:00:00[.ffffff][Z|+hh:mm]", also with a blank for the T, or a
/// date alone; no zone means UTC). Returns false where the text is none.
bool parse_timestamp(std::string_view text, EventTime& time);

/// Days since 1970-01-01 as "2013-01-31", and back.
std::string format_date(std::int32_t days);
bool parse_date(std::string_view text, std::int32_t& days);

}  // namespace libstream
