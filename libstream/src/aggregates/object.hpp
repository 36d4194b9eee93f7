#pragma once

#include "catalogue.hpp"
#include "kernel.hpp"

#include <memory>

namespace libstream::aggregates {

/// An aggregate whose accumulator is an object on the heap, made with the first row that counts:
/// sets, lists, sketches. Rows with a null argument do not count.
///
/// Policy: `Object` with `clear()`; `make()`; `add(Object&, arguments, row)`;
/// `merge(Object&, columns, row)` of one row of intermediate columns; `write(const Object&,
/// builders)` appends that row; `finish(const Object*, builder)` appends the result, of nullptr
/// where no row counted. Types: `argument_types`, `intermediate_types`, `result_type`.
template <class Policy>
class ObjectAggregate final : public AggregateFunction {
  using Object = typename Policy::Object;
  struct State {
    Object* object;
  };

 public:
  ObjectAggregate(const Request& request, Policy policy) : policy_(std::move(policy)) {
    name_ = request.name;
    result_type_ = policy_.result_type;
    argument_types_ = policy_.argument_types;
    intermediate_types_ = policy_.intermediate_types;
    state_size_ = sizeof(State);
    trivial_ = false;
  }

  void initialize(std::byte* state) const override { state_at<State>(state).object = nullptr; }
  void destroy(std::byte* state) const override {
    delete state_at<State>(state).object;
    state_at<State>(state).object = nullptr;
  }

  void update(std::span<std::byte* const> states,
              std::span<const ColumnPtr> arguments) const override {
    rows(arguments, nullptr, states.size(), [&](std::size_t i) {
      if (states[i]) policy_.add(object(states[i]), arguments, i);
    });
  }
  void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                     const std::uint8_t* mask, std::size_t size) const override {
    rows(arguments, mask, size, [&](std::size_t i) { policy_.add(object(state), arguments, i); });
  }
  void merge(std::span<std::byte* const> states,
             std::span<const ColumnPtr> intermediates) const override {
    for_valid(*intermediates[0], states.size(), [&](std::size_t i) {
      if (states[i]) policy_.merge(object(states[i]), intermediates, i);
    });
  }
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const override {
    auto builders = make_builders(states.size());
    for (const std::byte* state : states) write(state_at<State>(state).object, builders);
    return finished(builders);
  }
  std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments, const std::uint8_t* mask,
                                    std::size_t size) const override {
    auto builders = make_builders(size);
    const std::unique_ptr<Object> one(policy_.make());  // the same for all rows
    std::size_t next = 0;
    rows(arguments, mask, size, [&](std::size_t i) {
      for (; next < i; ++next) write(nullptr, builders);
      one->clear();
      policy_.add(*one, arguments, i);
      write(one.get(), builders);
      next = i + 1;
    });
    for (; next < size; ++next) write(nullptr, builders);
    return finished(builders);
  }
  ColumnPtr finish(std::span<const std::byte* const> states) const override {
    ColumnBuilder builder(result_type_, states.size());
    for (const std::byte* state : states) policy_.finish(state_at<State>(state).object, builder);
    return builder.finish();
  }

 private:
  Object& object(std::byte* bytes) const {
    auto& state = state_at<State>(bytes);
    if (state.object == nullptr) state.object = policy_.make().release();
    return *state.object;
  }
  template <class F>
  static void rows(std::span<const ColumnPtr> arguments, const std::uint8_t* mask, std::size_t size,
                   F&& f) {
    for (const ColumnPtr& argument : arguments) {
      if (argument->type().id() == TypeId::null) return;
    }
    for_valid(*arguments[0], mask, size, [&](std::size_t i) {
      for (std::size_t a = 1; a < arguments.size(); ++a) {
        if (arguments[a]->is_null(i)) return;
      }
      f(i);
    });
  }
  std::vector<ColumnBuilder> make_builders(std::size_t size) const {
    std::vector<ColumnBuilder> builders;
    for (const DataType& type : intermediate_types_) builders.emplace_back(type, size);
    return builders;
  }
  void write(const Object* from, std::vector<ColumnBuilder>& builders) const {
    if (from != nullptr) return policy_.write(*from, builders);
    for (ColumnBuilder& builder : builders) builder.append_null();
  }
  static std::vector<ColumnPtr> finished(std::vector<ColumnBuilder>& builders) {
    std::vector<ColumnPtr> columns;
    for (ColumnBuilder& builder : builders) columns.push_back(builder.finish());
    return columns;
  }

  Policy policy_;
};

/// Elements of row `row` of an array column: f(index into child 0).
template <class F>
void for_elements(const Column& array, std::size_t row, F&& f) {
  const auto end = static_cast<std::size_t>(array.offsets()[row + 1]);
  for (auto i = static_cast<std::size_t>(array.offsets()[row]); i < end; ++i) f(i);
}

}  // namespace libstream::aggregates
