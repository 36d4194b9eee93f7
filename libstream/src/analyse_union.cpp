#include "analysis.hpp"

namespace libstream::analysis {
namespace {

/// The type that values of both become, by the rules of coalesce.
DataType common_type(const Field& a, const Field& b, std::size_t position) {
  if (a.type == b.type) return a.type;
  try {
    return bind(call("coalesce", {col("a"), col("b")}),
                Schema{{"a", a.type, true}, {"b", b.type, true}})
        ->type;
  } catch (const Error&) {
    fail(
        "INCOMPATIBLE_COLUMN_TYPE",
        "union_all: column " + std::to_string(position + 1) + " is " + a.name + " " +
            a.type.to_string() + " on one side and " + b.name + " " + b.type.to_string() +
            " on the other; columns are matched by position: cast one or reorder them with select");
  }
}

ResolvedPtr cast_to(const ResolvedPtr& input, const std::vector<Field>& fields) {
  auto items = all_columns(*input);
  bool changed = false;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].value->type == fields[i].type) continue;
    items[i].value = bound_cast(items[i].value, fields[i].type);
    items[i].event_time = false;
    changed = true;
  }
  return changed ? project_items(input, std::move(items)) : input;
}

std::vector<std::uint32_t> common_event_times(const std::vector<ResolvedPtr>& inputs) {
  const ResolvedPlan* first = nullptr;
  for (const auto& input : inputs) {
    if (input->event_times.empty()) continue;
    if (first == nullptr) first = input.get();
    if (input->event_times != first->event_times) {
      fail("MULTIPLE_EVENT_TIME_COLUMNS",
           "union_all: one side has its event time in \"" +
               first->schema[first->event_times[0]].name + "\", the other in \"" +
               input->schema[input->event_times[0]].name +
               "\"; bring them to the same position with select, or set the watermark above the "
               "union");
    }
  }
  return first == nullptr ? std::vector<std::uint32_t>{} : first->event_times;
}

}  // namespace

ResolvedPtr resolve_union(std::vector<ResolvedPtr> inputs) {
  const auto& first = *inputs.front();
  auto fields = first.schema.fields();
  for (const auto& input : inputs) {
    if (input->streaming != first.streaming) {
      fail("UNION_MIXES_STREAM_AND_STATIC",
           "union_all: one side is a stream, the other is not; read both with read_stream()");
    }
    if (input->schema.size() != fields.size()) {
      fail("NUM_COLUMNS_MISMATCH",
           "union_all: one side has " + std::to_string(fields.size()) + " columns (" +
               first.schema.to_string() + "), the other " + std::to_string(input->schema.size()) +
               " (" + input->schema.to_string() + "); select the same columns on both");
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
      fields[i].type = common_type(fields[i], input->schema[i], i);
      fields[i].nullable = fields[i].nullable || input->schema[i].nullable;
    }
  }
  for (auto& input : inputs) input = cast_to(input, fields);
  auto plan = node_above(ResolvedPlan::Kind::union_all, std::move(inputs));
  plan->event_times = common_event_times(plan->inputs);
  plan->schema = Schema(std::move(fields));
  return plan;
}

}  // namespace libstream::analysis
