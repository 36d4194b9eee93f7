#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

#include <bit>
#include <cmath>
#include <cstring>

namespace libstream {
namespace {

void append_bytes(const void* from, std::size_t size, std::string& bytes) {
  bytes.append(static_cast<const char*>(from), size);
}

void encode_null(const DataType& type, std::string& bytes) {
  bytes.push_back('\0');
  switch (type.id()) {
    case TypeId::structure:
      for (const Field& field : type.fields()) encode_null(field.type, bytes);
      return;
    case TypeId::null:
    case TypeId::string:
    case TypeId::binary:
    case TypeId::array:
      return;
    default:
      bytes.append(type.width(), '\0');
  }
}

void encode_fixed(const Column& column, std::size_t row, std::string& bytes) {
  if (column.type().id() == TypeId::float64) {
    const std::uint64_t bits = canonical_bits(column.values<double>()[row]);
    append_bytes(&bits, sizeof bits, bytes);
  } else if (column.type().id() == TypeId::float32) {
    const std::uint32_t bits = canonical_bits(column.values<float>()[row]);
    append_bytes(&bits, sizeof bits, bytes);
  } else {
    const std::size_t width = column.type().width();
    append_bytes(column.values<char>() + row * width, width, bytes);
  }
}

std::string_view take(std::string_view& bytes, std::size_t size) {
  if (bytes.size() < size) {
    throw Error(ErrorCode::corrupt, "state entry of an aggregate is cut short");
  }
  const auto taken = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return taken;
}

std::uint32_t take_count(std::string_view& bytes) {
  std::uint32_t count = 0;
  std::memcpy(&count, take(bytes, sizeof count).data(), sizeof count);
  return count;
}

template <class T>
void decode_fixed(std::string_view bytes, ColumnBuilder& builder) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  builder.append(value);
}

void decode_bits(std::string_view bytes, ColumnBuilder& builder) {
  switch (bytes.size()) {
    case 1:
      return decode_fixed<std::uint8_t>(bytes, builder);
    case 2:
      return decode_fixed<std::int16_t>(bytes, builder);
    case 4:
      return decode_fixed<std::int32_t>(bytes, builder);
    case 8:
      return decode_fixed<std::int64_t>(bytes, builder);
    default:
      return decode_fixed<int128>(bytes, builder);
  }
}

}  // namespace

std::uint64_t canonical_bits(double value) {
  if (std::isnan(value)) return 0x7ff8000000000000ULL;
  return std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value);
}
std::uint32_t canonical_bits(float value) {
  if (std::isnan(value)) return 0x7fc00000U;
  return std::bit_cast<std::uint32_t>(value == 0 ? 0.0F : value);
}

void encode_value(const Column& column, std::size_t row, std::string& bytes) {
  if (column.is_null(row)) return encode_null(column.type(), bytes);
  switch (column.type().id()) {
    case TypeId::null:
      return encode_null(column.type(), bytes);
    case TypeId::string:
    case TypeId::binary: {
      const std::string_view text = column.string(row);
      const auto size = static_cast<std::uint32_t>(text.size());
      bytes.push_back('\1');
      append_bytes(&size, sizeof size, bytes);
      bytes.append(text);
      return;
    }
    case TypeId::array: {
      const auto begin = column.offsets()[row];
      const auto end = column.offsets()[row + 1];
      const auto size = static_cast<std::uint32_t>(end - begin);
      bytes.push_back('\1');
      append_bytes(&size, sizeof size, bytes);
      for (auto i = begin; i < end; ++i) {
        encode_value(*column.child(0), static_cast<std::size_t>(i), bytes);
      }
      return;
    }
    case TypeId::structure:
      bytes.push_back('\1');
      for (std::size_t f = 0; f < column.children(); ++f) {
        encode_value(*column.child(f), row, bytes);
      }
      return;
    default:
      bytes.push_back('\1');
      return encode_fixed(column, row, bytes);
  }
}

void decode_value(std::string_view& bytes, ColumnBuilder& builder) {
  const bool valid = take(bytes, 1)[0] != '\0';
  const DataType& type = builder.type();
  switch (type.id()) {
    case TypeId::null:
      return builder.append_null();
    case TypeId::string:
    case TypeId::binary:
      if (!valid) return builder.append_null();
      return builder.append_string(take(bytes, take_count(bytes)));
    case TypeId::array: {
      if (!valid) return builder.append_null();
      const std::uint32_t count = take_count(bytes);
      for (std::uint32_t i = 0; i < count; ++i) decode_value(bytes, builder.child(0));
      return builder.append_array(count);
    }
    case TypeId::structure: {
      if (!valid) {
        std::string skipped;
        encode_null(type, skipped);
        take(bytes, skipped.size() - 1);
        return builder.append_null();
      }
      for (std::size_t f = 0; f < type.fields().size(); ++f) decode_value(bytes, builder.child(f));
      return builder.append_structure();
    }
    default: {
      const std::string_view value = take(bytes, type.width());
      if (!valid) return builder.append_null();
      return decode_bits(value, builder);
    }
  }
}

}  // namespace libstream
