#include "key_columns.hpp"

#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>

namespace libstream {
namespace {

constexpr std::size_t word_size = sizeof(std::uint64_t);

const StringView& view_at(const std::byte* bytes) {
  return *reinterpret_cast<const StringView*>(bytes);
}

}  // namespace

KeyColumns::KeyColumns(std::vector<Field> fields) : fields_(std::move(fields)) {
  encoded_ = !std::all_of(fields_.begin(), fields_.end(),
                          [this](const Field& field) { return add_nodes(field.type, 0); });
  std::size_t bytes = 0;
  for (const Node& node : nodes_) bytes += node.width;
  const bool fits = bytes <= max_words * word_size && (bytes > 0 || fields_.empty());
  if (encoded_ || !fits) {
    encode_all();
  } else {
    place_nodes();
  }
}

/// False: these values are encoded.
bool KeyColumns::add_nodes(const DataType& type, std::uint8_t around) {
  const TypeId id = type.id();
  if (id == TypeId::array || id == TypeId::null || nodes_.size() == max_nulls) return false;
  Node node{type, Form::fixed, 0, 0, 0, 0};
  node.null_bit = static_cast<std::uint8_t>(1U << nodes_.size());
  node.null_mask = static_cast<std::uint8_t>(around | node.null_bit);
  if (id == TypeId::structure) {
    node.form = Form::structure;
    nodes_.push_back(node);
    return std::all_of(type.fields().begin(), type.fields().end(),
                       [&](const Field& field) { return add_nodes(field.type, node.null_mask); });
  }
  if (type.is_string_like()) node.form = Form::text;
  node.width =
      static_cast<std::uint8_t>(node.form == Form::text ? sizeof(StringView) : type.width());
  nodes_.push_back(node);
  return true;
}

void KeyColumns::place_nodes() {
  std::vector<Node*> order;
  for (Node& node : nodes_) order.push_back(&node);
  // Widths are powers of two, so the widest first leaves no gap before the end.
  std::stable_sort(order.begin(), order.end(),
                   [](const Node* a, const Node* b) { return a->width > b->width; });
  std::size_t end = 0;
  for (Node* node : order) {
    node->offset = static_cast<std::uint8_t>(end);
    end += node->width;
    fixed_size_ += node->form == Form::text ? 1 : 1U + node->width;
    if (node->form == Form::text) {
      texts_.push_back(static_cast<std::uint8_t>(node->offset / word_size));
    }
  }
  words_ = (end + word_size - 1) / word_size;
  padded_ = words_ * word_size != end;
}

void KeyColumns::encode_all() {
  encoded_ = true;
  nodes_.clear();
  words_ = sizeof(StringView) / word_size;
  texts_ = {0};
}

KeyColumns::Packed KeyColumns::pack(std::span<const ColumnPtr> columns, std::size_t rows) {
  if (encoded_) {
    std::vector<const Column*> keys;
    for (const ColumnPtr& column : columns) keys.push_back(column.get());
    encode_rows(keys, rows, storage_, views_);
    return {reinterpret_cast<const std::uint64_t*>(views_.data()), nullptr};
  }
  if (nodes_.size() == 1 && !padded_ && !columns[0]->has_validity() &&
      nodes_[0].type.id() != TypeId::float64) {
    return {columns[0]->values<std::uint64_t>(), nullptr};
  }
  packed_.resize(rows * words_);
  if (padded_) std::memset(packed_.data(), 0, rows * words_ * word_size);
  has_nulls_ = false;
  std::size_t node = 0;
  for (const ColumnPtr& column : columns) pack_node(*column, node, rows);
  return {packed_.data(), has_nulls_ ? nulls_.data() : nullptr};
}

void KeyColumns::pack_node(const Column& column, std::size_t& at, std::size_t rows) {
  const Node& node = nodes_[at++];
  if (column.has_validity()) mark_nulls(column, node, rows);
  switch (node.form) {
    case Form::fixed:
      return pack_fixed(column, node, rows);
    case Form::text:
      return pack_values<StringView>(column, node, rows, [](const StringView& v) { return v; });
    case Form::structure:
      for (std::size_t f = 0; f < column.children(); ++f) pack_node(*column.child(f), at, rows);
  }
}

void KeyColumns::mark_nulls(const Column& column, const Node& node, std::size_t rows) {
  if (!has_nulls_) nulls_.assign(rows, 0);
  has_nulls_ = true;
  for (std::size_t i = 0; i < rows; ++i) {
    // Within a null structure nothing more is marked: null structures are equal.
    if (column.is_null(i) && !(nulls_[i] & node.null_mask)) nulls_[i] |= node.null_bit;
  }
}

template <class T, class F>
void KeyColumns::pack_values(const Column& column, const Node& node, std::size_t rows,
                             F&& canonical) {
  const T* values = column.values<T>();
  auto* to = reinterpret_cast<std::byte*>(packed_.data()) + node.offset;
  const std::size_t stride = words_ * word_size;
  if (!has_nulls_) {
    for (std::size_t i = 0; i < rows; ++i) {
      const auto value = canonical(values[i]);
      std::memcpy(to + i * stride, &value, sizeof value);
    }
    return;
  }
  for (std::size_t i = 0; i < rows; ++i) {
    const auto value = canonical((nulls_[i] & node.null_mask) ? T() : values[i]);
    std::memcpy(to + i * stride, &value, sizeof value);
  }
}

void KeyColumns::pack_fixed(const Column& column, const Node& node, std::size_t rows) {
  const auto as_it_is = [](auto value) { return value; };
  if (node.type.id() == TypeId::float64) {
    return pack_values<double>(column, node, rows, [](double v) { return canonical_bits(v); });
  }
  if (node.type.id() == TypeId::float32) {
    return pack_values<float>(column, node, rows, [](float v) { return canonical_bits(v); });
  }
  switch (node.width) {
    case 1:
      return pack_values<std::uint8_t>(column, node, rows, as_it_is);
    case 2:
      return pack_values<std::uint16_t>(column, node, rows, as_it_is);
    case 4:
      return pack_values<std::uint32_t>(column, node, rows, as_it_is);
    case 8:
      return pack_values<std::uint64_t>(column, node, rows, as_it_is);
    default:
      return pack_values<int128>(column, node, rows, as_it_is);
  }
}

struct KeyColumns::Unpacking {
  std::span<const std::byte* const> keys;
  std::span<const std::uint8_t> nulls;
  std::uint8_t any_null = 0;

