#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace libstream {

/// True where every byte is below 0x80.
inline bool is_ascii(std::string_view text) {
  std::uint64_t bits = 0;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + at, sizeof eight);
    bits |= eight;
  }
  for (; at < text.size(); ++at) bits |= static_cast<unsigned char>(text[at]);
  return (bits & 0x8080808080808080ULL) == 0;
}

inline bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

/// Number of code points.
inline std::uint32_t characters(std::string_view text) {
  std::uint32_t count = 0;
  for (const char c : text) count += begins_character(c) ? 1 : 0;
  return count;
}

/// Code points [begin, end).
inline std::string_view character_range(std::string_view text, std::size_t begin, std::size_t end) {
  if (is_ascii(text)) return text.substr(begin, end - begin);
  std::size_t at = 0;
  std::size_t from = text.size();
  std::size_t to = text.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!begins_character(text[i])) continue;
    if (at == begin) from = i;
    if (at == end) {
      to = i;
      break;
    }
    ++at;
  }
  return text.substr(from, from <= to ? to - from : 0);
}

}  // namespace libstream
