#include "prune_columns.hpp"

#include "analyse_join.hpp"

#include <algorithm>
#include <limits>

namespace libstream {
namespace {

using Kind = ResolvedPlan::Kind;
using Columns = std::vector<bool>;  // one an output column: is it read?

constexpr auto gone = std::numeric_limits<std::uint32_t>::max();

/// A plan with columns taken out, and where the old ones are now.
struct Pruned {
  ResolvedPtr plan;
  std::vector<std::uint32_t> place;
};

Columns all(std::size_t count) { return Columns(count, true); }

void read(const BoundPtr& expression, Columns& columns) {
  for (const auto column : input_columns(*expression)) columns[column] = true;
}

std::vector<std::uint32_t> identity(std::size_t count) {
  std::vector<std::uint32_t> place(count);
  for (std::uint32_t i = 0; i < count; ++i) place[i] = i;
  return place;
}

std::vector<std::uint32_t> moved(const std::vector<std::uint32_t>& columns,
                                 const std::vector<std::uint32_t>& place) {
  std::vector<std::uint32_t> result;
  for (const auto column : columns) {
    if (place[column] != gone) result.push_back(place[column]);
  }
  return result;
}

std::vector<std::string> moved(const std::vector<std::string>& names,
                               const std::vector<std::uint32_t>& place, std::size_t count) {
  if (names.empty()) return {};
  std::vector<std::string> result(count);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (place[i] != gone) result[place[i]] = names[i];
  }
  return result;
}

bool is_identity(const ResolvedPlan& project) {
  const auto& input = *project.inputs[0];
  if (project.expressions.size() != input.schema.size()) return false;
  for (std::uint32_t i = 0; i < project.expressions.size(); ++i) {
    const auto& value = *project.expressions[i];
    if (value.kind != BoundExpression::Kind::column || value.column != i ||
        project.schema[i].name != input.schema[i].name) {
      return false;
    }
  }
  return true;
}

class Pruning {
 public:
  explicit Pruning(const OptimiserOptions& options) : options_(options) {}

  Pruned run(const ResolvedPtr& plan, const Columns& wanted) const {
    switch (plan->kind) {
      case Kind::source:
        return {plan, identity(plan->schema.size())};
      case Kind::project:
        return project(*plan, wanted);
      case Kind::filter:
      case Kind::watermark:
      case Kind::sort:
      case Kind::limit:
        return pass(*plan, wanted);
      case Kind::explode:
        return explode(*plan, wanted);
      case Kind::windows:
      case Kind::sessions:
        return windows(*plan, wanted);
      case Kind::top_n:
        return ranked(*plan, wanted);
      case Kind::deduplicate:
        return deduplicate(*plan, wanted);
      case Kind::aggregate:
        return aggregate(*plan);
      case Kind::union_all:
      case Kind::as_of_join:  // which of several right rows is taken depends on all their columns
        return unite(*plan);
      case Kind::operation:
        return unite(*plan);
      case Kind::join:
        return join(*plan, wanted);
    }
    LIBSTREAM_ASSERT(false, "unknown kind of plan");
    return {};
  }

