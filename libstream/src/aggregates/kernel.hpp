#pragma once

#include <libstream/aggregate.hpp>
#include <libstream/column.hpp>
#include <libstream/error.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>

// Pieces that the aggregates share: loops over columns, columns of results, types by storage.
namespace libstream::aggregates {

/// An int128 inside a state: rows of a state table are aligned to 8 bytes only.
struct StoredInt128 {
  std::uint64_t low = 0;
  std::int64_t high = 0;

  StoredInt128() = default;
  StoredInt128(int128 value)  // NOLINT: stands for an int128
      : low(static_cast<std::uint64_t>(value)), high(static_cast<std::int64_t>(value >> 64)) {}
  operator int128() const {  // NOLINT
    __extension__ using wide = unsigned __int128;
    return static_cast<int128>(static_cast<wide>(static_cast<std::uint64_t>(high)) << 64 | low);
  }
};
/// How a state keeps a value of storage type T.
template <class T>
using Stored = std::conditional_t<std::is_same_v<T, int128>, StoredInt128, T>;

/// Calls `f` for each row of [0, rows) that is not null. Works a word of the bitmap at a time.
template <class F>
void for_valid(const Column& column, std::size_t rows, F&& f) {
  if (!column.has_validity()) {
    for (std::size_t i = 0; i < rows; ++i) f(i);
    return;
  }
  for (std::size_t base = 0; base < rows; base += 64) {
    const std::size_t count = std::min<std::size_t>(64, rows - base);
    std::uint64_t word = column.validity()[base >> 6];
    if (count < 64) word &= (std::uint64_t{1} << count) - 1;
    if (count == 64 && word == ~std::uint64_t{0}) {
      for (std::size_t i = base; i < base + 64; ++i) f(i);
    } else {
      for (; word != 0; word &= word - 1) {
        f(base + static_cast<std::size_t>(std::countr_zero(word)));
      }
    }
  }
}

/// The same for rows that `mask` allows as well; nullptr allows all.
template <class F>
void for_valid(const Column& column, const std::uint8_t* mask, std::size_t rows, F&& f) {
  if (mask == nullptr) {
    for_valid(column, rows, std::forward<F>(f));
  } else {
    for_valid(column, rows, [&](std::size_t i) {
      if (mask[i]) f(i);
    });
  }
}

/// A fixed-width column under construction; rows are valid until set_null.
template <class T>
class FixedOutput {
 public:
  explicit FixedOutput(std::size_t rows)
      : rows_(rows), buffer_(Buffer::allocate(rows * sizeof(T))), values_(buffer_->as<T>()) {}

  void set(std::size_t row, T value) { values_[row] = value; }
  void set_null(std::size_t row) {
    values_[row] = T{};
    if (!validity_) {
      const std::size_t bytes = (rows_ + 63) / 64 * 8;
      validity_ = Buffer::allocate(bytes);
      std::memset(validity_->data(), 0xff, bytes);
    }
    validity_->template as<std::uint64_t>()[row >> 6] &= ~(std::uint64_t{1} << (row & 63));
  }
  ColumnPtr finish(const DataType& type) {
    return Column::fixed(type, rows_, std::move(buffer_), std::move(validity_));
  }

 private:
  std::size_t rows_;
  std::shared_ptr<Buffer> buffer_;
  std::shared_ptr<Buffer> validity_;
  T* values_;
};

/// Calls `f` with a value of the storage type of a fixed-width type.
template <class F>
auto visit_storage(const DataType& type, F&& f) {
  switch (type.id()) {
    case TypeId::boolean:
      return f(std::uint8_t{});
    case TypeId::smallint:
      return f(std::int16_t{});
    case TypeId::integer:
    case TypeId::date:
    case TypeId::month_interval:
      return f(std::int32_t{});
    case TypeId::float32:
      return f(float{});
    case TypeId::float64:
      return f(double{});
    case TypeId::decimal:
      if (type.is_wide_decimal()) return f(int128{});
      return f(std::int64_t{});
    default:
      LIBSTREAM_ASSERT(type.id() == TypeId::bigint || type.id() == TypeId::timestamp ||
                           type.id() == TypeId::day_interval,
                       "not a fixed-width type");
      return f(std::int64_t{});
  }
}
inline bool is_fixed_width(const DataType& type) {
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

/// A decimal column read as int128 whatever its precision.
inline int128 decimal_at(const Column& column, std::size_t row) {
  return column.type().is_wide_decimal() ? column.values<int128>()[row]
                                         : int128{column.values<std::int64_t>()[row]};
}
/// 10^exponent, 0 ≤ exponent ≤ 38.
inline int128 power_of_ten(int exponent) {
  int128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}
inline bool fits(int128 digits, int precision) {
  const int128 limit = power_of_ten(precision);
  return digits < limit && digits > -limit;
}

/// The order of min and max: numbers as usual, NaN above all.
template <class T>
bool less(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(b)) return !std::isnan(a);
    return a < b;  // false where a is NaN
  } else {
    return a < b;
  }
}

template <class State>
State& state_at(std::byte* state) {
  return *reinterpret_cast<State*>(state);
}
template <class State>
const State& state_at(const std::byte* state) {
  return *reinterpret_cast<const State*>(state);
}

[[noreturn]] inline void overflow(const std::string& aggregate, const DataType& type) {
  throw Error(ErrorCode::data, "ARITHMETIC_OVERFLOW",
              aggregate + " overflows " + type.to_string() +
                  "; cast its argument to a wider type, or sum double or decimal values");
}

}  // namespace libstream::aggregates
