#include "date_pattern.hpp"

#include "arithmetic_kernels.hpp"
#include "calendar.hpp"
#include "cast.hpp"

#include <libstream/schema.hpp>

#include <charconv>
#include <cmath>

namespace libstream {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::string_view month_names[] = {"January",   "February", "March",    "April",
                                            "May",       "June",     "July",     "August",
                                            "September", "October",  "November", "December"};
constexpr std::string_view day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                          "Friday", "Saturday", "Sunday"};
constexpr std::string_view quarter_names[] = {"1st quarter", "2nd quarter", "3rd quarter",
                                              "4th quarter"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// How often a letter may stand in a row; 0 = it is no field.
int most_letters(char letter) {
  switch (letter) {
    case 'y':
      return 6;
    case 'S':
      return 9;
    case 'G':
    case 'M':
    case 'L':
    case 'E':
    case 'Q':
    case 'q':
    case 'z':
    case 'O':
      return 4;
    case 'X':
    case 'x':
    case 'Z':
      return 5;
    case 'D':
      return 3;
    case 'd':
    case 'H':
    case 'h':
    case 'K':
    case 'k':
    case 'm':
    case 's':
    case 'V':
      return 2;
    case 'a':
    case 'F':
      return 1;
    default:
      return 0;
  }
}

/// Digits that a field takes for sure, 0 where it may take more or is no number.
int fixed_digits(char letter, int count) {
  if (letter == 'D') return count == 3 ? 3 : 0;
  const bool two = std::string_view("MLdHhKkmsy").find(letter) != std::string_view::npos;
  return two && count == 2 ? 2 : 0;
}

void append_number(std::int64_t value, int width, std::string& out) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::abs(value)).ptr;
  if (value < 0) out += '-';
  const auto size = end - buffer;
  if (size < width) out.append(static_cast<std::size_t>(width - size), '0');
  out.append(buffer, end);
}

/// The hour as a letter counts it: H from 0 to 23, k from 1 to 24, K from 0 to 11, h from 1 to 12.
std::int64_t hour_field(char letter, std::int64_t hour) {
  switch (letter) {
    case 'k':
      return hour == 0 ? 24 : hour;
    case 'K':
      return hour % 12;
    case 'h':
      return hour % 12 == 0 ? 12 : hour % 12;
    default:
      return hour;
  }
}

void append_year(std::int64_t year, int count, std::string& out) {
  if (count == 2) return append_number(std::abs(year) % 100, 2, out);
  if (count > 3 && year >= static_cast<std::int64_t>(std::pow(10, count))) out += '+';
  append_number(year, count, out);
}

void append_zone(char letter, int count, std::string& out) {
  if (letter == 'X' || (letter == 'Z' && count == 5)) {
    out += 'Z';
  } else if (letter == 'x') {
    out += count == 1 ? "+00" : count % 2 == 0 ? "+0000" : "+00:00";
  } else if (letter == 'Z') {
    out += count == 4 ? "GMT" : "+0000";
  } else if (letter == 'O') {
    out += "GMT";
  } else {
    out += letter == 'z' && count == 4 ? "Coordinated Universal Time" : "UTC";
  }
}

void append_field(char letter, int count, std::int64_t time, std::string& out) {
  const std::int64_t days = floor_divide(time, microseconds_per_day);
  const std::int64_t of_day = time - days * microseconds_per_day;
  const Day day = day_of(days);
  const int quarter = (day.month + 2) / 3;
  switch (letter) {
    case 'G':
      out += day.year > 0 ? (count == 4 ? "Anno Domini" : "AD")
                          : (count == 4 ? "Before Christ" : "BC");
      return;
    case 'y':
      return append_year(day.year, count, out);
    case 'M':
    case 'L':
      if (count < 3) return append_number(day.month, count, out);
      out += month_name(day.month - 1, count == 4);
      return;
    case 'd':
      return append_number(day.day, count, out);
    case 'D':
      return append_number(days - days_of(day.year, 1, 1) + 1, count, out);
    case 'F':
      return append_number((day.day - 1) % 7 + 1, 1, out);
    case 'Q':
    case 'q':
      if (count < 3) return append_number(quarter, count, out);
      if (count == 3) out += 'Q';
      out += quarter_names[quarter - 1].substr(0, count == 3 ? 1 : std::string_view::npos);
      return;
    case 'E':
      out += day_name(weekday(days), count == 4);
      return;
    case 'a':
      out += of_day < microseconds_per_day / 2 ? "AM" : "PM";
      return;
    case 'm':
      return append_number(of_day / (60 * second) % 60, count, out);
    case 's':
      return append_number(of_day / second % 60, count, out);
    case 'S': {
      const std::size_t begin = out.size();
      append_number(of_day % second, 6, out);
      out.resize(begin + static_cast<std::size_t>(count), '0');
      return;
    }
    case 'H':
    case 'k':
    case 'K':
    case 'h':
      return append_number(hour_field(letter, of_day / (3600 * second)), count, out);
    default:
      return append_zone(letter, count, out);
  }
}

