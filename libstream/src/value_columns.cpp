#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>

// Keys of many rows at once: the form of value_codec.hpp, written and read column by column.
namespace libstream {
namespace {

bool is_fixed(const DataType& type) {
  switch (type.id()) {
    case TypeId::null:
    case TypeId::string:
    case TypeId::binary:
    case TypeId::array:
    case TypeId::structure:
      return false;
    default:
      return true;
  }
}

/// Values that go the way of single ones: arrays, nested nulls, and the null type.
bool row_by_row(const Column& column) {
  const TypeId id = column.type().id();
  return id == TypeId::array || id == TypeId::null ||
         (id == TypeId::structure && column.has_validity());
}

void add_sizes(const Column& column, std::span<std::size_t> sizes) {
  if (row_by_row(column)) {
    std::string value;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      value.clear();
      encode_value(column, i, value);
      sizes[i] += value.size();
    }
  } else if (column.type().is_string_like()) {
    const auto* views = column.values<StringView>();
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      sizes[i] += column.is_null(i) ? 1 : 1 + sizeof(std::uint32_t) + views[i].length;
    }
  } else {
    const std::size_t own = 1 + (is_fixed(column.type()) ? column.type().width() : 0);
    for (std::size_t& size : sizes) size += own;
    for (std::size_t f = 0; f < column.children(); ++f) add_sizes(*column.child(f), sizes);
  }
}

template <class T, class F>
void write_fixed(const Column& column, std::span<char*> ends, F&& canonical) {
  const T* values = column.values<T>();
  const bool has_nulls = column.has_validity();
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const bool valid = !has_nulls || !column.is_null(i);
    const auto value = canonical(valid ? values[i] : T());
    ends[i][0] = valid ? '\1' : '\0';
    if (valid) {
      std::memcpy(ends[i] + 1, &value, sizeof(T));
    } else {
      std::memset(ends[i] + 1, 0, sizeof(T));
    }
    ends[i] += 1 + sizeof(T);
  }
}

void write_fixed(const Column& column, std::span<char*> ends) {
  const auto as_it_is = [](auto value) { return value; };
  if (column.type().id() == TypeId::float64) {
    return write_fixed<double>(column, ends, [](double v) { return canonical_bits(v); });
  }
  if (column.type().id() == TypeId::float32) {
    return write_fixed<float>(column, ends, [](float v) { return canonical_bits(v); });
  }
  switch (column.type().width()) {
    case 1:
      return write_fixed<std::uint8_t>(column, ends, as_it_is);
    case 2:
      return write_fixed<std::uint16_t>(column, ends, as_it_is);
    case 4:
      return write_fixed<std::uint32_t>(column, ends, as_it_is);
    case 8:
      return write_fixed<std::uint64_t>(column, ends, as_it_is);
    default:
      return write_fixed<int128>(column, ends, as_it_is);
  }
}

void write_strings(const Column& column, std::span<char*> ends) {
  const auto* views = column.values<StringView>();
  for (std::size_t i = 0; i < ends.size(); ++i) {
    char*& end = ends[i];
    if (column.is_null(i)) {
      *end++ = '\0';
      continue;
    }
    const std::string_view text = views[i].view();
    const auto length = static_cast<std::uint32_t>(text.size());
    *end++ = '\1';
    std::memcpy(end, &length, sizeof length);
    std::memcpy(end + sizeof length, text.data(), text.size());
    end += sizeof length + text.size();
  }
}

void write_values(const Column& column, std::span<char*> ends) {
  if (row_by_row(column)) {
    std::string value;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      value.clear();
      encode_value(column, i, value);
      std::memcpy(ends[i], value.data(), value.size());
      ends[i] += value.size();
    }
  } else if (column.type().is_string_like()) {
    write_strings(column, ends);
  } else if (is_fixed(column.type())) {
    write_fixed(column, ends);
  } else {
    for (char*& end : ends) *end++ = '\1';
    for (std::size_t f = 0; f < column.children(); ++f) write_values(*column.child(f), ends);
  }
}

[[noreturn]] void cut_short() {
  throw Error(ErrorCode::corrupt, "key of an aggregate's group is cut short");
}

template <class T>
ColumnPtr read_fixed(const DataType& type, std::span<std::string_view> keys) {
  const auto buffer = Buffer::allocate(keys.size() * sizeof(T));
  T* values = buffer->as<T>();
  std::shared_ptr<Buffer> validity;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].size() < 1 + sizeof(T)) cut_short();
    std::memcpy(values + i, keys[i].data() + 1, sizeof(T));
    if (keys[i][0] == '\0') {
      if (!validity) {
        validity = Buffer::allocate((keys.size() + 63) / 64 * 8);
        std::memset(validity->data(), 0xff, validity->size());
      }
      validity->as<std::uint64_t>()[i >> 6] &= ~(std::uint64_t{1} << (i & 63));
    }
    keys[i].remove_prefix(1 + sizeof(T));
  }
  return Column::fixed(type, keys.size(), buffer, validity);
}

ColumnPtr read_structure(const DataType& type, std::span<std::string_view> keys) {
  for (std::string_view& key : keys) key.remove_prefix(1);
  std::vector<ColumnPtr> fields;
  for (const Field& field : type.fields()) fields.push_back(decode_rows(field.type, keys));
  return Column::structure(type, keys.size(), std::move(fields));
}

}  // namespace

void encode_rows(std::span<const Column* const> columns, std::size_t rows, std::string& storage,
                 std::vector<StringView>& keys) {
  std::vector<std::size_t> sizes(rows, 0);
  for (const Column* column : columns) add_sizes(*column, sizes);
  std::size_t total = 0;
  for (const std::size_t size : sizes) total += size;
  if (storage.size() < total) storage.resize(total);
  std::vector<char*> ends(rows);
  char* begin = storage.data();
  for (std::size_t i = 0; i < rows; ++i) {
    ends[i] = begin;
    begin += sizes[i];
  }
  for (const Column* column : columns) write_values(*column, ends);
  keys.resize(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    keys[i] = StringView(std::string_view(ends[i] - sizes[i], sizes[i]));
  }
}

ColumnPtr decode_rows(const DataType& type, std::span<std::string_view> keys) {
  if (is_fixed(type)) {
    switch (type.width()) {
      case 1:
        return read_fixed<std::uint8_t>(type, keys);
      case 2:
        return read_fixed<std::uint16_t>(type, keys);
      case 4:
        return read_fixed<std::uint32_t>(type, keys);
      case 8:
        return read_fixed<std::uint64_t>(type, keys);
      default:
        return read_fixed<int128>(type, keys);
    }
  }
  const auto is_valid = [](std::string_view key) { return !key.empty() && key[0] != '\0'; };
  if (type.id() == TypeId::structure && std::all_of(keys.begin(), keys.end(), is_valid)) {
    return read_structure(type, keys);
  }
  ColumnBuilder builder(type, keys.size());
  for (std::string_view& key : keys) decode_value(key, builder);
  return builder.finish();
}

}  // namespace libstream
