#include "fold.hpp"

namespace libstream::aggregates {
namespace {

template <class T, class F>
struct Combine {
  using Input = T;
  using Value = T;
  using Output = T;
  void combine(T& value, T other) const { value = static_cast<T>(F()(value, other)); }
  T output(T value) const { return value; }
};
struct And {
  template <class T>
  auto operator()(T a, T b) const {
    return a & b;
  }
};
struct Or {
  template <class T>
  auto operator()(T a, T b) const {
    return a | b;
  }
};
struct Xor {
  template <class T>
  auto operator()(T a, T b) const {
    return a ^ b;
  }
};
struct Times {
  double operator()(double a, double b) const { return a * b; }
};

template <class T, class F>
AggregatePtr fold(const Request& request, const DataType& type) {
  return std::make_shared<Fold<Combine<T, F>>>(request, type, type, Combine<T, F>{});
}

template <class F>
AggregatePtr resolve_truth(const Request& request) {
  const TypeId id = request.arguments[0].id();
  if (id != TypeId::boolean && id != TypeId::null) wrong_types(request, "a boolean");
  return fold<std::uint8_t, F>(request, TypeId::boolean);
}

template <class F>
AggregatePtr resolve_bits(const Request& request) {
  switch (request.arguments[0].id()) {
    case TypeId::smallint:
      return fold<std::int16_t, F>(request, TypeId::smallint);
    case TypeId::integer:
      return fold<std::int32_t, F>(request, TypeId::integer);
    case TypeId::bigint:
    case TypeId::null:
      return fold<std::int64_t, F>(request, TypeId::bigint);
    default:
      wrong_types(request, "a whole number");
  }
}

}  // namespace

AggregatePtr resolve_bool_and(const Request& request) { return resolve_truth<And>(request); }
AggregatePtr resolve_bool_or(const Request& request) { return resolve_truth<Or>(request); }
AggregatePtr resolve_bit_and(const Request& request) { return resolve_bits<And>(request); }
AggregatePtr resolve_bit_or(const Request& request) { return resolve_bits<Or>(request); }
AggregatePtr resolve_bit_xor(const Request& request) { return resolve_bits<Xor>(request); }

AggregatePtr resolve_product(const Request& request) {
  const DataType& type = request.arguments[0];
  if (!type.is_numeric() && type.id() != TypeId::string && type.id() != TypeId::null) {
    wrong_types(request, "a number");
  }
  return fold<double, Times>(request, TypeId::float64);
}

}  // namespace libstream::aggregates
