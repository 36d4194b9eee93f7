#include "comparison.hpp"

#include "kernels.hpp"

#include <cmath>

namespace libstream {
namespace {

enum class Sign { equal, not_equal, less, less_equal, greater, greater_equal };

template <Sign sign, class T>
bool holds(const T& a, const T& b) {
  if constexpr (sign == Sign::equal) return same(a, b);
  if constexpr (sign == Sign::not_equal) return !same(a, b);
  if constexpr (sign == Sign::less) return before(a, b);
  if constexpr (sign == Sign::less_equal) return !before(b, a);
  if constexpr (sign == Sign::greater) return before(b, a);
  if constexpr (sign == Sign::greater_equal) return !before(a, b);
}

template <Sign sign, class T>
ColumnPtr compare_kernel(const KernelCall& call) {
  return map_pairs<std::uint8_t, T, T>(
      call, [](const T& a, const T& b) { return holds<sign>(a, b) ? 1 : 0; });
}

template <Sign sign>
ColumnPtr compare_nested(const KernelCall& call) {
  auto values = allocate_values<std::uint8_t>(call.rows);
  auto* out = values->as<std::uint8_t>();
  const Vector& a = call.arguments[0];
  const Vector& b = call.arguments[1];
  for (std::size_t i = 0; i < call.rows; ++i) {
    const int order = compare_rows(*a.column, a.constant ? 0 : i, *b.column, b.constant ? 0 : i);
    out[i] = holds<sign>(order, 0) ? 1 : 0;
  }
  return make_result(call, std::move(values));
}

template <Sign sign>
Kernel compare_for(std::span<const BoundPtr> arguments, const DataType&) {
  const DataType& type = arguments[0]->type;
  if (type.id() == TypeId::array || type.id() == TypeId::structure) return compare_nested<sign>;
  return with_storage(type,
                      [](auto zero) -> Kernel { return compare_kernel<sign, decltype(zero)>; });
}

std::optional<Signature> resolve_compare(std::span<const BoundPtr> a) {
  auto common = common_type(a[0]->type, a[1]->type);
  if (!common) return std::nullopt;
  if (common->id() == TypeId::null) common = TypeId::boolean;
  return signature({*common, *common}, TypeId::boolean);
}

/// <=>: never null.
ColumnPtr null_safe_kernel(const KernelCall& call) {
  auto values = allocate_values<std::uint8_t>(call.rows);
  auto* out = values->as<std::uint8_t>();
  const Vector& a = call.arguments[0];
  const Vector& b = call.arguments[1];
  const DataType& type = a.column->type();
  if (type.id() == TypeId::array || type.id() == TypeId::structure) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      const bool x = a.is_null(i);
      const bool y = b.is_null(i);
      out[i] =
          x || y ? x && y
                 : compare_rows(*a.column, a.constant ? 0 : i, *b.column, b.constant ? 0 : i) == 0;
    }
    return make_result(call, std::move(values));
  }
  with_storage(type, [&](auto zero) {
    using T = decltype(zero);
    with_operands<T, T>(call, [&](auto x, auto y) {
      for (std::size_t i = 0; i < call.rows; ++i) out[i] = same(x[i], y[i]) ? 1 : 0;
    });
  });
  if (!a.column->has_validity() && !b.column->has_validity()) {
    return make_result(call, std::move(values));
  }
  for (std::size_t i = 0; i < call.rows; ++i) {
    const bool x = a.is_null(i);
    const bool y = b.is_null(i);
    out[i] = x == y && (x || out[i] != 0) ? 1 : 0;
  }
  return make_result(call, std::move(values));
}
Kernel null_safe_for(std::span<const BoundPtr>, const DataType&) { return null_safe_kernel; }

/// IN over a list: true if any is equal, else null if the value or any of the list is null.
ColumnPtr in_kernel(const KernelCall& call) {
  auto values = allocate_values<std::uint8_t>(call.rows);
  auto* out = values->as<std::uint8_t>();
  std::memset(out, 0, call.rows);
  const Vector& value = call.arguments[0];
  const DataType& type = value.column->type();
  const bool nested = type.id() == TypeId::array || type.id() == TypeId::structure;
  bool nulls = value.column->has_validity();
  for (const Vector& item : call.arguments.subspan(1)) {
    nulls = nulls || item.column->has_validity();
    for (std::size_t i = 0; nested && i < call.rows; ++i) {
      if (item.is_null(i)) continue;
      out[i] |= compare_rows(*value.column, value.constant ? 0 : i, *item.column,
                             item.constant ? 0 : i) == 0;
    }
    if (nested || (item.constant && item.column->is_null(0))) continue;
    with_storage(type, [&](auto zero) {
      using T = decltype(zero);
      with_operand<T>(value, [&](auto a) {
        with_operand<T>(item, [&](auto b) {
          for (std::size_t i = 0; i < call.rows; ++i) {
            out[i] = static_cast<std::uint8_t>(out[i] | (same(a[i], b[i]) ? 1 : 0));
          }
        });
      });
    });
    if (!item.constant && item.column->has_validity()) {
      // What a null row of the item holds must not count: compare those rows again.
      NullMarks unused(call);
      for (std::size_t i = 0; i < call.rows; ++i) {
        if (!item.is_null(i) || out[i] == 0) continue;
        out[i] = 0;
        for (const Vector& other : call.arguments.subspan(1)) {
          if (&other > &item) break;
          if (other.is_null(i)) continue;
          out[i] |= compare_rows(*value.column, value.constant ? 0 : i, *other.column,
                                 other.constant ? 0 : i) == 0;
        }
      }
    }
  }
  if (!nulls) return make_result(call, std::move(values));
  NullMarks marks(call);
  for (std::size_t i = 0; i < call.rows; ++i) {
    bool null = value.is_null(i);
    for (const Vector& item : call.arguments.subspan(1)) {
      null = null || (out[i] == 0 && item.is_null(i));
    }
    if (null) marks.mark(i);
  }
  return make_result(call, std::move(values), marks.finish());
}
Kernel in_for(std::span<const BoundPtr>, const DataType&) { return in_kernel; }

