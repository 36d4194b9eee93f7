#include "arithmetic_kernels.hpp"
#include "comparison.hpp"
#include "text_rows.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

namespace libstream {
namespace {

using One = double (*)(double);
using Two = double (*)(double, double);

template <One f>
ColumnPtr one_kernel(const KernelCall& call) {
  return map_values<double, double>(call, [](double a) { return f(a); });
}
template <Two f>
ColumnPtr two_kernel(const KernelCall& call) {
  return map_pairs<double, double, double>(call, [](double a, double b) { return f(a, b); });
}

/// One Newton step behind the library's, so that cubes have exact roots.
double cube_root(double a) {
  const double root = std::cbrt(a);
  if (root == 0 || !std::isfinite(root)) return root;
  return root - (root * root * root - a) / (3 * root * root);
}
double degrees(double a) { return a * 180 / std::numbers::pi; }
double radians(double a) { return a / 180 * std::numbers::pi; }
double cotangent(double a) { return 1 / std::tan(a); }
double secant(double a) { return 1 / std::cos(a); }
double cosecant(double a) { return 1 / std::sin(a); }

template <One f>
void add_one(TableBuilder& t, std::string_view name, std::string_view usage) {
  t.add(name, usage, 1, 1, takes<TypeId::float64, TypeId::float64>, always<one_kernel<f>>);
}

template <int which>
ColumnPtr constant_kernel(const KernelCall& call) {
  auto values = allocate_values<double>(1);
  values->as<double>()[0] = which == 0 ? std::numbers::e : std::numbers::pi;
  return make_result(call, std::move(values));
}

/// log(base, number); null where there is none.
ColumnPtr logarithm_kernel(const KernelCall& call) {
  return make_values<double>(call, [&](std::size_t i, double& out) {
    const double first = value_at<double>(call.arguments[0], i);
    if (first <= 0) return false;
    out = std::log(first);
    if (call.arguments.size() == 1) return true;
    const double number = value_at<double>(call.arguments[1], i);
    if (number <= 0) return false;
    out = std::log(number) / out;
    return true;
  });
}

ColumnPtr log1p_kernel(const KernelCall& call) {
  return make_values<double>(call, [&](std::size_t i, double& out) {
    const double value = value_at<double>(call.arguments[0], i);
    out = std::log1p(value);
    return value > -1;
  });
}

/// Of a number that is one the second argument does not matter, also where it is null.
template <class T>
ColumnPtr nanvl_kernel(const KernelCall& call) {
  return make_values<T>(call, [&](std::size_t i, T& out) {
    for (const Vector& argument : call.arguments) {
      if (argument.is_null(i)) return false;
      out = value_at<T>(argument, i);
      if (!std::isnan(out)) return true;
    }
    return true;
  });
}
std::optional<Signature> resolve_nanvl(std::span<const BoundPtr> a) {
  if (!is_number_like(a[0]) || !is_number_like(a[1])) return std::nullopt;
  const bool single = is_id(a[0], TypeId::float32) && is_id(a[1], TypeId::float32);
  const DataType type = single ? TypeId::float32 : TypeId::float64;
  return signature({type, type}, type, a[0]->nullable || a[1]->nullable);
}
Kernel nanvl_for(std::span<const BoundPtr>, const DataType& type) {
  return type.id() == TypeId::float32 ? nanvl_kernel<float> : nanvl_kernel<double>;
}

// Bits of whole numbers.

std::optional<Signature> resolve_bits(std::span<const BoundPtr> a) {
  const auto common = common_type(a);
  if (!common || !(common->is_integral() || common->id() == TypeId::null)) return std::nullopt;
  const DataType type = common->is_integral() ? *common : DataType(TypeId::bigint);
  return signature(std::vector<DataType>(a.size(), type), type);
}
enum class Bits { both, either, one, none };
template <Bits bits>
Kernel bits_for(std::span<const BoundPtr>, const DataType& type) {
  return with_storage(type, [](auto zero) -> Kernel {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      if constexpr (bits == Bits::none) {
        return
            [](const KernelCall& call) { return map_values<T, T>(call, [](T a) { return ~a; }); };
      } else {
        return [](const KernelCall& call) {
          return map_pairs<T, T, T>(call, [](T a, T b) {
            return bits == Bits::both ? a & b : bits == Bits::either ? a | b : a ^ b;
          });
        };
      }
    } else {
      return nullptr;
    }
  });
}

enum class Shift { left, right, right_unsigned };
template <class T, Shift shift>
ColumnPtr shift_kernel(const KernelCall& call) {
  using Unsigned = std::make_unsigned_t<T>;
  return map_pairs<T, T, std::int32_t>(call, [](T a, std::int32_t b) {
    const int by = b & (static_cast<int>(sizeof(T)) * 8 - 1);  // as Java's operators
    if (shift == Shift::left) return static_cast<T>(static_cast<Unsigned>(a) << by);
    if (shift == Shift::right) return static_cast<T>(a >> by);
    return static_cast<T>(static_cast<Unsigned>(a) >> by);
  });
}
std::optional<Signature> resolve_shift(std::span<const BoundPtr> a) {
  if (!a[0]->type.is_integral() && !is_id(a[0], TypeId::null)) return std::nullopt;
  const DataType type = is_id(a[0], TypeId::bigint) ? TypeId::bigint : TypeId::integer;
  return signature({type, TypeId::integer}, type);
}
template <Shift shift>
Kernel shift_for(std::span<const BoundPtr>, const DataType& type) {
  return type.id() == TypeId::bigint ? shift_kernel<std::int64_t, shift>
                                     : shift_kernel<std::int32_t, shift>;
}

ColumnPtr bit_count_kernel(const KernelCall& call) {
  return map_values<std::int32_t, std::int64_t>(
      call, [](std::int64_t a) { return std::popcount(static_cast<std::uint64_t>(a)); });
}

/// bit_get(number, bit from 0)
template <class T>
ColumnPtr bit_get_values(const KernelCall& call) {
  return make_values<std::int16_t>(call, [&](std::size_t i, std::int16_t& out) {
    constexpr int bits = sizeof(T) * 8;
    const std::int32_t bit = value_at<std::int32_t>(call.arguments[1], i);
    if (bit < 0 || bit >= bits) {
      fail_row(call, i, "there is no bit " + std::to_string(bit) + " of " + std::to_string(bits));
    }
    out = static_cast<std::int16_t>(value_at<T>(call.arguments[0], i) >> bit & 1);
    return true;
  });
}
Kernel bit_get_for(std::span<const BoundPtr> a, const DataType&) {
  return a[0]->type.id() == TypeId::bigint    ? bit_get_values<std::int64_t>
         : a[0]->type.id() == TypeId::integer ? bit_get_values<std::int32_t>
                                              : bit_get_values<std::int16_t>;
}
std::optional<Signature> resolve_bit_get(std::span<const BoundPtr> a) {
  if (!a[0]->type.is_integral() && !is_id(a[0], TypeId::null)) return std::nullopt;
  if (!a[1]->type.is_integral() && !is_id(a[1], TypeId::null)) return std::nullopt;
  const DataType type = is_id(a[0], TypeId::null) ? DataType(TypeId::bigint) : a[0]->type;
  return signature({type, TypeId::integer}, TypeId::smallint);
}

/// "1101", as unsigned 64 bits.
ColumnPtr bin_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const auto value = static_cast<std::uint64_t>(value_at<std::int64_t>(call.arguments[0], i));
    for (auto bit = std::bit_width(value | 1); bit-- > 0;)
      out += (value >> bit & 1) != 0 ? '1' : '0';
    return true;
  });
}

