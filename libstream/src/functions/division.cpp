#include "arithmetic_kernels.hpp"
#include "text_rows.hpp"

#include <bit>
#include <cmath>
#include <limits>

namespace libstream {
namespace {

constexpr const char* zero_way_out = "use try_divide, or nullif on the divisor";

template <class A, class B>
[[noreturn]] void fail_zero(const KernelCall& call, std::size_t row, const char* sign,
                            const char* way_out) {
  fail_row(call, row,
           "division by zero: " + shown(call.arguments[0], row) + " " + sign + " " +
               shown(call.arguments[1], row),
           way_out);
}

/// Rows where `fails(b[i])`: nulls or an error.
template <bool attempt, class T, class Fails>
BufferPtr mark_divisors(const KernelCall& call, const char* sign, const char* way_out,
                        Fails fails) {
  NullMarks marks(call);
  with_operand<T>(call.arguments[1], [&](auto b) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      if (!fails(b[i]) || !call.valid(i)) continue;
      if constexpr (attempt) {
        marks.mark(i);
      } else {
        fail_zero<T, T>(call, i, sign, way_out);
      }
    }
  });
  return marks.finish();
}

template <bool attempt>
ColumnPtr divide_doubles(const KernelCall& call) {
  auto values = allocate_values<double>(call.rows);
  double* __restrict out = values->as<double>();
  int zeros = 0;
  with_operands<double, double>(call, [&](auto a, auto b) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      out[i] = a[i] / b[i];
      zeros |= b[i] == 0.0 ? 1 : 0;
    }
  });
  BufferPtr validity = call.validity;
  if (zeros != 0) {
    validity =
        mark_divisors<attempt, double>(call, "/", zero_way_out, [](double b) { return b == 0.0; });
  }
  return make_result(call, std::move(values), std::move(validity));
}

struct DecimalQuotient {
  static constexpr const char* sign = "/";
  static constexpr const char* way_out = zero_way_out;
  static bool apply(const DecimalTypes& t, int128 a, int128 b, int128& r) {
    if (b == 0) return false;
    const int shift = t.scale - t.left_scale + t.right_scale;
    if (shift >= 0) return divide_decimals(a, b, shift, t.precision, r);
    int128 scaled;
    return rescale(b, 0, -shift, 38, scaled) && divide_decimals(a, scaled, 0, t.precision, r);
  }
};

/// Of `positive` a negative remainder is moved up by the divisor once, as Spark does.
template <bool positive>
struct DecimalRemainder {
  static constexpr const char* sign = positive ? "% (pmod)" : "%";
  static constexpr const char* way_out = "use try_mod, or nullif on the divisor";
  static bool apply(const DecimalTypes& t, int128 a, int128 b, int128& r) {
    if (b == 0) return false;
    const int scale = std::max(t.left_scale, t.right_scale);
    int128 x, y;
    if (!rescale(a, t.left_scale, scale, 38, x) || !rescale(b, t.right_scale, scale, 38, y)) {
      return false;
    }
    int128 rest = x % y;
    if (positive && rest < 0) rest = (rest + y) % y;
    return rescale(rest, scale, t.scale, t.precision, r);
  }
};

// What division of whole numbers gives; divisors of 0 and -1 are safe (0 gives 0 and is marked).
template <class T>
struct Quotient {
  static constexpr const char* sign = "div";
  static std::int64_t apply(T a, T b) {
    if (b == 0) return 0;
    if (b == -1) return static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(a));
    return a / b;
  }
};
template <class T>
struct Remainder {
  static constexpr const char* sign = "%";
  static T apply(T a, T b) { return b == 0 || b == -1 ? T{0} : static_cast<T>(a % b); }
};
template <class T>
struct PositiveRemainder {
  static constexpr const char* sign = "pmod";
  static T apply(T a, T b) {
    const T r = Remainder<T>::apply(a, b);
    // As Spark: a negative remainder is moved up by the divisor once.
    return r < 0 ? Remainder<T>::apply(static_cast<T>(r + b), b) : r;
  }
};

