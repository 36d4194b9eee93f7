#include "fold.hpp"
#include "text_state.hpp"

namespace libstream::aggregates {
namespace {

template <class T, bool Max>
struct Extreme {
  using Input = T;
  using Value = Stored<T>;
  using Output = T;
  void combine(Value& best, Input value) const {
    const bool better = Max ? less<T>(best, value) : less<T>(value, best);
    best = better ? value : static_cast<T>(best);
  }
  Output output(Value best) const { return best; }
};

/// Smallest or largest string by bytes, which for UTF-8 is the order of code points.
template <bool Max>
class ExtremeText final : public AggregateFunction {
 public:
  ExtremeText(const Request& request, const DataType& type) {
    name_ = request.name;
    result_type_ = type;
    argument_types_ = {type};
    intermediate_types_ = {type};
    state_size_ = sizeof(TextState);
    trivial_ = false;
  }

  void initialize(std::byte* state) const override { state_at<TextState>(state).initialize(); }
  void destroy(std::byte* state) const override { state_at<TextState>(state).destroy(); }

  void update(std::span<std::byte* const> states,
              std::span<const ColumnPtr> arguments) const override {
    const auto* values = arguments[0]->values<StringView>();
    for_valid(*arguments[0], states.size(), [&](std::size_t i) {
      if (states[i]) combine(state_at<TextState>(states[i]), values[i]);
    });
  }
  void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                     const std::uint8_t* mask, std::size_t rows) const override {
    const auto* values = arguments[0]->values<StringView>();
    for_valid(*arguments[0], mask, rows,
              [&](std::size_t i) { combine(state_at<TextState>(state), values[i]); });
  }
  void merge(std::span<std::byte* const> states,
             std::span<const ColumnPtr> intermediates) const override {
    update(states, intermediates);
  }
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const override {
    return {finish(states)};
  }
  std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments, const std::uint8_t* mask,
                                    std::size_t rows) const override {
    if (mask == nullptr) return {arguments[0]};
    const Column& values = *arguments[0];
    ColumnBuilder builder(result_type_, rows);
    for (std::size_t i = 0; i < rows; ++i) {
      if (!mask[i] || values.is_null(i)) {
        builder.append_null();
      } else {
        builder.append_view(values.values<StringView>()[i]);
      }
    }
    for (const BufferPtr& heap : values.heaps()) builder.keep_alive(heap);
    return {builder.finish()};
  }
  ColumnPtr finish(std::span<const std::byte* const> states) const override {
    ColumnBuilder builder(result_type_, states.size());
    for (const std::byte* bytes : states) {
      const auto& state = state_at<TextState>(bytes);
      if (state.seen) {
        builder.append_string(state.view.view());
      } else {
        builder.append_null();
      }
    }
    return builder.finish();
  }

 private:
  static void combine(TextState& state, const StringView& value) {
    if (state.seen) {
      const bool better = Max ? state.view.view() < value.view() : value.view() < state.view.view();
      if (!better) return;
    }
    state.seen = 1;
    state.assign(value);
  }
};

template <bool Max>
AggregatePtr resolve_extreme(const Request& request) {
  const DataType& type = request.arguments[0];
  if (type.is_string_like()) return std::make_shared<ExtremeText<Max>>(request, type);
  if (!is_fixed_width(type)) {
    wrong_types(request,
                "a value with an order: a number, boolean, string, binary, date, timestamp "
                "or interval");
  }
  return visit_storage(type, [&](auto zero) -> AggregatePtr {
    using Operation = Extreme<decltype(zero), Max>;
    return std::make_shared<Fold<Operation>>(request, type, type, Operation{});
  });
}

}  // namespace

AggregatePtr resolve_min(const Request& request) { return resolve_extreme<false>(request); }
AggregatePtr resolve_max(const Request& request) { return resolve_extreme<true>(request); }

}  // namespace libstream::aggregates
