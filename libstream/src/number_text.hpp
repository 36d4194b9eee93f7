#pragma once

#include <libstream/type.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace libstream {

/// "-12.30" for digits -1230 at scale 2.
std::string decimal_text(int128 digits, int scale);
/// Characters that a number may take in `write_real`.
inline constexpr std::size_t real_text_limit = 32;
/// Writes the shortest digits that read back as the same number, as Java does: "0.1", "10.0", from
/// 10^7 on and below 10^-3 with an exponent ("1.0E10"). The text is a part of `buffer`, or static.
std::string_view write_real(double value, char (&buffer)[real_text_limit]);
std::string_view write_real(float value, char (&buffer)[real_text_limit]);
std::string real_text(double value);
std::string real_text(float value);

}  // namespace libstream
