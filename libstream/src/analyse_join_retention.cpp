#include "analyse_join.hpp"
#include "function.hpp"

#include <algorithm>
#include <array>
#include <cmath>

// How long each side of a stream-stream join has to keep its rows.
namespace libstream::analysis {
namespace {

using Node = BoundExpression::Kind;

constexpr std::int64_t microseconds_a_second = 1'000'000;
constexpr std::int64_t microseconds_a_millisecond = 1'000;

/// A sum of times: columns with a sign, and a constant in µs.
struct Sum {
  struct Term {
    std::uint32_t column;
    bool negative;
    bool floored;  ///< cut to whole seconds by a cast to a whole number
  };
  std::vector<Term> terms;
  double constant = 0;
  bool numbers = false;  ///< columns may be numbers too
};

bool is_real(const DataType& type) {
  return type.id() == TypeId::float64 || type.id() == TypeId::decimal;
}

/// Adds `expression` to `sum`; false where it is no such sum. Numbers count seconds.
bool collect(const BoundExpression& expression, bool negative, bool floored, Sum& sum) {
  const auto collect_argument = [&](std::size_t index, bool negated) {
    return collect(*expression.arguments[index], negated, floored, sum);
  };
  const auto add_constant = [&](double value) {
    sum.constant += negative ? -value : value;
    return std::isfinite(sum.constant) && std::abs(sum.constant) < 9e18;
  };
  switch (expression.kind) {
    case Node::column:
      if (expression.type.id() != TypeId::timestamp &&
          !(sum.numbers && expression.type.is_numeric())) {
        return false;
      }
      sum.terms.push_back({expression.column, negative, floored});
      return true;
    case Node::literal:
      if (expression.value.is_null()) return false;
      if (expression.type.id() == TypeId::day_interval ||
          expression.type.id() == TypeId::timestamp) {
        return add_constant(static_cast<double>(expression.value.integer()));
      }
      if (!expression.type.is_numeric()) return false;
      return add_constant(
          constant_value(
              bound_cast(bound_literal(expression.value, expression.type), TypeId::float64))
              .real() *
          microseconds_a_second);
    case Node::cast: {
      const auto& type = expression.type;
      if (!type.is_integral() && !is_real(type)) return false;
      return collect(*expression.arguments[0], negative, floored || type.is_integral(), sum);
    }
    case Node::call:
      break;
  }
  if (is_bound_call(expression, "+")) {
    return collect_argument(0, negative) && collect_argument(1, negative);
  }
  if (is_bound_call(expression, "-")) {
    return collect_argument(0, negative) && collect_argument(1, !negative);
  }
  return is_bound_call(expression, "negate") && collect_argument(0, !negative);
}

/// small < large, or ≤ where inclusive.
struct Comparison {
  const BoundExpression* small = nullptr;
  const BoundExpression* large = nullptr;
  bool inclusive = false;
};

std::optional<Comparison> comparison_of(const BoundExpression& condition, bool negated = false) {
  if (is_bound_call(condition, "not")) return comparison_of(*condition.arguments[0], !negated);
  static constexpr std::array<std::string_view, 4> names{"<", "<=", ">", ">="};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!is_bound_call(condition, names[i])) continue;
    // NOT a < b is a >= b: nulls fail both.
    const auto which = negated ? names.size() - 1 - i : i;
    Comparison found{condition.arguments[0].get(), condition.arguments[1].get(), which % 2 == 1};
    if (which >= 2) std::swap(found.small, found.large);
    return found;
  }
  return std::nullopt;
}

/// What a comparison says about a side: column > other's time + `offset`, or > the constant.
struct Bound {
  std::uint32_t column = 0;  ///< of a pair
  std::optional<std::uint32_t> other;
  std::int64_t offset = 0;  ///< µs; evict rows with column ≤ We (or nothing) + offset
  bool inclusive = false;
  std::int64_t distance = 0;  ///< µs, as written
};

std::int64_t whole_milliseconds(std::int64_t microseconds) {
  return floor_to_milliseconds(microseconds) * microseconds_a_millisecond;
}

