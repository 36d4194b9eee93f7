#pragma once

#include "string_heap.hpp"

#include <string>

namespace libstream {

/// A string a row: `make(row, text)` fills `text`, which is one buffer for all rows; false = null.
/// Not called where an argument is null.
template <class F>
ColumnPtr make_texts(const KernelCall& call, F&& make) {
  StringHeap heap(call.rows, call.rows * 16);
  NullMarks marks(call);
  std::string text;
  for (std::size_t i = 0; i < call.rows; ++i) {
    text.clear();
    if (call.valid(i) && !make(i, text)) {
      marks.mark(i);
      text.clear();
    }
    heap.append(text);
  }
  return heap.finish(call.type, marks.finish());
}

/// A fixed-width value a row: `make(row, value)`; false = null.
template <class T, class F>
ColumnPtr make_values(const KernelCall& call, F&& make) {
  auto values = allocate_values<T>(call.rows);
  T* out = values->template as<T>();
  NullMarks marks(call);
  for (std::size_t i = 0; i < call.rows; ++i) {
    out[i] = T{};
    if (call.valid(i) && !make(i, out[i])) marks.mark(i);
  }
  return make_result(call, std::move(values), marks.finish());
}

template <class T>
T value_at(const Vector& vector, std::size_t row) {
  return vector.column->values<T>()[vector.constant ? 0 : row];
}

template <Kernel kernel>
Kernel always(std::span<const BoundPtr>, const DataType&) {
  return kernel;
}

/// Arguments of the given types, a result of the last one.
template <TypeId... types>
std::optional<Signature> takes(std::span<const BoundPtr> a) {
  constexpr TypeId list[] = {types...};
  constexpr std::size_t last = sizeof...(types) - 1;
  std::vector<DataType> arguments;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!is_scalar(a[i])) return std::nullopt;
    arguments.emplace_back(list[std::min(i, last == 0 ? 0 : last - 1)]);
  }
  return signature(std::move(arguments), list[last]);
}
/// The same; the result may be null where no argument is.
template <TypeId... types>
std::optional<Signature> may_take(std::span<const BoundPtr> a) {
  auto result = takes<types...>(a);
  if (result) result->nullable = true;
  return result;
}

}  // namespace libstream