/// Between `least` and `most` digits.
bool read_digits(std::string_view text, std::size_t& at, int least, int most, std::int64_t& value) {
  int digits = 0;
  value = 0;
  while (digits < most && at < text.size() && text[at] >= '0' && text[at] <= '9') {
    value = value * 10 + (text[at++] - '0');
    ++digits;
  }
  return digits >= least;
}

/// Digits that stand at a place, at most 18.
int digits_ahead(std::string_view text, std::size_t at) {
  int count = 0;
  while (count < 18 && at < text.size() && text[at] >= '0' && text[at] <= '9') ++at, ++count;
  return count;
}

bool read_name(std::string_view text, std::size_t& at, std::span<const std::string_view> names,
               bool whole, std::int64_t& index) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string_view name = whole ? names[i] : names[i].substr(0, 3);
    if (!same_name(text.substr(at, name.size()), name)) continue;
    at += name.size();
    index = static_cast<std::int64_t>(i);
    return true;
  }
  return false;
}

/// "Z" or "+02", "+0200", "+02:00" as the letter has it; seconds.
bool read_offset(char letter, int count, std::string_view text, std::size_t& at,
                 std::int64_t& offset) {
  offset = 0;
  if (at < text.size() && text[at] == 'Z' && (letter == 'X' || count == 5)) return ++at, true;
  if (at >= text.size() || (text[at] != '+' && text[at] != '-')) return false;
  const std::int64_t sign = text[at++] == '-' ? -1 : 1;
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  if (!read_digits(text, at, 2, 2, hours)) return false;
  const bool colon = letter != 'Z' ? count % 2 == 1 && count > 1 : count == 5;
  const bool optional = letter != 'Z' && count == 1;
  if (!optional || digits_ahead(text, at) >= 2) {
    if (colon && (at >= text.size() || text[at++] != ':')) return false;
    if (!read_digits(text, at, 2, 2, minutes)) return false;
  }
  offset = sign * (hours * 3600 + minutes * 60);
  return hours <= 18 && minutes < 60;
}

}  // namespace

std::string_view day_name(int day, bool whole) {
  return day_names[day].substr(0, whole ? std::string_view::npos : 3);
}
std::string_view month_name(int month, bool whole) {
  return month_names[month].substr(0, whole ? std::string_view::npos : 3);
}

/// What a text told.
struct DatePattern::Fields {
  std::int64_t year = 1970;
  std::int64_t month = 1;
  std::int64_t day = 1;
  std::int64_t day_of_year = 0;
  std::int64_t hour = 0;
  std::int64_t half = -1;  ///< 0 before noon, 1 after
  bool half_hours = false;
  std::int64_t minute = 0;
  std::int64_t second_of_minute = 0;
  std::int64_t microsecond = 0;
  std::int64_t offset = 0;

  bool time(std::int64_t& result) const {
    if (month < 1 || month > 12 || year < -290'000 || year > 290'000) return false;
    if (day < 1 || day > month_length(year, static_cast<int>(month))) return false;
    if (hour > 23 || minute > 59 || second_of_minute > 59) return false;
    std::int64_t days = days_of(year, static_cast<int>(month), static_cast<int>(day));
    if (day_of_year > 0) {
      days = days_of(year, 1, 1) + day_of_year - 1;
      if (day_of(days).year != year) return false;
    }
    const std::int64_t clock =
        ((half_hours && half == 1 ? hour + 12 : hour) * 60 + minute) * 60 + second_of_minute;
    result = days * microseconds_per_day + (clock - offset) * second + microsecond;
    return true;
  }
};

std::string DatePattern::read(std::string_view pattern) {
  items_.clear();
  print_only_ = 0;
  int open = 0;
  for (std::size_t at = 0; at < pattern.size();) {
    const char c = pattern[at];
    if (is_letter(c)) {
      const std::size_t end = std::min(pattern.find_first_not_of(c, at), pattern.size());
      const std::string run(pattern.substr(at, end - at));
      const auto count = static_cast<int>(end - at);
      if (count > most_letters(c) || (c == 'V' && count != 2) || (c == 'O' && count % 3 != 1)) {
        return "'" + run + "' is no field of a pattern";
      }
      if (std::string_view("GQqEFzVO").find(c) != std::string_view::npos) print_only_ = c;
      items_.push_back({c, count, 0, {}});
      at = end;
    } else if (c == '\'') {
      const std::size_t end = pattern.find('\'', at + 1);
      if (end == std::string_view::npos) return "a quote of the pattern is not closed";
      items_.push_back(
          {0, 0, 0,
           end == at + 1 ? std::string("'") : std::string(pattern.substr(at + 1, end - at - 1))});
      at = end + 1;
    } else if (c == '[' || c == ']') {
      open += c == '[' ? 1 : -1;
      if (open < 0) return "a ']' of the pattern closes nothing";
      items_.push_back({c, 0, 0, {}});
      ++at;
    } else if (c == '#' || c == '{' || c == '}') {
      return std::string("'") + c + "' has no meaning in a pattern; write it in quotes";
    } else {
      items_.push_back({0, 0, 0, std::string(1, c)});
      ++at;
    }
  }
  if (open > 0) return "a '[' of the pattern is not closed";
  int following = 0;
  for (std::size_t i = items_.size(); i-- > 0;) {
    items_[i].following_digits = following;
    const int fixed = fixed_digits(items_[i].letter, items_[i].count);
    following = fixed > 0 ? following + fixed : 0;
  }
  return {};
}

