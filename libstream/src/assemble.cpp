#include "assemble.hpp"

#include "bitmap.hpp"
#include "evaluator_frame.hpp"

#include <libstream/error.hpp>

#include <cstring>
#include <numeric>
#include <utility>

namespace libstream {
namespace {

template <class T>
void scatter(const Piece& piece, T* out) {
  const T* values = piece.values.column->values<T>();
  const std::size_t count = piece.rows.size();
  if (piece.values.constant) {
    const T value = values[0];
    for (std::size_t i = 0; i < count; ++i) out[piece.rows[i]] = value;
  } else if (piece.from.empty()) {
    for (std::size_t i = 0; i < count; ++i) out[piece.rows[i]] = values[i];
  } else {
    for (std::size_t i = 0; i < count; ++i) out[piece.rows[i]] = values[piece.from[i]];
  }
}

void scatter_validity(const Piece& piece, std::uint64_t* words) {
  const Column& column = *piece.values.column;
  if (column.type().id() == TypeId::null) return;
  if (piece.values.constant) {
    if (column.is_null(0)) return;
    for (const std::uint32_t row : piece.rows) set_bit(words, row);
    return;
  }
  if (!column.has_validity()) {
    for (const std::uint32_t row : piece.rows) set_bit(words, row);
    return;
  }
  for (std::size_t i = 0; i < piece.rows.size(); ++i) {
    const std::size_t from = piece.from.empty() ? i : piece.from[i];
    const std::uint64_t bit = bit_at(column.validity(), from) ? 1 : 0;
    words[piece.rows[i] >> 6] |= bit << (piece.rows[i] & 63);
  }
}

/// Nested types: joins the pieces and puts the rows into order.
ColumnPtr assemble_nested(const DataType& type, std::size_t rows,
                          const std::vector<Piece>& pieces) {
  std::vector<ColumnPtr> parts;
  std::vector<std::uint32_t> order(rows, 0);
  std::size_t joined = 0;
  parts.push_back(Column::nulls(type, 1));  // row 0: what rows in no piece get
  ++joined;
  for (const Piece& piece : pieces) {
    ColumnPtr part = piece.values.constant ? spread(piece.values, piece.rows.size())
                     : piece.from.empty()  ? piece.values.column
                                           : piece.values.column->gather(piece.from);
    for (std::size_t i = 0; i < piece.rows.size(); ++i) {
      order[piece.rows[i]] = static_cast<std::uint32_t>(joined + i);
    }
    joined += part->size();
    parts.push_back(std::move(part));
  }
  return concatenate(type, parts)->gather(order);
}

struct Block16 {
  std::uint64_t words[2];
};

}  // namespace

ColumnPtr assemble(const DataType& type, std::size_t rows, const std::vector<Piece>& pieces) {
  const std::size_t width = type.width();
  if (width == 0 || type.id() == TypeId::array) return assemble_nested(type, rows, pieces);
  auto values = Buffer::allocate(rows * width);
  std::size_t covered = 0;
  bool nulls = false;
  std::vector<BufferPtr> heaps;
  for (const Piece& piece : pieces) {
    covered += piece.rows.size();
    nulls = nulls || piece.values.column->has_validity();
    for (const BufferPtr& heap : piece.values.column->heaps()) heaps.push_back(heap);
  }
  if (covered != rows) std::memset(values->data(), 0, rows * width);
  for (const Piece& piece : pieces) {
    switch (width) {
      case 1:
        scatter(piece, values->as<std::uint8_t>());
        break;
      case 2:
        scatter(piece, values->as<std::uint16_t>());
        break;
      case 4:
        scatter(piece, values->as<std::uint32_t>());
        break;
      case 8:
        scatter(piece, values->as<std::uint64_t>());
        break;
      default:
        LIBSTREAM_ASSERT(width == 16, "widths of values");
        scatter(piece, values->as<Block16>());
    }
  }
  BufferPtr validity;
  if (nulls || covered != rows) {
    auto bitmap = allocate_bitmap(rows);
    std::memset(bitmap->data(), 0, bitmap_words(rows) * sizeof(std::uint64_t));
    for (const Piece& piece : pieces) scatter_validity(piece, bitmap->as<std::uint64_t>());
    validity = std::move(bitmap);
  }
  return Column::fixed(type, rows, std::move(values), std::move(validity), std::move(heaps));
}

ColumnPtr spread(const Vector& constant, std::size_t rows) {
  const Column& column = *constant.column;
  if (column.is_null(0)) return Column::nulls(column.type(), rows);
  return Column::constant(column.type(), column.value(0), rows);
}

Remainder::Remainder(std::size_t count) : count_(count), rows_(count) {
  std::iota(rows_.begin(), rows_.end(), 0U);
}

Selection Remainder::take_true(const Vector& condition) {
  const Column& column = *condition.column;
  const bool untyped = column.type().id() == TypeId::null;
  if (condition.constant || untyped) {
    const bool all = !untyped && !column.is_null(0) && column.values<std::uint8_t>()[0] != 0;
    return all ? std::exchange(rows_, {}) : Selection();
  }
  const auto* values = column.values<std::uint8_t>();
  const auto* validity = column.validity();
  Selection taken(rows_.size());
  std::size_t taken_count = 0;
  std::size_t rest_count = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const std::uint32_t row = rows_[i];
    const bool is_true = (values[i] != 0) & (validity == nullptr || bit_at(validity, i));
    taken[taken_count] = row;
    rows_[rest_count] = row;
    taken_count += is_true ? 1 : 0;
    rest_count += is_true ? 0 : 1;
  }
  taken.resize(taken_count);
  rows_.resize(rest_count);
  return taken;
}

Selection Remainder::take_valid(const Vector& values, Selection& positions) {
  const Column& column = *values.column;
  const bool untyped = column.type().id() == TypeId::null;
  if (values.constant || untyped || !column.has_validity()) {
    if (untyped || (values.constant && column.is_null(0))) return {};
    return std::exchange(rows_, {});
  }
  Selection taken(rows_.size());
  positions.resize(rows_.size());
  std::size_t taken_count = 0;
  std::size_t rest_count = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const std::uint32_t row = rows_[i];
    const bool valid = bit_at(column.validity(), i);
    taken[taken_count] = row;
    positions[taken_count] = static_cast<std::uint32_t>(i);
    rows_[rest_count] = row;
    taken_count += valid ? 1 : 0;
    rest_count += valid ? 0 : 1;
  }
  taken.resize(taken_count);
  positions.resize(taken_count);
  rows_.resize(rest_count);
  return taken;
}

Frame::Frame(Frame& parent, const Selection& rows)
    : batch_(parent.batch_), rows_(rows.size()), parent_(&parent), batch_rows_(rows) {
  if (const std::uint32_t* above = parent.batch_rows()) {
    for (std::uint32_t& row : batch_rows_) row = above[row];
  }
}

const ColumnPtr& Frame::column(std::uint32_t index) {
  if (parent_ == nullptr) return batch_.columns[index];
  if (columns_.empty()) columns_.resize(batch_.columns.size());
  // The rows of the batch, not of the parent: one gather whatever the depth.
  if (!columns_[index]) columns_[index] = batch_.columns[index]->gather(batch_rows_);
  return columns_[index];
}

}  // namespace libstream
