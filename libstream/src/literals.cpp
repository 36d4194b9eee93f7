#include "literals.hpp"

#include <libstream/error.hpp>
#include <libstream/schema.hpp>
#include <libstream/time.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

namespace libstream {
namespace {

/// Months of a unit of the calendar, 0 for others.
std::int64_t months_of(std::string_view unit) {
  if (same_name(unit, "month") || same_name(unit, "months")) return 1;
  if (same_name(unit, "year") || same_name(unit, "years")) return 12;
  return 0;
}

constexpr std::int64_t most_months = 1'440'000;

/// Sums the amounts of an INTERVAL, each a count and a unit.
struct Amounts {
  std::int64_t microseconds = 0;
  std::int64_t months = 0;

  void add(const std::string& count, const std::string& unit) {
    if (const std::int64_t factor = months_of(unit)) {
      std::int64_t value = 0;
      const auto* end = count.data() + count.size();
      const auto result = std::from_chars(count.data(), end, value);
      if (result.ec != std::errc() || result.ptr != end) {
        throw Error(ErrorCode::invalid_argument, "a whole number of months or years is expected");
      }
      if (__builtin_mul_overflow(value, factor, &value) ||
          __builtin_add_overflow(months, value, &months) || months > most_months ||
          months < -most_months) {
        throw Error(ErrorCode::invalid_argument, "the interval is too long");
      }
      return;
    }
    const bool negative = !count.empty() && count[0] == '-';
    const std::int64_t value = parse_duration(count.substr(negative ? 1 : 0) + " " + unit);
    if (__builtin_add_overflow(microseconds, negative ? -value : value, &microseconds) ||
        microseconds == std::numeric_limits<std::int64_t>::min()) {
      throw Error(ErrorCode::invalid_argument, "the interval is too long");
    }
  }
};

const Token& token_at(std::span<const Token> tokens, std::size_t at) {
  return tokens[std::min(at, tokens.size() - 1)];
}

void read_amounts(std::span<const Token> tokens, std::size_t& at, Amounts& amounts) {
  do {
    std::string count;
    if (token_at(tokens, at).kind == Token::Kind::symbol && token_at(tokens, at).value == "-") {
      count = "-";
      ++at;
    }
    const Token& amount = token_at(tokens, at);
    const Token& unit = token_at(tokens, at + 1);
    const bool valued = amount.kind == Token::Kind::text || amount.kind == Token::Kind::number;
    if (!valued || unit.kind != Token::Kind::name) {
      throw Error(ErrorCode::invalid_argument, "a number and its unit are expected in INTERVAL");
    }
    at += 2;
    amounts.add(count + amount.value, unit.value);
  } while (token_at(tokens, at).kind == Token::Kind::number &&
           token_at(tokens, at + 1).kind == Token::Kind::name);
}

/// '1 02:03:04.5' DAY TO SECOND and '1-2' YEAR TO MONTH from tokens[at] on; false where it is none.
/// `sign`: a minus before the text.
bool read_fields(std::span<const Token> tokens, std::size_t at, std::int64_t sign,
                 Literal& literal) {
  constexpr std::string_view units[] = {"DAY", "HOUR", "MINUTE", "SECOND"};
  constexpr std::int64_t sizes[] = {86'400'000'000, 3'600'000'000, 60'000'000, 1'000'000};
  constexpr std::string_view between[] = {" ", ":", ":"};
  const Token& first = token_at(tokens, at + 1);
  const Token& last = token_at(tokens, at + 3);
  std::string_view text = token_at(tokens, at).value;
  if (text.starts_with('-')) sign = -sign;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const auto number = [&](std::int64_t& value) {
    const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto read = std::from_chars(text.data(), text.data() + end, value);
    text.remove_prefix(end);
    return end > 0 && read.ec == std::errc() && value < 1'000'000'000;
  };
  std::int64_t value = 0;
  std::int64_t total = 0;
  if (is_word(first, "YEAR") && is_word(last, "MONTH")) {
    if (!number(total) || !text.starts_with('-')) return false;
    text.remove_prefix(1);
    if (!number(value) || value > 11 || !text.empty()) return false;
    total = total * 12 + value;
    literal = {Value(sign * total), TypeId::month_interval};
    return total <= most_months;
  }
  const auto place = [&](const Token& token) {
    std::size_t i = 0;
    while (i < 4 && !is_word(token, units[i])) ++i;
    return i;
  };
  const std::size_t begin = place(first);
  const std::size_t end = place(last);
  if (begin >= end || end > 3) return false;
  for (std::size_t i = begin; i <= end; ++i) {
    if (i > begin) {
      if (!text.starts_with(between[i - 1])) return false;
      text.remove_prefix(1);
    }
    if (!number(value) || (i > begin && value >= (i == 1 ? 24 : 60))) return false;
    if (__builtin_mul_overflow(value, sizes[i], &value)) return false;
    if (__builtin_add_overflow(total, value, &total)) return false;
  }
  if (end == 3 && text.starts_with('.')) {
    text.remove_prefix(1);
    if (text.empty() || text.size() > 6 || !number(value)) return false;
    const auto digits =
        token_at(tokens, at).value.size() - token_at(tokens, at).value.rfind('.') - 1;
    for (std::size_t i = digits; i < 6; ++i) value *= 10;
    total += value;
  }
  literal = {Value(sign * total), TypeId::day_interval};
  return text.empty();
}

constexpr auto no_number = "no number; a column of that name stands in backticks";

/// Digits of a decimal literal; `bad` throws.
template <class Bad>
Literal decimal_literal(const std::string& digits, bool negative, const Bad& bad) {
  int128 value = 0;
  int count = 0;
  for (const char c : digits) {
    if (c == '.') continue;
    if (c < '0' || c > '9') bad(no_number);
    count += value != 0 || c != '0' ? 1 : 0;
    if (count > 38) bad("a decimal has at most 38 digits");
    value = value * 10 + (c - '0');
  }
  const auto dot = digits.find('.');
  const int scale = dot == std::string::npos ? 0 : static_cast<int>(digits.size() - dot - 1);
  if (scale > 38) bad("a decimal has at most 38 digits");
  return {Value(negative ? static_cast<int128>(-value) : value),
          DataType::decimal(std::max({count, scale, 1}), scale)};
}

}  // namespace

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

bool begins_interval(std::span<const Token> tokens, std::size_t at) {
  const auto is = [&](std::size_t ahead, Token::Kind kind) {
    return token_at(tokens, at + ahead).kind == kind;
  };
  const auto amount = [&](std::size_t ahead) {
    return is(ahead, Token::Kind::text) || is(ahead, Token::Kind::number);
  };
  if (!is_word(token_at(tokens, at), "INTERVAL")) return false;
  const bool unit = is(3, Token::Kind::name) && !is_keyword(token_at(tokens, at + 3).value);
  return amount(1) || (token_at(tokens, at + 1).value == "-" && amount(2) && unit);
}

Literal interval_literal(std::string_view text, std::span<const Token> tokens, std::size_t& at) {
  const Token& first = token_at(tokens, at);
  Amounts amounts;
  const bool minus = first.kind == Token::Kind::symbol && first.value == "-";
  const std::size_t fields = at + (minus ? 1 : 0);
  if (token_at(tokens, fields).kind == Token::Kind::text &&
      is_word(token_at(tokens, fields + 2), "TO")) {
    Literal literal;
    if (!read_fields(tokens, fields, minus ? -1 : 1, literal)) {
      fail_at(text, first.begin,
              "no interval; write it as INTERVAL '1 02:03:04.5' DAY TO SECOND or INTERVAL '1-2' "
              "YEAR TO MONTH");
    }
    at = fields + 4;
    return literal;
  }
  try {
    if (first.kind == Token::Kind::text &&
        first.value.find_first_not_of("+-.0123456789 ") != std::string::npos) {
      const std::int64_t whole = parse_duration(first.value);  // INTERVAL '1 hour 30 minutes'
      ++at;
      return {Value(whole), TypeId::day_interval};
    }
    read_amounts(tokens, at, amounts);
  } catch (const Error& error) {
    fail_at(text, first.begin, error.what());
  }
  if (amounts.months != 0 && amounts.microseconds != 0) {
    fail_at(text, first.begin, "months and durations do not mix in one INTERVAL");
  }
  if (amounts.months != 0) return {Value(amounts.months), TypeId::month_interval};
  return {Value(amounts.microseconds), TypeId::day_interval};
}

Literal time_literal(std::string_view text, std::span<const Token> tokens, std::size_t& at) {
  const bool timestamp = is_word(token_at(tokens, at++), "TIMESTAMP");
  const Token& literal = token_at(tokens, at++);
  EventTime time = 0;
  std::int32_t days = 0;
  if (timestamp ? !parse_timestamp(literal.value, time) : !parse_date(literal.value, days)) {
    fail_at(text, literal.begin,
            timestamp ? "no timestamp; write it as TIMESTAMP '2013-01-31T10:00:00Z'"
                      : "no date; write it as DATE '2013-01-31'");
  }
  if (timestamp) return {Value(time), TypeId::timestamp};
  return {Value(std::int64_t{days}), TypeId::date};
}

Literal number_literal(std::string_view text, const Token& token, bool negative) {
  std::string digits = lowered(token.value);
  const auto bad = [&](const char* message) { fail_at(text, token.begin, message); };
  std::size_t suffix_at = digits.size();
  while (suffix_at > 0 &&
         std::string_view("0123456789.").find(digits[suffix_at - 1]) == std::string_view::npos) {
    --suffix_at;
  }
  const std::string suffix = digits.substr(suffix_at);
  digits.resize(suffix_at);
  const bool exponent = digits.find('e') != std::string::npos;
  const bool point = digits.find('.') != std::string::npos;
  const auto* end = digits.data() + digits.size();
  if (suffix == "d" || suffix == "f" || (suffix.empty() && exponent)) {
    double value = 0;
    const auto result = std::from_chars(digits.data(), end, value);
    if (result.ec != std::errc() || result.ptr != end) bad("no number that a double can hold");
    if (suffix == "f") {
      if (value > std::numeric_limits<float>::max()) bad("no number that a float can hold");
      value = static_cast<double>(static_cast<float>(value));
    }
    return {Value(negative ? -value : value), suffix == "f" ? TypeId::float32 : TypeId::float64};
  }
  if ((suffix.empty() && point) || (suffix == "bd" && !exponent)) {
    return decimal_literal(digits, negative, bad);
  }
  if (point || exponent || !(suffix.empty() || suffix == "l" || suffix == "s")) {
    bad(no_number);
  }
  if (negative) digits.insert(digits.begin(), '-');
  end = digits.data() + digits.size();
  std::int64_t value = 0;
  const auto result = std::from_chars(digits.data(), end, value);
  if (result.ptr != end) bad(no_number);
  if (result.ec != std::errc()) {
    bad("the number does not fit into a bigint; write it as a decimal with the suffix BD");
  }
  const bool small = value >= std::numeric_limits<std::int32_t>::min() &&
                     value <= std::numeric_limits<std::int32_t>::max();
  if (suffix == "s") {
    if (value < -32768 || value > 32767) bad("the number does not fit into a smallint");
    return {Value(value), TypeId::smallint};
  }
  return {Value(value), suffix.empty() && small ? TypeId::integer : TypeId::bigint};
}

}  // namespace libstream
