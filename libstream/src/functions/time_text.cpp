#include "time_text.hpp"

#include "arithmetic_kernels.hpp"
#include "calendar.hpp"

#include <libstream/schema.hpp>

namespace libstream {
namespace {

constexpr std::int64_t second = 1'000'000;

/// Takes characters from the front of a text.
struct Reader {
  std::string_view rest;

  bool accept(char c) {
    if (rest.empty() || rest[0] != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  /// Between `least` and `most` digits, and no digit behind them.
  bool number(std::size_t least, std::size_t most, std::int64_t& value) {
    std::size_t digits = 0;
    value = 0;
    while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') {
      if (++digits > most) return false;
      value = value * 10 + (rest[digits - 1] - '0');
    }
    rest.remove_prefix(digits);
    return digits >= least;
  }
};

/// `whole`: month and day were there, so that more may follow.
bool read_date(Reader& reader, std::int64_t& days, bool& whole) {
  const bool negative = reader.accept('-');
  if (!negative) reader.accept('+');
  std::int64_t year = 0;
  std::int64_t month = 1;
  std::int64_t day = 1;
  whole = false;
  if (!reader.number(4, 6, year)) return false;
  if (reader.accept('-')) {
    if (!reader.number(1, 2, month)) return false;
    if (reader.accept('-')) {
      if (!reader.number(1, 2, day)) return false;
      whole = true;
    }
  }
  if (negative) year = -year;
  if (year < -290'000 || year > 290'000 || month < 1 || month > 12 || day < 1 ||
      day > month_length(year, static_cast<int>(month))) {
    return false;
  }
  days = days_of(year, static_cast<int>(month), static_cast<int>(day));
  return true;
}

/// Up to the end; seconds that the zone is ahead of UTC.
bool read_zone(Reader& reader, std::int64_t& ahead) {
  ahead = 0;
  while (reader.accept(' ')) continue;
  if (reader.accept('Z') || reader.rest.empty()) return reader.rest.empty();
  for (const std::string_view name : {"UTC", "GMT", "UT"}) {
    if (!reader.rest.starts_with(name)) continue;
    reader.rest.remove_prefix(name.size());
    if (reader.rest.empty()) return true;
    break;
  }
  const bool negative = reader.accept('-');
  if (!negative && !reader.accept('+')) return false;
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  if (!reader.number(1, 4, hours)) return false;
  if (reader.accept(':')) {
    if (hours > 99 || !reader.number(1, 2, minutes)) return false;
  } else if (hours > 99) {
    minutes = hours % 100;
    hours /= 100;
  }
  if (hours > 18 || minutes > 59 || !reader.rest.empty()) return false;
  ahead = (hours * 60 + minutes) * 60 * (negative ? -1 : 1);
  return true;
}

/// µs of the day.
bool read_clock(Reader& reader, std::int64_t& time) {
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t seconds = 0;
  std::int64_t fraction = 0;
  if (!reader.number(1, 2, hour)) return false;
  if (reader.accept(':')) {
    if (!reader.number(1, 2, minute)) return false;
    if (reader.accept(':')) {
      if (!reader.number(1, 2, seconds)) return false;
      if (reader.accept('.')) {
        std::int64_t unit = second / 10;  // digits behind the sixth are cut off
        while (!reader.rest.empty() && reader.rest[0] >= '0' && reader.rest[0] <= '9') {
          fraction += (reader.rest[0] - '0') * unit;
          unit /= 10;
          reader.rest.remove_prefix(1);
        }
      }
    }
  }
  time = ((hour * 60 + minute) * 60 + seconds) * second + fraction;
  return hour <= 23 && minute <= 59 && seconds <= 59;
}

}  // namespace

bool read_date_text(std::string_view text, std::int32_t& days) {
  if (same_name(text, "epoch")) return days = 0, true;
  Reader reader{text};
  std::int64_t value = 0;
  bool whole = false;
  if (!read_date(reader, value, whole)) return false;
  if (!reader.rest.empty() && !(whole && (reader.rest[0] == ' ' || reader.rest[0] == 'T'))) {
    return false;
  }
  days = static_cast<std::int32_t>(value);
  return true;
}

bool read_timestamp_text(std::string_view text, std::int64_t& time) {
  if (same_name(text, "epoch")) return time = 0, true;
  Reader reader{text};
  std::int64_t days = 0;
  std::int64_t clock = 0;
  std::int64_t ahead = 0;
  bool whole = false;
  if (!read_date(reader, days, whole)) return false;
  if (!reader.rest.empty()) {
    if (!whole || (!reader.accept(' ') && !reader.accept('T'))) return false;
    if (!reader.rest.empty() && (!read_clock(reader, clock) || !read_zone(reader, ahead))) {
      return false;
    }
  }
  time = days * microseconds_per_day + clock - ahead * second;
  return true;
}

}  // namespace libstream