/// Remainders by a constant: the quotient by multiplication with the reciprocal in 128 bits
/// (Lemire, Kaser, Kurz 2019, "Faster remainder by direct computation").
class ConstantDivisor {
 public:
  __extension__ using wide = unsigned __int128;
  explicit ConstantDivisor(std::uint64_t divisor)
      : divisor_(divisor), reciprocal_(~wide{0} / divisor + 1) {}
  std::uint64_t remainder(std::uint64_t value) const {
    const wide low = reciprocal_ * value;
    const wide bottom = ((low & ~std::uint64_t{0}) * divisor_) >> 64;
    const wide top = (low >> 64) * divisor_;
    return static_cast<std::uint64_t>((bottom + top) >> 64);
  }

 private:
  std::uint64_t divisor_;
  wide reciprocal_;
};

template <class T>
std::uint64_t magnitude(T value) {
  const auto wide = static_cast<std::int64_t>(value);
  return wide < 0 ? ~static_cast<std::uint64_t>(wide) + 1 : static_cast<std::uint64_t>(wide);
}

template <class T>
void remainders_by_constant(const Column& column, T divisor, std::size_t rows, T* __restrict out) {
  const T* a = column.values<T>();
  const std::uint64_t size = magnitude(divisor);
  if (size <= 1) {
    std::memset(out, 0, rows * sizeof(T));
    return;
  }
  const ConstantDivisor by(size);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto r = static_cast<std::int64_t>(by.remainder(magnitude(a[i])));
    out[i] = static_cast<T>(a[i] < 0 ? -r : r);
  }
}

template <template <class> class Op, class T, class R, bool attempt>
ColumnPtr whole_division(const KernelCall& call) {
  auto values = allocate_values<R>(call.rows);
  R* out = values->template as<R>();
  bool zeros = false;
  const bool by_constant = call.arguments[1].constant && !call.arguments[0].constant;
  if constexpr (std::is_same_v<Op<T>, Remainder<T>>) {
    const T divisor = call.arguments[1].column->values<T>()[0];
    if (by_constant && divisor != 0) {
      remainders_by_constant(*call.arguments[0].column, divisor, call.rows, out);
      return make_result(call, std::move(values));
    }
  }
  bool overflow = false;
  with_operands<T, T>(call, [&](auto a, auto b) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      out[i] = static_cast<R>(Op<T>::apply(a[i], b[i]));
      zeros |= b[i] == 0;
      if constexpr (sizeof(T) == 8 && std::is_same_v<Op<T>, Quotient<T>>) {
        overflow |= b[i] == -1 && a[i] == std::numeric_limits<T>::min() && call.valid(i);
      }
    }
    if (!overflow) return;
    for (std::size_t i = 0; i < call.rows; ++i) {
      if (b[i] == -1 && a[i] == std::numeric_limits<T>::min() && call.valid(i)) {
        fail_row(call, i, "overflow of bigint: " + shown(call.arguments[0], i) + " div -1");
      }
    }
  });
  BufferPtr validity = call.validity;
  if (zeros) {
    validity = mark_divisors<attempt, T>(call, Op<T>::sign, "use nullif on the divisor",
                                         [](T b) { return b == 0; });
  }
  return make_result(call, std::move(values), std::move(validity));
}

template <class T, bool positive, bool attempt>
ColumnPtr real_remainder(const KernelCall& call) {
  auto values = allocate_values<T>(call.rows);
  T* out = values->template as<T>();
  bool zeros = false;
  with_operands<T, T>(call, [&](auto a, auto b) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      T r = std::fmod(a[i], b[i]);
      if (positive && r < 0) r = std::fmod(r + b[i], b[i]);
      out[i] = r;
      zeros |= b[i] == 0;
    }
  });
  BufferPtr validity = call.validity;
  if (zeros) {
    validity = mark_divisors<attempt, T>(call, positive ? "pmod" : "%", "use nullif on the divisor",
                                         [](T b) { return b == 0; });
  }
  return make_result(call, std::move(values), std::move(validity));
}

