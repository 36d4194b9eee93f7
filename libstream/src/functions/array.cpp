#include "array_rows.hpp"
#include "comparison.hpp"
#include "text_rows.hpp"

#include <algorithm>
#include <numeric>

namespace libstream {
namespace {

/// One element a row: `find(row, place)`; false = null.
template <class F>
ColumnPtr pick_one(const KernelCall& call, F&& find) {
  ColumnBuilder builder(call.type, call.rows);
  const Column& elements = *call.arguments[0].column->child(0);
  for (std::size_t i = 0; i < call.rows; ++i) {
    std::size_t place = 0;
    if (call.valid(i) && find(i, place)) {
      builder.append_from(elements, place);
    } else {
      builder.append_null();
    }
  }
  return builder.finish();
}

/// Ascending with nulls first, descending with nulls last.
ColumnPtr sort_array_kernel(const KernelCall& call) {
  const Column& elements = *call.arguments[0].column->child(0);
  return pick_elements(call, [&](std::size_t i, std::vector<std::uint32_t>& order) {
    const auto [begin, end] = range_of(call.arguments[0], i);
    const bool ascending =
        call.arguments.size() < 2 || value_at<std::uint8_t>(call.arguments[1], i) != 0;
    const auto first = order.size();
    for (std::size_t k = begin; k < end; ++k) order.push_back(static_cast<std::uint32_t>(k));
    std::stable_sort(order.begin() + static_cast<std::ptrdiff_t>(first), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) {
                       if (!ascending) std::swap(a, b);
                       if (elements.is_null(a) || elements.is_null(b)) {
                         return elements.is_null(a) && !elements.is_null(b);
                       }
                       return compare_rows(elements, a, elements, b) < 0;
                     });
  });
}

ColumnPtr distinct_kernel(const KernelCall& call) {
  const Column& elements = *call.arguments[0].column->child(0);
  std::vector<std::uint32_t> sorted;
  return pick_elements(call, [&](std::size_t i, std::vector<std::uint32_t>& order) {
    const auto [begin, end] = range_of(call.arguments[0], i);
    const auto before = [&](std::uint32_t a, std::uint32_t b) {
      if (elements.is_null(a) || elements.is_null(b)) {
        return elements.is_null(a) && !elements.is_null(b);
      }
      return compare_rows(elements, a, elements, b) < 0;
    };
    sorted.resize(end - begin);
    std::iota(sorted.begin(), sorted.end(), static_cast<std::uint32_t>(begin));
    std::stable_sort(sorted.begin(), sorted.end(), before);
    const auto last = std::unique(sorted.begin(), sorted.end(),
                                  [&](auto a, auto b) { return !before(a, b) && !before(b, a); });
    std::sort(sorted.begin(), last);  // the first of each, in the order of the array
    order.insert(order.end(), sorted.begin(), last);
  });
}

/// slice(array, start from 1 or from the end, length)
ColumnPtr slice_kernel(const KernelCall& call) {
  return pick_elements(call, [&](std::size_t i, std::vector<std::uint32_t>& order) {
    const auto [begin, end] = range_of(call.arguments[0], i);
    const auto size = static_cast<std::int64_t>(end - begin);
    const std::int64_t start = value_at<std::int32_t>(call.arguments[1], i);
    const std::int64_t length = value_at<std::int32_t>(call.arguments[2], i);
    if (start == 0) fail_row(call, i, "the start 0 of slice", "elements count from 1");
    if (length < 0) fail_row(call, i, "a negative length of slice");
    const std::int64_t from = start > 0 ? start - 1 : size + start;
    if (from < 0) return;
    for (std::int64_t k = from; k < std::min(size, from + length); ++k) {
      order.push_back(static_cast<std::uint32_t>(begin + static_cast<std::size_t>(k)));
    }
  });
}

/// The elements of the inner arrays; null where one of these is.
ColumnPtr flatten_kernel(const KernelCall& call) {
  const Vector& outer = call.arguments[0];
  const Column& inner = *outer.column->child(0);
  return build_arrays(call, inner.child(0), [&](std::size_t i, auto& order) {
    const auto range = range_of(outer, i);
    for (std::size_t k = range.begin; k < range.end; ++k) {
      if (inner.is_null(k)) return false;
    }
    // Inner arrays of one row lie one behind the other.
    const auto* offsets = inner.offsets();
    append_places({static_cast<std::size_t>(offsets[range.begin]),
                   static_cast<std::size_t>(offsets[range.end])},
                  0, order);
    return true;
  });
}

template <bool greatest>
ColumnPtr extreme_kernel(const KernelCall& call) {
  const Column& elements = *call.arguments[0].column->child(0);
  return pick_one(call, [&](std::size_t i, std::size_t& place) {
    const auto [begin, end] = range_of(call.arguments[0], i);
    bool any = false;
    for (std::size_t k = begin; k < end; ++k) {
      if (elements.is_null(k)) continue;
      const int order = any ? compare_rows(elements, k, elements, place) : 0;
      if (!any || (greatest ? order > 0 : order < 0)) place = k;
      any = true;
    }
    return any;
  });
}

/// Place of the first equal element from 1, else 0.
ColumnPtr position_kernel(const KernelCall& call) {
  const Column& elements = *call.arguments[0].column->child(0);
  const Vector& value = call.arguments[1];
  return make_values<std::int64_t>(call, [&](std::size_t i, std::int64_t& out) {
    const auto [begin, end] = range_of(call.arguments[0], i);
    for (std::size_t k = begin; k < end && out == 0; ++k) {
      if (elements.is_null(k)) continue;
      if (compare_rows(elements, k, *value.column, row_of(value, i)) == 0) {
        out = static_cast<std::int64_t>(k - begin) + 1;
      }
    }
    return true;
  });
}

/// array_join(array, separator[, text instead of nulls])
ColumnPtr join_kernel(const KernelCall& call) {
  const Column& elements = *call.arguments[0].column->child(0);
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const auto [begin, end] = range_of(call.arguments[0], i);
    bool first = true;
    for (std::size_t k = begin; k < end; ++k) {
      if (elements.is_null(k) && call.arguments.size() < 3) continue;
      if (!first) out += text_at(call.arguments[1], i);
      first = false;
      out += elements.is_null(k) ? text_at(call.arguments[2], i) : elements.string(k);
    }
    return true;
  });
}

