#include <libstream/column.hpp>
#include <libstream/error.hpp>

#include <algorithm>

namespace libstream {
namespace {

std::size_t bitmap_bytes(std::size_t rows) { return (rows + 63) / 64 * 8; }

BufferPtr slice_bits(const std::uint64_t* bits, std::size_t begin, std::size_t count) {
  auto buffer = Buffer::allocate(bitmap_bytes(count));
  auto* out = buffer->as<std::uint64_t>();
  const std::size_t words = (count + 63) / 64;
  const std::size_t shift = begin & 63;
  const std::uint64_t* from = bits + (begin >> 6);
  for (std::size_t i = 0; i < words; ++i) {
    out[i] = from[i] >> shift;
    // The padding of the buffer makes from[i + 1] readable.
    if (shift != 0) out[i] |= from[i + 1] << (64 - shift);
  }
  return buffer;
}

BufferPtr gather_bits(const std::uint64_t* bits, std::span<const std::uint32_t> rows) {
  auto buffer = Buffer::allocate(bitmap_bytes(rows.size()));
  std::memset(buffer->data(), 0, buffer->size());
  auto* out = buffer->as<std::uint64_t>();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out[i >> 6] |= ((bits[rows[i] >> 6] >> (rows[i] & 63)) & 1) << (i & 63);
  }
  return buffer;
}

template <class T>
BufferPtr gather_values(const void* values, std::span<const std::uint32_t> rows) {
  auto buffer = Buffer::allocate(rows.size() * sizeof(T));
  const T* from = static_cast<const T*>(values);
  T* to = buffer->as<T>();
  for (std::size_t i = 0; i < rows.size(); ++i) to[i] = from[rows[i]];
  return buffer;
}

BufferPtr gather_width(const void* values, std::size_t width, std::span<const std::uint32_t> rows) {
  switch (width) {
    case 1:
      return gather_values<std::uint8_t>(values, rows);
    case 2:
      return gather_values<std::uint16_t>(values, rows);
    case 4:
      return gather_values<std::uint32_t>(values, rows);
    case 8:
      return gather_values<std::uint64_t>(values, rows);
    default:
      return gather_values<int128>(values, rows);
  }
}

}  // namespace

ColumnPtr Column::fixed(DataType type, std::size_t size, BufferPtr values, BufferPtr validity,
                        std::vector<BufferPtr> heaps) {
  LIBSTREAM_ASSERT(values && values->size() >= size * type.width(), "values buffer too small");
  LIBSTREAM_ASSERT(!validity || validity->size() * 8 >= size, "validity buffer too small");
  auto column = std::make_shared<Column>();
  column->size_ = size;
  column->bytes_ = values->size() + (validity ? validity->size() : 0);
  for (const auto& heap : heaps) column->bytes_ += heap->size();
  column->values_ = values->data();
  column->type_ = std::move(type);
  column->values_buffer_ = std::move(values);
  column->validity_ = std::move(validity);
  column->heaps_ = std::move(heaps);
  return column;
}

ColumnPtr Column::array(DataType type, std::size_t size, BufferPtr offsets, ColumnPtr elements,
                        BufferPtr validity) {
  LIBSTREAM_ASSERT(type.id() == TypeId::array && offsets->size() >= (size + 1) * 4,
                   "offsets buffer too small");
  auto column = std::make_shared<Column>();
  column->size_ = size;
  column->bytes_ = offsets->size() + elements->bytes() + (validity ? validity->size() : 0);
  column->values_ = offsets->data();
  column->type_ = std::move(type);
  column->values_buffer_ = std::move(offsets);
  column->validity_ = std::move(validity);
  column->children_.push_back(std::move(elements));
  return column;
}

ColumnPtr Column::structure(DataType type, std::size_t size, std::vector<ColumnPtr> fields,
                            BufferPtr validity) {
  LIBSTREAM_ASSERT(type.fields().size() == fields.size(), "a structure needs all of its fields");
  auto column = std::make_shared<Column>();
  column->size_ = size;
  column->bytes_ = validity ? validity->size() : 0;
  for (const auto& field : fields) {
    LIBSTREAM_ASSERT(field->size() == size, "fields of a structure have its length");
    column->bytes_ += field->bytes();
  }
  column->type_ = std::move(type);
  column->validity_ = std::move(validity);
  column->children_ = std::move(fields);
  return column;
}