template <bool attempt>
Kernel divide_kernel(std::span<const BoundPtr>, const DataType& type) {
  if (type.id() == TypeId::float64) return divide_doubles<attempt>;
  if (type.id() == TypeId::decimal) return decimal_kernel<DecimalQuotient, attempt>;
  return whole_division<Quotient, std::int64_t, std::int64_t, attempt>;  // an interval
}

template <template <class> class Op, bool positive, bool attempt>
Kernel remainder_kernel(std::span<const BoundPtr>, const DataType& type) {
  switch (type.id()) {
    case TypeId::smallint:
      return whole_division<Op, std::int16_t, std::int16_t, attempt>;
    case TypeId::integer:
      return whole_division<Op, std::int32_t, std::int32_t, attempt>;
    case TypeId::bigint:
      return whole_division<Op, std::int64_t, std::int64_t, attempt>;
    case TypeId::float32:
      return real_remainder<float, positive, attempt>;
    case TypeId::float64:
      return real_remainder<double, positive, attempt>;
    default:
      return decimal_kernel<DecimalRemainder<positive>, attempt>;
  }
}

/// x % c = k for constants: whether (x - k) is a multiple of c, by one multiplication with the
/// inverse of c's odd part (Granlund, Montgomery 1994, section 9).
template <class T>
ColumnPtr remainder_equals(const KernelCall& call) {
  using U = std::make_unsigned_t<T>;
  const T* a = call.arguments[0].column->values<T>();
  const T c = call.arguments[1].column->values<T>()[0];
  const T k = call.arguments[2].column->values<T>()[0];
  auto values = allocate_values<std::uint8_t>(call.rows);
  auto* __restrict out = values->as<std::uint8_t>();
  const U size = static_cast<U>(magnitude(c));
  const U rest = static_cast<U>(magnitude(k));
  if (rest >= size) {
    std::memset(out, 0, call.rows);
    return make_result(call, std::move(values));
  }
  if (size ==
      1) {  // every number is a multiple of 1, also the least one, which the bias leaves out
    std::memset(out, 1, call.rows);
    return make_result(call, std::move(values));
  }
  const int twos = std::countr_zero(size);
  const U odd = static_cast<U>(size >> twos);
  U inverse = odd;  // correct to 3 bits; each step doubles them
  for (int i = 0; i < 5; ++i) inverse = static_cast<U>(inverse * (2U - odd * inverse));
  const U limit = static_cast<U>(std::numeric_limits<U>::max() / size);
  const U mask = static_cast<U>((U{1} << twos) - 1);
  if (k == 0 && twos == 0) {
    // |x| is a multiple of an odd c: bias the product into the unsigned range of multiples.
    const U half = static_cast<U>(std::numeric_limits<T>::max() / odd);
    const U bias = half;
    for (std::size_t i = 0; i < call.rows; ++i) {
      const U product = static_cast<U>(static_cast<U>(a[i]) * inverse + bias);
      out[i] = product <= static_cast<U>(2 * half) ? 1 : 0;
    }
    return make_result(call, std::move(values));
  }
  for (std::size_t i = 0; i < call.rows; ++i) {
    // Signs must agree, then the magnitudes are compared.
    const bool negative = a[i] < 0;
    const U value = negative ? static_cast<U>(0 - static_cast<U>(a[i])) : static_cast<U>(a[i]);
    const U moved = static_cast<U>(value - rest);
    const U product = static_cast<U>(moved * inverse);
    const bool multiple = ((moved & mask) == 0) & (static_cast<U>(product >> twos) <= limit);
    const bool sign_fits = (k == 0) | (negative == (k < 0));
    out[i] = multiple & (value >= rest) & sign_fits ? 1 : 0;
  }
  return make_result(call, std::move(values));
}

