#include "analyse_join.hpp"
#include "function.hpp"

#include <algorithm>

namespace libstream::analysis {
namespace {

void check_arguments(const LogicalPlan& plan) {
  if (plan.join_type != JoinType::inner && plan.join_type != JoinType::left_outer) {
    fail("UNSUPPORTED_JOIN_TYPE",
         "as_of_join: " + std::string(to_string(plan.join_type)) +
             " is not supported: it takes left rows one by one; use inner or left_outer");
  }
  if (plan.names.empty()) {
    fail("AS_OF_JOIN_WITHOUT_KEYS",
         "as_of_join needs at least one column that both sides have: without, every row would go "
         "through one task; to mean just that, add a constant column to both sides");
  }
  if (plan.tolerance < 0) {
    fail("INVALID_TOLERANCE", "as_of_join: the tolerance is " + duration_text(plan.tolerance) +
                                  ", but a right row is taken from before the left one; use 0 or "
                                  "more");
  }
}

void check_side(const ResolvedPlan& side, const char* name) {
  if (side.streaming) return;
  fail("AS_OF_JOIN_OF_BOUNDED_DATA",
       std::string("as_of_join: the ") + name +
           " side is bounded, but both must be streams: rows come out as the watermark passes "
           "them; read it with read_stream()");
}

std::uint32_t time_of(const std::string& column, const ResolvedPlan& side, const char* name) {
  const auto index = column_of(column, side, std::string("as_of_join: ") + name + " side");
  const auto& field = side.schema[index];
  if (field.type.id() != TypeId::timestamp) {
    fail("DATATYPE_MISMATCH", std::string("as_of_join: the ") + name + " time " + field.name +
                                  " is " + field.type.to_string() +
                                  ", but must be a timestamp; cast it below");
  }
  if (!side.carries_event_time(index)) {
    fail("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
         std::string("as_of_join: the ") + name + " time " + field.name +
             " does not carry the event time, so that it is never known that no earlier row can "
             "still come; call with_watermark(\"" +
             field.name + "\", …) on that side");
  }
  return index;
}

/// The column itself, or one behind the others that has it in another type.
std::uint32_t key_as(ResolvedPtr& side, std::uint32_t column, const DataType& type) {
  const auto& field = side->schema[column];
  if (field.type == type) return column;
  std::vector<Item> items{
      {unused_name("join_key", side->schema), bound_cast(bound_column(column, field), type)}};
  side = append_items(side, std::move(items));
  return static_cast<std::uint32_t>(side->schema.size() - 1);
}

void add_key(const std::string& name, ResolvedPtr& left, ResolvedPtr& right, AsOfJoinPlan& join) {
  const auto of_left = column_of(name, *left, "as_of_join: left side");
  const auto of_right = column_of(name, *right, "as_of_join: right side");
  const auto& a = left->schema[of_left].type;
  const auto& b = right->schema[of_right].type;
  const auto type = common_type(a, b);
  if (!type) {
    fail("DATATYPE_MISMATCH", "as_of_join: column " + name + " is " + a.to_string() +
                                  " on the left side and " + b.to_string() +
                                  " on the right one, which do not compare; cast one");
  }
  join.left_keys.push_back(key_as(left, of_left, *type));
  join.right_keys.push_back(key_as(right, of_right, *type));
}

/// Left columns, then the right ones that are no keys, without those that were added here.
std::vector<std::uint32_t> output_of(const LogicalPlan& plan, const ResolvedPlan& right,
                                     std::size_t left_columns, std::size_t right_columns,
                                     std::size_t left_width) {
  std::vector<std::uint32_t> output;
  for (std::uint32_t c = 0; c < left_columns; ++c) output.push_back(c);
  for (std::uint32_t c = 0; c < right_columns; ++c) {
    const auto is_key = std::any_of(
        plan.names.begin(), plan.names.end(),
        [&](const std::string& name) { return column_of(name, right, "as_of_join") == c; });
    if (!is_key) output.push_back(static_cast<std::uint32_t>(left_width) + c);
  }
  return output;
}

}  // namespace

ResolvedPtr resolve_as_of_join(const LogicalPlan& plan, ResolvedPtr left, ResolvedPtr right,
                               const Identity& identity) {
  check_arguments(plan);
  check_side(*left, "left");
  check_side(*right, "right");
  AsOfJoinPlan join;
  join.type = plan.join_type;
  join.tolerance = plan.tolerance;
  join.left_time = time_of(plan.column, *left, "left");
  join.right_time = time_of(plan.new_name, *right, "right");
  const auto left_columns = left->schema.size();
  const auto right_columns = right->schema.size();
  for (const auto& name : plan.names) add_key(name, left, right, join);
  join.output = output_of(plan, *right, left_columns, right_columns, left->schema.size());

  auto node = node_above(ResolvedPlan::Kind::as_of_join, {left, right});
  node->id = identity.id;
  node->place = identity.place;
  node->name = plan.name;
  // Rows come out when the watermark reaches the left time; others may be behind it.
  node->event_times = {join.left_time};
  const auto pair = pair_of(*left, *right);
  std::vector<Field> fields;
  for (const auto column : join.output) {
    auto field = pair->schema[column];
    field.nullable =
        field.nullable || (column >= left->schema.size() && join.type == JoinType::left_outer);
    node->qualifiers.push_back(pair->qualifiers[column]);
    fields.push_back(std::move(field));
  }
  node->schema = Schema(std::move(fields));
  node->as_of = std::make_shared<const AsOfJoinPlan>(std::move(join));
  return node;
}

}  // namespace libstream::analysis
