#include "scalar_text.hpp"

#include <libstream/time.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

namespace libstream {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Value of two digits, or a number above 99 where they are none.
unsigned two_digits(const char* p) {
  const auto high = static_cast<unsigned>(p[0] - '0');
  const auto low = static_cast<unsigned>(p[1] - '0');
  return high > 9 || low > 9 ? 1000U : high * 10 + low;
}

bool same_word(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

bool parse_special(std::string_view text, double& value) {
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (same_word(text, "nan")) {
    value = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  if (!same_word(text, "infinity") && !same_word(text, "inf")) return false;
  value =
      negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  return true;
}

/// Digits of a decimal text with the place of its point: value = digits × 10^exponent.
struct DecimalText {
  int128 digits = 0;
  std::int64_t exponent = 0;
  bool negative = false;
  int rounding = 0;  ///< first digit that did not fit
};

constexpr int128 most_digits() {
  int128 limit = 1;
  for (int i = 0; i < 38; ++i) limit *= 10;
  return limit;  // 10^38: the first value with 39 digits
}

bool scan_exponent(std::string_view text, std::int64_t& exponent) {
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (!text.empty() && text[0] == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text[0] == '-') return false;
  }
  std::int64_t value = 0;
  if (!parse_integer(text, value) || value > 100000 || value < -100000) return false;
  exponent += value;
  return true;
}

bool scan_decimal(std::string_view text, DecimalText& result) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    result.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  bool any = false;
  bool point = false;
  bool full = false;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if (text[i] == '.' && !point) {
      point = true;
      continue;
    }
    if (!is_digit(text[i])) break;
    any = true;
    if (!full && result.digits >= most_digits() / 10) {
      full = true;
      result.rounding = text[i] - '0';
    }
    if (full) {
      result.exponent += point ? 0 : 1;
      continue;
    }
    result.digits = result.digits * 10 + (text[i] - '0');
    result.exponent -= point ? 1 : 0;
  }
  return any && scan_exponent(text.substr(i), result.exponent);
}

void append_padded(std::int64_t value, int width, std::string& out) {
  std::array<char, 20> digits{};
  for (int i = width - 1; i >= 0; --i) {
    digits[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out.append(digits.data(), static_cast<std::size_t>(width));
}

template <class T>
void write_floating(T value, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
    return;
  }
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  const std::string_view written(text.data(), static_cast<std::size_t>(end - text.data()));
  out += written;
  if (written.find_first_of(".e") == std::string_view::npos) out += ".0";
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

bool parse_integer(std::string_view text, std::int64_t& value) {
  const char* const end = text.data() + text.size();
  const auto [ptr, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && ptr == end;
}

bool parse_real(std::string_view text, bool special, double& value) {
  std::string_view number = text;
  if (!number.empty() && number[0] == '+') number.remove_prefix(1);
  const bool negative = number.size() > 1 && number[0] == '-';
  const char first = number.empty() ? '\0' : number[negative ? 1 : 0];
  if (!is_digit(first) && first != '.') return special && parse_special(text, value);
  if (number.size() != text.size() && negative) return false;  // "+-1"
  const char* const end = number.data() + number.size();
  const auto [ptr, error] = std::from_chars(number.data(), end, value);
  return error == std::errc() && ptr == end;
}

bool parse_decimal(std::string_view text, int precision, int scale, int128& value) {
  DecimalText scanned;
  if (!scan_decimal(text, scanned)) return false;
  int128 digits = scanned.digits;
  std::int64_t shift = scanned.exponent + scale;
  int rounding = scanned.rounding;
  if (digits == 0) shift = 0;
  for (; shift > 0; --shift) {
    if (digits >= most_digits() / 10) return false;
    digits *= 10;
    rounding = 0;
  }
  for (; shift < 0 && (digits != 0 || rounding != 0); ++shift) {
    rounding = static_cast<int>(digits % 10);
    digits /= 10;
  }
  if (rounding >= 5) ++digits;
  int128 limit = 1;
  for (int i = 0; i < precision; ++i) limit *= 10;
  if (digits >= limit) return false;
  value = scanned.negative ? -digits : digits;
  return true;
}

bool parse_instant(std::string_view text, std::int64_t& microseconds) {
  const char* p = text.data();
  if (text.size() == 20 && p[4] == '-' && p[7] == '-' && p[10] == 'T' && p[13] == ':' &&
      p[16] == ':' && p[19] == 'Z') {
    const unsigned century = two_digits(p);
    const unsigned year = two_digits(p + 2);
    const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(century * 100 + year)),
                                          std::chrono::month(two_digits(p + 5)),
                                          std::chrono::day(two_digits(p + 8))};
    const unsigned hour = two_digits(p + 11);
    const unsigned minute = two_digits(p + 14);
    const unsigned second = two_digits(p + 17);
    if (century < 100 && century > 0 && year < 100 && two_digits(p + 5) < 100 &&
        two_digits(p + 8) < 100 && day.ok() && hour < 24 && minute < 60 && second < 60) {
      const std::int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
      microseconds = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000000;
      return true;
    }
  }
  return parse_timestamp(text, microseconds);
}

bool decode_base64(std::string_view text, std::string& out) {
  out.clear();
  if (text.size() % 4 != 0) return false;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    const int padding = !last || text[i + 3] != '=' ? 0 : text[i + 2] == '=' ? 2 : 1;
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const bool pad = static_cast<int>(k) >= 4 - padding;
      const int value = pad ? 0 : base64_value(text[i + k]);
      if (value < 0) return false;
      word = word << 6 | static_cast<std::uint32_t>(value);
    }
    for (int k = 0; k < 3 - padding; ++k) {
      out += static_cast<char>(word >> (16 - 8 * k) & 0xff);
    }
  }
  return true;
}

