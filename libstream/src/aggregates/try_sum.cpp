#include "catalogue.hpp"
#include "kernel.hpp"

namespace libstream::aggregates {
namespace {

/// A sum that becomes null where it leaves its type, and stays so.
template <class In, class Out>
class TrySum final : public AggregateFunction {
  enum Status : std::uint64_t { none, known, lost };
  struct State {
    StoredInt128 sum;
    std::uint64_t status;
  };

 public:
  TrySum(const Request& request, DataType argument, DataType result) {
    name_ = request.name;
    result_type_ = result;
    argument_types_ = {std::move(argument)};
    intermediate_types_ = {std::move(result), TypeId::boolean};  // null and true: lost
    state_size_ = sizeof(State);
    if (result_type_.id() == TypeId::decimal) limit_ = power_of_ten(result_type_.precision()) - 1;
  }

  void initialize(std::byte* state) const override { std::memset(state, 0, sizeof(State)); }
  void update(std::span<std::byte* const> states,
              std::span<const ColumnPtr> arguments) const override {
    const auto* values = arguments[0]->values<In>();
    for_valid(*arguments[0], states.size(), [&](std::size_t i) {
      if (states[i]) add(state_at<State>(states[i]), values[i]);
    });
  }
  void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                     const std::uint8_t* mask, std::size_t rows) const override {
    const auto* values = arguments[0]->values<In>();
    for_valid(*arguments[0], mask, rows,
              [&](std::size_t i) { add(state_at<State>(state), values[i]); });
  }
  void merge(std::span<std::byte* const> states,
             std::span<const ColumnPtr> intermediates) const override {
    const auto* sums = intermediates[0]->values<Out>();
    const auto* present = intermediates[1]->values<std::uint8_t>();
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i] == nullptr || !present[i]) continue;
      auto& state = state_at<State>(states[i]);
      if (intermediates[0]->is_null(i)) {
        state.status = lost;
      } else {
        add(state, sums[i]);
      }
    }
  }
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const override {
    FixedOutput<std::uint8_t> present(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      present.set(i, state_at<State>(states[i]).status == none ? 0 : 1);
    }
    return {finish(states), present.finish(TypeId::boolean)};
  }
  std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments, const std::uint8_t* mask,
                                    std::size_t rows) const override {
    FixedOutput<Out> sums(rows);
    FixedOutput<std::uint8_t> present(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      const bool counts = (mask == nullptr || mask[i]) && !arguments[0]->is_null(i);
      present.set(i, counts ? 1 : 0);
      sums.set(i, counts ? static_cast<Out>(arguments[0]->values<In>()[i]) : Out{});
    }
    return {sums.finish(intermediate_types_[0]), present.finish(TypeId::boolean)};
  }
  ColumnPtr finish(std::span<const std::byte* const> states) const override {
    FixedOutput<Out> output(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      const auto& state = state_at<State>(states[i]);
      if (state.status == known) {
        output.set(i, static_cast<Out>(static_cast<int128>(state.sum)));
      } else {
        output.set_null(i);
      }
    }
    return output.finish(result_type_);
  }

 private:
  void add(State& state, int128 value) const {
    if (state.status == lost) return;
    int128 total = 0;
    const bool overflow = __builtin_add_overflow(static_cast<int128>(state.sum), value, &total);
    state.status = overflow || total > limit_ || total < least() ? lost : known;
    state.sum = total;
  }
  int128 least() const { return result_type_.id() == TypeId::decimal ? -limit_ : -limit_ - 1; }

  int128 limit_ = std::numeric_limits<std::int64_t>::max();
};

}  // namespace

AggregatePtr resolve_try_sum(const Request& request) {
  const DataType& argument = request.arguments[0];
  if (argument.is_integral()) {
    return std::make_shared<TrySum<std::int64_t, std::int64_t>>(request, TypeId::bigint,
                                                                TypeId::bigint);
  }
  if (argument.id() != TypeId::decimal) return resolve_sum(request);  // doubles do not overflow
  const auto type = DataType::decimal(std::min(argument.precision() + 10, 38), argument.scale());
  if (argument.is_wide_decimal()) {
    return std::make_shared<TrySum<int128, int128>>(request, argument, type);
  }
  if (type.is_wide_decimal()) {
    return std::make_shared<TrySum<std::int64_t, int128>>(request, argument, type);
  }
  return std::make_shared<TrySum<std::int64_t, std::int64_t>>(request, argument, type);
}

}  // namespace libstream::aggregates
