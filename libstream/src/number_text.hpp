#pragma once

#include <libstream/type.hpp>

#include <string>

namespace libstream {

/// "-12.30" for digits -1230 at scale 2.
std::string decimal_text(int128 digits, int scale);
/// Shortest text that reads back as the same number, with ".0" where it looks like an integer.
std::string real_text(double value);
std::string real_text(float value);

}  // namespace libstream
