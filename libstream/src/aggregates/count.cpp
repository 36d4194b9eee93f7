#include "catalogue.hpp"
#include "kernel.hpp"

namespace libstream::aggregates {
namespace {

/// Counts rows that a predicate over the arguments accepts. Predicate::rows calls its function for
/// each such row.
template <class Predicate>
class Count final : public AggregateFunction {
 public:
  Count(const Request& request, std::vector<DataType> argument_types) {
    name_ = request.name;
    result_type_ = TypeId::bigint;
    argument_types_ = std::move(argument_types);
    intermediate_types_ = {TypeId::bigint};
    state_size_ = sizeof(std::int64_t);
  }

  void initialize(std::byte* state) const override { state_at<std::int64_t>(state) = 0; }

  void update(std::span<std::byte* const> states,
              std::span<const ColumnPtr> arguments) const override {
    Predicate::rows(arguments, nullptr, states.size(), [&](std::size_t i) {
      if (states[i]) ++state_at<std::int64_t>(states[i]);
    });
  }
  void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                     const std::uint8_t* mask, std::size_t rows) const override {
    std::int64_t count = 0;
    Predicate::rows(arguments, mask, rows, [&](std::size_t) { ++count; });
    state_at<std::int64_t>(state) += count;
  }
  void merge(std::span<std::byte* const> states,
             std::span<const ColumnPtr> intermediates) const override {
    const auto* counts = intermediates[0]->values<std::int64_t>();
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i]) state_at<std::int64_t>(states[i]) += counts[i];
    }
  }
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const override {
    return {finish(states)};
  }
  std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments, const std::uint8_t* mask,
                                    std::size_t rows) const override {
    const auto buffer = Buffer::allocate(rows * sizeof(std::int64_t));
    auto* counts = buffer->as<std::int64_t>();
    std::fill_n(counts, rows, 0);
    Predicate::rows(arguments, mask, rows, [&](std::size_t i) { counts[i] = 1; });
    return {Column::fixed(TypeId::bigint, rows, buffer)};
  }
  ColumnPtr finish(std::span<const std::byte* const> states) const override {
    FixedOutput<std::int64_t> output(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      output.set(i, state_at<std::int64_t>(states[i]));
    }
    return output.finish(result_type_);
  }
};

struct EveryRow {
  template <class F>
  static void rows(std::span<const ColumnPtr>, const std::uint8_t* mask, std::size_t rows, F&& f) {
    for (std::size_t i = 0; i < rows; ++i) {
      if (mask == nullptr || mask[i]) f(i);
    }
  }
};
struct NoArgumentNull {
  template <class F>
  static void rows(std::span<const ColumnPtr> arguments, const std::uint8_t* mask, std::size_t rows,
                   F&& f) {
    for_valid(*arguments[0], mask, rows, [&](std::size_t i) {
      for (std::size_t a = 1; a < arguments.size(); ++a) {
        if (arguments[a]->is_null(i)) return;
      }
      f(i);
    });
  }
};
struct ArgumentTrue {
  template <class F>
  static void rows(std::span<const ColumnPtr> arguments, const std::uint8_t* mask, std::size_t rows,
                   F&& f) {
    const auto* values = arguments[0]->values<std::uint8_t>();
    for_valid(*arguments[0], mask, rows, [&](std::size_t i) {
      if (values[i]) f(i);
    });
  }
};

}  // namespace

AggregatePtr resolve_count(const Request& request) {
  if (request.arguments.empty()) {
    return std::make_shared<Count<EveryRow>>(request, std::vector<DataType>{});
  }
  return std::make_shared<Count<NoArgumentNull>>(
      request, std::vector<DataType>(request.arguments.begin(), request.arguments.end()));
}

AggregatePtr resolve_count_if(const Request& request) {
  const TypeId id = request.arguments[0].id();
  if (id != TypeId::boolean && id != TypeId::null) wrong_types(request, "a boolean");
  return std::make_shared<Count<ArgumentTrue>>(request, std::vector<DataType>{TypeId::boolean});
}

}  // namespace libstream::aggregates