ColumnPtr constant_remainder_equals(const KernelCall& call) {
  // Only where folding could not do it: the divisor is never 0 here.
  auto values = allocate_values<std::uint8_t>(1);
  with_storage(call.arguments[0].column->type(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>) {
      const auto at = [&](std::size_t i) { return call.arguments[i].column->values<T>()[0]; };
      values->as<std::uint8_t>()[0] = Remainder<T>::apply(at(0), at(1)) == at(2) ? 1 : 0;
    }
  });
  return make_result(call, std::move(values));
}

template <class T>
ColumnPtr remainder_equals_kernel(const KernelCall& call) {
  if (call.arguments[0].constant) return constant_remainder_equals(call);
  return remainder_equals<T>(call);
}

template <class T>
ColumnPtr negate_whole(const KernelCall& call) {
  auto values = allocate_values<T>(call.rows);
  T* out = values->template as<T>();
  with_operand<T>(call.arguments[0], [&](auto a) {
    bool lost = false;
    for (std::size_t i = 0; i < call.rows; ++i) {
      using U = std::make_unsigned_t<T>;
      out[i] = static_cast<T>(U{0} - static_cast<U>(a[i]));
      lost |= a[i] == std::numeric_limits<T>::min();
    }
    for (std::size_t i = 0; lost && i < call.rows; ++i) {
      if (a[i] == std::numeric_limits<T>::min() && call.valid(i)) {
        fail_row(
            call, i,
            "overflow of " + call.type.to_string() + ": -(" + shown(call.arguments[0], i) + ")");
      }
    }
  });
  return make_result(call, std::move(values));
}

Kernel negate_kernel(std::span<const BoundPtr>, const DataType& type) {
  return with_storage(type, [](auto zero) -> Kernel {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, int128> || std::is_floating_point_v<T>) {
      return [](const KernelCall& call) {
        return map_values<T, T>(call, [](T a) { return static_cast<T>(-a); });
      };
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      return negate_whole<T>;
    } else {
      return nullptr;
    }
  });
}

std::optional<Signature> resolve_negate(std::span<const BoundPtr> a) {
  const DataType& type = a[0]->type;
  if (type.id() == TypeId::string || type.id() == TypeId::null) {
    return signature({TypeId::float64}, TypeId::float64);
  }
  const bool interval = type.id() == TypeId::day_interval || type.id() == TypeId::month_interval;
  if (!type.is_numeric() && !interval) return std::nullopt;
  return signature({type}, type);
}

std::optional<Signature> resolve_divide(std::span<const BoundPtr> a) {
  if (is_id(a[0], TypeId::day_interval) && a[1]->type.is_integral()) {
    return signature({a[0]->type, TypeId::bigint}, a[0]->type);
  }
  auto result = resolve_numbers(a, [](const DataType& x, const DataType& y) {
    const int scale = std::max(6, x.scale() + y.precision() + 1);
    return bounded_decimal(x.precision() - x.scale() + y.scale() + scale, scale);
  });
  if (result && result->type.id() != TypeId::decimal) {
    return signature({TypeId::float64, TypeId::float64}, TypeId::float64);
  }
  return result;
}
std::optional<Signature> resolve_try_divide(std::span<const BoundPtr> a) {
  auto result = resolve_divide(a);
  if (result) result->nullable = true;
  return result;
}

