#include <libstream/error.hpp>
#include <libstream/schema.hpp>
#include <libstream/time.hpp>

#include <array>
#include <cctype>
#include <cstdio>

namespace libstream {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t day = 86'400 * second;

/// Howard Hinnant, "chrono-compatible low-level date algorithms".
std::int64_t days_from_civil(std::int64_t y, unsigned m, unsigned d) {
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const unsigned doy = (153 * (m + (m > 2 ? -3U : 9U)) + 2) / 5 + d - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<std::int64_t>(doe) - 719468;
}

struct Civil {
  std::int64_t year;
  unsigned month;
  unsigned day;
};

Civil civil_from_days(std::int64_t z) {
  z += 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const auto doe = static_cast<unsigned>(z - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {static_cast<std::int64_t>(yoe) + era * 400 + (month <= 2), month,
          doy - (153 * mp + 2) / 5 + 1};
}

unsigned month_length(std::int64_t year, unsigned month) {
  constexpr std::array<unsigned, 12> lengths{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : lengths[month - 1];
}

/// Reads digits and marks from the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool at_end() const { return at_ == text_.size(); }
  bool accept(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  /// Between `least` and `most` digits.
  bool number(int least, int most, std::int64_t& value) {
    value = 0;
    int digits = 0;
    while (digits < most && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value * 10 + (text_[at_++] - '0');
      ++digits;
    }
    return digits >= least;
  }
  /// Up to 6 digits as µs; further ones are read and cut off.
  bool fraction(std::int64_t& microseconds) {
    microseconds = 0;
    int digits = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      if (digits < 6) microseconds = microseconds * 10 + (text_[at_] - '0');
      ++digits;
      ++at_;
    }
    for (int i = digits; i < 6; ++i) microseconds *= 10;
    return digits > 0;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

bool read_date(Reader& reader, std::int64_t& days) {
  const bool negative = reader.accept('-');
  std::int64_t year = 0;
  std::int64_t month = 1;
  std::int64_t day_of_month = 1;
  if (!reader.number(4, 6, year) || !reader.accept('-') || !reader.number(1, 2, month) ||
      !reader.accept('-') || !reader.number(1, 2, day_of_month)) {
    return false;
  }
  if (negative) year = -year;
  if (month < 1 || month > 12 || day_of_month < 1 ||
      day_of_month > month_length(year, static_cast<unsigned>(month))) {
    return false;
  }
  days = days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day_of_month));
  return true;
}

bool read_zone(Reader& reader, std::int64_t& offset_seconds) {
  offset_seconds = 0;
  if (reader.at_end() || reader.accept('Z')) return reader.at_end();
  const bool negative = reader.peek() == '-';
  if (!reader.accept('+') && !reader.accept('-')) return false;
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  if (!reader.number(1, 2, hours)) return false;
  reader.accept(':');
  if (!reader.at_end() && !reader.number(2, 2, minutes)) return false;
  if (hours > 18 || minutes > 59) return false;
  offset_seconds = (hours * 60 + minutes) * 60 * (negative ? -1 : 1);
  return reader.at_end();
}

struct Unit {
  std::string_view name;
  std::int64_t microseconds;
};
constexpr std::array units{Unit{"microsecond", 1},
                           Unit{"microseconds", 1},
                           Unit{"us", 1},
                           Unit{"millisecond", 1000},
                           Unit{"milliseconds", 1000},
                           Unit{"ms", 1000},
                           Unit{"second", second},
                           Unit{"seconds", second},
                           Unit{"s", second},
                           Unit{"minute", 60 * second},
                           Unit{"minutes", 60 * second},
                           Unit{"min", 60 * second},
                           Unit{"hour", 3600 * second},
                           Unit{"hours", 3600 * second},
                           Unit{"h", 3600 * second},
                           Unit{"day", day},
                           Unit{"days", day},
                           Unit{"d", day},
                           Unit{"week", 7 * day},
                           Unit{"weeks", 7 * day},
                           Unit{"m", 60 * second}};

[[noreturn]] void fail_duration(std::string_view text, const std::string& why) {
  throw Error(ErrorCode::invalid_argument,
              "cannot read the duration \"" + std::string(text) + "\": " + why +
                  "; write for example \"10 seconds\", \"1 hour 30 minutes\" or \"500 ms\"");
}

/// One amount of a duration: sign, digits and an optional fraction.
bool read_amount(std::string_view text, std::size_t& at, std::int64_t& whole,
                 std::int64_t& millionths, bool& negative) {
  negative = at < text.size() && text[at] == '-';
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  Reader reader(text.substr(at));
  if (!reader.number(1, 15, whole)) return false;
  millionths = 0;
  const std::size_t dot = text.find_first_not_of("0123456789", at);
  std::size_t end = dot == std::string_view::npos ? text.size() : dot;
  if (reader.accept('.')) {
    if (!reader.fraction(millionths)) return false;
    end = text.find_first_not_of("0123456789", dot + 1);
    if (end == std::string_view::npos) end = text.size();
  }
  at = end;
  return true;
}

std::string_view next_word(std::string_view text, std::size_t& at) {
  const std::size_t begin = at;
  while (at < text.size() && std::isalpha(static_cast<unsigned char>(text[at])) != 0) ++at;
  return text.substr(begin, at - begin);
}

}  // namespace

std::int64_t parse_duration(std::string_view text) {
  std::size_t at = 0;
  std::int64_t total = 0;
  bool any = false;
  const auto skip = [&] {
    while (at < text.size() && text[at] == ' ') ++at;
  };
  skip();
  if (text.size() - at > 8 && same_name(text.substr(at, 8), "interval")) at += 8;
  for (skip(); at < text.size(); skip()) {
    std::int64_t whole = 0;
    std::int64_t millionths = 0;
    bool negative = false;
    if (!read_amount(text, at, whole, millionths, negative))
      fail_duration(text, "expected a number");
    skip();
    const auto word = next_word(text, at);
    const Unit* unit = nullptr;
    for (const auto& candidate : units) {
      if (same_name(candidate.name, word)) unit = &candidate;
    }
    if (same_name(word.substr(0, 5), "month") || same_name(word.substr(0, 4), "year")) {
      fail_duration(text, "months and years have no fixed length");
    }
    if (unit == nullptr) fail_duration(text, "unknown unit \"" + std::string(word) + "\"");
    std::int64_t part = 0;
    std::int64_t fraction = 0;
    if (__builtin_mul_overflow(whole, unit->microseconds, &part) ||
        __builtin_mul_overflow(millionths, unit->microseconds, &fraction) ||
        __builtin_add_overflow(part, fraction / second, &part) ||
        __builtin_add_overflow(total, negative ? -part : part, &total)) {
      fail_duration(text, "too long");
    }
    any = true;
  }
  if (!any) fail_duration(text, "it is empty");
  return total;
}

std::string format_date(std::int32_t days) {
  const auto date = civil_from_days(days);
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%04lld-%02u-%02u", static_cast<long long>(date.year),
                date.month, date.day);
  return buffer;
}

