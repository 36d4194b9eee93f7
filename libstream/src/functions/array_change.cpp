#include "array_rows.hpp"
#include "comparison.hpp"

#include <algorithm>

namespace libstream {
namespace {

/// Elements that several arguments have, one behind the other: those of arrays, the values of
/// others, and at the end a null.
struct JoinedElements {
  JoinedElements(const DataType& element, std::span<const Vector> arguments) {
    std::vector<ColumnPtr> parts;
    std::size_t size = 0;
    for (const Vector& argument : arguments) {
      // Values may be arrays themselves.
      const bool value = argument.column->type() == element;
      parts.push_back(value ? argument.column : argument.column->child(0));
      begins.push_back(size);
      size += parts.back()->size();
    }
    parts.push_back(Column::nulls(element, 1));
    null = static_cast<std::uint32_t>(size);
    column = concatenate(element, parts);
  }

  ColumnPtr column;
  std::vector<std::size_t> begins;  ///< place of the first element of each argument
  std::uint32_t null;
};

/// array_append and array_prepend.
template <bool behind>
ColumnPtr add_kernel(const KernelCall& call) {
  const Vector& array = call.arguments[0];
  const Vector& value = call.arguments[1];
  const JoinedElements joined(call.type.element(), call.arguments);
  return build_arrays(call, joined.column, [&](std::size_t i, std::vector<std::uint32_t>& order) {
    if (array.is_null(i)) return false;
    const auto place = static_cast<std::uint32_t>(joined.begins[1] + row_of(value, i));
    if (!behind) order.push_back(place);
    append_places(range_of(array, i), 0, order);
    if (behind) order.push_back(place);
    return true;
  });
}

/// array_insert(array, place, value): from 1, or from -1 behind the last element; beyond the ends
/// nulls fill up.
ColumnPtr insert_kernel(const KernelCall& call) {
  const Vector& array = call.arguments[0];
  const Vector& wanted = call.arguments[1];
  const Vector values[] = {array, call.arguments[2]};
  const JoinedElements joined(call.type.element(), values);
  return build_arrays(call, joined.column, [&](std::size_t i, std::vector<std::uint32_t>& order) {
    if (array.is_null(i) || wanted.is_null(i)) return false;
    const Range range = range_of(array, i);
    const auto size = static_cast<std::int64_t>(range.size());
    const std::int64_t position = value_at<std::int32_t>(wanted, i);
    if (position == 0) fail_row(call, i, "the position 0 of array_insert", "places count from 1");
    if (std::abs(position) > array_limit) {
      fail_row(call, i, "an array of more than " + std::to_string(array_limit) + " elements");
    }
    const auto value = static_cast<std::uint32_t>(joined.begins[1] + row_of(values[1], i));
    const std::int64_t index = position > 0 ? position - 1 : size + position + 1;
    if (index < 0) {
      order.push_back(value);
      order.insert(order.end(), static_cast<std::size_t>(-index), joined.null);
      append_places(range, 0, order);
      return true;
    }
    const std::size_t split = range.begin + static_cast<std::size_t>(std::min(index, size));
    append_places({range.begin, split}, 0, order);
    order.insert(order.end(), static_cast<std::size_t>(std::max<std::int64_t>(index - size, 0)),
                 joined.null);
    order.push_back(value);
    append_places({split, range.end}, 0, order);
    return true;
  });
}

/// array_remove(array, value): without the elements that equal the value.
ColumnPtr remove_kernel(const KernelCall& call) {
  const Column& elements = *call.arguments[0].column->child(0);
  const Vector& value = call.arguments[1];
  return pick_elements(call, [&](std::size_t i, std::vector<std::uint32_t>& order) {
    const auto [begin, end] = range_of(call.arguments[0], i);
    for (std::size_t k = begin; k < end; ++k) {
      const bool equal =
          !elements.is_null(k) && compare_rows(elements, k, *value.column, row_of(value, i)) == 0;
      if (!equal) order.push_back(static_cast<std::uint32_t>(k));
    }
  });
}

ColumnPtr compact_kernel(const KernelCall& call) {
  const Column& elements = *call.arguments[0].column->child(0);
  return pick_elements(call, [&](std::size_t i, std::vector<std::uint32_t>& order) {
    const auto [begin, end] = range_of(call.arguments[0], i);
    for (std::size_t k = begin; k < end; ++k) {
      if (!elements.is_null(k)) order.push_back(static_cast<std::uint32_t>(k));
    }
  });
}

/// array_repeat(value, times)
ColumnPtr repeat_kernel(const KernelCall& call) {
  const Vector& value = call.arguments[0];
  const Vector& times = call.arguments[1];
  return build_arrays(call, value.column, [&](std::size_t i, std::vector<std::uint32_t>& order) {
    if (times.is_null(i)) return false;
    const std::int64_t count = value_at<std::int32_t>(times, i);
    if (count > array_limit) {
      fail_row(call, i, "an array of more than " + std::to_string(array_limit) + " elements");
    }
    order.insert(order.end(), static_cast<std::size_t>(std::max<std::int64_t>(count, 0)),
                 static_cast<std::uint32_t>(row_of(value, i)));
    return true;
  });
}

// Arrays as sets: the first of equal elements stays, in its order; nulls and NaN equal themselves.

struct Before {
  const Column& elements;
  bool operator()(std::uint32_t a, std::uint32_t b) const {
    if (elements.is_null(a) || elements.is_null(b)) {
      return elements.is_null(a) && !elements.is_null(b);
    }
    return compare_rows(elements, a, elements, b) < 0;
  }
};

/// Leaves of the places the first one of each value, in their order.
void keep_distinct(std::vector<std::uint32_t>& places, const Before& before) {
  std::stable_sort(places.begin(), places.end(), before);
  const auto last = std::unique(places.begin(), places.end(),
                                [&](auto a, auto b) { return !before(a, b) && !before(b, a); });
  places.erase(last, places.end());
  std::sort(places.begin(), places.end());
}

enum class Set { either, both, first_only };

template <Set set>
ColumnPtr set_kernel(const KernelCall& call) {
  const JoinedElements joined(call.type.element(), call.arguments);
  const Before before{*joined.column};
  std::vector<std::uint32_t> places;
  std::vector<std::uint32_t> others;
  return build_arrays(call, joined.column, [&](std::size_t i, std::vector<std::uint32_t>& order) {
    places.clear();
    others.clear();
    append_places(range_of(call.arguments[0], i), 0, places);
    append_places(range_of(call.arguments[1], i), joined.begins[1],
                  set == Set::either ? places : others);
    keep_distinct(places, before);
    std::sort(others.begin(), others.end(), before);
    for (const std::uint32_t place : places) {
      const bool found =
          set != Set::either && std::binary_search(others.begin(), others.end(), place, before);
      if (set == Set::either || found == (set == Set::both)) order.push_back(place);
    }
  });
}

/// True where an element is in both; else null where a null may be one.
ColumnPtr overlap_kernel(const KernelCall& call) {
  const JoinedElements joined(call.arguments[0].column->type().element(), call.arguments);
  const Before before{*joined.column};
  std::vector<std::uint32_t> places;
  std::vector<std::uint32_t> others;
  return make_values<std::uint8_t>(call, [&](std::size_t i, std::uint8_t& out) {
    places.clear();
    others.clear();
    append_places(range_of(call.arguments[0], i), 0, places);
    append_places(range_of(call.arguments[1], i), joined.begins[1], others);
    std::sort(others.begin(), others.end(), before);
    // Nulls stand first.
    bool null = !others.empty() && joined.column->is_null(others[0]);
    for (const std::uint32_t place : places) {
      if (joined.column->is_null(place)) {
        null = true;
      } else if (std::binary_search(others.begin(), others.end(), place, before)) {
        out = 1;
        return true;
      }
    }
    return !null || places.empty() || others.empty();
  });
}

/// The type that elements have in common without a loss: whole numbers and reals by their width,
/// decimals only of one type.
std::optional<DataType> tight_type(const DataType& a, const DataType& b) {
  if (!(a == b) && (a.id() == TypeId::decimal || b.id() == TypeId::decimal)) {
    if (a.id() == TypeId::null || b.id() == TypeId::null) return common_type(a, b);
    return std::nullopt;
  }
  if (!(a == b) && (a.id() == TypeId::string || b.id() == TypeId::string)) {
    if (a.id() == TypeId::null || b.id() == TypeId::null) return common_type(a, b);
    return std::nullopt;
  }
  if (a.id() == TypeId::float32 && b.is_integral()) return a;
  if (b.id() == TypeId::float32 && a.is_integral()) return b;
  return common_type(a, b);
}

bool may_hold_nulls(const BoundPtr& array) { return array->type.fields()[0].nullable; }

/// Two arrays; null = the type of the result is theirs.
std::optional<Signature> resolve_pair(std::span<const BoundPtr> a) {
  if (!is_array(a[0]) || !is_array(a[1])) return std::nullopt;
  const auto element = tight_type(a[0]->type.element(), a[1]->type.element());
  if (!element) return std::nullopt;
  const auto of = [&](const BoundPtr& array) {
    return DataType::array(*element, may_hold_nulls(array));
  };
  return signature({of(a[0]), of(a[1])}, of(a[0]));
}
template <Set set>
std::optional<Signature> resolve_set(std::span<const BoundPtr> a) {
  auto result = resolve_pair(a);
  if (!result) return result;
  const bool first = may_hold_nulls(a[0]);
  const bool second = may_hold_nulls(a[1]);
  const bool nulls = set == Set::either ? first || second
                     : set == Set::both ? first && second
                                        : first;
  result->type = DataType::array(result->type.element(), nulls);
  return result;
}
std::optional<Signature> resolve_overlap(std::span<const BoundPtr> a) {
  auto result = resolve_pair(a);
  if (!result) return result;
  result->type = TypeId::boolean;
  result->nullable = may_hold_nulls(a[0]) || may_hold_nulls(a[1]);
  return result;
}

/// An array and, as the last argument, a value like its elements.
std::optional<Signature> resolve_with_value(std::span<const BoundPtr> a, bool keeps_value) {
  if (!is_array(a[0])) return std::nullopt;
  const auto element = tight_type(a[0]->type.element(), a.back()->type);
  if (!element) return std::nullopt;
  const bool nulls = may_hold_nulls(a[0]) || (keeps_value && a.back()->nullable);
  const DataType array = DataType::array(*element, may_hold_nulls(a[0]));
  return signature({array, *element}, DataType::array(*element, nulls));
}
std::optional<Signature> resolve_add(std::span<const BoundPtr> a) {
  auto result = resolve_with_value(a, true);
  if (result) result->nullable = a[0]->nullable;
  return result;
}
std::optional<Signature> resolve_remove(std::span<const BoundPtr> a) {
  return resolve_with_value(a, false);
}
std::optional<Signature> resolve_insert(std::span<const BoundPtr> a) {
  if (!a[1]->type.is_integral()) return std::nullopt;
  auto result = resolve_with_value(a, true);
  if (!result) return result;
  result->arguments.insert(result->arguments.begin() + 1, TypeId::integer);
  result->type = DataType::array(result->type.element(), true);
  result->nullable = a[0]->nullable || a[1]->nullable;
  return result;
}
std::optional<Signature> resolve_repeat(std::span<const BoundPtr> a) {
  if (!a[1]->type.is_integral() && !is_id(a[1], TypeId::null)) return std::nullopt;
  return signature({a[0]->type, TypeId::integer}, DataType::array(a[0]->type, a[0]->nullable),
                   a[1]->nullable);
}
std::optional<Signature> resolve_compact(std::span<const BoundPtr> a) {
  if (!is_array(a[0])) return std::nullopt;
  return signature({a[0]->type}, DataType::array(a[0]->type.element(), false));
}

}  // namespace

std::optional<Signature> resolve_array_concat(std::span<const BoundPtr> arguments) {
  const auto type = common_type(arguments);
  if (!type || type->id() != TypeId::array) return std::nullopt;
  for (const BoundPtr& argument : arguments) {
    if (!is_array(argument)) return std::nullopt;
  }
  return signature(std::vector<DataType>(arguments.size(), *type), *type);
}

ColumnPtr concat_arrays(const KernelCall& call) {
  const JoinedElements joined(call.type.element(), call.arguments);
  return build_arrays(call, joined.column, [&](std::size_t i, std::vector<std::uint32_t>& order) {
    for (std::size_t part = 0; part < call.arguments.size(); ++part) {
      append_places(range_of(call.arguments[part], i), joined.begins[part], order);
    }
  });
}

ColumnPtr reverse_arrays(const KernelCall& call) {
  return pick_elements(call, [&](std::size_t i, std::vector<std::uint32_t>& order) {
    const auto begin = static_cast<std::ptrdiff_t>(order.size());
    append_places(range_of(call.arguments[0], i), 0, order);
    std::reverse(order.begin() + begin, order.end());
  });
}

std::span<const Function> array_change_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    t.add("array_append", "array_append(array, value)", 2, 2, resolve_add, always<add_kernel<true>>)
        .nulls = NullRule::own;
    t.add("array_prepend", "array_prepend(array, value)", 2, 2, resolve_add,
          always<add_kernel<false>>)
        .nulls = NullRule::own;
    t.add("array_insert", "array_insert(array, position from 1, value)", 3, 3, resolve_insert,
          always<insert_kernel>);
    t.back().nulls = NullRule::own;
    t.back().fallible = true;
    t.add("array_remove", "array_remove(array, value)", 2, 2, resolve_remove,
          always<remove_kernel>);
    t.add("array_compact", "array_compact(array)", 1, 1, resolve_compact, always<compact_kernel>);
    t.add("array_repeat", "array_repeat(value, times)", 2, 2, resolve_repeat,
          always<repeat_kernel>);
    t.back().nulls = NullRule::own;
    t.back().fallible = true;
    t.add("array_union", "array_union(array, array)", 2, 2, resolve_set<Set::either>,
          always<set_kernel<Set::either>>);
    t.add("array_intersect", "array_intersect(array, array)", 2, 2, resolve_set<Set::both>,
          always<set_kernel<Set::both>>);
    t.add("array_except", "array_except(array, array)", 2, 2, resolve_set<Set::first_only>,
          always<set_kernel<Set::first_only>>);
    t.add("arrays_overlap", "arrays_overlap(array, array)", 2, 2, resolve_overlap,
          always<overlap_kernel>);
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