std::optional<Signature> resolve_div(std::span<const BoundPtr> a) {
  const auto whole = [](const BoundPtr& x) {
    return x->type.is_integral() || is_id(x, TypeId::null) || is_id(x, TypeId::string);
  };
  const bool intervals = is_id(a[0], TypeId::day_interval) && is_id(a[1], TypeId::day_interval);
  if (intervals) return signature({a[0]->type, a[1]->type}, TypeId::bigint);
  if (whole(a[0]) && whole(a[1])) {
    return signature({TypeId::bigint, TypeId::bigint}, TypeId::bigint);
  }
  const auto exact = [&](const BoundPtr& x) {
    return (whole(x) && !is_id(x, TypeId::string)) || is_id(x, TypeId::decimal);
  };
  if (!exact(a[0]) || !exact(a[1])) return std::nullopt;
  return signature({decimal_for(*a[0]), decimal_for(*a[1])}, TypeId::bigint);
}
/// The whole part of a quotient of decimals.
ColumnPtr decimal_div(const KernelCall& call) {
  const int left = call.arguments[0].column->type().scale();
  const int right = call.arguments[1].column->type().scale();
  const int scale = std::max(left, right);
  return make_values<std::int64_t>(call, [&](std::size_t i, std::int64_t& out) {
    const int128 a = decimal_at(call.arguments[0], i);
    const int128 b = decimal_at(call.arguments[1], i);
    if (b == 0) {
      fail_row(call, i, "division by zero: " + shown(call.arguments[0], i) + " div 0",
               zero_way_out);
    }
    int128 x = 0;
    int128 y = 0;
    const bool fits = rescale(a, left, scale, 38, x) && rescale(b, right, scale, 38, y);
    out = fits ? static_cast<std::int64_t>(x / y) : 0;
    if (!fits || x / y != out) {
      fail_row(call, i,
               "overflow of bigint: " + shown(call.arguments[0], i) + " div " +
                   shown(call.arguments[1], i));
    }
    return true;
  });
}
Kernel div_kernel(std::span<const BoundPtr> a, const DataType&) {
  if (is_id(a[0], TypeId::decimal)) return decimal_div;
  return whole_division<Quotient, std::int64_t, std::int64_t, false>;
}

std::optional<Signature> resolve_remainder(std::span<const BoundPtr> a) {
  return resolve_numbers(a, [](const DataType& x, const DataType& y) {
    const int scale = std::max(x.scale(), y.scale());
    return bounded_decimal(
        std::max(1, std::min(x.precision() - x.scale(), y.precision() - y.scale()) + scale), scale);
  });
}
std::optional<Signature> resolve_try_remainder(std::span<const BoundPtr> a) {
  auto result = resolve_remainder(a);
  if (result) result->nullable = true;
  return result;
}
std::optional<Signature> resolve_remainder_equals(std::span<const BoundPtr> a) {
  return signature({a[0]->type, a[0]->type, a[0]->type}, TypeId::boolean);
}
Kernel remainder_equals_for(std::span<const BoundPtr> a, const DataType&) {
  switch (a[0]->type.id()) {
    case TypeId::smallint:
      return remainder_equals_kernel<std::int16_t>;
    case TypeId::integer:
      return remainder_equals_kernel<std::int32_t>;
    default:
      return remainder_equals_kernel<std::int64_t>;
  }
}

}  // namespace

void append_division_functions(std::vector<Function>& table) {
  const auto add = [&](std::string_view name, std::string_view usage, std::size_t arguments,
                       auto resolve, auto kernel, bool fallible) {
    Function row;
    row.name = name;
    row.usage = usage;
    row.min_arguments = row.max_arguments = arguments;
    row.resolve = resolve;
    row.kernel = kernel;
    row.fallible = fallible;
    table.push_back(row);
  };
  add("/", "number / number", 2, resolve_divide, divide_kernel<false>, true);
  add("try_divide", "try_divide(number, number)", 2, resolve_try_divide, divide_kernel<true>,
      false);
  add("div", "number DIV number, whole or decimal", 2, resolve_div, div_kernel, true);
  add("%", "number % number", 2, resolve_remainder, remainder_kernel<Remainder, false, false>,
      true);
  add("mod", "mod(number, number)", 2, resolve_remainder, remainder_kernel<Remainder, false, false>,
      true);
  add("try_mod", "try_mod(number, number)", 2, resolve_try_remainder,
      remainder_kernel<Remainder, false, true>, false);
  add("pmod", "pmod(number, number)", 2, resolve_remainder,
      remainder_kernel<PositiveRemainder, true, false>, true);
  add("%=", "number % constant = constant", 3, resolve_remainder_equals, remainder_equals_for,
      false);
  add("negate", "-number", 1, resolve_negate, negate_kernel, true);
}

}  // namespace libstream
