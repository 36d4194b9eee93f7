#include "plan_state_columns.hpp"

#include "group_states.hpp"

#include <utility>

namespace libstream {
namespace {

StateColumns::Aggregate described(const AggregateCall& call) {
  StateColumns::Aggregate aggregate;
  aggregate.name = call.name;
  aggregate.function = call.function->name();
  aggregate.arguments = call.function->argument_types();
  aggregate.distinct = call.distinct;
  aggregate.counts_rows = counts_rows(call);
  // Constants behind the arguments are not in the plan any more, nor are users' functions by name.
  aggregate.resolvable =
      is_aggregate(aggregate.function) && aggregate_arity(aggregate.function).options == 0;
  return aggregate;
}

}  // namespace

std::string state_columns_of(std::vector<Field> keys, const std::vector<AggregateCall>& calls) {
  StateColumns columns;
  columns.keys = std::move(keys);
  for (const AggregateCall& call : calls) columns.aggregates.push_back(described(call));
  return columns.to_string();
}

}  // namespace libstream
