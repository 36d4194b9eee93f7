#include "analysis.hpp"

#include <libstream/analyser.hpp>
#include <libstream/operation.hpp>

#include <algorithm>

namespace libstream {
namespace {

using analysis::fail;
using Kind = ResolvedPlan::Kind;

std::string name_of(const ResolvedPlan& aggregate) {
  std::string keys;
  for (std::size_t i = 0; i < aggregate.keys.size(); ++i) {
    keys += (i == 0 ? "" : ", ") + aggregate.schema[i].name;
  }
  return keys.empty() ? "the aggregation over all rows" : "the aggregation by [" + keys + "]";
}

void check_aggregate(const ResolvedPlan& plan, OutputMode mode) {
  if (mode == OutputMode::update && plan.session_key) {
    fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
         name_of(plan) +
             " has a session_window, which output mode update does not support: sessions merge, so "
             "that a row emitted earlier may be of none any more; use append or complete");
  }
  if (mode != OutputMode::append && aggregates_stream(*plan.inputs[0])) {
    fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
         name_of(plan) + " stands above another aggregation, which output mode " +
             std::string(to_string(mode)) +
             " does not allow: it would count rows that change later; use append, with a watermark "
             "and its window in the keys of both");
  }
  if (mode == OutputMode::append && !plan.time_key) {
    fail("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
         name_of(plan) +
             " cannot run in output mode append without a watermark: no key carries "
             "the event time, so no group is ever final; call with_watermark(…) below it and group "
             "by "
             "window(…) or by that column, or use update or complete");
  }
}

void check_sort(const ResolvedPlan& plan, OutputMode mode) {
  if (mode == OutputMode::complete && aggregates_stream(*plan.inputs[0])) return;
  fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       "order_by can stand only above an aggregation in output mode complete, where every epoch "
       "has the whole result; this query " +
           (mode == OutputMode::complete ? std::string("sorts below its aggregation: sort above it")
                                         : "runs in output mode " + std::string(to_string(mode)) +
                                               ": use complete, or sort where the rows are read"));
}

void check_deduplicate(const ResolvedPlan& plan, OutputMode mode) {
  if (mode == OutputMode::append || !plan.event_column || !aggregates_stream(*plan.inputs[0]))
    return;
  fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       "drop_duplicates by event time stands above an aggregation, which output mode " +
           std::string(to_string(mode)) +
           " does not allow: the aggregation emits rows older than the watermark, which would be "
           "dropped as late; use append");
}

void check_limit(OutputMode mode) {
  if (mode != OutputMode::update) return;
  fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       "limit is not supported in output mode update, where later rows replace earlier ones; use "
       "append, or complete above an aggregation");
}

void check_operation(const OperationPlan& operation, OutputMode mode) {
  const auto& modes = operation.output_modes;
  if (modes.empty() || std::find(modes.begin(), modes.end(), mode) != modes.end()) return;
  std::string allowed;
  for (const auto other : modes) {
    allowed += (allowed.empty() ? "" : " or ") + std::string(to_string(other));
  }
  fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       operation.name + " is not supported in output mode " + std::string(to_string(mode)) +
           (operation.mode_reason.empty() ? "" : ": " + operation.mode_reason) + "; use " +
           allowed);
}

using Groups = std::vector<const OperationPlan*>;
void find_groups(const ResolvedPlan& plan, Groups& groups) {
  if (!plan.streaming) return;
  if (plan.kind == Kind::operation && plan.operation->group_rule) {
    groups.push_back(plan.operation.get());
  }
  for (const auto& input : plan.inputs) find_groups(*input, groups);
}

[[noreturn]] void refuse_groups(const OperationPlan& operation, const std::string& problem) {
  fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION", operation.name + " " + problem);
}

