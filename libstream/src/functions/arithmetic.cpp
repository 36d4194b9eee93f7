#include "../decimal.hpp"
#include "arithmetic_kernels.hpp"
#include "kernels.hpp"

#include <cmath>
#include <limits>

namespace libstream {
namespace {

struct Plus {
  static constexpr const char* sign = "+";
  static constexpr const char* way_out = "cast to a wider type or use try_add";
  template <class T>
  static bool fails(T a, T b, T& r) {
    return __builtin_add_overflow(a, b, &r);
  }
  static double real(double a, double b) { return a + b; }
};
struct Minus {
  static constexpr const char* sign = "-";
  static constexpr const char* way_out = "cast to a wider type or use try_subtract";
  template <class T>
  static bool fails(T a, T b, T& r) {
    return __builtin_sub_overflow(a, b, &r);
  }
  static double real(double a, double b) { return a - b; }
};
struct Times {
  static constexpr const char* sign = "*";
  static constexpr const char* way_out = "cast to a wider type or use try_multiply";
  template <class T>
  static bool fails(T a, T b, T& r) {
    return __builtin_mul_overflow(a, b, &r);
  }
  static double real(double a, double b) { return a * b; }
};

/// The dense loop: results of all rows, and whether any row (null ones too) overflowed. Written
/// with wrapping arithmetic, which vectorises; __builtin_*_overflow would not.
template <class Op, class T, class A, class B>
bool dense(A a, B b, std::size_t rows, T* __restrict out) {
  using U = std::make_unsigned_t<T>;
  if constexpr (std::is_same_v<Op, Times>) {
    if constexpr (sizeof(T) < 8) {
      using W = std::conditional_t<sizeof(T) == 4, std::int64_t, std::int32_t>;
      W lost = 0;
      for (std::size_t i = 0; i < rows; ++i) {
        const W wide = static_cast<W>(a[i]) * static_cast<W>(b[i]);
        out[i] = static_cast<T>(wide);
        lost |= wide ^ static_cast<W>(out[i]);
      }
      return lost != 0;
    } else {
      bool lost = false;
      for (std::size_t i = 0; i < rows; ++i) lost |= __builtin_mul_overflow(a[i], b[i], &out[i]);
      return lost;
    }
  } else {
    U lost = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const U x = static_cast<U>(a[i]);
      const U y = static_cast<U>(b[i]);
      if constexpr (std::is_same_v<Op, Plus>) {
        const U r = static_cast<U>(x + y);
        lost = static_cast<U>(lost | ((x ^ r) & (y ^ r)));
        out[i] = static_cast<T>(r);
      } else {
        const U r = static_cast<U>(x - y);
        lost = static_cast<U>(lost | ((x ^ y) & (x ^ r)));
        out[i] = static_cast<T>(r);
      }
    }
    return static_cast<T>(lost) < 0;
  }
}

template <class Op, class T, bool attempt>
ColumnPtr whole_kernel(const KernelCall& call) {
  auto values = allocate_values<T>(call.rows);
  T* out = values->template as<T>();
  BufferPtr validity = call.validity;
  with_operands<T, T>(call, [&](auto a, auto b) {
    if (!dense<Op>(a, b, call.rows, out)) return;
    NullMarks marks(call);
    for (std::size_t i = 0; i < call.rows; ++i) {
      T ignored;
      if (!Op::fails(a[i], b[i], ignored) || !call.valid(i)) continue;
      if constexpr (attempt) {
        marks.mark(i);
      } else {
        fail_row(call, i,
                 "overflow of " + call.type.to_string() + ": " + shown(call.arguments[0], i) + " " +
                     Op::sign + " " + shown(call.arguments[1], i),
                 Op::way_out);
      }
    }
    validity = marks.finish();
  });
  return make_result(call, std::move(values), std::move(validity));
}

template <class Op, class T>
ColumnPtr real_kernel(const KernelCall& call) {
  return map_pairs<T, T, T>(call, [](T a, T b) {
    if constexpr (std::is_same_v<Op, Plus>) return a + b;
    if constexpr (std::is_same_v<Op, Minus>) return a - b;
    if constexpr (std::is_same_v<Op, Times>) return a * b;
  });
}

template <class Op>
struct DecimalOp {
  static constexpr const char* sign = Op::sign;
  static constexpr const char* way_out = Op::way_out;
  static bool apply(const DecimalTypes& t, int128 a, int128 b, int128& r) {
    if constexpr (std::is_same_v<Op, Times>) {
      return multiply_decimals(a, b, t.left_scale + t.right_scale, t.scale, t.precision, r);
    } else {
      const int scale = std::max(t.left_scale, t.right_scale);
      int128 x, y, sum;
      if (!rescale(a, t.left_scale, scale, 38, x) || !rescale(b, t.right_scale, scale, 38, y) ||
          Op::fails(x, y, sum)) {
        return false;
      }
      return rescale(sum, scale, t.scale, t.precision, r);
    }
  }
};

/// Months are added on the calendar: the day is cut to the length of the month.
template <bool negate>
ColumnPtr timestamp_months(const KernelCall& call) {
  return map_pairs<std::int64_t, std::int64_t, std::int32_t>(
      call, [](std::int64_t time, std::int32_t months) {
        return add_months_to_timestamp(time, negate ? -months : months);
      });
}
template <bool negate>
ColumnPtr date_months(const KernelCall& call) {
  return map_pairs<std::int32_t, std::int32_t, std::int32_t>(
      call, [](std::int32_t days, std::int32_t months) {
        return add_months_to_date(days, negate ? -months : months);
      });
}
template <bool negate>
ColumnPtr date_days(const KernelCall& call) {
  return map_pairs<std::int32_t, std::int32_t, std::int64_t>(
      call, [](std::int32_t days, std::int64_t interval) {
        const std::int64_t moved = interval / microseconds_per_day;
        return static_cast<std::int32_t>(negate ? days - moved : days + moved);
      });
}
ColumnPtr date_difference(const KernelCall& call) {
  return map_pairs<std::int64_t, std::int32_t, std::int32_t>(
      call, [](std::int32_t a, std::int32_t b) {
        return (std::int64_t{a} - std::int64_t{b}) * microseconds_per_day;
      });
}

template <class Op, bool attempt>
Kernel time_kernel(const DataType& a, const DataType& b, const DataType& type) {
  constexpr bool minus = std::is_same_v<Op, Minus>;
  if (b.id() == TypeId::month_interval && a.id() == TypeId::timestamp) {
    return timestamp_months<minus>;
  }
  if (b.id() == TypeId::month_interval && a.id() == TypeId::date) return date_months<minus>;
  if (a.id() == TypeId::date && b.id() == TypeId::day_interval) return date_days<minus>;
  if (a.id() == TypeId::date && b.id() == TypeId::date) return date_difference;
  return type.width() == 8 ? whole_kernel<Op, std::int64_t, attempt>
                           : whole_kernel<Op, std::int32_t, attempt>;
}

template <class Op, bool attempt>
Kernel kernel_for(std::span<const BoundPtr> arguments, const DataType& type) {
  switch (type.id()) {
    case TypeId::smallint:
      return whole_kernel<Op, std::int16_t, attempt>;
    case TypeId::integer:
      return whole_kernel<Op, std::int32_t, attempt>;
    case TypeId::bigint:
      return whole_kernel<Op, std::int64_t, attempt>;
    case TypeId::float32:
      return real_kernel<Op, float>;
    case TypeId::float64:
      return real_kernel<Op, double>;
    case TypeId::decimal:
      return decimal_kernel<DecimalOp<Op>, attempt>;
    default:
      return time_kernel<Op, attempt>(arguments[0]->type, arguments[1]->type, type);
  }
}

std::optional<Signature> resolve_times(std::span<const BoundPtr> a) {
  const auto is_interval = [](const BoundPtr& x) {
    return is_id(x, TypeId::day_interval) || is_id(x, TypeId::month_interval);
  };
  // A whole number times an interval; the number becomes as wide as the interval.
  for (const std::size_t i : {0U, 1U}) {
    if (!is_interval(a[i]) || !a[1 - i]->type.is_integral()) continue;
    const DataType& interval = a[i]->type;
    const DataType factor(interval.width() == 8 ? TypeId::bigint : TypeId::integer);
    std::vector<DataType> types(2, factor);
    types[i] = interval;
    return signature(std::move(types), interval);
  }
  return resolve_numbers(a, [](const DataType& x, const DataType& y) {
    return bounded_decimal(x.precision() + y.precision() + 1, x.scale() + y.scale());
  });
}

template <bool minus>
std::optional<Signature> resolve_sum(std::span<const BoundPtr> a) {
  if (auto times = resolve_time_sum(a[0], a[1], minus)) return times;
  return resolve_numbers(a, [](const DataType& x, const DataType& y) {
    const int scale = std::max(x.scale(), y.scale());
    const int whole = std::max(x.precision() - x.scale(), y.precision() - y.scale());
    return bounded_decimal(whole + scale + 1, scale);
  });
}

Function row(std::string_view name, std::string_view usage,
             std::optional<Signature> (*resolve)(std::span<const BoundPtr>),
             Kernel (*kernel)(std::span<const BoundPtr>, const DataType&), bool attempt) {
  Function function;
  function.name = name;
  function.usage = usage;
  function.min_arguments = 2;
  function.max_arguments = 2;
  function.resolve = resolve;
  function.kernel = kernel;
  function.fallible = !attempt;
  return function;
}

template <std::optional<Signature> (*resolve)(std::span<const BoundPtr>)>
std::optional<Signature> nullable(std::span<const BoundPtr> arguments) {
  auto result = resolve(arguments);
  if (result) result->nullable = true;
  return result;
}

}  // namespace

