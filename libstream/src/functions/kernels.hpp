#pragma once

#include "../bitmap.hpp"
#include "../function.hpp"

#include <libstream/error.hpp>

#include <cstring>
#include <type_traits>
#include <utility>

namespace libstream {

// Operands of dense loops: the loops are compiled once for columns and once for constants, so that
// a constant stays in a register.
template <class T>
struct Flat {
  const T* data;
  T operator[](std::size_t row) const { return data[row]; }
};
template <class T>
struct Fixed {
  T value;
  T operator[](std::size_t) const { return value; }
};

template <class T, class F>
decltype(auto) with_operand(const Vector& vector, F&& f) {
  if (vector.constant) return f(Fixed<T>{vector.column->values<T>()[0]});
  return f(Flat<T>{vector.column->values<T>()});
}

template <class A, class B, class F>
decltype(auto) with_operands(const KernelCall& call, F&& f) {
  return with_operand<A>(call.arguments[0], [&](auto a) -> decltype(auto) {
    return with_operand<B>(call.arguments[1], [&](auto b) -> decltype(auto) { return f(a, b); });
  });
}

template <class T>
std::shared_ptr<Buffer> allocate_values(std::size_t rows) {
  return Buffer::allocate(rows * sizeof(T));
}

inline ColumnPtr make_result(const KernelCall& call, std::shared_ptr<Buffer> values) {
  return Column::fixed(call.type, call.rows, std::move(values), call.validity);
}
inline ColumnPtr make_result(const KernelCall& call, std::shared_ptr<Buffer> values,
                             BufferPtr validity) {
  return Column::fixed(call.type, call.rows, std::move(values), std::move(validity));
}

/// out[i] = op(a[i]) for all rows, null or not; `op` must not fail.
template <class R, class A, class F>
ColumnPtr map_values(const KernelCall& call, F op) {
  auto values = allocate_values<R>(call.rows);
  R* __restrict out = values->template as<R>();
  with_operand<A>(call.arguments[0], [&](auto a) {
    for (std::size_t i = 0; i < call.rows; ++i) out[i] = static_cast<R>(op(a[i]));
  });
  return make_result(call, std::move(values));
}

template <class R, class A, class B, class F>
ColumnPtr map_pairs(const KernelCall& call, F op) {
  auto values = allocate_values<R>(call.rows);
  R* __restrict out = values->template as<R>();
  with_operands<A, B>(call, [&](auto a, auto b) {
    for (std::size_t i = 0; i < call.rows; ++i) out[i] = static_cast<R>(op(a[i], b[i]));
  });
  return make_result(call, std::move(values));
}

/// Makes an array column of elements of known number; the kernel fills offsets and elements.
inline std::shared_ptr<Buffer> allocate_offsets(std::size_t rows) {
  return Buffer::allocate((rows + 1) * sizeof(std::int32_t));
}

/// A result with nulls of its own, beside those of the arguments.
class NullMarks {
 public:
  explicit NullMarks(const KernelCall& call) : call_(call) {}
  void mark(std::size_t row) {
    if (!bitmap_) bitmap_ = copy_validity(words(), call_.rows);
    clear_bit(bitmap_->as<std::uint64_t>(), row);
  }
  BufferPtr finish() { return bitmap_ ? BufferPtr(std::move(bitmap_)) : call_.validity; }

 private:
  const std::uint64_t* words() const {
    return call_.validity ? call_.validity->as<std::uint64_t>() : nullptr;
  }
  const KernelCall& call_;
  std::shared_ptr<Buffer> bitmap_;
};

// Signatures that many rows of the table share.
inline Signature signature(std::vector<DataType> arguments, DataType type, bool nullable = false) {
  return {std::move(arguments), std::move(type), nullable};
}
inline bool is_id(const BoundPtr& argument, TypeId id) { return argument->type.id() == id; }
/// A number, a null or a string that will be read as a number.
inline bool is_number_like(const BoundPtr& argument) {
  return argument->type.is_numeric() || is_id(argument, TypeId::null) ||
         is_id(argument, TypeId::string);
}
inline bool is_scalar(const BoundPtr& argument) {
  return !is_id(argument, TypeId::array) && !is_id(argument, TypeId::structure);
}

/// Calls f with a value of the storage type: f(std::int32_t{}).
template <class F>
auto with_storage(const DataType& type, F&& f) {
  switch (type.id()) {
    case TypeId::boolean:
      return f(std::uint8_t{});
    case TypeId::smallint:
      return f(std::int16_t{});
    case TypeId::integer:
    case TypeId::date:
    case TypeId::month_interval:
      return f(std::int32_t{});
    case TypeId::bigint:
    case TypeId::timestamp:
    case TypeId::day_interval:
      return f(std::int64_t{});
    case TypeId::float32:
      return f(float{});
    case TypeId::float64:
      return f(double{});
    case TypeId::decimal:
      return type.is_wide_decimal() ? f(int128{}) : f(std::int64_t{});
    default:
      return f(StringView{});
  }
}

}  // namespace libstream