ColumnPtr factorial_kernel(const KernelCall& call) {
  return make_values<std::int64_t>(call, [&](std::size_t i, std::int64_t& out) {
    const std::int32_t number = value_at<std::int32_t>(call.arguments[0], i);
    out = 1;
    for (std::int32_t k = 2; k <= number && number <= 20; ++k) out *= k;
    return number >= 0 && number <= 20;  // 21! is more than a bigint holds
  });
}

/// width_bucket(value, min, max, buckets): 0 below and buckets + 1 above the range.
ColumnPtr width_bucket_kernel(const KernelCall& call) {
  return make_values<std::int64_t>(call, [&](std::size_t i, std::int64_t& out) {
    const double value = value_at<double>(call.arguments[0], i);
    const double first = value_at<double>(call.arguments[1], i);
    const double last = value_at<double>(call.arguments[2], i);
    const std::int64_t buckets = value_at<std::int64_t>(call.arguments[3], i);
    if (buckets <= 0 || buckets == std::numeric_limits<std::int64_t>::max()) return false;
    if (std::isnan(value) || first == last || !std::isfinite(first) || !std::isfinite(last)) {
      return false;
    }
    const bool up = first < last;
    if (up ? value < first : value > first) {
      out = 0;
    } else if (up ? value >= last : value <= last) {
      out = buckets + 1;
    } else {
      const double part = up ? (value - first) / (last - first) : (first - value) / (first - last);
      out = static_cast<std::int64_t>(static_cast<double>(buckets) * part) + 1;
    }
    return true;
  });
}
std::optional<Signature> resolve_width_bucket(std::span<const BoundPtr> a) {
  for (const BoundPtr& argument : a) {
    if (!is_number_like(argument)) return std::nullopt;
  }
  constexpr auto real = TypeId::float64;
  return signature({real, real, real, TypeId::bigint}, TypeId::bigint, true);
}

