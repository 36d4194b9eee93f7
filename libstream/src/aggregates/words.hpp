#pragma once

#include "catalogue.hpp"
#include "kernel.hpp"

#include <array>

namespace libstream::aggregates {

/// An aggregate of doubles whose accumulator is a fixed number of doubles. Each crosses the
/// exchange as a column; rows with a null argument do not count.
///
/// Policy: `arity` (1 or 2), `State` (doubles only, the first one the number of rows),
/// `add(State&, double…)`, `merge(State&, const State&)`. What to make of a state is a function of
/// its own, since many aggregates share one: false = null.
template <class Policy>
class Words final : public AggregateFunction {
  using State = typename Policy::State;
  static constexpr std::size_t count = sizeof(State) / sizeof(double);
  using Array = std::array<double, count>;
  static_assert(sizeof(Array) == sizeof(State));

 public:
  using Result = bool (*)(const State& state, double& result);

  Words(const Request& request, Result result) : result_(result) {
    name_ = request.name;
    result_type_ = TypeId::float64;
    argument_types_.assign(Policy::arity, TypeId::float64);
    intermediate_types_.assign(count, TypeId::float64);
    state_size_ = sizeof(State);
  }

  void initialize(std::byte* state) const override { std::memset(state, 0, sizeof(State)); }

  void update(std::span<std::byte* const> states,
              std::span<const ColumnPtr> arguments) const override {
    rows(arguments, nullptr, states.size(), [&](std::size_t i, auto... values) {
      if (states[i]) Policy::add(state_at<State>(states[i]), values...);
    });
  }
  void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                     const std::uint8_t* mask, std::size_t size) const override {
    State local = state_at<State>(state);
    rows(arguments, mask, size,
         [&](std::size_t, auto... values) { Policy::add(local, values...); });
    state_at<State>(state) = local;
  }
  void merge(std::span<std::byte* const> states,
             std::span<const ColumnPtr> intermediates) const override {
    std::array<const double*, count> columns;
    for (std::size_t c = 0; c < count; ++c) columns[c] = intermediates[c]->values<double>();
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i] == nullptr || columns[0][i] == 0) continue;
      Array words;
      for (std::size_t c = 0; c < count; ++c) words[c] = columns[c][i];
      auto& state = state_at<State>(states[i]);
      const auto& other = std::bit_cast<State>(words);
      if (std::bit_cast<Array>(state)[0] == 0) {
        state = other;  // bit by bit, so that a restored state is the one that was stored
      } else {
        Policy::merge(state, other);
      }
    }
  }
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const override {
    return columns_of(states.size(), [&](std::size_t i) { return state_at<State>(states[i]); });
  }
  std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments, const std::uint8_t* mask,
                                    std::size_t size) const override {
    std::vector<State> states(size, State{});
    rows(arguments, mask, size,
         [&](std::size_t i, auto... values) { Policy::add(states[i], values...); });
    return columns_of(size, [&](std::size_t i) { return states[i]; });
  }
  ColumnPtr finish(std::span<const std::byte* const> states) const override {
    FixedOutput<double> output(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      double result = 0;
      if (result_(state_at<State>(states[i]), result)) {
        output.set(i, result);
      } else {
        output.set_null(i);
      }
    }
    return output.finish(result_type_);
  }

 private:
  template <class F>
  static void rows(std::span<const ColumnPtr> arguments, const std::uint8_t* mask, std::size_t size,
                   F&& f) {
    const auto* first = arguments[0]->values<double>();
    if constexpr (Policy::arity == 1) {
      for_valid(*arguments[0], mask, size, [&](std::size_t i) { f(i, first[i]); });
    } else {
      const Column& other = *arguments[1];
      const auto* second = other.values<double>();
      for_valid(*arguments[0], mask, size, [&](std::size_t i) {
        if (!other.is_null(i)) f(i, first[i], second[i]);
      });
    }
  }
  template <class F>
  std::vector<ColumnPtr> columns_of(std::size_t size, F&& state) const {
    std::vector<FixedOutput<double>> outputs;
    for (std::size_t c = 0; c < count; ++c) outputs.emplace_back(size);
    for (std::size_t i = 0; i < size; ++i) {
      const auto words = std::bit_cast<Array>(state(i));
      for (std::size_t c = 0; c < count; ++c) outputs[c].set(i, words[c]);
    }
    std::vector<ColumnPtr> columns;
    for (auto& output : outputs) columns.push_back(output.finish(TypeId::float64));
    return columns;
  }

  Result result_;
};

}  // namespace libstream::aggregates