ColumnPtr Column::nulls(DataType type, std::size_t size) {
  auto validity = Buffer::allocate(bitmap_bytes(size));
  std::memset(validity->data(), 0, validity->size());
  if (type.id() == TypeId::structure) {
    std::vector<ColumnPtr> fields;
    for (const auto& field : type.fields()) fields.push_back(nulls(field.type, size));
    return structure(std::move(type), size, std::move(fields), std::move(validity));
  }
  const std::size_t bytes = (size + (type.id() == TypeId::array ? 1 : 0)) * type.width();
  auto values = Buffer::allocate(bytes);
  std::memset(values->data(), 0, bytes);
  if (type.id() == TypeId::array) {
    auto element = nulls(type.element(), 0);
    return array(std::move(type), size, std::move(values), std::move(element), std::move(validity));
  }
  return fixed(std::move(type), size, std::move(values), std::move(validity));
}

ColumnPtr Column::constant(DataType type, const Value& value, std::size_t size) {
  if (value.is_null()) return nulls(std::move(type), size);
  ColumnBuilder builder(type, 1);
  builder.append_value(value);
  const auto one = builder.finish();
  const std::vector<std::uint32_t> rows(size, 0);
  return one->gather(rows);
}

Value Column::value(std::size_t row) const {
  LIBSTREAM_ASSERT(row < size_, "row out of range");
  if (is_null(row)) return {};
  switch (type_.id()) {
    case TypeId::null:
      return {};
    case TypeId::boolean:
      return values<std::uint8_t>()[row] != 0;
    case TypeId::smallint:
      return std::int64_t{values<std::int16_t>()[row]};
    case TypeId::integer:
    case TypeId::date:
    case TypeId::month_interval:
      return std::int64_t{values<std::int32_t>()[row]};
    case TypeId::bigint:
    case TypeId::timestamp:
    case TypeId::day_interval:
      return values<std::int64_t>()[row];
    case TypeId::float32:
      return static_cast<double>(values<float>()[row]);
    case TypeId::float64:
      return values<double>()[row];
    case TypeId::decimal:
      if (type_.is_wide_decimal()) return values<int128>()[row];
      return static_cast<int128>(values<std::int64_t>()[row]);
    case TypeId::string:
    case TypeId::binary:
      return std::string(string(row));
    case TypeId::array: {
      ValueList list;
      for (auto i = offsets()[row]; i < offsets()[row + 1]; ++i) {
        list.push_back(children_[0]->value(static_cast<std::size_t>(i)));
      }
      return list;
    }
    case TypeId::structure: {
      ValueList list;
      for (const auto& field : children_) list.push_back(field->value(row));
      return list;
    }
  }
  return {};
}

ColumnPtr Column::slice(std::size_t begin, std::size_t count) const {
  LIBSTREAM_ASSERT(begin + count <= size_, "slice out of range");
  auto column = std::make_shared<Column>(*this);
  column->size_ = count;
  // Credits charge what a slice stands for, not the shared whole.
  column->bytes_ = size_ == 0 ? 0 : bytes_ / size_ * count;
  if (values_ != nullptr) {
    column->values_ = static_cast<const std::byte*>(values_) + begin * type_.width();
  }
  if (validity_) column->validity_ = slice_bits(validity(), begin, count);
  if (type_.id() == TypeId::structure) {
    for (auto& child : column->children_) child = child->slice(begin, count);
  }
  return column;
}

ColumnPtr Column::gather(std::span<const std::uint32_t> rows) const {
  BufferPtr validity = validity_ ? gather_bits(this->validity(), rows) : nullptr;
  if (type_.id() == TypeId::structure) {
    std::vector<ColumnPtr> fields;
    fields.reserve(children_.size());
    for (const auto& child : children_) fields.push_back(child->gather(rows));
    return structure(type_, rows.size(), std::move(fields), std::move(validity));
  }
  if (type_.id() == TypeId::array) {
    auto buffer = Buffer::allocate((rows.size() + 1) * 4);
    auto* to = buffer->as<std::int32_t>();
    std::vector<std::uint32_t> elements;
    to[0] = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (auto e = offsets()[rows[i]]; e < offsets()[rows[i] + 1]; ++e) {
        elements.push_back(static_cast<std::uint32_t>(e));
      }
      to[i + 1] = static_cast<std::int32_t>(elements.size());
    }
    return array(type_, rows.size(), std::move(buffer), children_[0]->gather(elements),
                 std::move(validity));
  }
  if (type_.width() == 0) return nulls(type_, rows.size());
  return fixed(type_, rows.size(), gather_width(values_, type_.width(), rows), std::move(validity),
               heaps_);
}

