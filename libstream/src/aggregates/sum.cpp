#include "fold.hpp"

namespace libstream::aggregates {
namespace {

struct SumIntegers {
  using Input = std::int64_t;
  using Value = std::int64_t;
  using Output = std::int64_t;
  void combine(Value& sum, Input value) const {
    if (__builtin_add_overflow(sum, value, &sum)) overflow("sum", TypeId::bigint);
  }
  Output output(Value sum) const { return sum; }
};

struct SumDoubles {
  using Input = double;
  using Value = double;
  using Output = double;
  void combine(Value& sum, Input value) const { sum += value; }
  Output output(Value sum) const { return sum; }
};

/// Adds in 128 bits; the limit of the result's precision is tested where a sum leaves.
template <class In, class Out>
struct SumDecimals {
  using Input = In;
  using Value = StoredInt128;
  using Output = Out;
  DataType type;
  void combine(Value& sum, int128 value) const {
    int128 total = 0;
    if (__builtin_add_overflow(static_cast<int128>(sum), value, &total)) overflow("sum", type);
    sum = total;
  }
  Output output(int128 sum) const {
    if (!fits(sum, type.precision())) overflow("sum", type);
    return static_cast<Output>(sum);
  }
};

template <class In, class Out>
AggregatePtr sum_decimals(const Request& request, const DataType& type) {
  return std::make_shared<Fold<SumDecimals<In, Out>>>(request, request.arguments[0], type,
                                                      SumDecimals<In, Out>{type});
}

}  // namespace

AggregatePtr resolve_sum(const Request& request) {
  const DataType& argument = request.arguments[0];
  if (argument.is_integral()) {
    return std::make_shared<Fold<SumIntegers>>(request, TypeId::bigint, TypeId::bigint,
                                               SumIntegers{});
  }
  switch (argument.id()) {
    case TypeId::null:
    case TypeId::float32:
    case TypeId::float64:
    case TypeId::string:
      return std::make_shared<Fold<SumDoubles>>(request, TypeId::float64, TypeId::float64,
                                                SumDoubles{});
    case TypeId::decimal: {
      const auto type =
          DataType::decimal(std::min(argument.precision() + 10, 38), argument.scale());
      if (argument.is_wide_decimal()) return sum_decimals<int128, int128>(request, type);
      if (type.is_wide_decimal()) return sum_decimals<std::int64_t, int128>(request, type);
      return sum_decimals<std::int64_t, std::int64_t>(request, type);
    }
    default:
      wrong_types(request, "a number");
  }
}

}  // namespace libstream::aggregates
