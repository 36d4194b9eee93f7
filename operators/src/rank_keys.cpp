#include "rank_keys.hpp"

#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>

namespace libstream {
namespace {

constexpr std::uint64_t sign = std::uint64_t{1} << 63;

std::uint64_t word_of(std::int64_t value) { return static_cast<std::uint64_t>(value) ^ sign; }

std::uint64_t word_of(double value) {
  const std::uint64_t bits = canonical_bits(value);
  return bits ^ ((bits & sign) != 0 ? ~std::uint64_t{0} : sign);
}

/// The upper half; the rest is in the bytes.
std::uint64_t word_of(int128 value) { return word_of(static_cast<std::int64_t>(value >> 64)); }

std::uint64_t word_of(const StringView& text) {
  char first[8] = {};
  std::memcpy(first, text.data(), std::min<std::size_t>(text.length, sizeof first));
  std::uint64_t word;
  std::memcpy(&word, first, sizeof word);
  return __builtin_bswap64(word);
}

/// Calls `f` with a pointer to the column's values as their storage type; not for nested ones.
template <class F>
void visit_values(const Column& column, F&& f) {
  switch (column.type().id()) {
    case TypeId::string:
    case TypeId::binary:
      return f(column.values<StringView>());
    case TypeId::float32:
      return f(column.values<float>());
    case TypeId::float64:
      return f(column.values<double>());
    default:
      break;
  }
  switch (column.type().width()) {
    case 1:
      return f(column.values<std::uint8_t>());
    case 2:
      return f(column.values<std::int16_t>());
    case 4:
      return f(column.values<std::int32_t>());
    case 8:
      return f(column.values<std::int64_t>());
    default:
      return f(column.values<int128>());
  }
}

template <class T>
std::uint64_t word_at(const T* values, std::size_t row) {
  if constexpr (std::is_same_v<T, StringView> || std::is_same_v<T, int128>) {
    return word_of(values[row]);
  } else if constexpr (std::is_floating_point_v<T>) {
    return word_of(static_cast<double>(values[row]));
  } else {
    return word_of(static_cast<std::int64_t>(values[row]));
  }
}

bool nested(const DataType& type) {
  return type.id() == TypeId::null || type.id() == TypeId::array || type.id() == TypeId::structure;
}

void append_big_endian(std::uint64_t word, std::string& bytes) {
  word = __builtin_bswap64(word);
  bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
}

/// Zero bytes become 0 255, and 0 0 ends it: a prefix comes before what it begins.
void append_text(std::string_view text, std::string& bytes) {
  for (const char c : text) {
    bytes.push_back(c);
    if (c == '\0') bytes.push_back('\xff');
  }
  bytes.append(2, '\0');
}

void append_ascending(const Column& column, std::size_t row, std::string& bytes) {
  if (column.type().id() == TypeId::null || column.is_null(row)) {
    bytes.push_back('\0');
    return;
  }
  bytes.push_back('\1');
  if (column.type().id() == TypeId::array) {
    for (auto i = column.offsets()[row]; i < column.offsets()[row + 1]; ++i) {
      bytes.push_back('\1');
      append_ascending(*column.child(0), static_cast<std::size_t>(i), bytes);
    }
    bytes.push_back('\0');
  } else if (column.type().id() == TypeId::structure) {
    for (std::size_t f = 0; f < column.children(); ++f) {
      append_ascending(*column.child(f), row, bytes);
    }
  } else {
    visit_values(column, [&](const auto* values) {
      using T = std::remove_cvref_t<decltype(*values)>;
      if constexpr (std::is_same_v<T, StringView>) {
        append_text(values[row].view(), bytes);
      } else {
        append_big_endian(word_at(values, row), bytes);
        if constexpr (std::is_same_v<T, int128>) {
          append_big_endian(static_cast<std::uint64_t>(values[row]), bytes);
        }
      }
    });
  }
}

}  // namespace

void RankKeys::set(std::vector<ColumnPtr> columns, std::size_t rows) {
  LIBSTREAM_ASSERT(!columns.empty() && columns.size() == descending_.size(), "one column a key");
  columns_ = std::move(columns);
  words_.resize(rows);
  const Column& column = *columns_[0];
  const std::uint64_t flip = descending_[0] ? ~std::uint64_t{0} : 0;
  if (nested(column.type())) {
    std::fill(words_.begin(), words_.end(), flip);
    return;
  }
  visit_values(column, [&](const auto* values) {
    std::uint64_t* to = words_.data();
    for (std::size_t i = 0; i < rows; ++i) to[i] = word_at(values, i) ^ flip;
  });
  if (!column.has_validity()) return;
  for (std::size_t i = 0; i < rows; ++i) {
    if (column.is_null(i)) words_[i] = flip;
  }
}

void RankKeys::append_bytes(std::size_t row, std::string& bytes) const {
  for (std::size_t k = 0; k < columns_.size(); ++k) {
    const std::size_t begin = bytes.size();
    append_ascending(*columns_[k], row, bytes);
    if (!descending_[k]) continue;
    for (std::size_t i = begin; i < bytes.size(); ++i) bytes[i] = static_cast<char>(~bytes[i]);
  }
}

}  // namespace libstream