 private:
  Pruned project(const ResolvedPlan& plan, const Columns& wanted) const {
    const auto& below = plan.inputs[0];
    Columns read_below(below->schema.size(), false);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i]) read(plan.expressions[i], read_below);
    }
    const auto input = run(below, read_below);
    if (std::none_of(wanted.begin(), wanted.end(), [](bool w) { return w; })) {
      return {input.plan, std::vector<std::uint32_t>(wanted.size(), gone)};
    }
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    copy->expressions.clear();
    std::vector<std::uint32_t> place(wanted.size(), gone);
    std::vector<Field> fields;
    copy->qualifiers.clear();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!wanted[i]) continue;
      place[i] = static_cast<std::uint32_t>(fields.size());
      fields.push_back(plan.schema[i]);
      if (!plan.qualifiers.empty()) copy->qualifiers.push_back(plan.qualifiers[i]);
      copy->expressions.push_back(remap_columns(plan.expressions[i], input.place));
    }
    copy->schema = Schema(std::move(fields));
    copy->event_times = moved(plan.event_times, place);
    if (is_identity(*copy)) return {input.plan, std::move(place)};
    return {copy, std::move(place)};
  }

  /// Operators whose output columns are their input's.
  Pruned pass(const ResolvedPlan& plan, Columns wanted) const {
    if (plan.kind == Kind::watermark) wanted[plan.column] = true;
    for (const auto& expression : plan.expressions) read(expression, wanted);
    auto input = run(plan.inputs[0], wanted);
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    copy->schema = input.plan->schema;
    copy->qualifiers = moved(plan.qualifiers, input.place, copy->schema.size());
    copy->event_times = moved(plan.event_times, input.place);
    if (plan.kind == Kind::watermark) copy->column = input.place[plan.column];
    for (auto& expression : copy->expressions) {
      expression = remap_columns(expression, input.place);
    }
    return {copy, std::move(input.place)};
  }

  Pruned explode(const ResolvedPlan& plan, const Columns& wanted) const {
    Columns below(plan.inputs[0]->schema.size(), false);
    below[plan.column] = true;
    for (std::size_t i = 0; i < plan.keep.size(); ++i) {
      if (wanted[i]) below[plan.keep[i]] = true;
    }
    const auto input = run(plan.inputs[0], below);
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    copy->column = input.place[plan.column];
    copy->keep.clear();
    copy->qualifiers.clear();
    std::vector<std::uint32_t> place(plan.schema.size(), gone);
    std::vector<Field> fields;
    for (std::size_t i = 0; i < plan.keep.size(); ++i) {
      if (!wanted[i]) continue;
      place[i] = static_cast<std::uint32_t>(fields.size());
      fields.push_back(plan.schema[i]);
      copy->keep.push_back(input.place[plan.keep[i]]);
    }
    place.back() = static_cast<std::uint32_t>(fields.size());
    fields.push_back(plan.schema[plan.keep.size()]);
    copy->schema = Schema(std::move(fields));
    copy->event_times = moved(plan.event_times, place);
    return {copy, std::move(place)};
  }

  Pruned windows(const ResolvedPlan& plan, Columns wanted) const {
    wanted.pop_back();
    wanted[plan.column] = true;
    for (const auto& expression : plan.expressions) read(expression, wanted);
    auto input = run(plan.inputs[0], wanted);
    // Sliding windows copy rows: then columns that nobody reads are worth a projection.
    if (plan.window_slide < plan.window_size) input = narrow(std::move(input), wanted);
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    copy->column = input.place[plan.column];
    for (auto& expression : copy->expressions) {
      expression = remap_columns(expression, input.place);
    }
    auto fields = input.plan->schema.fields();
    input.place.push_back(static_cast<std::uint32_t>(fields.size()));
    fields.push_back(plan.schema[plan.schema.size() - 1]);
    copy->schema = Schema(std::move(fields));
    copy->event_times = moved(plan.event_times, input.place);
    copy->qualifiers = moved(plan.qualifiers, input.place, copy->schema.size());
    return {copy, std::move(input.place)};
  }

  static Pruned narrow(Pruned input, const Columns& wanted) {
    std::vector<analysis::Item> items;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!wanted[i]) {
        input.place[i] = gone;
        continue;
      }
      const auto now = static_cast<std::uint32_t>(items.size());
      items.push_back(analysis::column_item(input.place[i], *input.plan));
      input.place[i] = now;
    }
    // Places keep their order, so where nothing is left out they have not changed.
    if (items.size() < input.plan->schema.size()) {
      input.plan = analysis::project_items(input.plan, std::move(items));
    }
    return input;
  }

  /// The late rows go out as they came in.
  bool keeps_late_rows(const ResolvedPlan& plan) const {
    return options_.late_rows && finds_late_rows(plan);
  }

  /// The event time that tells which rows are late: the one that is read there or above, or the
  /// only one.
  std::optional<std::uint32_t> event_column_of(const ResolvedPlan& plan,
                                               const Columns& wanted) const {
    if (plan.within_watermark || !plan.event_column) return plan.event_column;
    const auto& input = *plan.inputs[0];
    std::vector<std::uint32_t> read_ones;
    for (const auto column : input.event_times) {
      if (wanted[column]) read_ones.push_back(column);
    }
    if (read_ones.size() > 1) {
      analysis::fail_with_event_times("drop_duplicates", input, read_ones);
    }
    if (!read_ones.empty()) return read_ones[0];
    if (input.event_times.size() > 1 || options_.recorded_rules) return std::nullopt;
    return plan.event_column;
  }

  Pruned deduplicate(const ResolvedPlan& plan, Columns wanted) const {
    for (const auto key : plan.keys) wanted[key] = true;
    const auto event_column = event_column_of(plan, wanted);
    if (event_column && keeps_late_rows(plan)) wanted = all(wanted.size());
    if (event_column) wanted[*event_column] = true;
    auto input = run(plan.inputs[0], wanted);
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    copy->schema = input.plan->schema;
    copy->qualifiers = moved(plan.qualifiers, input.place, copy->schema.size());
    copy->event_times = moved(plan.event_times, input.place);
    for (auto& key : copy->keys) key = input.place[key];
    copy->event_column.reset();
    if (event_column) copy->event_column = input.place[*event_column];
    return {copy, std::move(input.place)};
  }

  Pruned ranked(const ResolvedPlan& plan, Columns wanted) const {
    if (keeps_late_rows(plan)) wanted = all(wanted.size());
    for (const auto key : plan.keys) wanted[key] = true;
    for (const auto& expression : plan.expressions) read(expression, wanted);
    // The rows are kept: what nobody reads is worth a projection.
    auto input = narrow(run(plan.inputs[0], wanted), wanted);
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    copy->schema = input.plan->schema;
    copy->event_times = moved(plan.event_times, input.place);
    for (auto& key : copy->keys) key = input.place[key];
    for (auto& expression : copy->expressions) {
      expression = remap_columns(expression, input.place);
    }
    return {copy, std::move(input.place)};
  }

  Pruned aggregate(const ResolvedPlan& plan) const {
    const auto& below = *plan.inputs[0];
    Columns wanted(below.schema.size(), false);
    if (keeps_late_rows(plan)) wanted = all(below.schema.size());
    for (const auto key : plan.keys) wanted[key] = true;
    for (const auto& call : plan.aggregates) {
      for (const auto& argument : call.arguments) read(argument, wanted);
      if (call.filter) read(call.filter, wanted);
    }
    const auto input = run(plan.inputs[0], wanted);
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    for (auto& key : copy->keys) key = input.place[key];
    for (auto& call : copy->aggregates) {
      for (auto& argument : call.arguments) argument = remap_columns(argument, input.place);
      if (call.filter) call.filter = remap_columns(call.filter, input.place);
    }
    // Aggregates that nobody reads stay: the state must not depend on what stands above.
    return {copy, identity(plan.schema.size())};
  }

  Pruned join(const ResolvedPlan& plan, Columns wanted) const {
    const auto& join = *plan.join;
    const auto width = plan.inputs[0]->schema.size();
    if (std::find(wanted.begin(), wanted.end(), true) == wanted.end()) wanted[0] = true;
    Columns read_pair(width + plan.inputs[1]->schema.size(), keeps_late_rows(plan));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i]) read_pair[join.output[i]] = true;
    }
    if (join.condition) read(join.condition, read_pair);

    auto pruned = join;
    std::vector<std::uint32_t> pair_place;
    auto copy = std::make_shared<ResolvedPlan>(plan);
    for (std::size_t i = 0; i < 2; ++i) {
      auto& side = i == 0 ? pruned.left : pruned.right;
      const auto begin = read_pair.begin() + static_cast<std::ptrdiff_t>(i * width);
      Columns below(begin, begin + static_cast<std::ptrdiff_t>(plan.inputs[i]->schema.size()));
      for (const auto key : side.keys) below[key] = true;
      if (side.event_column) below[*side.event_column] = true;
      if (side.filter) read(side.filter, below);
      auto input = run(plan.inputs[i], below);
      // What is kept in memory is worth a projection.
      const auto kept = plan.inputs[1 - i]->streaming || !plan.inputs[i]->streaming;
      if (kept && std::find(below.begin(), below.end(), true) != below.end()) {
        input = narrow(std::move(input), below);
      }
      for (auto& key : side.keys) key = input.place[key];
      if (side.filter) side.filter = remap_columns(side.filter, input.place);
      const auto shift = i == 0 ? 0U : static_cast<std::uint32_t>(copy->inputs[0]->schema.size());
      for (const auto place : input.place)
        pair_place.push_back(place == gone ? gone : place + shift);
      copy->inputs[i] = input.plan;
    }
    if (pruned.condition) pruned.condition = remap_columns(pruned.condition, pair_place);
    pruned.output.clear();
    std::vector<std::uint32_t> place(wanted.size(), gone);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!wanted[i]) continue;
      place[i] = static_cast<std::uint32_t>(pruned.output.size());
      pruned.output.push_back(pair_place[join.output[i]]);
    }
    analysis::set_join(*copy, std::move(pruned));
    return {copy, std::move(place)};
  }

  Pruned unite(const ResolvedPlan& plan) const {
    auto copy = std::make_shared<ResolvedPlan>(plan);
    for (auto& input : copy->inputs) input = run(input, all(input->schema.size())).plan;
    return {copy, identity(plan.schema.size())};
  }

  OptimiserOptions options_;
};

}  // namespace

ResolvedPtr prune_columns(const ResolvedPtr& plan, const OptimiserOptions& options) {
  return Pruning(options).run(plan, all(plan->schema.size())).plan;
}

}  // namespace libstream
