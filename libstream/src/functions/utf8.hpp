#pragma once

#include <algorithm>
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

/// Of a text that is not empty.
inline std::string_view first_character(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && !begins_character(text[size])) ++size;
  return text.substr(0, size);
}
inline std::string_view last_character(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && !begins_character(text[begin])) --begin;
  return text.substr(begin);
}
/// A character starts where its first byte is, so this finds whole ones only.
inline bool contains_character(std::string_view text, std::string_view character) {
  return text.find(character) != std::string_view::npos;
}

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

/// `length` characters from `position`: from 1, negative ones from the end, 0 as 1.
inline std::string_view sql_substring(std::string_view text, std::int64_t position,
                                      std::int64_t length) {
  const auto size = static_cast<std::int64_t>(characters(text));
  const std::int64_t start = position > 0 ? position - 1 : position < 0 ? size + position : 0;
  const std::int64_t begin = std::clamp<std::int64_t>(start, 0, size);
  const std::int64_t end = std::clamp<std::int64_t>(start + length, begin, size);
  return character_range(text, static_cast<std::size_t>(begin), static_cast<std::size_t>(end));
}

}  // namespace libstream
