#pragma once

#include <utf8proc.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace libstream {

inline void append_code_point(std::int32_t point, std::string& out) {
  utf8proc_uint8_t bytes[4];
  const auto size = utf8proc_encode_char(point, bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

/// Calls f(code point, its bytes) for each character; bytes that are none come with -1.
template <class F>
void for_characters(std::string_view text, F&& f) {
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t point = 0;
    const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                                       static_cast<utf8proc_ssize_t>(text.size() - at), &point);
    const std::size_t bytes = size > 0 ? static_cast<std::size_t>(size) : 1;
    f(size > 0 ? point : -1, text.substr(at, bytes));
    at += bytes;
  }
}

}  // namespace libstream
