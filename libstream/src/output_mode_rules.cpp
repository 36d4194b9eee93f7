#include "analysis.hpp"

#include <libstream/analyser.hpp>

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
  if (mode != OutputMode::append && has_aggregate(*plan.inputs[0])) {
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
  if (mode == OutputMode::complete && has_aggregate(*plan.inputs[0])) return;
  fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       "order_by can stand only above an aggregation in output mode complete, where every epoch "
       "has the whole result; this query " +
           (mode == OutputMode::complete ? std::string("sorts below its aggregation: sort above it")
                                         : "runs in output mode " + std::string(to_string(mode)) +
                                               ": use complete, or sort where the rows are read"));
}

void check_deduplicate(const ResolvedPlan& plan, OutputMode mode) {
  if (mode == OutputMode::append || !plan.event_column || !has_aggregate(*plan.inputs[0])) return;
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
  if (plan.kind == Kind::as_of_join) check_as_of_join(mode);
  if (plan.kind == Kind::join) check_join(plan, mode);
  if (plan.kind == Kind::aggregate) check_aggregate(plan, mode);
  if (plan.kind == Kind::deduplicate) check_deduplicate(plan, mode);
  if (plan.kind == Kind::limit) check_limit(mode);
  if (plan.kind == Kind::sort) check_sort(plan, mode);
  for (const auto& input : plan.inputs) check(*input, mode);
}

}  // namespace

void check_output_mode(const ResolvedPlan& plan, OutputMode mode) {
  if (!plan.streaming) return;  // one epoch has it all: every group is final, every order exact
  if (mode == OutputMode::complete && !has_aggregate(plan)) {
    fail("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
         "output mode complete needs an aggregation, and this query has none: all rows ever read "
         "would have to be kept; use append or update");
  }
  check(plan, mode);
}

}  // namespace libstream