/// +number
Kernel positive_for(std::span<const BoundPtr>, const DataType& type) {
  return with_storage(type, [](auto zero) -> Kernel {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, StringView> || std::is_same_v<T, std::uint8_t>) {
      return nullptr;
    } else {
      return [](const KernelCall& call) { return map_values<T, T>(call, [](T a) { return a; }); };
    }
  });
}
std::optional<Signature> resolve_positive(std::span<const BoundPtr> a) {
  if (!is_number_like(a[0])) return std::nullopt;
  const DataType type = a[0]->type.is_numeric() ? a[0]->type : DataType(TypeId::float64);
  return signature({type}, type);
}

/// conv(digits, from base, to base), unsigned 64-bit; a negative target base: signed.
ColumnPtr conv_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    std::string_view text = text_at(call.arguments[0], i);
    const std::int64_t from = value_at<std::int32_t>(call.arguments[1], i);
    const std::int64_t to = value_at<std::int32_t>(call.arguments[2], i);
    const std::int64_t base = std::abs(to);
    if (from < 2 || from > 36 || base < 2 || base > 36) return false;
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    if (text.empty()) return false;
    const bool negative = text.front() == '-';
    if (negative) text.remove_prefix(1);
    std::uint64_t value = 0;
    bool lost = false;
    for (const char c : text) {
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'z' ? c - 'a' + 10
                        : c >= 'A' && c <= 'Z' ? c - 'A' + 10
                                               : 36;
      if (digit >= from) break;  // what follows is no number
      lost |= __builtin_mul_overflow(value, static_cast<std::uint64_t>(from), &value);
      lost |= __builtin_add_overflow(value, static_cast<std::uint64_t>(digit), &value);
    }
    if (lost) {
      fail_row(call, i, "overflow of 64 bits: conv(" + shown(call.arguments[0], i) + ")");
    }
    if (negative) value = -value;
    const bool sign = to < 0 && static_cast<std::int64_t>(value) < 0;
    if (sign) value = -value;
    do {
      const auto digit = static_cast<std::size_t>(value % static_cast<std::uint64_t>(base));
      out += "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit];
      value /= static_cast<std::uint64_t>(base);
    } while (value != 0);
    if (sign) out += '-';
    std::reverse(out.begin(), out.end());
    return true;
  });
}

std::optional<Signature> resolve_conv(std::span<const BoundPtr> a) {
  return may_take<TypeId::string, TypeId::integer, TypeId::string>(a);
}
std::optional<Signature> resolve_nothing(std::span<const BoundPtr>) {
  return signature({}, TypeId::float64);
}

