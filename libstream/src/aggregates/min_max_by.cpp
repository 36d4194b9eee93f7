#include "catalogue.hpp"
#include "cell.hpp"

namespace libstream::aggregates {
namespace {

/// What the largest or smallest value so far is kept in.
template <class T>
struct FixedOrder {
  Stored<T> value;
  void initialize() {}
  void destroy() {}
  T get() const { return value; }
  void assign(T other) { value = other; }
  static T at(const Column& column, std::size_t row) { return column.values<T>()[row]; }
  static bool before(T a, T b) { return less<T>(a, b); }
  void append_to(ColumnBuilder& builder) const { builder.append<T>(value); }
};
struct TextOrder : TextState {
  std::string_view get() const { return view.view(); }
  void assign(std::string_view other) { TextState::assign(StringView(other)); }
  static std::string_view at(const Column& column, std::size_t row) { return column.string(row); }
  static bool before(std::string_view a, std::string_view b) { return a < b; }
  void append_to(ColumnBuilder& builder) const { builder.append_string(view.view()); }
};

/// min_by and max_by: the value of the row whose order is the least or greatest. Rows without an
/// order do not count; of equal ones the newest stays.
template <class Order, class Cell, bool Max>
class By final : public AggregateFunction {
  struct State {
    Order order;
    Cell value;
    std::uint32_t any;
    std::uint32_t null;
  };
  static constexpr std::size_t size = (sizeof(State) + 7) / 8 * 8;

 public:
  explicit By(const Request& request) {
    name_ = request.name;
    result_type_ = request.arguments[0];
    argument_types_.assign(request.arguments.begin(), request.arguments.end());
    intermediate_types_ = argument_types_;
    state_size_ = size;
    trivial_ = std::is_same_v<Cell, RawCell> && !std::is_same_v<Order, TextOrder>;
  }

  void initialize(std::byte* state) const override {
    std::memset(state, 0, size);
    state_at<State>(state).order.initialize();
    state_at<State>(state).value.initialize();
  }
  void destroy(std::byte* state) const override {
    state_at<State>(state).order.destroy();
    state_at<State>(state).value.destroy();
  }
  void update(std::span<std::byte* const> states,
              std::span<const ColumnPtr> arguments) const override {
    for_valid(*arguments[1], states.size(), [&](std::size_t i) {
      if (states[i]) take(state_at<State>(states[i]), arguments, i);
    });
  }
  void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                     const std::uint8_t* mask, std::size_t rows) const override {
    for_valid(*arguments[1], mask, rows,
              [&](std::size_t i) { take(state_at<State>(state), arguments, i); });
  }
  void merge(std::span<std::byte* const> states,
             std::span<const ColumnPtr> intermediates) const override {
    update(states, intermediates);
  }
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const override {
    ColumnBuilder orders(intermediate_types_[1], states.size());
    for (const std::byte* bytes : states) {
      const auto& state = state_at<State>(bytes);
      if (state.any) {
        state.order.append_to(orders);
      } else {
        orders.append_null();
      }
    }
    return {finish(states), orders.finish()};
  }
  std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments, const std::uint8_t* mask,
                                    std::size_t rows) const override {
    if (mask == nullptr) return {arguments.begin(), arguments.end()};
    ColumnBuilder orders(intermediate_types_[1], rows);
    for (std::size_t i = 0; i < rows; ++i) {
      if (mask[i]) {
        orders.append_from(*arguments[1], i);
      } else {
        orders.append_null();
      }
    }
    return {arguments[0], orders.finish()};
  }
  ColumnPtr finish(std::span<const std::byte* const> states) const override {
    ColumnBuilder builder(result_type_, states.size());
    for (const std::byte* bytes : states) {
      const auto& state = state_at<State>(bytes);
      if (state.any && !state.null) {
        state.value.append_to(builder);
      } else {
        builder.append_null();
      }
    }
    return builder.finish();
  }

 private:
  static void take(State& state, std::span<const ColumnPtr> columns, std::size_t row) {
    const auto order = Order::at(*columns[1], row);
    if (state.any) {
      const bool worse =
          Max ? Order::before(order, state.order.get()) : Order::before(state.order.get(), order);
      if (worse) return;
    }
    state.any = 1;
    state.order.assign(order);
    state.null = columns[0]->is_null(row) ? 1 : 0;
    if (!state.null) state.value.assign(*columns[0], row);
  }
};

template <class Order, bool Max>
AggregatePtr with_order(const Request& request) {
  const DataType& value = request.arguments[0];
  if (value.id() == TypeId::null) wrong_types(request, "a typed value; cast the NULL to a type");
  if (value.is_string_like()) return std::make_shared<By<Order, TextCell, Max>>(request);
  if (is_fixed_width(value)) return std::make_shared<By<Order, RawCell, Max>>(request);
  return std::make_shared<By<Order, NestedCell, Max>>(request);
}

template <bool Max>
AggregatePtr resolve_by(const Request& request) {
  const DataType& order = request.arguments[1];
  if (order.is_string_like()) return with_order<TextOrder, Max>(request);
  if (!is_fixed_width(order)) {
    wrong_types(request, "a value, and one with an order: a number, string, date, timestamp, …");
  }
  return visit_storage(order, [&](auto zero) -> AggregatePtr {
    return with_order<FixedOrder<decltype(zero)>, Max>(request);
  });
}

}  // namespace

AggregatePtr resolve_min_by(const Request& request) { return resolve_by<false>(request); }
AggregatePtr resolve_max_by(const Request& request) { return resolve_by<true>(request); }

}  // namespace libstream::aggregates
