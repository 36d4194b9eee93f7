#include "arithmetic_kernels.hpp"
#include "text_rows.hpp"

#include <cmath>
#include <limits>

namespace libstream {
namespace {

// floor and ceil: of doubles bigint, of decimals decimals of scale 0.
template <bool up, class A, class R>
ColumnPtr floor_decimals(const KernelCall& call) {
  const int128 unit = power_of_ten(call.arguments[0].column->type().scale());
  return map_values<R, A>(call, [unit](A a) {
    const int128 value = a;
    const int128 quotient = value / unit;
    const int128 rest = value % unit;
    if (up) return quotient + (rest > 0 ? 1 : 0);
    return quotient - (rest < 0 ? 1 : 0);
  });
}
/// As Java's conversion of doubles: the nearest whole number there is, of NaN 0.
template <bool up>
ColumnPtr floor_doubles(const KernelCall& call) {
  return map_values<std::int64_t, double>(call, [](double a) {
    const double whole = up ? std::ceil(a) : std::floor(a);
    if (whole >= 0x1p63) return std::numeric_limits<std::int64_t>::max();
    if (whole <= -0x1p63) return std::numeric_limits<std::int64_t>::min();
    return std::isnan(whole) ? std::int64_t{0} : static_cast<std::int64_t>(whole);
  });
}
template <bool up>
Kernel floor_for(std::span<const BoundPtr> arguments, const DataType& type) {
  const DataType& from = arguments[0]->type;
  if (from.id() == TypeId::float64) return floor_doubles<up>;
  if (from.id() != TypeId::decimal) {
    return [](const KernelCall& call) {
      return map_values<std::int64_t, std::int64_t>(call, [](std::int64_t a) { return a; });
    };
  }
  if (!from.is_wide_decimal()) return floor_decimals<up, std::int64_t, std::int64_t>;
  return type.is_wide_decimal() ? floor_decimals<up, int128, int128>
                                : floor_decimals<up, int128, std::int64_t>;
}
std::optional<Signature> resolve_floor(std::span<const BoundPtr> a) {
  if (!is_number_like(a[0])) return std::nullopt;
  const DataType& type = a[0]->type;
  if (type.id() == TypeId::decimal) {
    if (type.scale() == 0) return signature({type}, type);
    const int digits = std::min(38, type.precision() - type.scale() + 1);
    return signature({type}, DataType::decimal(digits, 0));
  }
  if (type.is_integral()) return signature({TypeId::bigint}, TypeId::bigint);
  return signature({TypeId::float64}, TypeId::bigint);
}

// round and bround: what they do with halves is all that parts them.

/// Digits to round to: a literal, 0 without one.
int digits_of(std::span<const BoundPtr> arguments) {
  return arguments.size() < 2 ? 0 : static_cast<int>(arguments[1]->value.integer());
}
int digits_at(const KernelCall& call) {
  if (call.arguments.size() < 2) return 0;
  return call.arguments[1].column->values<std::int32_t>()[0];
}

template <Half half>
double round_double(double value, int digits) {
  // By the shortest digits, as Spark's: 2.675 to two digits is 2.68. What does not fit is so large
  // that it has no digits there.
  int128 decimal = 0;
  if (!std::isfinite(value) || !double_to_decimal(value, 38, digits, decimal, half)) return value;
  if (decimal == 0) return 0;
  if (digits >= 0) return decimal_to_double(decimal, digits);
  return static_cast<double>(decimal) * std::pow(10.0, -digits);
}
template <class T, Half half>
ColumnPtr round_reals(const KernelCall& call) {
  const int digits = digits_at(call);
  return map_values<T, T>(call, [digits](T a) { return round_double<half>(double{a}, digits); });
}
template <class T, Half half>
ColumnPtr round_whole(const KernelCall& call) {
  const int digits = digits_at(call);
  auto values = allocate_values<T>(call.rows);
  T* out = values->template as<T>();
  with_operand<T>(call.arguments[0], [&](auto a) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      int128 rounded = a[i];
      if (digits < 0) {
        const int cut = std::min(-digits, 37);
        rescale(a[i], cut, 0, 38, rounded, half);
        rounded *= rounded == 0 ? 0 : power_of_ten(cut);
      }
      out[i] = static_cast<T>(rounded);
      if (int128{out[i]} != rounded && call.valid(i)) [[unlikely]] {
        fail_row(call, i,
                 "overflow of " + call.type.to_string() + ": round(" + shown(call.arguments[0], i) +
                     ")");
      }
    }
  });
  return make_result(call, std::move(values));
}
template <class A, class R, Half half>
ColumnPtr round_decimals(const KernelCall& call) {
  const int from = call.arguments[0].column->type().scale();
  const int digits = digits_at(call);
  return map_values<R, A>(call, [&](A a) {
    int128 result = 0;
    // Digits before the point: rounded there, zeros behind.
    if (!rescale(a, from, std::min(digits, call.type.scale()), 38, result, half)) return int128{0};
    if (digits < 0) {
      const int cut = std::min(-digits, 37);
      result = 0;
      if (!rescale(a, from + cut, 0, 38, result, half)) return int128{0};
      result *= result == 0 ? 0 : power_of_ten(cut);
    }
    return result;
  });
}
template <Half half>
Kernel round_for(std::span<const BoundPtr> arguments, const DataType& type) {
  switch (arguments[0]->type.id()) {
    case TypeId::smallint:
      return round_whole<std::int16_t, half>;
    case TypeId::integer:
      return round_whole<std::int32_t, half>;
    case TypeId::bigint:
      return round_whole<std::int64_t, half>;
    case TypeId::float32:
      return round_reals<float, half>;
    case TypeId::float64:
      return round_reals<double, half>;
    default:
      break;
  }
  if (!arguments[0]->type.is_wide_decimal()) {
    return type.is_wide_decimal() ? round_decimals<std::int64_t, int128, half>
                                  : round_decimals<std::int64_t, std::int64_t, half>;
  }
  return type.is_wide_decimal() ? round_decimals<int128, int128, half>
                                : round_decimals<int128, std::int64_t, half>;
}
std::optional<Signature> resolve_round(std::span<const BoundPtr> a) {
  if (!is_number_like(a[0])) return std::nullopt;
  if (a.size() == 2 && (a[1]->kind != BoundExpression::Kind::literal || !a[1]->type.is_integral() ||
                        a[1]->value.is_null() || std::abs(a[1]->value.integer()) > 38)) {
    return std::nullopt;
  }
  const DataType& type = a[0]->type;
  std::vector<DataType> types(a.size(), TypeId::integer);
  types[0] = type.is_numeric() ? type : DataType(TypeId::float64);
  DataType result = types[0];
  if (type.id() == TypeId::decimal) {
    const int digits = digits_of(a);
    const int scale = std::clamp(digits, 0, type.scale());
    const int whole = type.precision() - type.scale() + (digits < type.scale() ? 1 : 0);
    result = bounded_decimal(std::max({whole, 1 - digits, 1}) + scale, scale);
  }
  return signature(std::move(types), result);
}

}  // namespace

std::span<const Function> rounding_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    for (const char* name : {"ceil", "ceiling"}) {
      t.add(name, "ceil(number)", 1, 1, resolve_floor, floor_for<true>);
    }
    t.add("floor", "floor(number)", 1, 1, resolve_floor, floor_for<false>);
    t.add("round", "round(number[, digits as a literal])", 1, 2, resolve_round,
          round_for<Half::away_from_zero>)
        .fallible = true;
    t.add("bround", "bround(number[, digits as a literal])", 1, 2, resolve_round,
          round_for<Half::to_even>)
        .fallible = true;
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
