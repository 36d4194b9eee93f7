#pragma once

#include <libstream/column.hpp>

#include <cstring>
#include <type_traits>

namespace libstream {

// SQL's order: NaN equals NaN and comes last, -0.0 equals 0.0, strings by bytes.

template <class T>
inline bool same(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<bool>(static_cast<int>(a == b) |
                             (static_cast<int>(a != a) & static_cast<int>(b != b)));
  } else {
    return a == b;
  }
}
inline bool same(const StringView& a, const StringView& b) {
  std::uint64_t x[2];
  std::uint64_t y[2];
  std::memcpy(x, &a, sizeof x);
  std::memcpy(y, &b, sizeof y);
  if (x[0] != y[0]) return false;  // length and first four bytes
  if (x[1] == y[1]) return true;
  return !a.is_inline() && std::memcmp(a.pointer, b.pointer, a.length) == 0;
}

template <class T>
inline bool before(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<bool>(static_cast<int>(a < b) |
                             (static_cast<int>(b != b) & static_cast<int>(a == a)));
  } else {
    return a < b;
  }
}
inline bool before(const StringView& a, const StringView& b) { return a.view() < b.view(); }

/// Orders row i of `a` and row j of `b`, columns of one type; works for nested types.
int compare_rows(const Column& a, std::size_t i, const Column& b, std::size_t j);

}  // namespace libstream
