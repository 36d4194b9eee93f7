#include "analysis.hpp"
#include "function.hpp"

#include <algorithm>

namespace libstream::analysis {

using Kind = ExpressionNode::Kind;

namespace {

std::string quoted(std::string_view name) { return "\"" + std::string(name) + "\""; }

std::vector<std::string> names_of(const Schema& schema) {
  std::vector<std::string> names;
  for (const auto& field : schema) names.push_back(field.name);
  return names;
}

/// True where `name` is "side.name" of the column.
bool names_side(std::string_view name, const ResolvedPlan& input, std::size_t column) {
  if (input.qualifiers.empty() || input.qualifiers[column].empty()) return false;
  const auto& side = input.qualifiers[column];
  return name.size() > side.size() + 1 && name[side.size()] == '.' &&
         same_name(name.substr(0, side.size()), side) &&
         same_name(name.substr(side.size() + 1), input.schema[column].name);
}

[[noreturn]] void fail_ambiguous(std::string_view name, const ResolvedPlan& input,
                                 const std::vector<std::size_t>& found) {
  std::set<std::string> sides;
  std::string text;
  for (const auto column : found) {
    if (input.qualifiers.empty() || input.qualifiers[column].empty()) continue;
    const auto full = input.qualifiers[column] + "." + input.schema[column].name;
    if (sides.insert(full).second) text += (text.empty() ? "" : ", ") + full;
  }
  fail("AMBIGUOUS_REFERENCE",
       "more than one column is called " + quoted(name) + " there; " +
           (sides.size() == found.size() ? "say which: " + text
                                         : "rename one of them below with .as(…)"));
}

/// The column of that name: "side.name" before a plain name.
std::optional<std::size_t> find_column(std::string_view name, const ResolvedPlan& input) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < input.schema.size(); ++i) {
    if (names_side(name, input, i)) found.push_back(i);
  }
  for (std::size_t i = 0; found.empty() && i < input.schema.size(); ++i) {
    if (!same_name(input.schema[i].name, name)) continue;
    for (; i < input.schema.size(); ++i) {
      if (same_name(input.schema[i].name, name)) found.push_back(i);
    }
  }
  if (found.size() > 1) fail_ambiguous(name, input, found);
  return found.empty() ? std::nullopt : std::optional(found[0]);
}

void refuse(const Expression& part, std::string_view where) {
  const auto text = part.to_string();
  if (is_aggregate_call(part)) {
    fail("AGGREGATE_NOT_ALLOWED", std::string(where) + ": the aggregate " + text +
                                      " stands in no aggregation; use group_by(…).agg(" + text +
                                      ") and a filter above it");
  }
  if (is_call(part, "window") || is_call(part, "session_window")) {
    fail("WINDOW_NOT_ALLOWED",
         std::string(where) + ": " + text +
             (is_call(part, "window") ? " can only be a key of group_by(…) or a column of its own"
                                      : " can only be a key of group_by(…)"));
  }
  if (is_generator(part)) {
    fail("GENERATOR_NOT_ALLOWED", std::string(where) + ": " + text +
                                      " gives several rows; it can only be a column of its own in "
                                      "select(…), one for each select");
  }
  if (part.node().kind == Kind::star || part.node().kind == Kind::sort) {
    fail("INVALID_EXPRESSION",
         std::string(where) + ": " + text + " has no value here; " +
             (part.node().kind == Kind::star ? "* can only be a column of select(…) or in count(*)"
                                             : "asc and desc belong to order_by(…)"));
  }
}

}  // namespace

bool is_window(const DataType& type) {
  return type.id() == TypeId::structure && type.fields().size() == 2 &&
         same_name(type.fields()[0].name, "start") && same_name(type.fields()[1].name, "end") &&
         type.fields()[1].type.id() == TypeId::timestamp;
}

/// window_time(w) is the window's last instant: the end, which is not in it, less 1 µs.
Expression window_time(const Expression& window) {
  return window.field("end") - Operand(std::chrono::microseconds(1));
}

std::string candidates(std::string_view name, const Schema& schema) {
  const auto names = names_of(schema);
  const auto similar = similar_names(name, names);
  std::string text;
  for (const auto& candidate : similar.empty() ? names : similar) {
    text += (text.empty() ? "" : ", ") + candidate;
  }
  if (text.empty()) return "there are no columns";
  return similar.empty() ? "known columns: " + text : "did you mean " + text + "?";
}

std::uint32_t column_of(std::string_view name, const ResolvedPlan& input, std::string_view where) {
  std::optional<std::size_t> index;
  try {
    index = find_column(name, input);
  } catch (const Error& error) {
    throw Error(error.code(), error.error_class(), std::string(where) + ": " + error.what());
  }
  if (!index) {
    fail("UNRESOLVED_COLUMN", std::string(where) + ": there is no column " + quoted(name) + "; " +
                                  candidates(name, input.schema));
  }
  return static_cast<std::uint32_t>(*index);
}