void DatePattern::print(std::int64_t time, std::string& out) const {
  for (const Item& item : items_) {
    if (item.letter == 0) {
      out += item.text;
    } else if (is_letter(item.letter)) {
      append_field(item.letter, item.count, time, out);
    }
  }
}

bool DatePattern::parse(std::string_view text, std::int64_t& time) const {
  Fields fields;
  std::size_t at = 0;
  std::size_t item = 0;
  return parse_items(text, at, item, fields) && at == text.size() && fields.time(time);
}

/// Up to the end or the bracket that closes this part.
bool DatePattern::parse_items(std::string_view text, std::size_t& at, std::size_t& item,
                              Fields& fields) const {
  for (; item < items_.size() && items_[item].letter != ']'; ++item) {
    if (items_[item].letter != '[') {
      if (!parse_item(items_[item], text, at, fields)) return false;
      continue;
    }
    const std::size_t bracket = item++;
    const Fields before = fields;
    const std::size_t place = at;
    if (parse_items(text, at, item, fields)) continue;
    // What is optional is not there.
    fields = before;
    at = place;
    int open = 1;
    for (item = bracket + 1; open > 0; ++item) {
      open += items_[item].letter == '[' ? 1 : items_[item].letter == ']' ? -1 : 0;
    }
    --item;
  }
  return true;
}

bool DatePattern::parse_item(const Item& item, std::string_view text, std::size_t& at,
                             Fields& fields) {
  const int count = item.count;
  const auto number = [&](std::int64_t& value) {
    if (count > 1) return read_digits(text, at, count, count, value);
    const int most = std::max(digits_ahead(text, at) - item.following_digits, 0);
    return read_digits(text, at, 1, most, value);
  };
  std::int64_t index = 0;
  switch (item.letter) {
    case 0:
      if (!same_name(text.substr(at, item.text.size()), item.text)) return false;
      at += item.text.size();
      return true;
    case 'y': {
      if (count == 2) {
        const bool read = read_digits(text, at, 2, 2, fields.year);
        fields.year += 2000;
        return read;
      }
      const bool sign = at < text.size() && (text[at] == '+' || text[at] == '-');
      const bool negative = sign && text[at] == '-';
      if (sign) ++at;
      const int digits = digits_ahead(text, at) - item.following_digits;
      // More digits than the pattern has need a sign.
      const bool wide =
          count == 1 || negative || item.following_digits > 0 || (sign && digits > count);
      if (!read_digits(text, at, count, wide ? std::max(digits, 0) : count, fields.year))
        return false;
      if (negative) fields.year = -fields.year;
      return count == 1 || digits <= count || sign;
    }
    case 'M':
    case 'L':
      if (count < 3) return number(fields.month);
      if (!read_name(text, at, month_names, count == 4, index)) return false;
      fields.month = index + 1;
      return true;
    case 'd':
      return number(fields.day);
    case 'D':
      return number(fields.day_of_year) && fields.day_of_year > 0;
    case 'H':
      return number(fields.hour);
    case 'k':
      if (!number(fields.hour) || fields.hour < 1 || fields.hour > 24) return false;
      fields.hour %= 24;
      return true;
    case 'h':
    case 'K':
      fields.half_hours = true;
      if (!number(fields.hour) || fields.hour > (item.letter == 'h' ? 12 : 11)) return false;
      if (item.letter == 'h' && fields.hour == 0) return false;
      fields.hour %= 12;
      return true;
    case 'a': {
      constexpr std::string_view halves[] = {"AM", "PM"};
      return read_name(text, at, halves, true, fields.half);
    }
    case 'm':
      return number(fields.minute);
    case 's':
      return number(fields.second_of_minute);
    case 'S': {
      const std::size_t begin = at;
      if (!read_digits(text, at, 1, count, fields.microsecond)) return false;
      for (std::size_t digits = at - begin; digits < 6; ++digits) fields.microsecond *= 10;
      for (std::size_t digits = at - begin; digits > 6; --digits) fields.microsecond /= 10;
      return true;
    }
    default:
      return read_offset(item.letter, count, text, at, fields.offset);
  }
}

}  // namespace libstream
