#include "decimal.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace libstream {
namespace {

__extension__ using uint128 = unsigned __int128;

constexpr auto powers = [] {
  std::array<int128, 39> table{};
  table[0] = 1;
  for (std::size_t i = 1; i < table.size(); ++i) table[i] = table[i - 1] * 10;
  return table;
}();

uint128 magnitude(int128 value) {
  return value < 0 ? ~static_cast<uint128>(value) + 1 : static_cast<uint128>(value);
}

/// 256 bits, for products of which only a rounded part is kept.
struct Wide {
  uint128 high = 0;
  uint128 low = 0;
};

Wide multiply(uint128 a, uint128 b) {
  constexpr auto mask = ~std::uint64_t{0};
  const uint128 a0 = a & mask, a1 = a >> 64, b0 = b & mask, b1 = b >> 64;
  const uint128 low = a0 * b0;
  const uint128 middle = a1 * b0 + (low >> 64);  // cannot overflow
  const uint128 carry = (middle & mask) + a0 * b1;
  return {a1 * b1 + (middle >> 64) + (carry >> 64), (carry << 64) | (low & mask)};
}

/// Quotient and remainder, bit by bit; false where the quotient leaves 128 bits.
bool divide(Wide dividend, uint128 divisor, uint128& quotient, uint128& remainder) {
  if (dividend.high >= divisor) return false;
  uint128 rest = dividend.high;
  quotient = 0;
  for (int bit = 127; bit >= 0; --bit) {
    const bool carry = (rest >> 127) != 0;
    rest = (rest << 1) | ((dividend.low >> bit) & 1);
    quotient <<= 1;
    if (carry || rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
  }
  remainder = rest;
  return true;
}

/// quotient rounded, with the sign, if it has at most `precision` digits.
bool finish(uint128 quotient, uint128 remainder, uint128 divisor, bool negative, int precision,
            int128& result, Half half = Half::away_from_zero) {
  const uint128 missing = divisor - remainder;
  const bool tie_up = half == Half::away_from_zero || quotient % 2 == 1;
  if (remainder > missing || (remainder == missing && tie_up)) ++quotient;
  if (quotient >= static_cast<uint128>(power_of_ten(precision))) return false;
  result = negative ? -static_cast<int128>(quotient) : static_cast<int128>(quotient);
  return true;
}

}  // namespace

int128 power_of_ten(int exponent) { return powers[static_cast<std::size_t>(exponent)]; }

bool rescale(int128 value, int from, int to, int precision, int128& result, Half half) {
  if (to >= from) {
    if (to - from > 38) return false;
    if (__builtin_mul_overflow(value, power_of_ten(to - from), &result)) return false;
    return fits_precision(result, precision);
  }
  const auto divisor = static_cast<uint128>(power_of_ten(std::min(from - to, 38)));
  const uint128 whole = magnitude(value);
  return finish(whole / divisor, whole % divisor, divisor, value < 0, precision, result, half);
}

bool multiply_decimals(int128 a, int128 b, int product_scale, int scale, int precision,
                       int128& result) {
  int128 product;
  if (!__builtin_mul_overflow(a, b, &product)) {
    return rescale(product, product_scale, scale, precision, result);
  }
  const auto divisor = static_cast<uint128>(power_of_ten(std::min(product_scale - scale, 38)));
  uint128 quotient = 0;
  uint128 remainder = 0;
  if (!divide(multiply(magnitude(a), magnitude(b)), divisor, quotient, remainder)) return false;
  return finish(quotient, remainder, divisor, (a < 0) != (b < 0), precision, result);
}

bool divide_decimals(int128 a, int128 b, int shift, int precision, int128& result) {
  // 10^shift may be more than 128 bits hold: two factors, the second one after the first product.
  const Wide dividend =
      multiply(magnitude(a), static_cast<uint128>(power_of_ten(std::min(shift, 38))));
  if (shift > 38 && a != 0) return false;
  const uint128 divisor = magnitude(b);
  uint128 quotient = 0;
  uint128 remainder = 0;
  if (!divide(dividend, divisor, quotient, remainder)) return false;
  return finish(quotient, remainder, divisor, (a < 0) != (b < 0), precision, result);
}

std::string decimal_to_text(int128 value, int scale) {
  std::string text;
  for (uint128 rest = magnitude(value); rest != 0; rest /= 10) {
    text += static_cast<char>('0' + static_cast<int>(rest % 10));
  }
  while (static_cast<int>(text.size()) <= scale) text += '0';
  std::reverse(text.begin(), text.end());
  if (scale > 0) text.insert(text.size() - static_cast<std::size_t>(scale), ".");
  return value < 0 ? "-" + text : text;
}

bool text_to_decimal(std::string_view text, int precision, int scale, int128& result, Half half) {
  std::size_t at = 0;
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) ++at;
  uint128 digits = 0;
  int fraction = 0;
  bool any = false;
  bool point = false;
  int dropped = -1;  // first digit that did not fit
  constexpr uint128 room = (~uint128{0}) / 10 - 1;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.') {
      if (point) return false;
      point = true;
    } else if (c >= '0' && c <= '9') {
      any = true;
      if (digits < room && dropped < 0) {
        digits = digits * 10 + static_cast<unsigned>(c - '0');
        fraction += point ? 1 : 0;
      } else {
        if (dropped < 0) dropped = c - '0';
        if (!point) return false;  // too many digits before the point
      }
    } else {
      break;
    }
  }
  int exponent = 0;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && text[at] == '+') ++at;
    const auto end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + at, end, exponent);
    if (parsed.ec != std::errc() || parsed.ptr != end) return false;
    at = text.size();
  }
  if (!any || at != text.size()) return false;
  if (digits == 0) {
    result = 0;
    return true;
  }
  if (exponent > 1000 || exponent < -1000) return exponent < 0 ? (result = 0, true) : false;
  const int from = fraction - exponent;
  if (scale >= from) {
    for (int i = from; i < scale; ++i) {
      if (digits > room) return false;
      digits *= 10;
    }
    return finish(digits, 0, 1, negative, precision, result);
  }
  if (from - scale > 38) {
    result = 0;
    return true;
  }
  const auto divisor = static_cast<uint128>(power_of_ten(from - scale));
  return finish(digits / divisor, digits % divisor, divisor, negative, precision, result, half);
}

bool double_to_decimal(double value, int precision, int scale, int128& result, Half half) {
  if (!std::isfinite(value)) return false;
  // Through the shortest digits, as Java's BigDecimal.valueOf: 0.1 is 0.1.
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific);
  const auto size = static_cast<std::size_t>(end.ptr - buffer.data());
  return text_to_decimal({buffer.data(), size}, precision, scale, result, half);
}

double decimal_to_double(int128 value, int scale) {
  // Exact where digits and power are: the usual case.
  if (value < (int128{1} << 53) && value > -(int128{1} << 53) && scale <= 22) {
    return static_cast<double>(value) / static_cast<double>(power_of_ten(scale));
  }
  const std::string text = decimal_to_text(value, scale);
  double result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

}  // namespace libstream
