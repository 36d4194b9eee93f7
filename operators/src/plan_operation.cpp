#include "plan_operation.hpp"

#include "first_epoch_rows.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace libstream {

bool in_first_epoch(const OperationPlan& operation, std::uint32_t input) {
  const auto& inputs = operation.first_epoch_inputs;
  return std::find(inputs.begin(), inputs.end(), input) != inputs.end();
}

Exchange exchange_of(const OperationPlan& operation, std::uint32_t input) {
  return operation.exchanges.empty() ? Exchange{} : operation.exchanges[input];
}

TopologyNode operation_node(const ResolvedPlan& plan, std::span<const std::uint32_t> tasks,
                            const PlanningOptions& planning, Topology& topology) {
  const auto& wanted = *plan.operation;
  TopologyNode node;
  node.name = wanted.name;
  node.schema = plan.schema;
  node.factory = wanted.factory;
  node.stateful = !wanted.state_signature.empty();
  node.state_name = wanted.state_name.empty() ? wanted.name : wanted.state_name;
  node.wants_no_data_epoch = wanted.wants_no_data_epoch;
  node.wants_epoch_each_trigger = wanted.wants_epoch_each_trigger;
  node.accounts = wanted.accounts;
  std::optional<std::uint32_t> parallelism;
  for (std::uint32_t i = 0; i < tasks.size(); ++i) {
    const auto exchange = exchange_of(wanted, i);
    if (in_first_epoch(wanted, i)) {
      auto rows = std::make_shared<FirstEpochRows>(std::make_unique<StaticPlan>(
          plan.inputs[i], planning.spec, planning.options, planning.environment));
      topology.static_sides.push_back(rows);
      node.factory =
          with_first_epoch_rows(std::move(node.factory), i, exchange.key_columns, std::move(rows));
      continue;
    }
    const auto here = exchange.kind == Exchange::Kind::hash     ? planning.options.partitions
                      : exchange.kind == Exchange::Kind::gather ? 1
                                                                : tasks[i];
    if (parallelism.value_or(here) != here) {
      throw Error(ErrorCode::analysis, "UNEQUAL_INPUTS",
                  wanted.name + ": its inputs come in " + std::to_string(*parallelism) + " and " +
                      std::to_string(here) + " tasks; let the operation hash or gather them all");
    }
    parallelism = here;
  }
  LIBSTREAM_ASSERT(parallelism.has_value(), "an operation has an input beside its first epoch's");
  node.parallelism = *parallelism;
  return node;
}

}  // namespace libstream