  BufferPtr validity(const Node& node) const {
    if (!(any_null & node.null_mask)) return nullptr;
    const std::size_t words = (keys.size() + 63) / 64;
    auto buffer = Buffer::allocate(words * word_size);
    auto* bits = buffer->as<std::uint64_t>();
    std::memset(bits, 0, words * word_size);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const bool valid = !(nulls[i] & node.null_mask);
      bits[i >> 6] |= std::uint64_t{valid} << (i & 63);
    }
    return buffer;
  }
};

std::vector<ColumnPtr> KeyColumns::unpack(std::span<const std::byte* const> keys,
                                          std::span<const std::uint8_t> nulls) const {
  std::vector<ColumnPtr> columns;
  if (encoded_) {
    std::vector<std::string_view> texts(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) texts[i] = view_at(keys[i]).view();
    for (const Field& field : fields_) columns.push_back(decode_rows(field.type, texts));
    return columns;
  }
  Unpacking from{keys, nulls};
  for (const std::uint8_t mask : nulls) from.any_null |= mask;
  for (std::size_t node = 0; node < nodes_.size();) columns.push_back(unpack_node(from, node));
  return columns;
}

ColumnPtr KeyColumns::unpack_node(const Unpacking& from, std::size_t& at) const {
  const Node& node = nodes_[at++];
  switch (node.form) {
    case Form::fixed:
      return unpack_fixed(from, node);
    case Form::text:
      return unpack_texts(from, node);
    case Form::structure:
      break;
  }
  std::vector<ColumnPtr> fields;
  for (std::size_t f = 0; f < node.type.fields().size(); ++f) {
    fields.push_back(unpack_node(from, at));
  }
  return Column::structure(node.type, from.keys.size(), std::move(fields), from.validity(node));
}

