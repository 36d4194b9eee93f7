#include "object.hpp"
#include "value_bytes.hpp"

namespace libstream::aggregates {
namespace {

/// Another aggregate over the distinct values of its arguments. Keeps them all: state grows with
/// the number of values. Rows with a null argument do not count, as in count(DISTINCT a, b).
class Distinct final : public AggregateFunction {
 public:
  Distinct(AggregatePtr inner, AggregatePtr values)
      : inner_(std::move(inner)), values_(std::move(values)) {
    name_ = inner_->name();
    result_type_ = inner_->result_type();
    argument_types_ = inner_->argument_types();
    intermediate_types_ = values_->intermediate_types();
    state_size_ = values_->state_size();
    trivial_ = false;
  }

  void initialize(std::byte* state) const override { values_->initialize(state); }
  void destroy(std::byte* state) const override { values_->destroy(state); }
  void update(std::span<std::byte* const> states,
              std::span<const ColumnPtr> arguments) const override {
    if (states.empty()) return;
    const ColumnPtr joined[] = {tuple(arguments, states.size())};
    values_->update(states, joined);
  }
  void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                     const std::uint8_t* mask, std::size_t rows) const override {
    const ColumnPtr joined[] = {tuple(arguments, rows)};
    values_->update_single(state, joined, mask, rows);
  }
  void merge(std::span<std::byte* const> states,
             std::span<const ColumnPtr> intermediates) const override {
    values_->merge(states, intermediates);
  }
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const override {
    return values_->intermediates(states);
  }
  std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments, const std::uint8_t* mask,
                                    std::size_t rows) const override {
    const ColumnPtr joined[] = {tuple(arguments, rows)};
    return values_->singletons(joined, mask, rows);
  }

  /// Runs the inner aggregate over the values of all states at once.
  ColumnPtr finish(std::span<const std::byte* const> states) const override {
    const ColumnPtr sets = values_->finish(states);
    const Column& elements = *sets->child(0);
    const std::size_t words = inner_->state_size() / 8;
    std::vector<std::uint64_t> memory(states.size() * words);
    const auto at = [&](std::size_t i) { return reinterpret_cast<std::byte*>(&memory[i * words]); };
    std::vector<std::byte*> of_rows(elements.size());
    std::vector<const std::byte*> all(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      inner_->initialize(at(i));
      all[i] = at(i);
      for_elements(*sets, i, [&](std::size_t element) { of_rows[element] = at(i); });
    }
    const auto release = [&] {
      for (std::size_t i = 0; i < states.size(); ++i) inner_->destroy(at(i));
    };
    try {
      if (elements.size() > 0) inner_->update(of_rows, arguments_of(sets->child(0)));
      ColumnPtr result = inner_->finish(all);
      release();
      return result;
    } catch (...) {
      release();
      throw;
    }
  }

 private:
  /// The arguments as one column that is null where one of them is.
  ColumnPtr tuple(std::span<const ColumnPtr> arguments, std::size_t rows) const {
    if (arguments.size() == 1) return arguments[0];
    const std::size_t bytes = (rows + 63) / 64 * 8;
    const auto validity = Buffer::allocate(bytes);
    auto* words = validity->as<std::uint64_t>();
    std::memset(words, 0xff, bytes);
    for (const ColumnPtr& argument : arguments) {
      for (std::size_t i = 0; argument->has_validity() && i < bytes / 8; ++i) {
        words[i] &= argument->validity()[i];
      }
    }
    return Column::structure(values_->argument_types()[0], rows,
                             {arguments.begin(), arguments.end()}, validity);
  }
  std::vector<ColumnPtr> arguments_of(const ColumnPtr& elements) const {
    if (argument_types_.size() == 1) return {elements};
    std::vector<ColumnPtr> columns;
    for (std::size_t i = 0; i < elements->children(); ++i) columns.push_back(elements->child(i));
    return columns;
  }

  AggregatePtr inner_;
  AggregatePtr values_;  // collect_set
};

}  // namespace

AggregatePtr make_distinct(const Request& request, AggregatePtr inner) {
  const std::vector<DataType>& types = inner->argument_types();
  if (types.empty()) wrong_types(request, "at least one argument with DISTINCT");
  DataType element = types[0];
  if (types.size() > 1) {
    std::vector<Field> fields;
    for (std::size_t i = 0; i < types.size(); ++i) {
      fields.push_back({"_" + std::to_string(i + 1), types[i], true});
    }
    element = DataType::structure(std::move(fields));
  }
  const DataType arguments[] = {element};
  AggregatePtr values = resolve_collect_set({request.name, arguments, {}});
  return std::make_shared<Distinct>(std::move(inner), std::move(values));
}

}  // namespace libstream::aggregates
