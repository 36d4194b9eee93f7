#include "group_table.hpp"

#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

#include <bit>
#include <cstring>

// How keys lie in the rows of a GroupTable: in, out and compared.
namespace libstream {
namespace {

std::uint64_t word_at(const std::byte* key) { return *reinterpret_cast<const std::uint64_t*>(key); }
const StringView& text_at(const std::byte* key) {
  return *reinterpret_cast<const StringView*>(key);
}

template <class From, class F>
void widen(const Column& column, std::size_t rows, std::vector<std::uint64_t>& words, F&& f) {
  const From* values = column.values<From>();
  for (std::size_t i = 0; i < rows; ++i) words[i] = static_cast<std::uint64_t>(f(values[i]));
}

template <class T>
ColumnPtr narrow(const DataType& type, const std::vector<std::uint64_t>& words,
                 BufferPtr validity) {
  const auto buffer = Buffer::allocate(words.size() * sizeof(T));
  T* values = buffer->as<T>();
  for (std::size_t i = 0; i < words.size(); ++i) values[i] = static_cast<T>(words[i]);
  return Column::fixed(type, words.size(), buffer, std::move(validity));
}

/// All rows valid but `null_row`.
BufferPtr validity_without(std::size_t rows, std::size_t null_row) {
  auto validity = Buffer::allocate((rows + 63) / 64 * 8);
  std::memset(validity->data(), 0xff, validity->size());
  validity->as<std::uint64_t>()[null_row >> 6] &= ~(std::uint64_t{1} << (null_row & 63));
  return validity;
}

}  // namespace

const std::uint64_t* GroupTable::words_of(const Column& column, std::size_t rows) {
  const TypeId id = column.type().id();
  const std::size_t width = column.type().width();
  if (width == 8 && id != TypeId::float64) return column.values<std::uint64_t>();
  words_.resize(rows);
  if (id == TypeId::float64) {
    widen<double>(column, rows, words_, [](double v) { return canonical_bits(v); });
  } else if (id == TypeId::float32) {
    widen<float>(column, rows, words_, [](float v) { return canonical_bits(v); });
  } else if (width == 4) {
    widen<std::uint32_t>(column, rows, words_, [](std::uint32_t v) { return v; });
  } else if (width == 2) {
    widen<std::uint16_t>(column, rows, words_, [](std::uint16_t v) { return v; });
  } else {
    widen<std::uint8_t>(column, rows, words_, [](std::uint8_t v) { return v; });
  }
  return words_.data();
}

void GroupTable::store_key(std::byte* row, std::uint64_t key) {
  std::memcpy(row + key_offset, &key, sizeof key);
}

void GroupTable::store_key(std::byte* row, StringView key) {
  if (!key.is_inline()) {
    char* copy = texts_.allocate(key.length);
    std::memcpy(copy, key.pointer, key.length);
    key.pointer = copy;
  }
  std::memcpy(row + key_offset, &key, sizeof key);
}

void GroupTable::release_key(Group group) {
  if (kind_ == Kind::word || group == null_group_) return;
  const StringView& key = text_at(row(group) + key_offset);
  if (!key.is_inline()) texts_.release(const_cast<char*>(key.pointer), key.length);
}

std::vector<ColumnPtr> GroupTable::keys(std::span<const Group> groups) const {
  switch (kind_) {
    case Kind::none:
      return {};
    case Kind::word:
      return {word_keys(groups)};
    case Kind::text:
      return {text_keys(groups)};
    case Kind::encoded:
      return encoded_keys(groups);
  }
  return {};
}

ColumnPtr GroupTable::word_keys(std::span<const Group> groups) const {
  std::vector<std::uint64_t> words(groups.size());
  BufferPtr validity;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    words[i] = word_at(row(groups[i]) + key_offset);
    if (groups[i] == null_group_) validity = validity_without(groups.size(), i);
  }
  const DataType& type = fields_[0].type;
  switch (type.width()) {
    case 1:
      return narrow<std::uint8_t>(type, words, validity);
    case 2:
      return narrow<std::uint16_t>(type, words, validity);
    case 4:
      return narrow<std::uint32_t>(type, words, validity);
    default:
      return narrow<std::uint64_t>(type, words, validity);
  }
}

ColumnPtr GroupTable::text_keys(std::span<const Group> groups) const {
  std::size_t long_bytes = 0;
  for (const Group group : groups) {
    const StringView& key = text_at(row(group) + key_offset);
    if (!key.is_inline()) long_bytes += key.length;
  }
  std::vector<BufferPtr> heaps;
  char* to = nullptr;
  if (long_bytes > 0) {
    auto heap = Buffer::allocate(long_bytes);
    to = heap->as<char>();
    heaps.push_back(std::move(heap));
  }
  auto buffer = Buffer::allocate(groups.size() * sizeof(StringView));
  auto* views = buffer->as<StringView>();
  BufferPtr validity;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    views[i] = text_at(row(groups[i]) + key_offset);
    if (!views[i].is_inline()) {
      std::memcpy(to, views[i].pointer, views[i].length);
      views[i].pointer = to;
      to += views[i].length;
    }
    if (groups[i] == null_group_) validity = validity_without(groups.size(), i);
  }
  return Column::fixed(fields_[0].type, groups.size(), std::move(buffer), std::move(validity),
                       std::move(heaps));
}

std::vector<ColumnPtr> GroupTable::encoded_keys(std::span<const Group> groups) const {
  std::vector<std::string_view> keys(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    keys[i] = text_at(row(groups[i]) + key_offset).view();
  }
  std::vector<ColumnPtr> columns;
  for (const Field& field : fields_) columns.push_back(decode_rows(field.type, keys));
  return columns;
}

void GroupTable::encode_key(Group group, std::string& bytes) const {
  if (kind_ == Kind::none) return;
  const std::byte* key = row(group) + key_offset;
  if (kind_ == Kind::encoded) {
    bytes.append(text_at(key).view());
    return;
  }
  const bool null = group == null_group_;
  bytes.push_back(null ? '\0' : '\1');
  if (kind_ == Kind::word) {
    // Little-endian: the first bytes are the value at its own width.
    bytes.append(reinterpret_cast<const char*>(key), fields_[0].type.width());
  } else if (!null) {
    const std::uint32_t length = text_at(key).length;
    bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
    bytes.append(text_at(key).view());
  }
}

}  // namespace libstream
