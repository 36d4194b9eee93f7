#include "plan_words.hpp"
#include "query_plan.hpp"
#include "time_options.hpp"

#include <libstream/analyser.hpp>
#include <libstream/error.hpp>
#include <libstream/operators/connectors.hpp>
#include <libstream/operators/physical_planner.hpp>
#include <libstream/optimiser.hpp>
#include <libstream/row_watermarks.hpp>

#include <algorithm>

namespace libstream {
namespace {

void check_options(const PlannerOptions& options) {
  if (options.partitions == 0 || options.partitions > options.key_groups) {
    throw Error(ErrorCode::invalid_argument,
                "partitions is " + std::to_string(options.partitions) +
                    ", but must be between 1 and the number of key groups, " +
                    std::to_string(options.key_groups));
  }
}

bool per_source_partition_wanted(const QuerySpec& spec) {
  return event_time_rule(spec.options) == EventTimeRule::per_source_partition;
}

void check_extensions(const QuerySpec& spec, const PlannerOptions& options) {
  if (!options.strict) return;
  const auto* extension = spec.late_sink                      ? "late_rows"
                          : spec.sinks.size() > 1             ? "several sinks of one query"
                          : spec.options.find("idleTimeout")  ? "option idleTimeout"
                          : per_source_partition_wanted(spec) ? "event_time(per_source_partition)"
                          : watermark_policy(spec.options) == WatermarkPolicy::per_side
                              ? "watermarkPolicy perSide"
                              : nullptr;
  if (extension == nullptr) return;
  throw Error(ErrorCode::unsupported, "EXTENSION_IN_STRICT_MODE",
              std::string("strict mode: ") + extension +
                  " is an extension; leave it out, or leave strict mode");
}

/// Option eventTimeRules. Unless it says, ours: but strict mode goes by the recorded ones.
bool wants_recorded_rules(const Options& options, bool strict) {
  const auto choice = options.get("eventTimeRules", strict ? "structuredStreaming" : "libstream");
  if (same_name(choice, "structuredStreaming")) return true;
  if (!same_name(choice, "libstream")) {
    throw Error(ErrorCode::invalid_argument, "option eventTimeRules is \"" + choice +
                                                 "\", but can be libstream or structuredStreaming");
  }
  if (strict) {
    throw Error(ErrorCode::unsupported, "EXTENSION_IN_STRICT_MODE",
                "strict mode: option eventTimeRules = libstream is an extension; leave it out, or "
                "leave strict mode");
  }
  return false;
}

void check_operators(const ResolvedPlan& plan) {
  if (plan.kind == ResolvedPlan::Kind::top_n) {
    throw Error(ErrorCode::unsupported, "EXTENSION_IN_STRICT_MODE",
                "strict mode: top_n is an extension; leave it out, or leave strict mode");
  }
  if (plan.kind == ResolvedPlan::Kind::as_of_join) {
    throw Error(ErrorCode::unsupported, "EXTENSION_IN_STRICT_MODE",
                "strict mode: as_of_join is an extension; leave it out, or leave strict mode");
  }
  for (const AggregateCall& call : plan.aggregates) {
    if (!call.distinct) continue;
    throw Error(ErrorCode::unsupported, "DISTINCT_AGGREGATE_NOT_SUPPORTED_IN_STREAMING",
                "strict mode: agg: " + call.name +
                    ": DISTINCT aggregates are an extension that keeps every value; use "
                    "approx_count_distinct or size(collect_set(…)), or leave strict mode");
  }
  for (const ResolvedPtr& input : plan.inputs) check_operators(*input);
}

/// These take columns by position; formats with names in them cannot tell equal ones apart.
bool by_position(const SinkSpec& sink) {
  return sink.format == "memory" || sink.format == "foreach_batch" || sink.format == "none" ||
         sink.format == "console";
}

bool needs_names(const QuerySpec& spec) {
  return spec.sinks.empty() || !std::all_of(spec.sinks.begin(), spec.sinks.end(), by_position);
}

ResolvedPtr analysed(const QuerySpec& spec, const PlannerOptions& options) {
  auto plan = analyse(spec.plan, source_schema, needs_names(spec));
  if (options.strict) check_operators(*plan);
  return plan;
}

ResolvedPtr optimised(const ResolvedPtr& plan, const QuerySpec& spec,
                      const PlannerOptions& options) {
  auto best =
      optimise(plan, {.late_rows = spec.late_sink.has_value(),
                      .recorded_rules = wants_recorded_rules(spec.options, options.strict)});
  if (!best->streaming || !per_source_partition_wanted(spec)) return best;
  check_per_source_partition(spec);
  return carry_row_watermarks(best, source_splits);
}

/// A stream that is not written yet: the first output mode that it could be written in.
OutputMode possible_mode(const ResolvedPlan& plan) {
  for (const auto mode : {OutputMode::append, OutputMode::update}) {
    try {
      check_output_mode(plan, mode);
      return mode;
    } catch (const Error&) {
      continue;
    }
  }
  check_output_mode(plan, OutputMode::complete);
  return OutputMode::complete;
}

std::string_view exchange_name(Exchange::Kind kind) {
  switch (kind) {
    case Exchange::Kind::forward:
      return "forward";
    case Exchange::Kind::hash:
      return "hash";
    case Exchange::Kind::gather:
      return "gather";
  }
  return "";
}

std::string edge_text(const Topology& topology, const TopologyEdge& edge) {
  auto text =
      "#" + std::to_string(edge.from) + " " + std::string(exchange_name(edge.exchange.kind));
  std::string keys;
  for (const auto key : edge.exchange.key_columns) {
    keys += (keys.empty() ? "" : ", ") + topology.nodes[edge.from].schema[key].name;
  }
  if (!keys.empty()) text += " [" + keys + "]";
  if (edge.port == Output::late_port) text += " late rows";
  return text;
}

}  // namespace

std::string Topology::explain() const {
  std::string text;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& node = nodes[i];
    text += "#" + std::to_string(i) + " " + node.name + " × " + std::to_string(node.parallelism);
    std::string inputs;
    for (const auto& edge : edges) {
      if (edge.to == i) inputs += (inputs.empty() ? "" : ", ") + edge_text(*this, edge);
    }
    if (!inputs.empty()) text += " <- " + inputs;
    text += '\n';
    for (std::size_t begin = 0; begin < node.explain.size();) {
      const auto end = std::min(node.explain.find('\n', begin), node.explain.size());
      text += "     " + node.explain.substr(begin, end - begin) + '\n';
      begin = end + 1;
    }
  }
  return text;
}

Topology plan_query(const QuerySpec& spec, const PlannerOptions& options,
                    const Environment& environment) {
  check_options(options);
  check_extensions(spec, options);
  if (spec.sinks.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "the query has no sink: name one, such as .console() or .json(\"out/\")");
  }
  const auto plan = analysed(spec, options);
  check_output_mode(*plan, spec.output_mode);
  return plan_resolved(optimised(plan, spec, options), spec, options, environment);
}

std::string explain_query(const QuerySpec& spec, const PlannerOptions& options,
                          const Environment& environment) {
  check_options(options);
  check_extensions(spec, options);
  const auto plan = analysed(spec, options);
  auto written = spec;
  if (spec.sinks.empty()) written.output_mode = possible_mode(*plan);
  check_output_mode(*plan, written.output_mode);
  const auto best = optimised(plan, written, options);
  return "== Logical plan ==\n" + to_text(*spec.plan) + "\n== Analysed plan ==\n" + to_text(*plan) +
         "\n== Optimised plan ==\n" + to_text(*best) + "\n== Physical plan, output mode " +
         std::string(to_string(written.output_mode)) + " ==\n" +
         plan_resolved(best, written, options, environment).explain();
}

}  // namespace libstream
