#pragma once

#include <libstream/source.hpp>

#include <cstdint>
#include <string_view>

namespace libstream {

/// Position of a source that counts one thing: {"files":3}.
Offset make_offset(std::string_view name, std::uint64_t value);
/// 0 for an empty offset. Throws Error(corrupt) where the text has no such number.
std::uint64_t read_offset(const Offset& offset, std::string_view name);

}  // namespace libstream
