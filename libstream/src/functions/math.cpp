#include "arithmetic_kernels.hpp"
#include "kernels.hpp"

#include <cmath>
#include <limits>

namespace libstream {
namespace {

template <double (*f)(double)>
ColumnPtr double_kernel(const KernelCall& call) {
  return map_values<double, double>(call, [](double a) { return f(a); });
}
double square_root(double a) { return std::sqrt(a); }
double exponential(double a) { return std::exp(a); }
double sine(double a) { return std::sin(a); }
double cosine(double a) { return std::cos(a); }
double sign_of(double a) { return a > 0 ? 1.0 : a < 0 ? -1.0 : a; }

/// Logarithms of numbers that have none are null, as in Spark.
template <double (*f)(double)>
ColumnPtr logarithm_kernel(const KernelCall& call) {
  auto values = allocate_values<double>(call.rows);
  double* out = values->as<double>();
  NullMarks marks(call);
  with_operand<double>(call.arguments[0], [&](auto a) {
    for (std::size_t i = 0; i < call.rows; ++i) {
      out[i] = f(a[i]);
      if (a[i] <= 0 && call.valid(i)) marks.mark(i);
    }
  });
  return make_result(call, std::move(values), marks.finish());
}
double natural(double a) { return std::log(a); }
double decadic(double a) { return std::log10(a); }
double binary(double a) { return std::log2(a); }

ColumnPtr power_kernel(const KernelCall& call) {
  return map_pairs<double, double, double>(call, [](double a, double b) { return std::pow(a, b); });
}

template <class T>
ColumnPtr is_nan_values(const KernelCall& call) {
  auto values = allocate_values<std::uint8_t>(call.rows);
  auto* out = values->as<std::uint8_t>();
  const Vector& a = call.arguments[0];
  with_operand<T>(a, [&](auto x) {
    for (std::size_t i = 0; i < call.rows; ++i) out[i] = x[i] != x[i] ? 1 : 0;
  });
  if (a.column->has_validity()) {  // isnan(null) is false
    for (std::size_t i = 0; i < call.rows; ++i) out[i] = a.is_null(i) ? 0 : out[i];
  }
  return make_result(call, std::move(values));
}

template <class T>
ColumnPtr absolute_whole(const KernelCall& call) {
  auto values = allocate_values<T>(call.rows);
  T* out = values->template as<T>();
  with_operand<T>(call.arguments[0], [&](auto a) {
    constexpr T least = std::numeric_limits<T>::min();
    bool lost = false;
    for (std::size_t i = 0; i < call.rows; ++i) {
      out[i] = a[i] == least ? least : static_cast<T>(a[i] < 0 ? -a[i] : a[i]);
      lost |= a[i] == least;
    }
    for (std::size_t i = 0; lost && i < call.rows; ++i) {
      if (a[i] == least && call.valid(i)) {
        fail_row(
            call, i,
            "overflow of " + call.type.to_string() + ": abs(" + shown(call.arguments[0], i) + ")",
            "cast to a wider type");
      }
    }
  });
  return make_result(call, std::move(values));
}

Kernel absolute_for(std::span<const BoundPtr>, const DataType& type) {
  return with_storage(type, [](auto zero) -> Kernel {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      return [](const KernelCall& call) {
        return map_values<T, T>(call, [](T a) { return std::fabs(a); });
      };
    } else if constexpr (std::is_same_v<T, int128>) {
      return [](const KernelCall& call) {
        return map_values<T, T>(call, [](T a) { return a < 0 ? -a : a; });
      };
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      return absolute_whole<T>;
    } else {
      return nullptr;
    }
  });
}

std::optional<Signature> resolve_doubles(std::span<const BoundPtr> a) {
  for (const BoundPtr& argument : a) {
    if (!is_number_like(argument)) return std::nullopt;
  }
  return signature(std::vector<DataType>(a.size(), TypeId::float64), TypeId::float64);
}
std::optional<Signature> resolve_logarithm(std::span<const BoundPtr> a) {
  auto result = resolve_doubles(a);
  if (result) result->nullable = true;
  return result;
}
std::optional<Signature> resolve_is_nan(std::span<const BoundPtr> a) {
  if (!is_number_like(a[0])) return std::nullopt;
  const DataType type = is_id(a[0], TypeId::float32) ? TypeId::float32 : TypeId::float64;
  return signature({type}, TypeId::boolean);
}
Kernel is_nan_for(std::span<const BoundPtr> a, const DataType&) {
  return is_id(a[0], TypeId::float32) ? is_nan_values<float> : is_nan_values<double>;
}
std::optional<Signature> resolve_same(std::span<const BoundPtr> a) {
  if (!is_number_like(a[0])) return std::nullopt;
  const DataType type = a[0]->type.is_numeric() ? a[0]->type : DataType(TypeId::float64);
  return signature({type}, type);
}

std::optional<Signature> resolve_absolute(std::span<const BoundPtr> a) {
  if (is_id(a[0], TypeId::day_interval) || is_id(a[0], TypeId::month_interval)) {
    return signature({a[0]->type}, a[0]->type);
  }
  return resolve_same(a);
}

/// rand([seed]): doubles in [0, 1), one sequence an epoch.
class RandomState final : public FunctionState {
 public:
  double next(const EpochContext& context) {
    if (context.seed != epoch_seed_ || context.timestamp_milliseconds != epoch_time_) {
      epoch_seed_ = context.seed;
      epoch_time_ = context.timestamp_milliseconds;
      state_ = mix_seed(context.seed ^ own_seed_);
    }
    state_ += 0x9e3779b97f4a7c15ULL;
    return static_cast<double>(mix_seed(state_) >> 11) * 0x1p-53;
  }
  explicit RandomState(std::uint64_t own_seed) : own_seed_(own_seed), state_(mix_seed(own_seed)) {}

