#include "optimise_join.hpp"

#include "function.hpp"

#include <algorithm>
#include <set>

namespace libstream {
namespace {

using Kind = ResolvedPlan::Kind;
using analysis::bound_conjuncts;

bool same_bound(const BoundExpression& a, const BoundExpression& b) {
  return a.kind == b.kind && a.type == b.type && a.column == b.column && a.value == b.value &&
         a.function == b.function && a.try_cast == b.try_cast &&
         std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(), b.arguments.end(),
                    [](const BoundPtr& x, const BoundPtr& y) { return same_bound(*x, *y); });
}

/// Conditions over the input of `plan` as conditions over its output, where all columns are there.
/// `source`: the input column that an output column is, if it is one.
void carry_over(const std::vector<BoundPtr>& below,
                const std::vector<std::optional<std::uint32_t>>& source,
                std::vector<BoundPtr>& result) {
  for (const auto& condition : below) {
    std::vector<std::uint32_t> mapping;
    bool all = true;
    for (const auto column : input_columns(*condition)) {
      const auto place = std::find(source.begin(), source.end(), column);
      all = all && place != source.end();
      mapping.resize(std::max<std::size_t>(mapping.size(), column + 1));
      mapping[column] = static_cast<std::uint32_t>(place - source.begin());
    }
    if (all) result.push_back(remap_columns(condition, mapping));
  }
}

/// Conditions that every row of the plan's output meets.
std::vector<BoundPtr> constraints_of(const ResolvedPlan& plan) {
  std::vector<BoundPtr> result;
  std::vector<std::optional<std::uint32_t>> source;
  switch (plan.kind) {
    case Kind::source:
    case Kind::union_all:
    case Kind::explode:
    case Kind::operation:
    case Kind::as_of_join:
      return {};
    case Kind::filter:
      result = constraints_of(*plan.inputs[0]);
      // A user's function is called where it was put, once.
      if (is_deterministic(*plan.expressions[0]) && !calls_user_function(*plan.expressions[0])) {
        result.push_back(plan.expressions[0]);
      }
      return result;
    case Kind::watermark:
    case Kind::deduplicate:
    case Kind::limit:
    case Kind::top_n:
    case Kind::sort:
    case Kind::windows:
    case Kind::sessions:
      return constraints_of(*plan.inputs[0]);
    case Kind::project:
      for (const auto& value : plan.expressions) {
        source.push_back(value->kind == BoundExpression::Kind::column ? std::optional(value->column)
                                                                      : std::nullopt);
      }
      carry_over(constraints_of(*plan.inputs[0]), source, result);
      return result;
    case Kind::aggregate:
      source.assign(plan.keys.begin(), plan.keys.end());
      carry_over(constraints_of(*plan.inputs[0]), source, result);
      return result;
    case Kind::join:
      break;
  }
  const auto width = static_cast<std::uint32_t>(plan.inputs[0]->schema.size());
  const auto& type = plan.join->type;
  for (const auto left : {true, false}) {
    const auto may_be_null = left ? type == JoinType::right_outer : type == JoinType::left_outer;
    if (may_be_null || type == JoinType::full_outer) continue;
    source.clear();
    for (const auto column : plan.join->output) {
      const auto here = (column < width) == left;
      source.push_back(here ? std::optional(left ? column : column - width) : std::nullopt);
    }
    carry_over(constraints_of(*plan.inputs[left ? 0 : 1]), source, result);
  }
  return result;
}

/// The columns whose null makes the expression null (or, of a test for null, false).
void strict_columns(const BoundExpression& expression, std::set<std::uint32_t>& columns) {
  using Node = BoundExpression::Kind;
  if (analysis::is_bound_call(expression, "is_not_null")) {
    return strict_columns(*expression.arguments[0], columns);
  }
  if (expression.kind == Node::column) columns.insert(expression.column);
  if (expression.kind == Node::cast ||
      (expression.kind == Node::call && expression.function->nulls == NullRule::propagate)) {
    for (const auto& argument : expression.arguments) strict_columns(*argument, columns);
  }
}

class Below {
 public:
  explicit Below(const ResolvedPlan& plan)
      : plan_(plan),
        join_(*plan.join),
        width_(static_cast<std::uint32_t>(plan.inputs[0]->schema.size())) {}

  std::vector<BoundPtr> of(bool left) const {
    const auto& side = left ? join_.left : join_.right;
    const auto& other = left ? join_.right : join_.left;
    const auto& input = *plan_.inputs[left ? 0 : 1];
    auto found = bound_conjuncts(side.filter);
    if (join_.type != JoinType::left_semi)
      carry_from(*plan_.inputs[left ? 1 : 0], other, side, found);
    for (const auto column : compared(left)) {
      if (input.schema[column].nullable) found.push_back(not_null(column, input));
    }
    auto known = constraints_of(input);
    std::vector<BoundPtr> fresh;
    for (auto& condition : found) {
      const auto seen = std::any_of(known.begin(), known.end(), [&](const BoundPtr& other_one) {
        return same_bound(*condition, *other_one);
      });
      if (seen) continue;
      known.push_back(condition);
      fresh.push_back(std::move(condition));
    }
    return fresh;
  }

