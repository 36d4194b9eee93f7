#pragma once

#include <libstream/type.hpp>

#include <string>
#include <string_view>

namespace libstream {

// Digits of decimals as int128; a type's scale says where the point is.

/// 10^exponent, exponent in [0, 38].
int128 power_of_ten(int exponent);

/// What rounding makes of a half.
enum class Half { away_from_zero, to_even };

/// `value` with `to` fraction digits instead of `from` (below 0: zeros before the point). Returns
/// false where it leaves `precision` digits.
bool rescale(int128 value, int from, int to, int precision, int128& result,
             Half half = Half::away_from_zero);

/// a × b at scale `scale` (of a's plus b's), rounded half away from zero, in `precision` digits.
bool multiply_decimals(int128 a, int128 b, int product_scale, int scale, int precision,
                       int128& result);
/// a / b: (a × 10^shift) / b rounded half away from zero; b is not 0.
bool divide_decimals(int128 a, int128 b, int shift, int precision, int128& result);

/// "12.50", and back: reads digits with optional sign, point and exponent, rounding to `scale`.
std::string decimal_to_text(int128 value, int scale);
bool text_to_decimal(std::string_view text, int precision, int scale, int128& result,
                     Half half = Half::away_from_zero);
bool double_to_decimal(double value, int precision, int scale, int128& result,
                       Half half = Half::away_from_zero);
double decimal_to_double(int128 value, int scale);

inline bool fits_precision(int128 value, int precision) {
  const int128 limit = power_of_ten(precision);
  return value < limit && value > -limit;
}

}  // namespace libstream