/// The lower bound of a time of one side; columns of the side are those from `first` to `last`.
std::optional<Bound> bound_of(const BoundExpression& condition, std::uint32_t first,
                              std::uint32_t last, bool numbers = false) {
  const auto comparison = comparison_of(condition);
  Sum sum;  // large - small > 0
  sum.numbers = numbers;
  if (!comparison || !collect(*comparison->large, false, false, sum) ||
      !collect(*comparison->small, true, false, sum)) {
    return std::nullopt;
  }
  const Sum::Term* own = nullptr;
  const Sum::Term* other = nullptr;
  for (const auto& term : sum.terms) {
    auto& place = term.column >= first && term.column < last ? own : other;
    if (place != nullptr) return std::nullopt;
    place = &term;
  }
  if (own == nullptr || own->negative || (other != nullptr && !other->negative)) {
    return std::nullopt;
  }
  Bound bound;
  bound.column = own->column;
  bound.inclusive = comparison->inclusive;
  bound.distance = -std::llround(sum.constant);
  bound.offset = whole_milliseconds(bound.distance);
  if (other != nullptr) bound.other = other->column;
  const auto whole = bound.distance % microseconds_a_second == 0;
  if (other != nullptr && other->floored && !(own->floored && whole && !bound.inclusive)) {
    // The other time may be up to a second above what the condition sees of it.
    bound.offset -= microseconds_a_second;
  } else if (bound.inclusive) {
    bound.offset -= microseconds_a_millisecond;
  }
  return bound;
}

/// Where a side's columns are in a pair.
struct Side {
  const ResolvedPlan& own;
  const ResolvedPlan& other;
  std::uint32_t first;
  std::uint32_t other_first;
  bool left;

  bool carries(std::uint32_t pair_column) const {
    return pair_column >= other_first && pair_column < other_first + other.schema.size() &&
           other.carries_event_time(pair_column - other_first);
  }
};

Side side_of(const ResolvedPlan& left, const ResolvedPlan& right, bool left_side) {
  const auto width = static_cast<std::uint32_t>(left.schema.size());
  if (left_side) return {left, right, 0, width, true};
  return {right, left, width, 0, false};
}

/// The conditions that still stand at the join: those on a side that keeps no rows without a match
/// are as good as a filter below it.
std::vector<BoundPtr> standing_conditions(const JoinPlan& join, std::size_t left_width,
                                          std::size_t right_width) {
  auto parts = bound_conjuncts(join.condition);
  if (join.type == JoinType::left_outer || join.type == JoinType::full_outer) {
    for (auto& part : bound_conjuncts(join.left.filter)) parts.push_back(std::move(part));
  }
  if (join.type == JoinType::right_outer || join.type == JoinType::full_outer) {
    std::vector<std::uint32_t> mapping(right_width);
    for (std::uint32_t i = 0; i < right_width; ++i) {
      mapping[i] = static_cast<std::uint32_t>(left_width) + i;
    }
    for (const auto& part : bound_conjuncts(join.right.filter)) {
      parts.push_back(remap_columns(part, mapping));
    }
  }
  return parts;
}

struct Found {
  Bound bound;
  std::string text;
};

/// Bounds of any time of the side by an event time of the other one or by a constant.
std::vector<Found> bounds_of(const JoinPlan& join, const Side& side) {
  std::vector<Found> bounds;
  if (side.other.event_times.empty()) return bounds;
  const auto& left = side.left ? side.own : side.other;
  const auto& right = side.left ? side.other : side.own;
  const auto last = side.first + static_cast<std::uint32_t>(side.own.schema.size());
  for (const auto& part : standing_conditions(join, left.schema.size(), right.schema.size())) {
    const auto bound = bound_of(*part, side.first, last);
    if (!bound || (bound->other && !side.carries(*bound->other))) continue;
    bounds.push_back({*bound, part->text});
  }
  return bounds;
}

std::string other_name(const Side& side) { return side.left ? "right" : "left"; }

std::string time_text(const std::string& column, std::int64_t distance) {
  if (distance == 0) return column;
  return column + (distance > 0 ? " - " : " + ") + duration_text(std::abs(distance));
}

JoinRetention by_key(const JoinPlan& join, const Side& side, std::uint32_t key) {
  const auto& keys = side.left ? join.left.keys : join.right.keys;
  const auto& others = side.left ? join.right.keys : join.left.keys;
  const auto& field = side.own.schema[keys[key]];
  JoinRetention retention;
  retention.key = key;
  retention.why = "kept until the watermark reaches " + field.name +
                  (is_window(field.type) ? ".end" : "") + ", because it equals " +
                  side.other.schema[others[key]].name + " of the other side";
  return retention;
}