 private:
  /// What the other side's rows meet in a key alone holds for the key that equals it. Not for left
  /// semi: the rows that move the watermark must be those of Structured Streaming.
  void carry_from(const ResolvedPlan& other_input, const JoinSide& other, const JoinSide& side,
                  std::vector<BoundPtr>& found) const {
    auto conditions = constraints_of(other_input);
    for (auto& part : bound_conjuncts(other.filter)) conditions.push_back(std::move(part));
    for (std::size_t key = 0; key < side.keys.size(); ++key) {
      if (join_.null_safe[key]) continue;
      for (const auto& condition : conditions) {
        const auto columns = input_columns(*condition);
        if (columns.size() != 1 || columns[0] != other.keys[key]) continue;
        std::vector<std::uint32_t> mapping(columns[0] + 1U, 0);
        mapping[columns[0]] = side.keys[key];
        found.push_back(remap_columns(condition, mapping));
      }
    }
  }

  std::set<std::uint32_t> compared(bool left) const {
    const auto& keys = left ? join_.left.keys : join_.right.keys;
    std::set<std::uint32_t> columns;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!join_.null_safe[i]) columns.insert(keys[i]);
    }
    std::set<std::uint32_t> of_pair;
    for (const auto& part : bound_conjuncts(join_.condition)) strict_columns(*part, of_pair);
    for (const auto column : of_pair) {
      if ((column < width_) == left) columns.insert(left ? column : column - width_);
    }
    return columns;
  }

  const ResolvedPlan& plan_;
  const JoinPlan& join_;
  std::uint32_t width_;
};

}  // namespace

BoundPtr not_null(std::uint32_t column, const ResolvedPlan& input) {
  static const BoundPtr test =
      bind(call("is_not_null", {col("a")}), Schema{{"a", TypeId::boolean, true}});
  const BoundPtr parts[] = {bound_column(column, input.schema[column])};
  auto condition = std::make_shared<BoundExpression>(*substitute_columns(test, parts));
  condition->text = parts[0]->text + " IS NOT NULL";
  return condition;
}

JoinFilters filters_below(const ResolvedPlan& plan) {
  JoinFilters filters{{}, {}, *plan.join};
  const auto type = plan.join->type;
  const Below below(plan);
  const auto keeps_left =
      type == JoinType::left_outer || type == JoinType::full_outer || type == JoinType::left_anti;
  const auto keeps_right = type == JoinType::right_outer || type == JoinType::full_outer;
  if (!keeps_left) {
    filters.left = below.of(true);
    filters.join.left.filter = nullptr;
  }
  if (!keeps_right) {
    filters.right = below.of(false);
    filters.join.right.filter = nullptr;
  }
  return filters;
}

JoinType type_below(const BoundExpression& condition, const ResolvedPlan& plan) {
  std::set<std::uint32_t> strict;
  strict_columns(condition, strict);
  const auto width = plan.inputs[0]->schema.size();
  bool left = false;
  bool right = false;
  for (const auto column : strict) (plan.join->output[column] < width ? left : right) = true;
  const auto type = plan.join->type;
  // Nulls of the left side pad right rows, and the other way round.
  const auto keeps_left = type == JoinType::full_outer || type == JoinType::left_outer;
  const auto keeps_right = type == JoinType::full_outer || type == JoinType::right_outer;
  if (!keeps_left && !keeps_right) return type;
  if (keeps_left && !right) {
    return keeps_right && !left ? JoinType::full_outer : JoinType::left_outer;
  }
  return keeps_right && !left ? JoinType::right_outer : JoinType::inner;
}

FilterPlace place_in_join(const BoundExpression& condition, const ResolvedPlan& plan) {
  const auto width = plan.inputs[0]->schema.size();
  bool left = false;
  bool right = false;
  for (const auto column : input_columns(condition)) {
    (plan.join->output[column] < width ? left : right) = true;
  }
  const auto type = plan.join->type;
  const auto inner = type == JoinType::inner;
  if (left && right) return inner ? FilterPlace::condition : FilterPlace::above;
  if (left && type != JoinType::right_outer && type != JoinType::full_outer) {
    return FilterPlace::left;
  }
  if (right && (inner || type == JoinType::right_outer)) return FilterPlace::right;
  return FilterPlace::above;
}

BoundPtr over_pair(const BoundPtr& condition, const ResolvedPlan& plan) {
  return remap_columns(condition, plan.join->output);
}

BoundPtr over_side(const BoundPtr& condition, const ResolvedPlan& plan, FilterPlace side) {
  auto mapping = plan.join->output;
  const auto width = static_cast<std::uint32_t>(plan.inputs[0]->schema.size());
  for (auto& column : mapping) {
    if (side == FilterPlace::right && column >= width) column -= width;
  }
  return remap_columns(condition, mapping);
}

}  // namespace libstream
