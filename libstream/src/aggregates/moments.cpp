#include "words.hpp"

namespace libstream::aggregates {
namespace {

/// Central moments up to `order`, one pass (Pébay 2008). With few digits lost where the mean is
/// large beside the spread.
template <int order>
struct Moments {
  static constexpr std::size_t arity = 1;
  struct State {
    double n;
    double mean;
    double sums[order - 1];  ///< of the squares of the differences, the cubes, …
  };

  static void add(State& s, double value) {
    const double n = s.n + 1;
    const double delta = value - s.mean;
    const double step = delta / n;
    const double squares = s.sums[0] + delta * (delta - step);
    if constexpr (order >= 3) {
      const double delta2 = delta * delta;
      const double step2 = step * step;
      const double cubes = s.sums[1] - 3 * step * squares + delta * (delta2 - step2);
      if constexpr (order >= 4) {
        s.sums[2] +=
            -4 * step * cubes - 6 * step2 * squares + delta * (delta * delta2 - step * step2);
      }
      s.sums[1] = cubes;
    }
    s.sums[0] = squares;
    s.mean += step;
    s.n = n;
  }

  static void merge(State& a, const State& b) {
    const double n = a.n + b.n;
    const double delta = b.mean - a.mean;
    const double step = delta / n;
    const double product = a.n * b.n;
    if constexpr (order >= 4) {
      a.sums[2] += b.sums[2] +
                   step * step * step * delta * product * (a.n * a.n - product + b.n * b.n) +
                   6 * step * step * (a.n * a.n * b.sums[0] + b.n * b.n * a.sums[0]) +
                   4 * step * (a.n * b.sums[1] - b.n * a.sums[1]);
    }
    if constexpr (order >= 3) {
      a.sums[1] += b.sums[1] + step * step * delta * product * (a.n - b.n) +
                   3 * step * (a.n * b.sums[0] - b.n * a.sums[0]);
    }
    a.sums[0] += b.sums[0] + delta * step * product;
    a.mean += step * b.n;
    a.n = n;
  }
};

// A sample of one row has no spread: null; a population of one has 0.
template <bool sample>
bool variance(const Moments<2>::State& s, double& result) {
  result = s.sums[0] / (sample ? s.n - 1 : s.n);
  return s.n > (sample ? 1 : 0);
}
template <bool sample>
bool deviation(const Moments<2>::State& s, double& result) {
  const bool known = variance<sample>(s, result);
  result = std::sqrt(result);
  return known;
}
bool skewness(const Moments<3>::State& s, double& result) {
  if (s.n == 0 || s.sums[0] == 0) return false;
  result = std::sqrt(s.n) * s.sums[1] / std::sqrt(s.sums[0] * s.sums[0] * s.sums[0]);
  return true;
}
bool kurtosis(const Moments<4>::State& s, double& result) {
  if (s.n == 0 || s.sums[0] == 0) return false;
  result = s.n * s.sums[2] / (s.sums[0] * s.sums[0]) - 3;
  return true;
}

/// Both means, and the sums of the products of the differences.
template <bool squares>
struct Pairs {
  static constexpr std::size_t arity = 2;
  struct Covariance {
    double n, mean_a, mean_b, products;
  };
  struct Full {
    double n, mean_a, mean_b, products, squares_a, squares_b;
  };
  using State = std::conditional_t<squares, Full, Covariance>;

