#include "value_bytes.hpp"

#include "kernel.hpp"

#include <libstream/hash.hpp>
#include <libstream/value_codec.hpp>

namespace libstream::aggregates {

ValueBytes::ValueBytes(DataType type) : type_(std::move(type)) {
  if (is_fixed_width(type_)) width_ = type_.width();
}

std::string_view ValueBytes::read(const Column& column, std::size_t row,
                                  std::string& scratch) const {
  switch (type_.id()) {
    case TypeId::string:
    case TypeId::binary:
      return column.string(row);
    case TypeId::float64: {
      const std::uint64_t bits = canonical_bits(column.values<double>()[row]);
      scratch.assign(reinterpret_cast<const char*>(&bits), sizeof bits);
      return scratch;
    }
    case TypeId::float32: {
      const std::uint32_t bits = canonical_bits(column.values<float>()[row]);
      scratch.assign(reinterpret_cast<const char*>(&bits), sizeof bits);
      return scratch;
    }
    case TypeId::null:
    case TypeId::array:
    case TypeId::structure:
      scratch.clear();
      encode_value(column, row, scratch);
      return scratch;
    default:
      return {column.values<char>() + row * width_, width_};
  }
}

void ValueBytes::append(std::string_view bytes, ColumnBuilder& builder) const {
  if (width_ > 0) {
    visit_storage(type_, [&](auto value) {
      std::memcpy(&value, bytes.data(), sizeof value);
      builder.append(value);
    });
  } else if (type_.is_string_like()) {
    builder.append_string(bytes);
  } else {
    decode_value(bytes, builder);
  }
}

std::uint32_t ByteSet::add(std::string_view bytes) {
  if (slots_.size() < (ends_.size() + 1) * 2) grow();
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash_bytes(bytes) & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    if (at(slots_[slot] - 1) == bytes) return slots_[slot] - 1;
  }
  bytes_.append(bytes);
  ends_.push_back(bytes_.size());
  slots_[slot] = static_cast<std::uint32_t>(ends_.size());
  return slots_[slot] - 1;
}

void ByteSet::grow() {
  slots_.assign(std::max<std::size_t>(8, slots_.size() * 2), 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    std::size_t slot = hash_bytes(at(i)) & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<std::uint32_t>(i + 1);
  }
}

void ByteSet::clear() {
  bytes_.clear();
  ends_.clear();
  std::fill(slots_.begin(), slots_.end(), 0);
}

}  // namespace libstream::aggregates
