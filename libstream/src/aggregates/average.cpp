#include "catalogue.hpp"
#include "kernel.hpp"

#include <algorithm>

namespace libstream::aggregates {
namespace {

/// Keeps a sum and a count. Arithmetic: `Value` in the state, `read` a value of the argument,
/// `add`, the column of sums and the mean.
template <class Arithmetic>
class Average final : public AggregateFunction {
  using Value = typename Arithmetic::Value;  // in columns
  struct State {
    Stored<Value> sum;
    std::int64_t count;
  };
  static_assert(sizeof(State) % 8 == 0 && alignof(State) <= 8);

 public:
  Average(const Request& request, const DataType& argument, const DataType& result,
          const DataType& sum, Arithmetic arithmetic)
      : arithmetic_(std::move(arithmetic)) {
    name_ = request.name;
    result_type_ = result;
    argument_types_ = {argument};
    intermediate_types_ = {sum, TypeId::bigint};
    state_size_ = sizeof(State);
  }

  void initialize(std::byte* state) const override { state_at<State>(state) = State{}; }

  void update(std::span<std::byte* const> states,
              std::span<const ColumnPtr> arguments) const override {
    for_valid(*arguments[0], states.size(), [&](std::size_t i) {
      if (states[i] == nullptr) return;
      auto& state = state_at<State>(states[i]);
      arithmetic_.add(state.sum, Arithmetic::read(*arguments[0], i));
      ++state.count;
    });
  }
  void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                     const std::uint8_t* mask, std::size_t rows) const override {
    State local = state_at<State>(state);
    for_valid(*arguments[0], mask, rows, [&](std::size_t i) {
      arithmetic_.add(local.sum, Arithmetic::read(*arguments[0], i));
      ++local.count;
    });
    state_at<State>(state) = local;
  }
  void merge(std::span<std::byte* const> states,
             std::span<const ColumnPtr> intermediates) const override {
    const auto* counts = intermediates[1]->values<std::int64_t>();
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i] == nullptr || counts[i] == 0) continue;
      auto& state = state_at<State>(states[i]);
      arithmetic_.add(state.sum, Arithmetic::read(*intermediates[0], i));
      state.count += counts[i];
    }
  }
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const override {
    FixedOutput<Value> sums(states.size());
    FixedOutput<std::int64_t> counts(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      const auto& state = state_at<State>(states[i]);
      sums.set(i, state.sum);
      counts.set(i, state.count);
    }
    return {sums.finish(intermediate_types_[0]), counts.finish(TypeId::bigint)};
  }
  std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments, const std::uint8_t* mask,
                                    std::size_t rows) const override {
    FixedOutput<Value> sums(rows);
    FixedOutput<std::int64_t> counts(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      const bool present = (mask == nullptr || mask[i]) && !arguments[0]->is_null(i);
      sums.set(i, present ? Arithmetic::read(*arguments[0], i) : Value{});
      counts.set(i, present ? 1 : 0);
    }
    return {sums.finish(intermediate_types_[0]), counts.finish(TypeId::bigint)};
  }
  ColumnPtr finish(std::span<const std::byte* const> states) const override {
    return arithmetic_.means(states.size(), result_type_, [&](std::size_t i) {
      const auto& state = state_at<State>(states[i]);
      return std::pair<Value, std::int64_t>(state.sum, state.count);
    });
  }

 private:
  Arithmetic arithmetic_;
};

struct Doubles {
  using Value = double;
  static double read(const Column& column, std::size_t row) { return column.values<double>()[row]; }
  void add(double& sum, double value) const { sum += value; }
  template <class F>
  ColumnPtr means(std::size_t rows, const DataType& type, F&& at) const {
    FixedOutput<double> output(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      const auto [sum, count] = at(i);
      if (count == 0) {
        output.set_null(i);
      } else {
        output.set(i, sum / static_cast<double>(count));
      }
    }
    return output.finish(type);
  }
};

struct Decimals {
  using Value = int128;
  int scale_up = 0;      ///< digits that the mean has more than the argument
  bool attempt = false;  ///< null instead of an error, and null it stays
  /// Sum that left 128 bits; no decimal has that many digits.
  static constexpr int128 lost = static_cast<int128>(std::int64_t{1} << 62) << 64;
  static int128 read(const Column& column, std::size_t row) { return decimal_at(column, row); }
  void add(StoredInt128& sum, int128 value) const {
    if (attempt && (sum == lost || value == lost)) {
      sum = lost;
      return;
    }
    int128 total = 0;
    if (__builtin_add_overflow(static_cast<int128>(sum), value, &total)) {
      if (!attempt) overflow("avg", DataType::decimal(38, 0));
      total = lost;
    }
    sum = total;
  }
  /// sum · 10^scale_up / count, rounded half away from zero; false where it is no value of `type`.
  bool mean(int128 sum, std::int64_t count, const DataType& type, int128& result) const {
    if (attempt && sum == lost) return false;
    int128 quotient = sum / count;
    int128 remainder = sum % count;
    for (int i = 0; i < scale_up; ++i) {  // |remainder| < count: ten times it fits
      remainder *= 10;
      if (__builtin_mul_overflow(quotient, int128{10}, &quotient)) return false;
      quotient += remainder / count;
      remainder %= count;
    }
    const int128 twice = remainder < 0 ? -remainder * 2 : remainder * 2;
    if (twice >= count) quotient += sum < 0 ? -1 : 1;
    result = quotient;
    return fits(quotient, type.precision());
  }
  template <class Out, class F>
  ColumnPtr write(std::size_t rows, const DataType& type, F&& at) const {
    FixedOutput<Out> output(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      const auto pair = at(i);
      int128 result = 0;
      const bool known = pair.second != 0 && mean(pair.first, pair.second, type, result);
      if (known) {
        output.set(i, static_cast<Out>(result));
      } else {
        if (pair.second != 0 && !attempt) overflow("avg", type);
        output.set_null(i);
      }
    }
    return output.finish(type);
  }
  template <class F>
  ColumnPtr means(std::size_t rows, const DataType& type, F&& at) const {
    return type.is_wide_decimal() ? write<int128>(rows, type, at)
                                  : write<std::int64_t>(rows, type, at);
  }
};

}  // namespace

namespace {

AggregatePtr average(const Request& request, bool attempt) {
  const DataType& argument = request.arguments[0];
  if (argument.id() == TypeId::decimal) {
    const int precision = std::min(argument.precision() + 4, 38);
    const int scale = std::min(argument.scale() + 4, precision);
    return std::make_shared<Average<Decimals>>(
        request, argument, DataType::decimal(precision, scale),
        DataType::decimal(38, argument.scale()), Decimals{scale - argument.scale(), attempt});
  }
  if (!argument.is_numeric() && argument.id() != TypeId::string && argument.id() != TypeId::null) {
    wrong_types(request, "a number");
  }
  return std::make_shared<Average<Doubles>>(request, TypeId::float64, TypeId::float64,
                                            TypeId::float64, Doubles{});
}

}  // namespace

AggregatePtr resolve_average(const Request& request) { return average(request, false); }
AggregatePtr resolve_try_average(const Request& request) { return average(request, true); }

}  // namespace libstream::aggregates
