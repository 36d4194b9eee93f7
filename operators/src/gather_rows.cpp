#include "gather_rows.hpp"

#include <cstring>
#include <numeric>
#include <utility>

namespace libstream {
namespace {

using Columns = std::vector<const Column*>;
using Rows = std::span<const std::uint32_t>;

/// Consecutive entries mostly come from one batch.
Columns columns_of(const RowList& list, std::size_t column) {
  Columns columns(list.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i] = list.batches[i]->columns[column].get();
  }
  return columns;
}

BufferPtr gather_validity(const Columns& columns, Rows rows) {
  bool any = false;
  for (const Column* column : columns) any = any || column->has_validity();
  if (!any) return nullptr;
  auto buffer = Buffer::allocate((rows.size() + 63) / 64 * 8);
  std::memset(buffer->data(), 0, buffer->size());
  auto* bits = buffer->as<std::uint64_t>();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    bits[i >> 6] |= std::uint64_t{!columns[i]->is_null(rows[i])} << (i & 63);
  }
  return buffer;
}

template <class T>
BufferPtr gather_values(const Columns& columns, Rows rows) {
  auto buffer = Buffer::allocate(rows.size() * sizeof(T));
  T* to = buffer->as<T>();
  for (std::size_t i = 0; i < rows.size(); ++i) to[i] = columns[i]->values<T>()[rows[i]];
  return buffer;
}

ColumnPtr gather_strings(const DataType& type, const Columns& columns, Rows rows,
                         BufferPtr validity) {
  auto buffer = Buffer::allocate(rows.size() * sizeof(StringView));
  auto* views = buffer->as<StringView>();
  std::size_t long_bytes = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    views[i] = columns[i]->values<StringView>()[rows[i]];
    if (columns[i]->is_null(rows[i])) views[i] = StringView();
    if (!views[i].is_inline()) long_bytes += views[i].length;
  }
  std::vector<BufferPtr> heaps;
  if (long_bytes > 0) {
    auto heap = Buffer::allocate(long_bytes);
    char* to = heap->as<char>();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (views[i].is_inline()) continue;
      std::memcpy(to, views[i].pointer, views[i].length);
      views[i].pointer = to;
      to += views[i].length;
    }
    heaps.push_back(std::move(heap));
  }
  return Column::fixed(type, rows.size(), std::move(buffer), std::move(validity), std::move(heaps));
}

ColumnPtr gather(const DataType& type, const Columns& columns, Rows rows);

ColumnPtr gather_arrays(const DataType& type, const Columns& columns, Rows rows,
                        BufferPtr validity) {
  auto buffer = Buffer::allocate((rows.size() + 1) * sizeof(std::int32_t));
  auto* offsets = buffer->as<std::int32_t>();
  Columns element_columns;
  std::vector<std::uint32_t> element_rows;
  offsets[0] = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int32_t* from = columns[i]->offsets() + rows[i];
    const bool null = columns[i]->is_null(rows[i]);
    for (std::int32_t e = from[0]; !null && e < from[1]; ++e) {
      element_columns.push_back(columns[i]->child(0).get());
      element_rows.push_back(static_cast<std::uint32_t>(e));
    }
    offsets[i + 1] = static_cast<std::int32_t>(element_rows.size());
  }
  return Column::array(type, rows.size(), std::move(buffer),
                       gather(type.element(), element_columns, element_rows), std::move(validity));
}

ColumnPtr gather(const DataType& type, const Columns& columns, Rows rows) {
  BufferPtr validity = gather_validity(columns, rows);
  if (type.id() == TypeId::structure) {
    std::vector<ColumnPtr> fields;
    for (std::size_t f = 0; f < type.fields().size(); ++f) {
      Columns children(columns.size());
      for (std::size_t i = 0; i < columns.size(); ++i) children[i] = columns[i]->child(f).get();
      fields.push_back(gather(type.fields()[f].type, children, rows));
    }
    return Column::structure(type, rows.size(), std::move(fields), std::move(validity));
  }
  if (type.id() == TypeId::array) return gather_arrays(type, columns, rows, std::move(validity));
  if (type.is_string_like()) return gather_strings(type, columns, rows, std::move(validity));
  const auto fixed = [&](BufferPtr values) {
    return Column::fixed(type, rows.size(), std::move(values), std::move(validity));
  };
  switch (type.width()) {
    case 0:
      return Column::nulls(type, rows.size());
    case 1:
      return fixed(gather_values<std::uint8_t>(columns, rows));
    case 2:
      return fixed(gather_values<std::uint16_t>(columns, rows));
    case 4:
      return fixed(gather_values<std::uint32_t>(columns, rows));
    case 8:
      return fixed(gather_values<std::uint64_t>(columns, rows));
    default:
      return fixed(gather_values<int128>(columns, rows));
  }
}

/// Bytes that a column's rows need, and bytes that it keeps alive.
struct Footprint {
  std::size_t needed = 0;
  std::size_t kept = 0;
};

void add_footprint(const Column& column, Footprint& sum) {
  const std::size_t rows = column.size();
  if (column.has_validity()) {
    sum.needed += (rows + 63) / 64 * 8;
    sum.kept += column.validity_buffer()->size();
  }
  if (column.type().id() == TypeId::structure) {
    for (std::size_t i = 0; i < column.children(); ++i) add_footprint(*column.child(i), sum);
    return;
  }
  if (column.values_buffer() == nullptr) return;
  sum.needed += rows * column.type().width();
  sum.kept += column.values_buffer()->size();
  for (const BufferPtr& heap : column.heaps()) sum.kept += heap->size();
  if (column.type().is_string_like() && !column.heaps().empty()) {
    const auto* views = column.values<StringView>();
    for (std::size_t i = 0; i < rows; ++i) {
      sum.needed += views[i].is_inline() ? 0 : views[i].length;
    }
  } else if (column.type().id() == TypeId::array) {
    const auto used = static_cast<std::size_t>(column.offsets()[rows] - column.offsets()[0]);
    Footprint all;
    add_footprint(*column.child(0), all);
    sum.needed += column.child(0)->size() == 0 ? 0 : all.needed / column.child(0)->size() * used;
    sum.kept += all.kept;
  }
}

}  // namespace

ColumnPtr gather_column(const DataType& type, const RowList& list, std::size_t column) {
  return gather(type, columns_of(list, column), list.rows);
}

BatchPtr own_rows(const Schema& schema, const Batch& batch) {
  std::vector<ColumnPtr> columns;
  std::vector<std::uint32_t> all;
  for (std::size_t c = 0; c < batch.columns.size(); ++c) {
    Footprint bytes;
    add_footprint(*batch.columns[c], bytes);
    if (bytes.kept <= bytes.needed + bytes.needed / 4 + 256) {
      columns.push_back(batch.columns[c]);
      continue;
    }
    if (all.empty()) {
      all.resize(batch.rows);
      std::iota(all.begin(), all.end(), 0);
    }
    const Columns same(batch.rows, batch.columns[c].get());
    columns.push_back(gather(schema[c].type, same, all));
  }
  return make_batch(std::move(columns), batch.rows);
}

std::size_t owned_bytes(const Batch& batch) {
  Footprint sum;
  for (const ColumnPtr& column : batch.columns) add_footprint(*column, sum);
  return sum.kept;
}

}  // namespace libstream