  static void add(State& s, double a, double b) {
    s.n += 1;
    const double delta_a = a - s.mean_a;
    const double delta_b = b - s.mean_b;
    s.mean_a += delta_a / s.n;
    s.mean_b += delta_b / s.n;
    s.products += delta_a * (b - s.mean_b);
    if constexpr (squares) {
      s.squares_a += delta_a * (a - s.mean_a);
      s.squares_b += delta_b * (b - s.mean_b);
    }
  }
  static void merge(State& s, const State& other) {
    const double n = s.n + other.n;
    const double delta_a = other.mean_a - s.mean_a;
    const double delta_b = other.mean_b - s.mean_b;
    const double weight = s.n * other.n / n;
    s.mean_a += delta_a / n * other.n;
    s.mean_b += delta_b / n * other.n;
    s.products += other.products + delta_a * delta_b * weight;
    if constexpr (squares) {
      s.squares_a += other.squares_a + delta_a * delta_a * weight;
      s.squares_b += other.squares_b + delta_b * delta_b * weight;
    }
    s.n = n;
  }
};
using Two = Pairs<true>::State;

template <bool sample>
bool covariance(const Pairs<false>::State& s, double& result) {
  result = s.products / (sample ? s.n - 1 : s.n);
  return s.n > (sample ? 1 : 0);
}
bool correlation(const Two& s, double& result) {
  const double spread = std::sqrt(s.squares_a * s.squares_b);
  result = s.products / spread;
  return s.n > 1 && spread != 0;
}

// regr_…(y, x): y depends on x.
bool mean_x(const Two& s, double& result) {
  result = s.mean_b;
  return s.n > 0;
}
bool mean_y(const Two& s, double& result) {
  result = s.mean_a;
  return s.n > 0;
}
bool squares_x(const Two& s, double& result) {
  result = s.squares_b;
  return s.n > 0;
}
bool squares_y(const Two& s, double& result) {
  result = s.squares_a;
  return s.n > 0;
}
bool products(const Two& s, double& result) {
  result = s.products;
  return s.n > 0;
}
bool slope(const Two& s, double& result) {
  result = s.products / s.squares_b;
  return s.n > 1 && s.squares_b != 0;
}
bool intercept(const Two& s, double& result) {
  const bool known = slope(s, result);
  result = s.mean_a - result * s.mean_b;
  return known;
}
bool determination(const Two& s, double& result) {
  if (s.n == 0 || s.squares_b == 0) return false;
  result = s.squares_a == 0 ? 1 : s.products / s.squares_b * (s.products / s.squares_a);
  return true;
}

void expect_numbers(const Request& request) {
  for (const DataType& type : request.arguments) {
    if (!type.is_numeric() && type.id() != TypeId::string && type.id() != TypeId::null) {
      wrong_types(request, request.arguments.size() == 1 ? "a number" : "two numbers");
    }
  }
}

template <class Policy>
AggregatePtr words(const Request& request, typename Words<Policy>::Result result) {
  expect_numbers(request);
  return std::make_shared<Words<Policy>>(request, result);
}

}  // namespace

AggregatePtr resolve_deviation_sample(const Request& request) {
  return words<Moments<2>>(request, deviation<true>);
}
AggregatePtr resolve_deviation(const Request& request) {
  return words<Moments<2>>(request, deviation<false>);
}
AggregatePtr resolve_variance_sample(const Request& request) {
  return words<Moments<2>>(request, variance<true>);
}
AggregatePtr resolve_variance(const Request& request) {
  return words<Moments<2>>(request, variance<false>);
}
AggregatePtr resolve_skewness(const Request& request) {
  return words<Moments<3>>(request, skewness);
}
AggregatePtr resolve_kurtosis(const Request& request) {
  return words<Moments<4>>(request, kurtosis);
}
AggregatePtr resolve_covariance_sample(const Request& request) {
  return words<Pairs<false>>(request, covariance<true>);
}
AggregatePtr resolve_covariance(const Request& request) {
  return words<Pairs<false>>(request, covariance<false>);
}
AggregatePtr resolve_correlation(const Request& request) {
  return words<Pairs<true>>(request, correlation);
}

AggregatePtr resolve_regression(const Request& request) {
  struct Part {
    std::string_view name;
    bool (*result)(const Two&, double&);
  };
  static constexpr std::array<Part, 8> parts{{{"regr_avgx", mean_x},
                                              {"regr_avgy", mean_y},
                                              {"regr_sxx", squares_x},
                                              {"regr_syy", squares_y},
                                              {"regr_sxy", products},
                                              {"regr_slope", slope},
                                              {"regr_intercept", intercept},
                                              {"regr_r2", determination}}};
  for (const Part& part : parts) {
    if (part.name == request.name) return words<Pairs<true>>(request, part.result);
  }
  LIBSTREAM_ASSERT(request.name == "regr_count", "a name of the catalogue");
  expect_numbers(request);
  return resolve_count(request);
}

}  // namespace libstream::aggregates