JoinRetention by_value(const JoinPlan& join, const Side& side) {
  JoinRetention retention;
  if (side.own.event_times.empty()) {
    retention.why = "kept for ever: this side has no watermark";
    return retention;
  }
  if (side.other.event_times.empty()) {
    retention.why = "kept for ever: the " + other_name(side) + " side has no watermark";
    return retention;
  }
  const Found* least = nullptr;
  const Found* fixed = nullptr;
  const auto bounds = bounds_of(join, side);
  for (const auto& found : bounds) {
    if (!side.own.carries_event_time(found.bound.column - side.first)) continue;
    auto& place = found.bound.other ? least : fixed;
    if (place == nullptr || found.bound.offset < place->bound.offset) place = &found;
  }
  const auto* chosen = least != nullptr ? least : fixed;
  if (chosen == nullptr) {
    retention.why = "kept for ever: the condition sets no lower bound on " +
                    side.own.schema[side.own.event_times[0]].name + " by the event time of the " +
                    other_name(side) + " side";
    return retention;
  }
  retention.column = chosen->bound.column - side.first;
  const auto& name = side.own.schema[*retention.column].name;
  if (least != nullptr) {
    retention.bound = least->bound.offset;
    retention.why = std::string("kept until the watermark ") +
                    (least->bound.inclusive ? "passes " : "reaches ") +
                    time_text(name, least->bound.distance) + ", because " + least->text;
  }
  if (fixed != nullptr) {
    retention.fixed = fixed->bound.offset;
    retention.why = "kept for ever from the constant in " + fixed->text + " on" +
                    (least != nullptr ? ", although " + least->text : "");
  }
  return retention;
}

/// By which column rows of the side are late: the one that bounds them, or the other side's, or
/// else the only one.
std::optional<std::uint32_t> late_column(const JoinPlan& join, const Side& side, const Side& other,
                                         const JoinRetention& retention) {
  const auto& keys = side.left ? join.left.keys : join.right.keys;
  const auto& times = side.own.event_times;
  if (times.empty()) return std::nullopt;
  if (retention.key && side.own.carries_event_time(keys[*retention.key])) {
    return keys[*retention.key];
  }
  if (retention.column) return retention.column;
  for (const auto& found : bounds_of(join, other)) {
    if (found.bound.other) return *found.bound.other - side.first;
  }
  if (times.size() > 1) {
    fail("MULTIPLE_EVENT_TIME_COLUMNS",
         "join: both \"" + side.own.schema[times[0]].name + "\" and \"" +
             side.own.schema[times[1]].name + "\" carry the event time on the " +
             (side.left ? "left" : "right") +
             " side, and the condition bounds neither; keep one of them with select or drop below");
  }
  return times[0];
}

/// The least bound by a constant that any number of the side has, read as seconds.
std::optional<std::int64_t> least_number(const JoinPlan& join, const Side& side) {
  std::optional<std::int64_t> least;
  const auto& left = side.left ? side.own : side.other;
  const auto& right = side.left ? side.other : side.own;
  const auto last = side.first + static_cast<std::uint32_t>(side.own.schema.size());
  for (const auto& part : standing_conditions(join, left.schema.size(), right.schema.size())) {
    const auto bound = bound_of(*part, side.first, last, true);
    if (bound && !bound->other) least = std::min(least.value_or(bound->offset), bound->offset);
  }
  return least;
}

}  // namespace

void pin_by_numbers(JoinPlan& join, const ResolvedPlan& left, const ResolvedPlan& right) {
  for (const auto left_side : {true, false}) {
    const auto side = side_of(left, right, left_side);
    auto& retention = left_side ? join.left.retention : join.right.retention;
    if (retention.key || side.own.event_times.empty() || side.other.event_times.empty()) continue;
    const auto pin = least_number(join, side);
    if (!pin) continue;
    if (!retention.column) retention.column = side.own.event_times[0];
    retention.fixed = std::min(retention.fixed.value_or(*pin), *pin);
  }
}

std::optional<std::uint32_t> key_with_time(const JoinPlan& join, const ResolvedPlan& left,
                                           const ResolvedPlan& right) {
  for (std::uint32_t i = 0; i < join.left.keys.size(); ++i) {
    if (!join.null_safe[i] && (left.carries_event_time(join.left.keys[i]) ||
                               right.carries_event_time(join.right.keys[i]))) {
      return i;
    }
  }
  return std::nullopt;
}

bool may_be_bounded(const JoinPlan& join, const ResolvedPlan& left, const ResolvedPlan& right,
                    bool left_side) {
  return !bounds_of(join, side_of(left, right, left_side)).empty();
}

void derive_retention(JoinPlan& join, const ResolvedPlan& left, const ResolvedPlan& right) {
  const auto key = key_with_time(join, left, right);
  for (const auto left_side : {true, false}) {
    const auto side = side_of(left, right, left_side);
    const auto other = side_of(left, right, !left_side);
    auto& plan = left_side ? join.left : join.right;
    plan.retention = key ? by_key(join, side, *key) : by_value(join, side);
    plan.event_column = late_column(join, side, other, plan.retention);
  }
}

}  // namespace libstream::analysis
