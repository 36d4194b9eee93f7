#pragma once

#include "text_rows.hpp"

#include <type_traits>
#include <vector>

namespace libstream {

inline std::size_t row_of(const Vector& vector, std::size_t row) {
  return vector.constant ? 0 : row;
}

/// Places of the elements of one array.
struct Range {
  std::size_t begin;
  std::size_t end;

  std::size_t size() const { return end - begin; }
};
inline Range range_of(const Vector& array, std::size_t row) {
  const std::int32_t* offsets = array.column->offsets() + row_of(array, row);
  return {static_cast<std::size_t>(offsets[0]), static_cast<std::size_t>(offsets[1])};
}

inline bool is_array(const BoundPtr& a) { return is_id(a, TypeId::array); }

/// Arrays of more elements than this are refused.
inline constexpr std::int64_t array_limit = 10'000'000;

/// An array a row: `pick(row, order)` appends the places of its elements in `elements`. Where it
/// gives a bool, false makes the row null.
template <class F>
ColumnPtr build_arrays(const KernelCall& call, const ColumnPtr& elements, F&& pick) {
  auto offsets = allocate_offsets(call.rows);
  std::vector<std::uint32_t> order;
  NullMarks marks(call);
  for (std::size_t i = 0; i < call.rows; ++i) {
    offsets->as<std::int32_t>()[i] = static_cast<std::int32_t>(order.size());
    if (!call.valid(i)) continue;
    if constexpr (std::is_void_v<decltype(pick(i, order))>) {
      pick(i, order);
    } else {
      if (!pick(i, order)) marks.mark(i);
    }
  }
  offsets->as<std::int32_t>()[call.rows] = static_cast<std::int32_t>(order.size());
  return Column::array(call.type, call.rows, std::move(offsets), elements->gather(order),
                       marks.finish());
}

/// The same of elements of the first argument.
template <class F>
ColumnPtr pick_elements(const KernelCall& call, F&& pick) {
  return build_arrays(call, call.arguments[0].column->child(0), pick);
}

inline void append_places(Range range, std::size_t before, std::vector<std::uint32_t>& order) {
  for (std::size_t k = range.begin; k < range.end; ++k) {
    order.push_back(static_cast<std::uint32_t>(before + k));
  }
}

/// Arrays one behind the other, and backwards: what concat and reverse do with arrays.
std::optional<Signature> resolve_array_concat(std::span<const BoundPtr> arguments);
ColumnPtr concat_arrays(const KernelCall& call);
ColumnPtr reverse_arrays(const KernelCall& call);

}  // namespace libstream
