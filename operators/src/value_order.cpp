#include "value_order.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace libstream {
namespace {

template <class T>
int compare_parts(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    // NaN is above all and equal to itself.
    if (std::isnan(a) || std::isnan(b)) return int{std::isnan(a)} - int{std::isnan(b)};
  }
  return a < b ? -1 : (b < a ? 1 : 0);
}

int compare_arrays(const Column& column, std::size_t a, std::size_t b) {
  const auto* offsets = column.offsets();
  const auto length = [&](std::size_t row) { return offsets[row + 1] - offsets[row]; };
  for (std::int32_t i = 0; i < std::min(length(a), length(b)); ++i) {
    const int order = compare_values(*column.child(0), static_cast<std::size_t>(offsets[a] + i),
                                     static_cast<std::size_t>(offsets[b] + i));
    if (order != 0) return order;
  }
  return compare_parts(length(a), length(b));
}

}  // namespace

int compare_values(const Column& column, std::size_t a, std::size_t b) {
  const bool null_a = column.is_null(a);
  const bool null_b = column.is_null(b);
  if (null_a || null_b) return int{null_b} - int{null_a};
  switch (column.type().id()) {
    case TypeId::null:
      return 0;
    case TypeId::string:
    case TypeId::binary:
      return compare_parts(column.string(a), column.string(b));
    case TypeId::array:
      return compare_arrays(column, a, b);
    case TypeId::structure:
      for (std::size_t f = 0; f < column.children(); ++f) {
        if (const int order = compare_values(*column.child(f), a, b)) return order;
      }
      return 0;
    case TypeId::float32:
      return compare_parts(column.values<float>()[a], column.values<float>()[b]);
    case TypeId::float64:
      return compare_parts(column.values<double>()[a], column.values<double>()[b]);
    default:
      break;
  }
  switch (column.type().width()) {
    case 1:
      return compare_parts(column.values<std::uint8_t>()[a], column.values<std::uint8_t>()[b]);
    case 2:
      return compare_parts(column.values<std::int16_t>()[a], column.values<std::int16_t>()[b]);
    case 4:
      return compare_parts(column.values<std::int32_t>()[a], column.values<std::int32_t>()[b]);
    case 8:
      return compare_parts(column.values<std::int64_t>()[a], column.values<std::int64_t>()[b]);
    default:
      return compare_parts(column.values<int128>()[a], column.values<int128>()[b]);
  }
}

}  // namespace libstream