 private:
  static std::uint64_t mix_seed(std::uint64_t z) {  // splitmix64
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint64_t own_seed_;
  std::uint64_t state_;
  std::uint64_t epoch_seed_ = 0;
  std::int64_t epoch_time_ = 0;
};
ColumnPtr random_kernel(const KernelCall& call) {
  auto& state = static_cast<RandomState&>(*call.state);
  auto values = allocate_values<double>(call.rows);
  for (std::size_t i = 0; i < call.rows; ++i) values->as<double>()[i] = state.next(call.context);
  return make_result(call, std::move(values));
}
std::unique_ptr<FunctionState> prepare_random(std::span<const BoundPtr> a) {
  const bool seeded =
      !a.empty() && a[0]->kind == BoundExpression::Kind::literal && !a[0]->value.is_null();
  return std::make_unique<RandomState>(seeded ? static_cast<std::uint64_t>(a[0]->value.integer())
                                              : 0);
}
std::optional<Signature> resolve_random(std::span<const BoundPtr> a) {
  if (!a.empty() && (a[0]->kind != BoundExpression::Kind::literal || !a[0]->type.is_integral())) {
    return std::nullopt;
  }
  return signature(std::vector<DataType>(a.size(), TypeId::bigint), TypeId::float64);
}

template <Kernel kernel>
Kernel only(std::span<const BoundPtr>, const DataType&) {
  return kernel;
}

}  // namespace

std::span<const Function> math_functions() {
  static const std::vector<Function> rows = [] {
    TableBuilder t;
    t.add("abs", "abs(number or interval)", 1, 1, resolve_absolute, absolute_for).fallible = true;
    t.add("sqrt", "sqrt(number)", 1, 1, resolve_doubles, only<double_kernel<square_root>>);
    t.add("exp", "exp(number)", 1, 1, resolve_doubles, only<double_kernel<exponential>>);
    t.add("sin", "sin(number)", 1, 1, resolve_doubles, only<double_kernel<sine>>);
    t.add("cos", "cos(number)", 1, 1, resolve_doubles, only<double_kernel<cosine>>);
    t.add("sign", "sign(number)", 1, 1, resolve_doubles, only<double_kernel<sign_of>>);
    t.add("signum", "signum(number)", 1, 1, resolve_doubles, only<double_kernel<sign_of>>);
    t.add("ln", "ln(number)", 1, 1, resolve_logarithm, only<logarithm_kernel<natural>>);
    t.add("log10", "log10(number)", 1, 1, resolve_logarithm, only<logarithm_kernel<decadic>>);
    t.add("log2", "log2(number)", 1, 1, resolve_logarithm, only<logarithm_kernel<binary>>);
    t.add("power", "power(number, number)", 2, 2, resolve_doubles, only<power_kernel>);
    t.add("pow", "pow(number, number)", 2, 2, resolve_doubles, only<power_kernel>);
    t.add("isnan", "isnan(number)", 1, 1, resolve_is_nan, is_nan_for);
    t.back().nulls = NullRule::own;
    for (const char* name : {"rand", "random"}) {
      t.add(name, "rand([seed])", 0, 1, resolve_random, only<random_kernel>);
      t.back().deterministic = false;
      t.back().per_row = true;
      t.back().prepare = prepare_random;
      t.back().nulls = NullRule::own;
    }
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