std::string format_timestamp(EventTime time) {
  std::int64_t days = time / day;
  std::int64_t rest = time % day;
  if (rest < 0) {
    rest += day;
    --days;
  }
  const auto date = civil_from_days(days);
  const std::int64_t seconds = rest / second;
  const std::int64_t fraction = rest % second;
  char buffer[48];
  int length = std::snprintf(buffer, sizeof buffer, "%04lld-%02u-%02uT%02d:%02d:%02d",
                             static_cast<long long>(date.year), date.month, date.day,
                             static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
                             static_cast<int>(seconds % 60));
  std::string text(buffer, static_cast<std::size_t>(length));
  if (fraction != 0) {
    const bool millis = fraction % 1000 == 0;
    length = std::snprintf(buffer, sizeof buffer, millis ? ".%03d" : ".%06d",
                           static_cast<int>(millis ? fraction / 1000 : fraction));
    text.append(buffer, static_cast<std::size_t>(length));
  }
  return text + 'Z';
}

bool parse_date(std::string_view text, std::int32_t& days) {
  Reader reader(text);
  std::int64_t value = 0;
  if (!read_date(reader, value) || !reader.at_end()) return false;
  days = static_cast<std::int32_t>(value);
  return true;
}

bool parse_timestamp(std::string_view text, EventTime& time) {
  Reader reader(text);
  std::int64_t days = 0;
  if (!read_date(reader, days)) return false;
  std::int64_t seconds = 0;
  std::int64_t fraction = 0;
  std::int64_t zone = 0;
  if (!reader.at_end()) {
    if (!reader.accept('T') && !reader.accept(' ')) return false;
    std::int64_t hour = 0;
    std::int64_t minute = 0;
    if (!reader.number(1, 2, hour) || !reader.accept(':') || !reader.number(1, 2, minute))
      return false;
    if (reader.accept(':') && !reader.number(1, 2, seconds)) return false;
    if (hour > 23 || minute > 59 || seconds > 59) return false;
    if (reader.accept('.') && !reader.fraction(fraction)) return false;
    if (!read_zone(reader, zone)) return false;
    seconds += (hour * 60 + minute) * 60;
  }
  std::int64_t result = 0;
  if (__builtin_mul_overflow(days, day, &result) ||
      __builtin_add_overflow(result, (seconds - zone) * second + fraction, &result)) {
    return false;
  }
  time = result;
  return true;
}

}  // namespace libstream