ColumnPtr Column::with_type(DataType type) const {
  LIBSTREAM_ASSERT(type.width() == type_.width() && type.fields().size() == type_.fields().size(),
                   "with_type keeps the layout");
  if (type == type_) return std::make_shared<Column>(*this);
  auto column = std::make_shared<Column>(*this);
  for (std::size_t i = 0; i < children_.size(); ++i) {
    column->children_[i] = children_[i]->with_type(type.fields()[i].type);
  }
  column->type_ = std::move(type);
  return column;
}

namespace {

BufferPtr join_validity(std::span<const ColumnPtr> columns, std::size_t rows) {
  const bool any = std::any_of(columns.begin(), columns.end(),
                               [](const ColumnPtr& c) { return c->has_validity(); });
  if (!any) return nullptr;
  auto buffer = Buffer::allocate(bitmap_bytes(rows));
  std::memset(buffer->data(), 0, buffer->size());
  auto* out = buffer->as<std::uint64_t>();
  std::size_t at = 0;
  for (const auto& column : columns) {
    for (std::size_t i = 0; i < column->size(); ++i, ++at) {
      out[at >> 6] |= std::uint64_t{column->is_null(i) ? 0U : 1U} << (at & 63);
    }
  }
  return buffer;
}

ColumnPtr join_arrays(const DataType& type, std::span<const ColumnPtr> columns, std::size_t rows,
                      BufferPtr validity) {
  auto offsets = Buffer::allocate((rows + 1) * 4);
  auto* to = offsets->as<std::int32_t>();
  std::vector<ColumnPtr> elements;
  std::int32_t base = 0;
  std::size_t at = 0;
  to[0] = 0;
  for (const auto& column : columns) {
    const auto* from = column->offsets();
    for (std::size_t i = 0; i < column->size(); ++i) to[++at] = base + from[i + 1] - from[0];
    const auto count = from[column->size()] - from[0];
    elements.push_back(column->child(0)->slice(static_cast<std::size_t>(from[0]),
                                               static_cast<std::size_t>(count)));
    base += count;
  }
  return Column::array(type, rows, std::move(offsets), concatenate(type.element(), elements),
                       std::move(validity));
}

}  // namespace

ColumnPtr concatenate(const DataType& type, std::span<const ColumnPtr> columns) {
  if (columns.size() == 1) return columns[0];
  std::size_t rows = 0;
  for (const auto& column : columns) rows += column->size();
  BufferPtr validity = join_validity(columns, rows);
  if (type.id() == TypeId::array) return join_arrays(type, columns, rows, std::move(validity));
  if (type.id() == TypeId::structure) {
    std::vector<ColumnPtr> fields;
    for (std::size_t i = 0; i < type.fields().size(); ++i) {
      std::vector<ColumnPtr> parts;
      for (const auto& column : columns) parts.push_back(column->child(i));
      fields.push_back(concatenate(type.fields()[i].type, parts));
    }
    return Column::structure(type, rows, std::move(fields), std::move(validity));
  }
  if (type.width() == 0) return Column::nulls(type, rows);
  auto values = Buffer::allocate(rows * type.width());
  std::vector<BufferPtr> heaps;
  std::byte* to = values->data();
  for (const auto& column : columns) {
    const std::size_t bytes = column->size() * type.width();
    if (bytes > 0) std::memcpy(to, column->values<std::byte>(), bytes);
    to += bytes;
    for (const auto& heap : column->heaps()) {
      if (std::find(heaps.begin(), heaps.end(), heap) == heaps.end()) heaps.push_back(heap);
    }
  }
  return Column::fixed(type, rows, std::move(values), std::move(validity), std::move(heaps));
}

}  // namespace libstream