void check_group_mode(const OperationPlan& operation, OutputMode mode, bool aggregated) {
  const auto query = std::string(to_string(mode));
  const auto& rule = *operation.group_rule;
  if (rule.one_row_a_call) {
    if (mode == OutputMode::update && !aggregated) return;
    refuse_groups(operation, aggregated ? "does not go with an aggregation in one query; use "
                                          "flat_map_groups_with_state in mode append"
                                        : "needs output mode update, this query runs in " + query +
                                              ": each call replaces the key's row");
  }
  if (rule.mode == OutputMode::append) {
    if (aggregated || mode == OutputMode::append) return;
    refuse_groups(operation, "in mode append needs output mode append, this query runs in " +
                                 query + "; make the operator's mode update, or the query append");
  }
  if (aggregated) {
    refuse_groups(operation,
                  "in mode update does not go with an aggregation in one query: its rows replace "
                  "earlier ones, which are counted already; make the operator's mode append");
  }
  if (mode == OutputMode::update) return;
  refuse_groups(operation, "in mode update needs output mode update, this query runs in " + query +
                               "; make the operator's mode append, or the query update");
}

bool has_state_above(const ResolvedPlan& plan, const OperationPlan& operation, bool above) {
  if (plan.kind == Kind::operation && plan.operation.get() == &operation) return above;
  const bool state = above || plan.kind == Kind::aggregate || plan.kind == Kind::deduplicate ||
                     plan.kind == Kind::limit || plan.kind == Kind::join ||
                     plan.kind == Kind::top_n ||
                     (plan.kind == Kind::operation && !plan.operation->state_signature.empty());
  return std::any_of(plan.inputs.begin(), plan.inputs.end(), [&](const ResolvedPtr& input) {
    return has_state_above(*input, operation, state);
  });
}

void check_groups(const ResolvedPlan& plan, OutputMode mode) {
  Groups groups;
  find_groups(plan, groups);
  const bool aggregated = aggregates_stream(plan);
  for (const auto* operation : groups) {
    const auto& rule = *operation->group_rule;
    check_group_mode(*operation, mode, aggregated);
    if (rule.one_row_a_call && groups.size() > 1) {
      refuse_groups(*operation, "can stand only once in a query, and with no flat_map_groups_…");
    }
    if (groups.size() > 1 && (rule.mode != OutputMode::append || mode != OutputMode::append)) {
      refuse_groups(*operation,
                    "can stand several times in a query only where all of them and the query are "
                    "in mode append");
    }
    if (rule.event_time_timeout && has_state_above(plan, *operation, false)) {
      refuse_groups(*operation,
                    "with GroupTimeout::event_time cannot be followed by an operator with state: "
                    "nothing is known of the event times of its rows; write them out and read them "
                    "in another query, or time out by processing time");
    }
  }
}

void check_join(const ResolvedPlan& plan, OutputMode mode) {
  if (mode == OutputMode::append || !plan.inputs[0]->streaming || !plan.inputs[1]->streaming) {
    return;
  }
  fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       "the " + std::string(to_string(plan.join->type)) +
           " join of two streams is supported in output mode append only, not in " +
           std::string(to_string(mode)) +
           ": its pairs are never revised; use append, with a watermark and a window in the keys "
           "of aggregations above it, or write the pairs out and aggregate them in another query");
}

void check_as_of_join(OutputMode mode) {
  if (mode == OutputMode::append) return;
  fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       "as_of_join is supported in output mode append only, not in " +
           std::string(to_string(mode)) +
           ": its rows are never revised; use append, or write them out and aggregate them in "
           "another query");
}

void check(const ResolvedPlan& plan, OutputMode mode) {
  if (!plan.streaming) return;  // a bounded side is read as a whole
  if (plan.kind == Kind::operation) check_operation(*plan.operation, mode);
  if (plan.kind == Kind::as_of_join) check_as_of_join(mode);
  if (plan.kind == Kind::join) check_join(plan, mode);
  analysis::check_top_n(plan, mode);
  if (plan.kind == Kind::aggregate) check_aggregate(plan, mode);
  if (plan.kind == Kind::deduplicate) check_deduplicate(plan, mode);
  if (plan.kind == Kind::limit) check_limit(mode);
  if (plan.kind == Kind::sort) check_sort(plan, mode);
  for (const auto& input : plan.inputs) check(*input, mode);
}

}  // namespace

void check_output_mode(const ResolvedPlan& plan, OutputMode mode) {
  if (!plan.streaming) return;  // one epoch has it all: every group is final, every order exact
  if (mode == OutputMode::complete && !aggregates_stream(plan)) {
    fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
         "output mode complete needs an aggregation, and this query has none: all rows ever read "
         "would have to be kept; use append or update");
  }
  check_groups(plan, mode);
  check(plan, mode);
}

}  // namespace libstream