std::optional<Signature> resolve_in(std::span<const BoundPtr> a) {
  auto common = common_type(a);
  if (!common) return std::nullopt;
  if (common->id() == TypeId::null) common = TypeId::boolean;
  bool null = false;
  for (const BoundPtr& item : a) null = null || item->nullable;
  return signature(std::vector<DataType>(a.size(), *common), TypeId::boolean, null);
}

template <bool greatest>
ColumnPtr extreme_kernel(const KernelCall& call) {
  // One row at a time picks the argument; assembling is a gather per type.
  ColumnBuilder builder(call.type, call.rows);
  for (std::size_t i = 0; i < call.rows; ++i) {
    const Vector* best = nullptr;
    for (const Vector& candidate : call.arguments) {
      if (candidate.is_null(i)) continue;
      if (best == nullptr) {
        best = &candidate;
        continue;
      }
      const int order = compare_rows(*candidate.column, candidate.constant ? 0 : i, *best->column,
                                     best->constant ? 0 : i);
      if (greatest ? order > 0 : order < 0) best = &candidate;
    }
    if (best == nullptr) {
      builder.append_null();
    } else {
      builder.append_from(*best->column, best->constant ? 0 : i);
    }
  }
  return builder.finish();
}
template <bool greatest>
Kernel extreme_for(std::span<const BoundPtr>, const DataType&) {
  return extreme_kernel<greatest>;
}
std::optional<Signature> resolve_extreme(std::span<const BoundPtr> a) {
  // Strings are read as other types by comparisons, not here.
  const auto of_text = [](const BoundPtr& argument) { return is_id(argument, TypeId::string); };
  const auto other = [](const BoundPtr& argument) {
    return !is_id(argument, TypeId::string) && !is_id(argument, TypeId::null);
  };
  if (std::any_of(a.begin(), a.end(), of_text) && std::any_of(a.begin(), a.end(), other)) {
    return std::nullopt;
  }
  const auto common = common_type(a);
  if (!common || common->id() == TypeId::null) return std::nullopt;
  bool nullable = true;
  for (const BoundPtr& item : a) nullable = nullable && item->nullable;
  return signature(std::vector<DataType>(a.size(), *common), *common, nullable);
}

Function row(std::string_view name, std::string_view usage,
             Kernel (*kernel)(std::span<const BoundPtr>, const DataType&)) {
  Function function;
  function.name = name;
  function.usage = usage;
  function.min_arguments = function.max_arguments = 2;
  function.resolve = resolve_compare;
  function.kernel = kernel;
  return function;
}

}  // namespace

int compare_rows(const Column& a, std::size_t i, const Column& b, std::size_t j) {
  // Inside nested values a null equals a null and comes first.
  if (a.is_null(i) || b.is_null(j)) return (a.is_null(i) ? 0 : 1) - (b.is_null(j) ? 0 : 1);
  if (a.type().id() == TypeId::null) return 0;
  if (a.type().id() == TypeId::structure) {
    for (std::size_t child = 0; child < a.children(); ++child) {
      if (const int order = compare_rows(*a.child(child), i, *b.child(child), j)) return order;
    }
    return 0;
  }
  if (a.type().id() == TypeId::array) {
    const auto begin = static_cast<std::size_t>(a.offsets()[i]);
    const auto size = static_cast<std::size_t>(a.offsets()[i + 1]) - begin;
    const auto other_begin = static_cast<std::size_t>(b.offsets()[j]);
    const auto other_size = static_cast<std::size_t>(b.offsets()[j + 1]) - other_begin;
    for (std::size_t k = 0; k < size && k < other_size; ++k) {
      if (const int order = compare_rows(*a.child(0), begin + k, *b.child(0), other_begin + k)) {
        return order;
      }
    }
    return size < other_size ? -1 : size > other_size ? 1 : 0;
  }
  return with_storage(a.type(), [&](auto zero) {
    using T = decltype(zero);
    const T& x = a.values<T>()[i];
    const T& y = b.values<T>()[j];
    return before(x, y) ? -1 : before(y, x) ? 1 : 0;
  });
}

std::span<const Function> comparison_functions() {
  static const std::vector<Function> rows = [] {
    std::vector<Function> table{row("=", "value = value", compare_for<Sign::equal>),
                                row("<>", "value <> value", compare_for<Sign::not_equal>),
                                row("<", "value < value", compare_for<Sign::less>),
                                row("<=", "value <= value", compare_for<Sign::less_equal>),
                                row(">", "value > value", compare_for<Sign::greater>),
                                row(">=", "value >= value", compare_for<Sign::greater_equal>),
                                row("<=>", "value <=> value", null_safe_for)};
    table.back().nulls = NullRule::own;
    Function in = row("in", "value IN (value, …)", in_for);
    in.max_arguments = any_number * 10;
    in.resolve = resolve_in;
    in.nulls = NullRule::own;
    table.push_back(in);
    Function extreme = row("greatest", "greatest(value, value, …)", extreme_for<true>);
    extreme.max_arguments = any_number;
    extreme.resolve = resolve_extreme;
    extreme.nulls = NullRule::own;
    table.push_back(extreme);
    extreme.name = "least";
    extreme.usage = "least(value, value, …)";
    extreme.kernel = extreme_for<false>;
    table.push_back(extreme);
    return table;
  }();
  return rows;
}

}  // namespace libstream