void add_bits(TableBuilder& t) {
  t.add("&", "number & number", 2, 2, resolve_bits, bits_for<Bits::both>);
  t.add("|", "number | number", 2, 2, resolve_bits, bits_for<Bits::either>);
  t.add("^", "number ^ number", 2, 2, resolve_bits, bits_for<Bits::one>);
  t.add("~", "~ number", 1, 1, resolve_bits, bits_for<Bits::none>);
  t.add("shiftleft", "shiftleft(number, bits)", 2, 2, resolve_shift, shift_for<Shift::left>);
  t.add("shiftright", "shiftright(number, bits)", 2, 2, resolve_shift, shift_for<Shift::right>);
  t.add("shiftrightunsigned", "shiftrightunsigned(number, bits)", 2, 2, resolve_shift,
        shift_for<Shift::right_unsigned>);
  for (const char* name : {"bit_get", "getbit"}) {
    t.add(name, "bit_get(number, bit from 0)", 2, 2, resolve_bit_get, bit_get_for).fallible = true;
  }
  t.add("bit_count", "bit_count(number)", 1, 1, takes<TypeId::bigint, TypeId::integer>,
        always<bit_count_kernel>);
}

}  // namespace

std::span<const Function> numeric_functions() {
  static const std::vector<Function> rows = [] {
    constexpr auto pairs = takes<TypeId::float64, TypeId::float64, TypeId::float64>;
    constexpr auto some = may_take<TypeId::float64, TypeId::float64>;
    TableBuilder t;
    add_one<std::tan>(t, "tan", "tan(number)");
    add_one<cotangent>(t, "cot", "cot(number)");
    add_one<secant>(t, "sec", "sec(number)");
    add_one<cosecant>(t, "csc", "csc(number)");
    add_one<std::asin>(t, "asin", "asin(number)");
    add_one<std::acos>(t, "acos", "acos(number)");
    add_one<std::atan>(t, "atan", "atan(number)");
    add_one<std::sinh>(t, "sinh", "sinh(number)");
    add_one<std::cosh>(t, "cosh", "cosh(number)");
    add_one<std::tanh>(t, "tanh", "tanh(number)");
    add_one<std::asinh>(t, "asinh", "asinh(number)");
    add_one<std::acosh>(t, "acosh", "acosh(number)");
    add_one<std::atanh>(t, "atanh", "atanh(number)");
    add_one<cube_root>(t, "cbrt", "cbrt(number)");
    add_one<std::expm1>(t, "expm1", "expm1(number)");
    add_one<std::nearbyint>(t, "rint", "rint(number)");
    add_one<degrees>(t, "degrees", "degrees(radians)");
    add_one<radians>(t, "radians", "radians(degrees)");
    t.add("atan2", "atan2(y, x)", 2, 2, pairs, always<two_kernel<std::atan2>>);
    t.add("hypot", "hypot(a, b)", 2, 2, pairs, always<two_kernel<std::hypot>>);
    t.add("log", "log([base, ]number)", 1, 2, some, always<logarithm_kernel>);
    t.add("log1p", "log1p(number)", 1, 1, some, always<log1p_kernel>);
    t.add("nanvl", "nanvl(number, number instead of NaN)", 2, 2, resolve_nanvl, nanvl_for).nulls =
        NullRule::own;
    t.add("e", "e()", 0, 0, resolve_nothing, always<constant_kernel<0>>);
    t.add("pi", "pi()", 0, 0, resolve_nothing, always<constant_kernel<1>>);
    t.add("conv", "conv(digits, from base, to base)", 3, 3, resolve_conv, always<conv_kernel>)
        .fallible = true;
    t.add("bin", "bin(number)", 1, 1, takes<TypeId::bigint, TypeId::string>, always<bin_kernel>);
    t.add("factorial", "factorial(number)", 1, 1, may_take<TypeId::integer, TypeId::bigint>,
          always<factorial_kernel>);
    t.add("width_bucket", "width_bucket(number, min, max, buckets)", 4, 4, resolve_width_bucket,
          always<width_bucket_kernel>);
    t.add("positive", "positive(number)", 1, 1, resolve_positive, positive_for);
    add_bits(t);
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