std::optional<Signature> resolve_numbers(std::span<const BoundPtr> a,
                                         DataType (*decimals)(const DataType&, const DataType&)) {
  if (!is_number_like(a[0]) || !is_number_like(a[1])) return std::nullopt;
  auto common = common_type(a[0]->type, a[1]->type);
  if (!common) return std::nullopt;
  if (common->id() == TypeId::null || common->id() == TypeId::string) common = TypeId::float64;
  if (common->id() != TypeId::decimal) return signature({*common, *common}, *common);
  const DataType left = decimal_for(*a[0]);
  const DataType right = decimal_for(*a[1]);
  return signature({left, right}, decimals(left, right));
}

std::optional<Signature> resolve_time_sum(const BoundPtr& a, const BoundPtr& b, bool minus) {
  const TypeId x = a->type.id();
  const TypeId y = b->type.id();
  const auto is_time = [](TypeId id) { return id == TypeId::timestamp || id == TypeId::date; };
  const auto is_interval = [](TypeId id) {
    return id == TypeId::day_interval || id == TypeId::month_interval;
  };
  if (is_interval(x) && x == y) return signature({x, x}, x);
  if (is_time(x) && y == TypeId::month_interval) return signature({x, y}, x);
  if (x == TypeId::timestamp && y == TypeId::day_interval) return signature({x, y}, x);
  if (x == TypeId::date && y == TypeId::day_interval) {
    // Whole days keep the date; parts of a day make it a timestamp.
    const bool whole_days = b->kind == BoundExpression::Kind::literal && !b->value.is_null() &&
                            b->value.integer() % microseconds_per_day == 0;
    if (whole_days) return signature({x, y}, x);
    return signature({TypeId::timestamp, y}, TypeId::timestamp);
  }
  if (x == TypeId::date && (y == TypeId::integer || y == TypeId::smallint)) {
    return signature({x, TypeId::integer}, x);
  }
  if (minus && is_time(x) && is_time(y)) {
    const TypeId common = x == y ? x : TypeId::timestamp;
    return signature({common, common}, TypeId::day_interval);
  }
  if (minus && x == TypeId::timestamp && y == TypeId::string) {
    return signature({x, x}, TypeId::day_interval);
  }
  if (!minus && is_interval(x) && is_time(y) && x == TypeId::day_interval &&
      y == TypeId::timestamp) {
    return signature({x, y}, y);
  }
  return std::nullopt;
}

std::span<const Function> arithmetic_functions() {
  static const std::vector<Function> rows = [] {
    std::vector<Function> table{row("+", "number + number, time + interval", resolve_sum<false>,
                                    kernel_for<Plus, false>, false),
                                row("-", "number - number, time - interval, time - time",
                                    resolve_sum<true>, kernel_for<Minus, false>, false),
                                row("*", "number * number, interval * whole number", resolve_times,
                                    kernel_for<Times, false>, false),
                                row("try_add", "try_add(number, number)",
                                    nullable<resolve_sum<false>>, kernel_for<Plus, true>, true),
                                row("try_subtract", "try_subtract(number, number)",
                                    nullable<resolve_sum<true>>, kernel_for<Minus, true>, true),
                                row("try_multiply", "try_multiply(number, number)",
                                    nullable<resolve_times>, kernel_for<Times, true>, true)};
    append_division_functions(table);
    return table;
  }();
  return rows;
}

}  // namespace libstream
