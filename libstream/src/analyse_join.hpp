#pragma once

#include "analysis.hpp"

// Joins: what the analyser and the optimiser share.
namespace libstream::analysis {

bool is_bound_call(const BoundExpression& expression, std::string_view name);
/// Conditions joined by AND, left to right; none where there is no condition.
std::vector<BoundPtr> bound_conjuncts(const BoundPtr& condition);
/// The columns of both inputs, as a condition sees them.
std::shared_ptr<ResolvedPlan> pair_of(const ResolvedPlan& left, const ResolvedPlan& right);
/// Gives `node`, a join whose inputs stand, this plan and what follows from it: retention, schema,
/// event times.
void set_join(ResolvedPlan& node, JoinPlan join);

// Retention (analyse_join_retention.cpp).
/// Index of the first key (not null-safe) in which either side carries the event time.
std::optional<std::uint32_t> key_with_time(const JoinPlan& join, const ResolvedPlan& left,
                                           const ResolvedPlan& right);
/// True where the condition bounds a time of that side from below by the other side's event time,
/// or by a constant while the other side has an event time.
bool may_be_bounded(const JoinPlan& join, const ResolvedPlan& left, const ResolvedPlan& right,
                    bool left_side);
/// Sets `event_column` and `retention` of both sides.
void derive_retention(JoinPlan& join, const ResolvedPlan& left, const ResolvedPlan& right);
/// As Structured Streaming does, takes a number for a time in seconds: a side whose own number must
/// be above a constant ("v > 5" of rows that wait for a match) keeps its rows for ever from there.
void pin_by_numbers(JoinPlan& join, const ResolvedPlan& left, const ResolvedPlan& right);

}  // namespace libstream::analysis
