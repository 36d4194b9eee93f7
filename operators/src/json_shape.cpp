#include "json_shape.hpp"

#include "scalar_text.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

namespace libstream {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

const char* skip_blanks(const char* p) {
  while (*p == ' ' || *p == '\t') ++p;
  return p;
}

/// End of a number in JSON's grammar, nullptr where there is none.
const char* scan_number(const char* p, bool& integral) {
  integral = true;
  if (*p == '-') ++p;
  if (!is_digit(*p)) return nullptr;
  const bool zero = *p == '0';
  const char* const digits = p;
  while (is_digit(*p)) ++p;
  if (zero && p - digits > 1) return nullptr;
  if (*p == '.') {
    integral = false;
    if (!is_digit(*++p)) return nullptr;
    while (is_digit(*p)) ++p;
  }
  if (*p == 'e' || *p == 'E') {
    integral = false;
    ++p;
    if (*p == '+' || *p == '-') ++p;
    if (!is_digit(*p)) return nullptr;
    while (is_digit(*p)) ++p;
  }
  return p;
}

/// End of a string without escapes that begins at `p`, behind its quote; nullptr where it is none.
const char* plain_string(const char* p) {
  const char* const end = scan_json_string(p);
  return *end == '"' ? end : nullptr;
}

const char* scan_scalar(const char* p) {
  if (*p == '"') {
    const char* const end = plain_string(p + 1);
    return end ? end + 1 : nullptr;
  }
  if (std::memcmp(p, "true", 4) == 0 || std::memcmp(p, "null", 4) == 0) return p + 4;
  if (std::memcmp(p, "false", 5) == 0) return p + 5;
  bool integral = false;
  return scan_number(p, integral);
}

const char* read_integer(const char* p, ColumnBuilder& builder) {
  const bool negative = *p == '-';
  const char* const digits = p + (negative ? 1 : 0);
  const char* q = digits;
  std::int64_t value = 0;
  while (is_digit(*q) && q - digits < 18) value = value * 10 + (*q++ - '0');
  // 19 digits may overflow, and a leading zero, a fraction or an exponent has rules of its own.
  if (q == digits || is_digit(*q) || (*digits == '0' && q - digits > 1)) return nullptr;
  return append_integer(builder, negative ? -value : value) ? q : nullptr;
}

const char* read_real(const char* p, ColumnBuilder& builder, TypeId type) {
  bool integral = false;
  const char* const end = scan_number(p, integral);
  if (end == nullptr) return nullptr;
  double value = 0;
  const auto result = std::from_chars(p, end, value);
  if (result.ec != std::errc() || result.ptr != end) return nullptr;
  if (type == TypeId::float32) {
    builder.append(static_cast<float>(value));
  } else {
    builder.append(value);
  }
  return end;
}

}  // namespace

const char* scan_json_string(const char* p) {
  constexpr std::uint64_t ones = 0x0101010101010101ULL;
  constexpr std::uint64_t tops = 0x8080808080808080ULL;
  for (;; p += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, 8);
    const std::uint64_t quote = word ^ (ones * '"');
    const std::uint64_t slash = word ^ (ones * '\\');
    // Each term marks its first hit exactly; marks behind a hit may be false.
    const std::uint64_t hits =
        (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((word - ones * 0x20) & ~word)) &
        tops;
    if (hits != 0) return p + std::countr_zero(hits) / 8;
  }
}

JsonShape::JsonShape(const Schema& schema) : schema_(schema) {
  for (const Field& field : schema) {
    flat_ = flat_ && field.type.id() != TypeId::array && field.type.id() != TypeId::structure;
  }
}

void JsonShape::learn(std::string_view record, const RowBuilder& rows) {
  known_ = flat_ && learn_slots(record, rows);
  if (!known_) return;
  absent_.clear();
  for (std::size_t column = 0; column < schema_.size(); ++column) {
    if (std::none_of(slots_.begin(), slots_.end(),
                     [&](const Slot& slot) { return slot.column == column; })) {
      absent_.push_back(column);
    }
  }
}

bool JsonShape::learn_slots(std::string_view record, const RowBuilder& rows) {
  slots_.clear();
  const char* const end = record.data() + record.size();
  const char* literal = record.data();
  const char* p = skip_blanks(literal);
  if (*p != '{') return false;
  std::vector<std::string_view> keys;
  do {
    p = skip_blanks(p + 1);
    if (*p != '"') return false;
    const char* const key_end = plain_string(p + 1);
    if (key_end == nullptr) return false;
    const std::string_view key(p + 1, static_cast<std::size_t>(key_end - p - 1));
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) return false;
    keys.push_back(key);
    p = skip_blanks(key_end + 1);
    if (*p != ':') return false;
    p = skip_blanks(p + 1);
    Slot slot;
    slot.literal.assign(literal, p);
    for (std::size_t column = 0; column < schema_.size(); ++column) {
      if (schema_[column].name != key || column == rows.corrupt_column()) continue;
      slot.column = column;
      slot.type = schema_[column].type.id();
      break;
    }
    slots_.push_back(std::move(slot));
    literal = scan_scalar(p);
    if (literal == nullptr) return false;
    p = skip_blanks(literal);
  } while (*p == ',');
  if (*p != '}') return false;
  tail_.assign(literal, end);
  return skip_blanks(p + 1) == end;
}

bool JsonShape::read(std::string_view record, RowBuilder& rows) {
  const char* p = record.data();
  const char* const end = p + record.size();
  for (const Slot& slot : slots_) {
    if (static_cast<std::size_t>(end - p) < slot.literal.size() ||
        std::memcmp(p, slot.literal.data(), slot.literal.size()) != 0) {
      return false;
    }
    p = read_value(p + slot.literal.size(), slot, rows);
    if (p == nullptr) return false;
  }
  if (static_cast<std::size_t>(end - p) != tail_.size() ||
      std::memcmp(p, tail_.data(), tail_.size()) != 0) {
    return false;
  }
  for (const std::size_t column : absent_) rows.column(column).append_null();
  return true;
}

const char* JsonShape::read_value(const char* p, const Slot& slot, RowBuilder& rows) {
  if (slot.column == skipped) return scan_scalar(p);
  ColumnBuilder& builder = rows.column(slot.column);
  if (*p == '"') {
    const char* const end = plain_string(p + 1);
    if (end == nullptr) return nullptr;
    const std::string_view text(p + 1, static_cast<std::size_t>(end - p - 1));
    switch (slot.type) {
      case TypeId::string:
        builder.append_string(text);
        rows.add_bytes(text.size());
        return end + 1;
      case TypeId::timestamp:
      case TypeId::date:
        return append_text(builder, text, scratch_) ? end + 1 : nullptr;
      default:
        return nullptr;
    }
  }
  if (std::memcmp(p, "null", 4) == 0) {
    builder.append_null();
    return p + 4;
  }
  switch (slot.type) {
    case TypeId::boolean:
      if (std::memcmp(p, "true", 4) == 0) {
        builder.append(std::uint8_t{1});
        return p + 4;
      }
      if (std::memcmp(p, "false", 5) != 0) return nullptr;
      builder.append(std::uint8_t{0});
      return p + 5;
    case TypeId::smallint:
    case TypeId::integer:
    case TypeId::bigint:
      return read_integer(p, builder);
    case TypeId::float32:
    case TypeId::float64:
      return read_real(p, builder, slot.type);
    default:
      return nullptr;
  }
}

}  // namespace libstream
