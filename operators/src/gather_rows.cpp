#include "gather_rows.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
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

/// The heaps behind the rows' strings, where they are few and keep little more alive than
/// `long_bytes`, which a copy would take.
std::optional<std::vector<BufferPtr>> few_heaps(const Columns& columns, std::size_t long_bytes) {
  constexpr std::size_t few = 8;
  constexpr std::size_t little_more = 4;
  std::vector<const Column*> seen;
  std::vector<BufferPtr> heaps;
  std::size_t bytes = 0;
  const Column* last = nullptr;
  for (const Column* column : columns) {
    if (column == last) continue;
    last = column;
    if (std::find(seen.begin(), seen.end(), column) != seen.end()) continue;
    seen.push_back(column);
    for (const BufferPtr& heap : column->heaps()) {
      if (std::find(heaps.begin(), heaps.end(), heap) != heaps.end()) continue;
      heaps.push_back(heap);
      bytes += heap->size();
    }
    if (seen.size() > few || bytes > little_more * long_bytes) return std::nullopt;
  }
  return heaps;
}

/// Moves the bytes of long strings into a heap of their own.
BufferPtr copy_texts(std::span<StringView> views, std::size_t long_bytes) {
  auto heap = Buffer::allocate(long_bytes);
  char* to = heap->as<char>();
  for (StringView& view : views) {
    if (view.is_inline()) continue;
    std::memcpy(to, view.pointer, view.length);
    view.pointer = to;
    to += view.length;
  }
  return heap;
}

ColumnPtr gather_strings(const DataType& type, const Columns& columns, Rows rows, Texts texts,
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
    std::optional<std::vector<BufferPtr>> few;
    if (texts == Texts::shared) few = few_heaps(columns, long_bytes);
    if (few) {
      heaps = std::move(*few);
    } else {
      heaps.push_back(copy_texts({views, rows.size()}, long_bytes));
    }
  }
  return Column::fixed(type, rows.size(), std::move(buffer), std::move(validity), std::move(heaps));
}

ColumnPtr gather(const DataType& type, const Columns& columns, Rows rows, Texts texts);

ColumnPtr gather_arrays(const DataType& type, const Columns& columns, Rows rows, Texts texts,
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
                       gather(type.element(), element_columns, element_rows, texts),
                       std::move(validity));
}

ColumnPtr gather(const DataType& type, const Columns& columns, Rows rows, Texts texts) {
  BufferPtr validity = gather_validity(columns, rows);
  if (type.id() == TypeId::structure) {
    std::vector<ColumnPtr> fields;
    for (std::size_t f = 0; f < type.fields().size(); ++f) {
      Columns children(columns.size());
      for (std::size_t i = 0; i < columns.size(); ++i) children[i] = columns[i]->child(f).get();
      fields.push_back(gather(type.fields()[f].type, children, rows, texts));
    }
    return Column::structure(type, rows.size(), std::move(fields), std::move(validity));
  }
  if (type.id() == TypeId::array)
    return gather_arrays(type, columns, rows, texts, std::move(validity));
  if (type.is_string_like()) {
    return gather_strings(type, columns, rows, texts, std::move(validity));
  }
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

std::size_t long_bytes_of(const Column& column) {
  std::size_t bytes = 0;
  const auto* views = column.values<StringView>();
  for (std::size_t i = 0; i < column.size(); ++i) {
    bytes += views[i].is_inline() ? 0 : views[i].length;
  }
  return bytes;
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
    sum.needed += long_bytes_of(column);
  } else if (column.type().id() == TypeId::array) {
    const auto used = static_cast<std::size_t>(column.offsets()[rows] - column.offsets()[0]);
    Footprint all;
    add_footprint(*column.child(0), all);
    sum.needed += column.child(0)->size() == 0 ? 0 : all.needed / column.child(0)->size() * used;
    sum.kept += all.kept;
  }
}

/// What rows may keep alive that need so many bytes.
std::size_t allowance(std::size_t needed) { return needed + needed / 4 + 256; }

/// Whether all that a column keeps alive beside its rows is a heap that others keep as well.
bool shares_heap(const Column& column, const Footprint& bytes, SharedHeaps& heaps) {
  if (!column.type().is_string_like() || column.heaps().size() != 1) return false;
  const std::size_t texts = long_bytes_of(column);
  const bool keeps = heaps.keeps(column.heaps()[0], texts);
  return keeps && bytes.kept - column.heaps()[0]->size() <= allowance(bytes.needed - texts);
}

}  // namespace

ColumnPtr gather_column(const DataType& type, const RowList& list, std::size_t column,
                        Texts texts) {
  return gather(type, columns_of(list, column), list.rows, texts);
}

bool SharedHeaps::keeps(const BufferPtr& heap, std::size_t bytes) {
  for (Known& known : known_) {
    if (known.heap.lock() != heap) continue;
    if (known.copied >= 2 * heap->size()) return true;
    known.copied += bytes;
    return false;
  }
  known_[next_++ % known_.size()] = {heap, bytes};
  return false;
}

BatchPtr own_rows(const Schema& schema, const Batch& batch, SharedHeaps& heaps) {
  std::vector<ColumnPtr> columns;
  std::vector<std::uint32_t> all;
  for (std::size_t c = 0; c < batch.columns.size(); ++c) {
    Footprint bytes;
    add_footprint(*batch.columns[c], bytes);
    if (bytes.kept <= allowance(bytes.needed) || shares_heap(*batch.columns[c], bytes, heaps)) {
      columns.push_back(batch.columns[c]);
      continue;
    }
    if (all.empty()) {
      all.resize(batch.rows);
      std::iota(all.begin(), all.end(), 0);
    }
    const Columns same(batch.rows, batch.columns[c].get());
    columns.push_back(gather(schema[c].type, same, all, Texts::copied));
  }
  return make_batch(std::move(columns), batch.rows);
}

std::size_t owned_bytes(const Batch& batch) {
  std::size_t sum = 0;
  for (const ColumnPtr& column : batch.columns) {
    Footprint bytes;
    add_footprint(*column, bytes);
    sum += std::min(bytes.kept, allowance(bytes.needed));
  }
  return sum;
}

}  // namespace libstream