/// sequence(first, last[, step]) of whole numbers, both ends included.
template <class T>
ColumnPtr sequence_kernel(const KernelCall& call) {
  ColumnBuilder builder(call.type, call.rows);
  for (std::size_t i = 0; i < call.rows; ++i) {
    if (!call.valid(i)) {
      builder.append_null();
      continue;
    }
    const std::int64_t first = value_at<T>(call.arguments[0], i);
    const std::int64_t last = value_at<T>(call.arguments[1], i);
    const std::int64_t step =
        call.arguments.size() == 3 ? value_at<T>(call.arguments[2], i) : (first <= last ? 1 : -1);
    if (first != last && (step == 0 || (step > 0) != (first < last))) {
      fail_row(call, i,
               "a sequence from " + std::to_string(first) + " by " + std::to_string(step) +
                   " does not reach " + std::to_string(last));
    }
    const int128 count = step == 0 ? 1 : (int128{last} - first) / step + 1;
    if (count > array_limit) fail_row(call, i, "a sequence of more than 10000000 elements");
    for (int128 k = 0; k < count; ++k) {
      builder.child(0).append(static_cast<T>(first + k * step));
    }
    builder.append_array(static_cast<std::size_t>(count));
  }
  return builder.finish();
}

std::optional<Signature> resolve_same(std::span<const BoundPtr> a) {
  if (!is_array(a[0])) return std::nullopt;
  return signature({a[0]->type}, a[0]->type);
}
std::optional<Signature> resolve_sort(std::span<const BoundPtr> a) {
  auto result = resolve_same(a);
  if (result && a.size() == 2) result->arguments.emplace_back(TypeId::boolean);
  return result;
}
std::optional<Signature> resolve_slice(std::span<const BoundPtr> a) {
  auto result = resolve_same(a);
  if (result) result->arguments.insert(result->arguments.end(), 2, TypeId::integer);
  return result;
}
std::optional<Signature> resolve_flatten(std::span<const BoundPtr> a) {
  if (!is_array(a[0]) || a[0]->type.element().id() != TypeId::array) return std::nullopt;
  return signature({a[0]->type}, a[0]->type.element(), true);
}
std::optional<Signature> resolve_extreme(std::span<const BoundPtr> a) {
  if (!is_array(a[0])) return std::nullopt;
  return signature({a[0]->type}, a[0]->type.element(), true);
}
std::optional<Signature> resolve_position(std::span<const BoundPtr> a) {
  if (!is_array(a[0])) return std::nullopt;
  const auto common = common_type(a[0]->type.element(), a[1]->type);
  if (!common || common->id() == TypeId::null) return std::nullopt;
  return signature({DataType::array(*common, a[0]->type.fields()[0].nullable), *common},
                   TypeId::bigint);
}
std::optional<Signature> resolve_join(std::span<const BoundPtr> a) {
  if (!is_array(a[0])) return std::nullopt;
  std::vector<DataType> types(a.size(), TypeId::string);
  types[0] = DataType::array(TypeId::string, true);
  return signature(std::move(types), TypeId::string);
}
std::optional<Signature> resolve_sequence(std::span<const BoundPtr> a) {
  for (const BoundPtr& argument : a) {
    if (!argument->type.is_integral() && !is_id(argument, TypeId::null)) return std::nullopt;
  }
  DataType type = common_type(a).value_or(TypeId::bigint);
  if (!type.is_integral()) type = TypeId::bigint;
  return signature(std::vector<DataType>(a.size(), type), DataType::array(type, false));
}
Kernel sequence_for(std::span<const BoundPtr>, const DataType& type) {
  return type.element().id() == TypeId::bigint    ? sequence_kernel<std::int64_t>
         : type.element().id() == TypeId::integer ? sequence_kernel<std::int32_t>
                                                  : sequence_kernel<std::int16_t>;
}

}  // namespace

std::span<const Function> array_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    t.add("sort_array", "sort_array(array[, ascending])", 1, 2, resolve_sort,
          always<sort_array_kernel>);
    t.add("array_distinct", "array_distinct(array)", 1, 1, resolve_same, always<distinct_kernel>);
    t.add("slice", "slice(array, start from 1, length)", 3, 3, resolve_slice, always<slice_kernel>)
        .fallible = true;
    t.add("flatten", "flatten(array of arrays)", 1, 1, resolve_flatten, always<flatten_kernel>);
    t.add("array_max", "array_max(array)", 1, 1, resolve_extreme, always<extreme_kernel<true>>);
    t.add("array_min", "array_min(array)", 1, 1, resolve_extreme, always<extreme_kernel<false>>);
    t.add("array_position", "array_position(array, value)", 2, 2, resolve_position,
          always<position_kernel>);
    t.add("array_join", "array_join(array, separator[, text for nulls])", 2, 3, resolve_join,
          always<join_kernel>);
    t.add("sequence", "sequence(first, last[, step])", 2, 3, resolve_sequence, sequence_for)
        .fallible = true;
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
