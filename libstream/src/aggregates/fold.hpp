#pragma once

#include "catalogue.hpp"
#include "kernel.hpp"

namespace libstream::aggregates {

/// An aggregate of one argument that folds its non-null values, null without any. Its accumulator
/// crosses the exchange as one nullable column.
///
/// Operation: `Input`, `Value` (in the state), `Output` (in columns of accumulators and results),
/// members `combine(Value&, Input or Output)`, `Output output(Value)`.
template <class Operation>
class Fold final : public AggregateFunction {
  using Input = typename Operation::Input;
  using Value = typename Operation::Value;
  using Output = typename Operation::Output;
  struct State {
    Value value;
    std::uint64_t seen;
  };
  static_assert(sizeof(State) % 8 == 0 && alignof(State) <= 8);

 public:
  Fold(const Request& request, DataType argument, DataType result, Operation operation)
      : operation_(std::move(operation)) {
    name_ = request.name;
    result_type_ = result;
    argument_types_ = {std::move(argument)};
    intermediate_types_ = {std::move(result)};
    state_size_ = sizeof(State);
  }

  // Zeroes the padding too: states are stored as bytes.
  void initialize(std::byte* state) const override { std::memset(state, 0, sizeof(State)); }

  void update(std::span<std::byte* const> states,
              std::span<const ColumnPtr> arguments) const override {
    add<Input>(states, *arguments[0]);
  }
  void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                     const std::uint8_t* mask, std::size_t rows) const override {
    const auto* values = arguments[0]->template values<Input>();
    State local = state_at<State>(state);
    for_valid(*arguments[0], mask, rows, [&](std::size_t i) { fold(local, values[i]); });
    state_at<State>(state).value = local.value;
    state_at<State>(state).seen = local.seen;
  }
  void merge(std::span<std::byte* const> states,
             std::span<const ColumnPtr> intermediates) const override {
    add<Output>(states, *intermediates[0]);
  }
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const override {
    return {finish(states)};
  }
  std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments, const std::uint8_t* mask,
                                    std::size_t rows) const override {
    if constexpr (std::is_same_v<Input, Output>) {
      // A row alone is its own accumulator.
      if (mask == nullptr) return {arguments[0]->with_type(intermediate_types_[0])};
    }
    const auto* values = arguments[0]->template values<Input>();
    FixedOutput<Output> output(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      if ((mask != nullptr && !mask[i]) || arguments[0]->is_null(i)) {
        output.set_null(i);
      } else {
        output.set(i, operation_.output(static_cast<Value>(values[i])));
      }
    }
    return {output.finish(intermediate_types_[0])};
  }
  ColumnPtr finish(std::span<const std::byte* const> states) const override {
    FixedOutput<Output> output(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      const auto& state = state_at<State>(states[i]);
      if (state.seen) {
        output.set(i, operation_.output(state.value));
      } else {
        output.set_null(i);
      }
    }
    return output.finish(result_type_);
  }

 private:
  template <class T>
  void fold(State& state, T value) const {
    if (state.seen) {
      operation_.combine(state.value, value);
    } else {
      state.value = static_cast<Value>(value);
      state.seen = 1;
    }
  }
  template <class T>
  void add(std::span<std::byte* const> states, const Column& column) const {
    const auto* values = column.values<T>();
    for_valid(column, states.size(), [&](std::size_t i) {
      if (states[i]) fold(state_at<State>(states[i]), values[i]);
    });
  }

  Operation operation_;
};

}  // namespace libstream::aggregates
