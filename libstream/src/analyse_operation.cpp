#include "analysis.hpp"

#include <libstream/operation.hpp>

// Custom operations.
namespace libstream::analysis {
namespace {

OperationPlan planned(const Operation& operation, const std::vector<ResolvedPtr>& inputs) {
  std::vector<OperationInput> described;
  for (const auto& input : inputs) {
    described.push_back({input->schema, input->event_times, input->watermarked, input->streaming});
  }
  auto plan = operation.plan(described);
  LIBSTREAM_ASSERT(plan.factory != nullptr, "an operation makes an operator");
  LIBSTREAM_ASSERT(plan.exchanges.empty() || plan.exchanges.size() == inputs.size(),
                   "an operation names one exchange an input");
  LIBSTREAM_ASSERT(plan.columns.empty() || plan.columns.size() == inputs.size(),
                   "an operation names the columns of each input");
  return plan;
}

/// Cuts off what is not read; true where that changed an input.
bool narrow(std::vector<ResolvedPtr>& inputs,
            const std::vector<std::vector<std::uint32_t>>& columns) {
  bool changed = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].size() == inputs[i]->schema.size()) continue;
    std::vector<Item> items;
    for (const auto column : columns[i]) items.push_back(column_item(column, *inputs[i]));
    inputs[i] = project_items(inputs[i], std::move(items));
    changed = true;
  }
  return changed;
}

}  // namespace

ResolvedPtr resolve_operation(const LogicalPlan& plan, std::vector<ResolvedPtr> inputs,
                              const std::optional<Identity>& identity) {
  const auto& operation = *std::static_pointer_cast<const Operation>(plan.custom);
  auto wanted = planned(operation, inputs);
  if (narrow(inputs, wanted.columns)) wanted = planned(operation, inputs);
  auto node = node_above(ResolvedPlan::Kind::operation, std::move(inputs));
  node->schema = wanted.schema;
  node->event_times = wanted.event_times;
  node->watermarked = node->watermarked && wanted.passes_watermark;
  LIBSTREAM_ASSERT(identity.has_value() == !wanted.state_signature.empty(),
                   "an operation that keeps state signs it, others do not");
  if (identity) {
    node->id = identity->id;
    node->place = identity->place;
    node->name = plan.name;
  } else if (!plan.name.empty()) {
    fail("OPERATOR_WITHOUT_STATE", "named(\"" + plan.name + "\"): " + wanted.name +
                                       " keeps no state; name the operator that does");
  }
  node->operation = std::make_shared<const OperationPlan>(std::move(wanted));
  return node;
}

}  // namespace libstream::analysis
