#pragma once

#include "analyse_join.hpp"

// What the optimiser knows of joins.
namespace libstream {

/// Conditions over the inputs of a join that may be tested below it, and the plan without them.
struct JoinFilters {
  std::vector<BoundPtr> left;
  std::vector<BoundPtr> right;
  JoinPlan join;
};
/// The conditions on one side alone, those that equal keys carry over from the other side, and that
/// what is compared is not null: each on the sides whose rows need a match to be seen.
JoinFilters filters_below(const ResolvedPlan& plan);

/// The join type where only rows come through above that are true of `condition`: a side whose
/// nulls cannot pass need not be padded.
JoinType type_below(const BoundExpression& condition, const ResolvedPlan& plan);

/// "column IS NOT NULL" over the columns of `input`.
BoundPtr not_null(std::uint32_t column, const ResolvedPlan& input);

/// Where a filter above a join can go.
enum class FilterPlace { above, left, right, condition };
FilterPlace place_in_join(const BoundExpression& condition, const ResolvedPlan& plan);

/// The filter, over the columns of a pair.
BoundPtr over_pair(const BoundPtr& condition, const ResolvedPlan& plan);
/// The filter, over the columns of that input.
BoundPtr over_side(const BoundPtr& condition, const ResolvedPlan& plan, FilterPlace side);

}  // namespace libstream