BoundPtr bind_in(const Expression& expression, const ResolvedPlan& input, std::string_view where) {
  const auto prepared =
      rewrite(expression, [&](const Expression& part) -> std::optional<Expression> {
        refuse(part, where);
        if (is_call(part, "window_time") && part.node().arguments.size() == 1) {
          return window_time(part.node().arguments[0]);
        }
        return std::nullopt;
      });
  try {
    return bind(prepared, input.schema,
                [&](std::string_view name) { return find_column(name, input); });
  } catch (const Error& error) {
    throw Error(error.code(), error.error_class(), std::string(where) + ": " + error.what());
  }
}

Item item_of(const Expression& expression, const ResolvedPlan& input, std::string_view where) {
  const auto& inner = without_alias(expression);
  Item item{derived_name(expression), bind_in(inner, input, where)};
  if (item.value->kind == BoundExpression::Kind::column) {
    item.event_time = input.carries_event_time(item.value->column);
    if (inner.node().kind == expression.node().kind && !input.qualifiers.empty()) {
      item.qualifier = input.qualifiers[item.value->column];
    }
  }
  if (is_call(inner, "window_time") && inner.node().arguments.size() == 1) {
    const auto window = bind_in(inner.node().arguments[0], input, where);
    item.event_time = window->kind == BoundExpression::Kind::column && is_window(window->type) &&
                      input.carries_event_time(window->column);
  }
  return item;
}

Item column_item(std::uint32_t column, const ResolvedPlan& input) {
  const auto& field = input.schema[column];
  return {field.name, bound_column(column, field), input.carries_event_time(column),
          input.qualifiers.empty() ? "" : input.qualifiers[column]};
}

std::vector<Item> all_columns(const ResolvedPlan& input) {
  std::vector<Item> items;
  for (std::uint32_t i = 0; i < input.schema.size(); ++i) items.push_back(column_item(i, input));
  return items;
}

std::vector<Item> star_items(const Expression& star, const ResolvedPlan& input) {
  const auto& name = star.node().name;
  if (star.node().kind == Kind::star && name.empty()) return all_columns(input);
  if (name == "*") return all_columns(input);
  const auto side = name.ends_with(".*") ? name.substr(0, name.size() - 2) : name;
  std::vector<Item> of_side;
  for (std::uint32_t i = 0; i < input.qualifiers.size(); ++i) {
    if (same_name(side, input.qualifiers[i])) of_side.push_back(column_item(i, input));
  }
  if (!of_side.empty()) return of_side;
  const auto column = column_of(side, input, "select");
  const auto& type = input.schema[column].type;
  if (type.id() != TypeId::structure) {
    fail("INVALID_EXPRESSION", "select: " + quoted(name) + " needs a structure, but column " +
                                   quoted(side) + " is " + type.to_string());
  }
  std::vector<Item> items;
  for (const auto& field : type.fields()) {
    items.push_back(item_of(col(side).field(field.name).as(field.name), input, "select"));
  }
  return items;
}

std::shared_ptr<ResolvedPlan> node_above(ResolvedPlan::Kind kind, std::vector<ResolvedPtr> inputs) {
  auto plan = std::make_shared<ResolvedPlan>();
  plan->kind = kind;
  plan->streaming = std::any_of(inputs.begin(), inputs.end(),
                                [](const ResolvedPtr& input) { return input->streaming; });
  plan->watermarked = std::any_of(inputs.begin(), inputs.end(),
                                  [](const ResolvedPtr& input) { return input->watermarked; });
  plan->inputs = std::move(inputs);
  return plan;
}

ResolvedPtr project_items(ResolvedPtr input, std::vector<Item> items) {
  auto plan = node_above(ResolvedPlan::Kind::project, {std::move(input)});
  std::vector<Field> fields;
  const auto sided = std::any_of(items.begin(), items.end(),
                                 [](const Item& item) { return !item.qualifier.empty(); });
  for (auto& item : items) {
    if (sided) plan->qualifiers.push_back(item.qualifier);
    if (item.event_time) plan->event_times.push_back(static_cast<std::uint32_t>(fields.size()));
    fields.push_back({std::move(item.name), item.value->type, item.value->nullable});
    plan->expressions.push_back(std::move(item.value));
  }
  plan->schema = Schema(std::move(fields));
  return plan;
}

std::string unused_name(std::string name, const Schema& schema) {
  const auto stem = name;
  for (int i = 2; schema.find(name); ++i) name = stem + "_" + std::to_string(i);
  return name;
}

ResolvedPtr append_items(ResolvedPtr input, std::vector<Item> items) {
  if (items.empty()) return input;
  auto all = all_columns(*input);
  Schema taken = input->schema;
  for (auto& item : items) {
    item.name = unused_name(item.name, taken);
    auto fields = taken.fields();
    fields.push_back({item.name, item.value->type, item.value->nullable});
    taken = Schema(std::move(fields));
    all.push_back(std::move(item));
  }
  return project_items(std::move(input), std::move(all));
}

}  // namespace libstream::analysis
