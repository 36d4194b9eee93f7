#include "analysis.hpp"

#include <algorithm>

namespace libstream::analysis {

ResolvedPtr explode_column(const ResolvedPtr& input, std::vector<Item> kept, const Item& array,
                           std::size_t position, bool outer) {
  const auto& type = array.value->type;
  if (type.id() != TypeId::array) {
    fail("DATATYPE_MISMATCH", "explode: " + array.value->text + " is " + type.to_string() +
                                  ", but only an array can be exploded");
  }
  const auto count = kept.size();
  kept.push_back(array);
  auto below = project_items(input, std::move(kept));

  auto plan = node_above(ResolvedPlan::Kind::explode, {below});
  plan->outer = outer;
  plan->column = static_cast<std::uint32_t>(count);
  auto fields = below->schema.fields();
  fields.back() = {array.name, type.element(), outer || type.fields()[0].nullable};
  plan->schema = Schema(std::move(fields));
  plan->qualifiers = below->qualifiers;
  for (std::uint32_t i = 0; i < count; ++i) {
    plan->keep.push_back(i);
    if (below->carries_event_time(i)) plan->event_times.push_back(i);
  }
  if (position == count) return plan;

  auto items = all_columns(*plan);
  auto element = std::move(items.back());
  items.pop_back();
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(position), std::move(element));
  return project_items(plan, std::move(items));
}

ResolvedPtr resolve_select(const LogicalPlan& plan, const ResolvedPtr& given) {
  const auto is_window_call = [](const Expression& expression) {
    return is_call(without_alias(expression), "window");
  };
  // A window column is made below; the columns of the input keep their places under it.
  auto input = given;
  const auto window =
      std::find_if(plan.expressions.begin(), plan.expressions.end(), is_window_call);
  if (window != plan.expressions.end()) input = add_window(given, *window, "select");
  std::vector<Item> items;
  std::optional<Item> array;
  std::size_t position = 0;
  bool outer = false;
  for (const auto& expression : plan.expressions) {
    const auto& inner = without_alias(expression);
    if (is_window_call(expression)) {
      if (!same_expression(inner, without_alias(*window))) {
        bad_window(inner, "select", "it is a second window; a select takes one");
      }
      items.push_back(column_item(static_cast<std::uint32_t>(input->schema.size() - 1), *input));
      items.back().name = derived_name(expression);
    } else if (is_star(inner)) {
      for (auto& item : star_items(inner, *given)) items.push_back(std::move(item));
    } else if (is_generator(inner)) {
      if (array) {
        fail("GENERATOR_NOT_ALLOWED",
             "select: a second " + inner.to_string() +
                 "; one select takes one explode, put another select above for the next");
      }
      if (inner.node().arguments.size() != 1) {
        fail("WRONG_NUM_ARGS", "select: " + inner.to_string() + " takes one array");
      }
      array = item_of(inner.node().arguments[0], *input, "select");
      array->name = derived_name(expression);
      position = items.size();
      outer = is_call(inner, "explode_outer");
    } else {
      items.push_back(item_of(expression, *input, "select"));
    }
  }
  if (array) return explode_column(input, std::move(items), *array, position, outer);
  return project_items(input, std::move(items));
}

}  // namespace libstream::analysis
