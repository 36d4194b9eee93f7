#pragma once

#include "operator_test.hpp"

#include <libstream/operators/keyed_aggregate.hpp>
#include <libstream/operators/project.hpp>

#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace libstream::test {

/// An aggregate over columns of `schema`, by name.
inline AggregateCall aggregate_call(const Schema& schema, std::string_view function,
                                    const std::vector<std::string>& columns,
                                    const std::vector<Value>& options = {}) {
  std::vector<DataType> types;
  std::vector<BoundPtr> arguments;
  for (const std::string& name : columns) {
    const std::size_t index = schema.find(name).value();
    types.push_back(schema[index].type);
    arguments.push_back(bound_column(static_cast<std::uint32_t>(index), schema[index]));
  }
  AggregateCall call{
      resolve_aggregate(function, types, options, false), {}, nullptr, std::string(function)};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    call.arguments.push_back(bound_cast(arguments[i], call.function->argument_types()[i]));
  }
  return call;
}

/// How an aggregation is cut into steps.
enum class Plan { single, two_stages };

/// Columns of `input` plus the windows that assign_windows adds.
inline Schema with_window(const Schema& input) {
  std::vector<Field> fields = input.fields();
  fields.push_back(
      {"window",
       DataType::structure({{"start", TypeId::timestamp, true}, {"end", TypeId::timestamp, true}}),
       true});
  return Schema(std::move(fields));
}

/// Appends the steps of an aggregation whose keys are columns of `schema`.
inline void add_aggregation(std::vector<OperatorTest::Step>& steps, AggregateSpec spec, Plan plan) {
  std::vector<std::uint32_t> positions(spec.keys.size());
  std::iota(positions.begin(), positions.end(), 0);
  if (plan == Plan::single) {
    spec.stage = AggregateSpec::Stage::single;
    steps.emplace_back(keyed_aggregate(spec), spec.keys);
    return;
  }
  spec.stage = AggregateSpec::Stage::partial;
  steps.emplace_back(keyed_aggregate(spec));
  spec.stage = AggregateSpec::Stage::final_;
  spec.keys = positions;
  steps.emplace_back(keyed_aggregate(spec), positions);
}

}  // namespace libstream::test