template <class T>
ColumnPtr KeyColumns::unpack_values(const Unpacking& from, const Node& node) const {
  auto buffer = Buffer::allocate(from.keys.size() * sizeof(T));
  T* values = buffer->as<T>();
  for (std::size_t i = 0; i < from.keys.size(); ++i) {
    std::memcpy(values + i, from.keys[i] + node.offset, sizeof(T));
  }
  return Column::fixed(node.type, from.keys.size(), std::move(buffer), from.validity(node));
}

ColumnPtr KeyColumns::unpack_fixed(const Unpacking& from, const Node& node) const {
  switch (node.width) {
    case 1:
      return unpack_values<std::uint8_t>(from, node);
    case 2:
      return unpack_values<std::uint16_t>(from, node);
    case 4:
      return unpack_values<std::uint32_t>(from, node);
    case 8:
      return unpack_values<std::uint64_t>(from, node);
    default:
      return unpack_values<int128>(from, node);
  }
}

ColumnPtr KeyColumns::unpack_texts(const Unpacking& from, const Node& node) const {
  auto buffer = Buffer::allocate(from.keys.size() * sizeof(StringView));
  auto* views = buffer->as<StringView>();
  std::size_t long_bytes = 0;
  for (std::size_t i = 0; i < from.keys.size(); ++i) {
    views[i] = view_at(from.keys[i] + node.offset);
    if (!views[i].is_inline()) long_bytes += views[i].length;
  }
  std::vector<BufferPtr> heaps;
  if (long_bytes > 0) {
    auto heap = Buffer::allocate(long_bytes);
    char* to = heap->as<char>();
    for (std::size_t i = 0; i < from.keys.size(); ++i) {
      if (views[i].is_inline()) continue;
      std::memcpy(to, views[i].pointer, views[i].length);
      views[i].pointer = to;
      to += views[i].length;
    }
    heaps.push_back(std::move(heap));
  }
  return Column::fixed(node.type, from.keys.size(), std::move(buffer), from.validity(node),
                       std::move(heaps));
}

std::size_t KeyColumns::encoded_size(const std::byte* key, std::uint8_t nulls) const {
  if (encoded_) return view_at(key).length;
  std::size_t size = fixed_size_;
  if (texts_.empty()) return size;
  for (const Node& node : nodes_) {
    if (node.form != Form::text || (nulls & node.null_mask)) continue;
    size += sizeof(std::uint32_t) + view_at(key + node.offset).length;
  }
  return size;
}

char* KeyColumns::encode(const std::byte* key, std::uint8_t nulls, char* to) const {
  if (encoded_) {
    const std::string_view text = view_at(key).view();
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
  }
  for (const Node& node : nodes_) {
    const bool valid = !(nulls & node.null_mask);
    const std::byte* from = key + node.offset;
    *to++ = valid ? '\1' : '\0';
    if (node.form == Form::text) {
      if (!valid) continue;
      const std::string_view text = view_at(from).view();
      const auto length = static_cast<std::uint32_t>(text.size());
      std::memcpy(to, &length, sizeof length);
      std::memcpy(to + sizeof length, text.data(), text.size());
      to += sizeof length + text.size();
    } else if (node.width == word_size) {
      std::memcpy(to, from, word_size);
      to += word_size;
    } else {
      std::memcpy(to, from, node.width);
      to += node.width;
    }
  }
  return to;
}

}  // namespace libstream
