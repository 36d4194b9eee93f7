#include "catalogue.hpp"
#include "cell.hpp"

namespace libstream::aggregates {
namespace {

// Order is that of arrival: rows in a task, then accumulators as the exchange brings them. One
// upstream partition is FIFO, so with one the answer is that of the stream; with several, which
// partition comes first is open, as it is for any parallel reader. `last` always follows the newest
// epoch, `first` the oldest.

/// A fixed-width value of a state.
template <class T>
struct FixedCell {
  Stored<T> value;
  std::uint8_t seen;
  std::uint8_t null;

  void initialize() {}  // all zero already
  void destroy() {}
  void assign(const Column& column, std::size_t row) { value = column.values<T>()[row]; }
  void append_to(ColumnBuilder& builder) const { builder.append<T>(value); }
};

template <class Cell, bool Last>
class Pick final : public AggregateFunction {
  static constexpr std::size_t size = (sizeof(Cell) + 7) / 8 * 8;

 public:
  Pick(const Request& request, const DataType& type, bool ignore_nulls)
      : ignore_nulls_(ignore_nulls) {
    name_ = request.name;
    result_type_ = type;
    argument_types_ = {type};
    intermediate_types_ = {type, TypeId::boolean};
    state_size_ = size;
    trivial_ = !std::is_same_v<Cell, TextCell> && !std::is_same_v<Cell, NestedCell>;
  }

  void initialize(std::byte* state) const override {
    std::memset(state, 0, size);
    state_at<Cell>(state).initialize();
  }
  void destroy(std::byte* state) const override { state_at<Cell>(state).destroy(); }

  void update(std::span<std::byte* const> states,
              std::span<const ColumnPtr> arguments) const override {
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i]) take(state_at<Cell>(states[i]), *arguments[0], i);
    }
  }
  void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                     const std::uint8_t* mask, std::size_t rows) const override {
    for (std::size_t i = 0; i < rows; ++i) {
      if (mask == nullptr || mask[i]) take(state_at<Cell>(state), *arguments[0], i);
    }
  }
  void merge(std::span<std::byte* const> states,
             std::span<const ColumnPtr> intermediates) const override {
    const auto* present = intermediates[1]->values<std::uint8_t>();
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i] && present[i]) take(state_at<Cell>(states[i]), *intermediates[0], i);
    }
  }
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const override {
    FixedOutput<std::uint8_t> present(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      present.set(i, state_at<Cell>(states[i]).seen ? 1 : 0);
    }
    return {finish(states), present.finish(TypeId::boolean)};
  }
  std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments, const std::uint8_t* mask,
                                    std::size_t rows) const override {
    FixedOutput<std::uint8_t> present(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      const bool skip =
          (mask != nullptr && !mask[i]) || (ignore_nulls_ && arguments[0]->is_null(i));
      present.set(i, skip ? 0 : 1);
    }
    return {arguments[0], present.finish(TypeId::boolean)};
  }
  ColumnPtr finish(std::span<const std::byte* const> states) const override {
    ColumnBuilder builder(result_type_, states.size());
    for (const std::byte* bytes : states) {
      const auto& cell = state_at<Cell>(bytes);
      if (cell.seen && !cell.null) {
        cell.append_to(builder);
      } else {
        builder.append_null();
      }
    }
    return builder.finish();
  }

 private:
  void take(Cell& cell, const Column& column, std::size_t row) const {
    if (!Last && cell.seen) return;
    const bool null = column.is_null(row);
    if (null && ignore_nulls_) return;
    cell.seen = 1;
    cell.null = null ? 1 : 0;
    if (!null) cell.assign(column, row);
  }

  bool ignore_nulls_;
};

template <bool Last>
AggregatePtr resolve_pick(const Request& request) {
  bool ignore_nulls = false;
  if (!request.options.empty()) {
    if (request.options.size() > 1 || !std::holds_alternative<bool>(request.options[0].data)) {
      wrong_types(request, "one option, ignoreNulls: true or false");
    }
    ignore_nulls = request.options[0].boolean();
  }
  const DataType& type = request.arguments[0];
  if (type.id() == TypeId::null) wrong_types(request, "a typed value; cast the NULL to a type");
  if (type.is_string_like()) {
    return std::make_shared<Pick<TextCell, Last>>(request, type, ignore_nulls);
  }
  if (!is_fixed_width(type)) {
    return std::make_shared<Pick<NestedCell, Last>>(request, type, ignore_nulls);
  }
  return visit_storage(type, [&](auto zero) -> AggregatePtr {
    return std::make_shared<Pick<FixedCell<decltype(zero)>, Last>>(request, type, ignore_nulls);
  });
}

}  // namespace

AggregatePtr resolve_first(const Request& request) { return resolve_pick<false>(request); }
AggregatePtr resolve_last(const Request& request) { return resolve_pick<true>(request); }

}  // namespace libstream::aggregates
