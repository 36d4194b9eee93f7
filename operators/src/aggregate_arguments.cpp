#include "aggregate_arguments.hpp"

namespace libstream {

AggregateArguments::AggregateArguments(const std::vector<AggregateCall>& calls) {
  std::vector<BoundPtr> shared;
  const auto place = [](const BoundPtr& expression, std::vector<BoundPtr>& list) {
    if (expression->kind == BoundExpression::Kind::column) return expression->column | direct;
    list.push_back(expression);
    return static_cast<std::uint32_t>(list.size() - 1);
  };
  for (const AggregateCall& call : calls) {
    Input input;
    std::vector<BoundPtr> own;
    input.filtered = call.filter != nullptr;
    if (input.filtered) input.filter_place = place(call.filter, shared);
    for (const BoundPtr& argument : call.arguments) {
      input.places.push_back(place(argument, input.filtered ? own : shared));
    }
    if (!own.empty()) input.own.emplace(std::move(own));
    inputs_.push_back(std::move(input));
  }
  if (!shared.empty()) evaluator_.emplace(std::move(shared));
}

void AggregateArguments::evaluate(const Batch& batch, const EpochContext& context) {
  std::vector<ColumnPtr> results;
  if (evaluator_) results = evaluator_->evaluate(batch, context);
  const auto column = [&](std::uint32_t place) {
    return (place & direct) != 0 ? batch.columns[place & ~direct] : results[place];
  };
  for (Input& input : inputs_) {
    if (input.filtered) {
      const ColumnPtr condition = column(input.filter_place);
      const auto* values = condition->values<std::uint8_t>();
      input.mask.resize(batch.rows);
      for (std::size_t i = 0; i < batch.rows; ++i) {
        input.mask[i] = values[i] != 0 && !condition->is_null(i) ? 1 : 0;
      }
    }
    input.columns.clear();
    if (input.own) {
      evaluate_filtered(input, batch, context);
    } else {
      for (const std::uint32_t place : input.places) input.columns.push_back(column(place));
    }
  }
}

void AggregateArguments::evaluate_filtered(Input& input, const Batch& batch,
                                           const EpochContext& context) {
  Selection passing;
  std::vector<std::uint32_t> back(batch.rows, 0);  // row → its place among the passing ones
  for (std::uint32_t i = 0; i < batch.rows; ++i) {
    if (!input.mask[i]) continue;
    back[i] = static_cast<std::uint32_t>(passing.size());
    passing.push_back(i);
  }
  std::vector<ColumnPtr> results;
  if (!passing.empty()) {
    results = input.own->evaluate(*gather(batch, passing), context);
  }
  for (const std::uint32_t place : input.places) {
    if ((place & direct) != 0) {
      input.columns.push_back(batch.columns[place & ~direct]);
    } else if (passing.empty()) {
      input.columns.push_back(nullptr);
    } else {
      input.columns.push_back(results[place]->gather(back));
    }
  }
}

}  // namespace libstream