bool append_integer(ColumnBuilder& builder, std::int64_t value) {
  switch (builder.type().id()) {
    case TypeId::smallint:
      if (value != static_cast<std::int16_t>(value)) return false;
      builder.append(static_cast<std::int16_t>(value));
      return true;
    case TypeId::integer:
      if (value != static_cast<std::int32_t>(value)) return false;
      builder.append(static_cast<std::int32_t>(value));
      return true;
    case TypeId::bigint:
      builder.append(value);
      return true;
    default:
      return false;
  }
}

void append_decimal(ColumnBuilder& builder, int128 digits) {
  if (builder.type().is_wide_decimal()) {
    builder.append(digits);
  } else {
    builder.append(static_cast<std::int64_t>(digits));
  }
}

bool append_text(ColumnBuilder& builder, std::string_view text, std::string& scratch) {
  std::int64_t integer = 0;
  double real = 0;
  int128 digits = 0;
  std::int32_t days = 0;
  switch (builder.type().id()) {
    case TypeId::boolean:
      if (!same_word(text, "true") && !same_word(text, "false")) return false;
      builder.append(static_cast<std::uint8_t>(text.size() == 4));
      return true;
    case TypeId::smallint:
    case TypeId::integer:
    case TypeId::bigint:
      if (!text.empty() && text[0] == '+' && text.size() > 1 && text[1] != '-') {
        text.remove_prefix(1);
      }
      return parse_integer(text, integer) && append_integer(builder, integer);
    case TypeId::float32:
      if (!parse_real(text, true, real)) return false;
      builder.append(static_cast<float>(real));
      return true;
    case TypeId::float64:
      if (!parse_real(text, true, real)) return false;
      builder.append(real);
      return true;
    case TypeId::decimal:
      if (!parse_decimal(text, builder.type().precision(), builder.type().scale(), digits)) {
        return false;
      }
      append_decimal(builder, digits);
      return true;
    case TypeId::string:
      builder.append_string(text);
      return true;
    case TypeId::binary:
      if (!decode_base64(text, scratch)) return false;
      builder.append_string(scratch);
      return true;
    case TypeId::date:
      if (!parse_date(text, days)) return false;
      builder.append(days);
      return true;
    case TypeId::timestamp:
      if (!parse_instant(text, integer)) return false;
      builder.append(integer);
      return true;
    default:
      return false;
  }
}

void write_integer(std::int64_t value, std::string& out) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), static_cast<std::size_t>(end - text.data()));
}

void write_real(double value, std::string& out) { write_floating(value, out); }
void write_real(float value, std::string& out) { write_floating(value, out); }

void write_decimal(int128 digits, int scale, std::string& out) {
  std::array<char, 48> text{};
  std::size_t begin = text.size();
  const bool negative = digits < 0;
  int written = 0;
  while (digits != 0 || written <= scale) {
    const int digit = static_cast<int>(digits % 10);
    text[--begin] = static_cast<char>('0' + (digit < 0 ? -digit : digit));
    digits /= 10;
    if (++written == scale) text[--begin] = '.';
  }
  if (negative) text[--begin] = '-';
  out.append(text.data() + begin, text.size() - begin);
}

void write_instant(std::int64_t microseconds, std::string& out) {
  constexpr std::int64_t day_length = 86400000000;
  constexpr std::int64_t first_day = -719162;  // 0001-01-01
  constexpr std::int64_t last_day = 2932896;   // 9999-12-31
  std::int64_t days = microseconds / day_length;
  std::int64_t rest = microseconds % day_length;
  if (rest < 0) {
    rest += day_length;
    --days;
  }
  if (days < first_day || days > last_day) {
    out += format_timestamp(microseconds);
    return;
  }
  write_date(static_cast<std::int32_t>(days), out);
  out += 'T';
  append_padded(rest / 3600000000, 2, out);
  out += ':';
  append_padded(rest / 60000000 % 60, 2, out);
  out += ':';
  append_padded(rest / 1000000 % 60, 2, out);
  if (const std::int64_t fraction = rest % 1000000; fraction != 0) {
    out += '.';
    const bool milliseconds = fraction % 1000 == 0;
    append_padded(milliseconds ? fraction / 1000 : fraction, milliseconds ? 3 : 6, out);
  }
  out += 'Z';
}

void write_date(std::int32_t days, std::string& out) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  const int year = static_cast<int>(date.year());
  if (days < -719162 || days > 2932896) {
    out += format_date(days);
    return;
  }
  append_padded(year, 4, out);
  out += '-';
  append_padded(static_cast<unsigned>(date.month()), 2, out);
  out += '-';
  append_padded(static_cast<unsigned>(date.day()), 2, out);
}

void write_base64(std::string_view bytes, std::string& out) {
  static constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      word = word << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= count ? letters[word >> (18 - 6 * k) & 63] : '=';
    }
  }
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned first = byte(i);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xc2 && first < 0xe0 ? 2
                               : (first & 0xf0U) == 0xe0       ? 3
                               : first >= 0xf0 && first < 0xf5 ? 4
                                                               : 0;
    std::size_t good = length == 0 ? 0 : 1;
    while (good < length) {
      const unsigned next_byte = byte(i + good);
      const unsigned low = good != 1 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
      const unsigned high = good != 1 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
      if (next_byte < low || next_byte > high) break;
      ++good;
    }
    if (length != 0 && good == length) {
      out.append(text.substr(i, length));
    } else {
      out += "\xEF\xBF\xBD";
    }
    i += good == 0 ? 1 : good;
  }
  return out;
}

}  // namespace libstream
