#include "fuse.hpp"
#include "plan_nodes.hpp"
#include "plan_operation.hpp"
#include "plan_panes.hpp"
#include "plan_recording.hpp"
#include "plan_state_columns.hpp"
#include "plan_stream_join.hpp"
#include "plan_top_n.hpp"
#include "plan_words.hpp"
#include "query_plan.hpp"
#include "time_options.hpp"

#include <libstream/analyser.hpp>
#include <libstream/error.hpp>
#include <libstream/operators/connectors.hpp>
#include <libstream/operators/deduplicate.hpp>
#include <libstream/operators/keyed_aggregate.hpp>
#include <libstream/operators/physical_planner.hpp>
#include <libstream/operators/project.hpp>
#include <libstream/operators/static_join.hpp>
#include <libstream/operators/stream_join.hpp>
#include <libstream/optimiser.hpp>

#include <algorithm>
#include <map>

namespace libstream {
namespace {

using Kind = ResolvedPlan::Kind;

class Planner {
 public:
  Planner(const QuerySpec& spec, const PlannerOptions& options, const Environment& environment)
      : spec_(spec), options_(options), environment_(environment) {}

  Topology run(const ResolvedPtr& plan) {
    topology_.key_groups = options_.key_groups;
    topology_.watermark_policy = watermark_policy(spec_.options);
    topology_.idle_timeout_ms = idle_timeout(spec_.options, topology_.watermark_policy);
    const auto result = build(plan);
    for (const auto& sink : spec_.sinks) {
      connect(result, add_sink(sink, plan->schema, result.parallelism, false));
    }
    if (spec_.late_sink) add_late_sink();
    if (!spec_.record_to.empty()) record_sources(topology_, spec_.record_to, environment_);
    return std::move(topology_);
  }

 private:
  struct Built {
    std::uint32_t node = 0;
    std::uint32_t parallelism = 1;
  };
  struct LateRows {
    Built from;
    Schema schema;
    std::string name;
  };

  Built add(TopologyNode node) {
    const auto parallelism = node.parallelism;
    topology_.nodes.push_back(std::move(node));
    return {static_cast<std::uint32_t>(topology_.nodes.size() - 1), parallelism};
  }

  void connect(const Built& from, const Built& to, std::size_t input = 0,
               Exchange::Kind kind = Exchange::Kind::forward, std::vector<std::uint32_t> keys = {},
               std::size_t port = Output::main_port) {
    LIBSTREAM_ASSERT(kind != Exchange::Kind::forward || from.parallelism == to.parallelism,
                     "forward edges join equal numbers of tasks");
    // One task to one task needs no routing.
    if (from.parallelism == 1 && to.parallelism == 1) {
      kind = Exchange::Kind::forward;
      keys.clear();
    }
    topology_.edges.push_back({from.node, port, to.node, input, {kind, std::move(keys)}});
  }

  static TopologyNode op(std::string name, OperatorFactory factory, const Schema& schema,
                         std::uint32_t parallelism) {
    TopologyNode node;
    node.name = std::move(name);
    node.factory = std::move(factory);
    node.schema = schema;
    node.parallelism = parallelism;
    return node;
  }

  Built above(const Built& input, TopologyNode node, Exchange::Kind kind = Exchange::Kind::forward,
              std::vector<std::uint32_t> keys = {}) {
    const auto built = add(std::move(node));
    connect(input, built, 0, kind, std::move(keys));
    return built;
  }

  Built build(const ResolvedPtr& plan) {
    switch (plan->kind) {
      case Kind::source:
        return source(*plan);
      case Kind::project:
      case Kind::filter:
        return fused(plan);
      case Kind::explode:
        return row_operator(*plan, explode_node(*plan));
      case Kind::windows:
        return row_operator(*plan, windows_node(*plan));
      case Kind::sessions:
        return row_operator(*plan, sessions_node(*plan));
      case Kind::watermark:
        return watermark(*plan);
      case Kind::aggregate:
        return aggregate(*plan);
      case Kind::deduplicate:
        return deduplicated(*plan);
      case Kind::limit:
        return limited(*plan);
      case Kind::top_n:
        return ranked(*plan);
      case Kind::union_all:
        return united(*plan);
      case Kind::sort:
        return sorted(*plan);
      case Kind::operation:
        return operation(*plan);
      case Kind::join:
        if (!plan->inputs[0]->streaming || !plan->inputs[1]->streaming) return static_joined(*plan);
        return joined(*plan,
                      stream_join_node(*plan, options_.partitions, topology_.watermark_policy),
                      plan->join->left.keys, plan->join->right.keys);
      case Kind::as_of_join:
        return joined(*plan, as_of_join_node(*plan, options_.partitions), plan->as_of->left_keys,
                      plan->as_of->right_keys);
    }
    LIBSTREAM_ASSERT(false, "unknown kind of plan");
    return {};
  }

  Built source(const ResolvedPlan& plan) {
    const auto known = sources_.find(plan.id);
    if (known != sources_.end()) return known->second;
    TopologyNode node;
    node.kind = TopologyNode::Kind::source;
    node.name = plan.source.format + " source";
    node.source_name = source_names_.take(plan);
    node.source = spec_.replay ? replayed_source(plan, node.source_name, spec_)
                               : make_source(plan.source, environment_);
    node.schema = plan.schema;
    node.id = plan.id;
    node.splits = plan.splits;
    const auto most = node.source->max_parallelism();
    node.parallelism = most == 0 ? options_.partitions : std::min(options_.partitions, most);
    node.explain = node.source->describe();
    return sources_.emplace(plan.id, add(std::move(node))).first->second;
  }

  Built fused(const ResolvedPtr& plan) {
    auto step = fuse(plan);
    const auto input = build(step.base);
    if (step.passes_all()) return input;
    const auto* name = !step.filter          ? "project"
                       : keeps_columns(step) ? "filter"
                                             : "filter + project";
    auto node = op(name, nullptr, plan->schema, input.parallelism);
    node.explain = step_text(step);
    node.factory = project({std::move(step.filter), std::move(step.columns)});
    return above(input, std::move(node));
  }

  /// One that works row by row, in as many tasks as its input.
  Built row_operator(const ResolvedPlan& plan, TopologyNode node) {
    const auto input = build(plan.inputs[0]);
    node.parallelism = input.parallelism;
    return above(input, std::move(node));
  }

  Built watermark(const ResolvedPlan& plan) {
    const auto input = build(plan.inputs[0]);
    auto node = op("watermark", observe_watermark({plan.column}), plan.schema, input.parallelism);
    node.is_watermark = true;
    node.watermark_delay_ms = plan.delay_milliseconds;
    node.explain = "column " + plan.schema[plan.column].name + ", delay " +
                   duration_text(plan.delay_milliseconds * 1000);
    if (plan.splits > 0) by_row(plan, node);
    return above(input, std::move(node));
  }

  static void by_row(const ResolvedPlan& plan, TopologyNode& node) {
    node.factory = assign_row_watermarks({plan.column, plan.delay_milliseconds, plan.splits});
    node.shared_state = true;
    node.id = plan.id;
    node.state_name = "rowWatermarks";
    node.state_signature = "row watermarks of " + std::to_string(plan.splits) + " splits";
    node.explain += ", of each source partition (" + std::to_string(plan.splits) + ")";
  }

  Built united(const ResolvedPlan& plan) {
    std::vector<Built> inputs;
    for (const auto& input : plan.inputs) inputs.push_back(build(input));
    const auto equal = std::all_of(inputs.begin(), inputs.end(), [&](const Built& input) {
      return input.parallelism == inputs[0].parallelism;
    });
    const auto built =
        add(op("union", union_all(), plan.schema, equal ? inputs[0].parallelism : 1));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      connect(inputs[i], built, i, equal ? Exchange::Kind::forward : Exchange::Kind::gather);
    }
    return built;
  }

  Built operation(const ResolvedPlan& plan) {
    const auto& wanted = *plan.operation;
    std::vector<Built> inputs(plan.inputs.size(), {0, 0});
    std::vector<std::uint32_t> tasks;
    for (std::uint32_t i = 0; i < inputs.size(); ++i) {
      if (!in_first_epoch(wanted, i)) inputs[i] = build(plan.inputs[i]);
      tasks.push_back(inputs[i].parallelism);
    }
    auto node = operation_node(plan, tasks, {spec_, options_, environment_}, topology_);
    if (node.stateful) make_stateful(node, plan, node.state_name);
    node.explain = wanted.explain + node.explain;
    const auto built = add(std::move(node));
    for (std::uint32_t i = 0; i < inputs.size(); ++i) {
      if (in_first_epoch(wanted, i)) continue;
      const auto exchange = exchange_of(wanted, i);
      connect(inputs[i], built, i, exchange.kind, exchange.key_columns);
    }
    if (wanted.late_rows) late_.push_back({built, plan.inputs[0]->schema, wanted.name});
    return built;
  }

  Built joined(const ResolvedPlan& plan, TopologyNode node, std::vector<std::uint32_t> left_keys,
               std::vector<std::uint32_t> right_keys) {
    const auto left = build(plan.inputs[0]);
    const auto right = build(plan.inputs[1]);
    const auto built = add(std::move(node));
    connect(left, built, 0, Exchange::Kind::hash, std::move(left_keys));
    connect(right, built, 1, Exchange::Kind::hash, std::move(right_keys));
    note_late_rows(plan, built);
    return built;
  }

  Built sorted(const ResolvedPlan& plan) {
    return above(build(plan.inputs[0]), sort_node(plan), Exchange::Kind::gather);
  }

  Built aggregate(const ResolvedPlan& plan) {
    const auto* panes = wants_panes(spec_.options, options_.strict) ? pane_windows(plan) : nullptr;
    const auto input = build(panes != nullptr ? panes->inputs[0] : plan.inputs[0]);
    AggregateSpec spec;
    // Bounded input is one epoch, whose result is the whole one.
    spec.mode = plan.streaming ? spec_.output_mode : OutputMode::complete;
    spec.keys = plan.keys;
    spec.aggregates = plan.aggregates;
    spec.lateness = plan.lateness;
    spec.session_wait = plan.session_wait;
    for (std::size_t i = 0; i < plan.keys.size(); ++i) spec.key_fields.push_back(plan.schema[i]);
    // In complete mode nothing is late and nothing is evicted.
    if (spec.mode != OutputMode::complete) spec.time_key = plan.time_key;

    if (plan.session_key) {
      spec.time_key = plan.time_key;
      return session_aggregation(plan, input, spec);
    }
    if (panes != nullptr) return pane_aggregation(plan, input, pane_spec(*panes, spec));

    const auto tasks = spec.global() ? 1 : options_.partitions;
    // Rows that tell lateness themselves go in one by one, in their order: grouping before the
    // exchange would add them up in portions that depend on the epochs.
    if ((input.parallelism == 1 && tasks == 1) || spec.lateness != Lateness::by_epoch) {
      spec.stage = AggregateSpec::Stage::single;
      const auto built =
          above(input, stateful(plan, spec, "aggregate", tasks), Exchange::Kind::hash, plan.keys);
      note_late_rows(plan, built);
      return built;
    }
    spec.stage = AggregateSpec::Stage::partial;
    auto partial =
        op("partial aggregate", keyed_aggregate(spec), aggregate_schema(spec), input.parallelism);
    partial.explain = "key " + names_of_keys(plan);
    partial.partial = true;
    const auto built = above(input, std::move(partial));
    note_late_rows(plan, built);

    auto last = spec;
    last.stage = AggregateSpec::Stage::final_;
    std::vector<std::uint32_t> keys(spec.keys.size());
    for (std::uint32_t i = 0; i < keys.size(); ++i) keys[i] = i;
    last.keys = keys;
    const auto kind = spec.global() ? Exchange::Kind::gather : Exchange::Kind::hash;
    return above(built, stateful(plan, last, "aggregate", tasks), kind, std::move(keys));
  }

  /// Rows are exchanged by the keys beside the window: all panes of a key are in one task.
  Built pane_aggregation(const ResolvedPlan& plan, const Built& input, PaneSpec spec) {
    std::vector<std::uint32_t> keys(spec.aggregate.keys.size() - 1);
    for (std::uint32_t i = 0; i < keys.size(); ++i) keys[i] = i;
    const auto tasks = keys.empty() ? 1 : options_.partitions;
    auto node = stateful(plan, spec.aggregate, "aggregate", tasks);
    node.state_signature = pane_signature(spec.window) + " " + node.state_signature;
    node.state_columns.clear();  // a pane comes before the key
    const auto windows =
        "\nwindows " + windows_text(*plan.inputs[0]) + ", " + pane_text(spec.window);
    node.explain += windows;
    auto from = input;
    if (input.parallelism > 1 || tasks > 1) {
      spec.aggregate.stage = AggregateSpec::Stage::partial;
      auto partial =
          op("partial aggregate", pane_aggregate(spec), pane_schema(spec), input.parallelism);
      partial.explain = "key " + names_of_keys(plan) + windows;
      partial.partial = true;
      from = above(input, std::move(partial));
      spec.aggregate.stage = AggregateSpec::Stage::final_;
    }
    const auto kind = keys.empty() ? Exchange::Kind::gather : Exchange::Kind::hash;
    node.factory = pane_aggregate(spec);
    const auto last = spec.aggregate.stage == AggregateSpec::Stage::final_
                          ? above(from, std::move(node), kind, std::move(keys))
                          : above(from, std::move(node));
    note_late_rows(plan, spec.aggregate.stage == AggregateSpec::Stage::final_ ? from : last);
    return last;
  }

  /// All rows of a key in one task, whatever session they are for: they may yet share one.
  Built session_aggregation(const ResolvedPlan& plan, const Built& input, AggregateSpec spec) {
    auto keys = plan.keys;
    keys.erase(keys.begin() + *plan.session_key);
    auto node = stateful(plan, spec, "session aggregate", options_.partitions);
    node.state_columns = session_state_columns(spec, *plan.session_key);
    node.factory = session_aggregate(std::move(spec), *plan.session_key);
    node.state_name = "sessionWindowStateStoreSaveExec";
    const auto built = above(input, std::move(node), Exchange::Kind::hash, std::move(keys));
    note_late_rows(plan, built);
    return built;
  }

  Built deduplicated(const ResolvedPlan& plan) {
    const auto input = build(plan.inputs[0]);
    DeduplicateSpec spec;
    spec.keys = plan.keys;
    for (std::size_t i = 0; i < plan.keys.size(); ++i) {
      spec.key_fields.push_back(key_field(plan, i));
    }
    spec.event_column = plan.event_column;
    spec.time_key = plan.time_key;
    spec.lateness = plan.lateness;
    if (plan.within_watermark) spec.within_milliseconds = plan.delay_milliseconds;
    auto state_columns = state_columns_of(spec.key_fields);
    auto node = op("deduplicate", deduplicate(std::move(spec)), plan.schema, options_.partitions);
    node.state_columns = std::move(state_columns);
    make_stateful(node, plan, plan.within_watermark ? "dedupeWithinWatermark" : "dedupe");
    node.wants_no_data_epoch = plan.watermarked;
    node.explain =
        "key " + names_of_keys(plan) +
        (plan.event_column ? ", event time " + plan.schema[*plan.event_column].name : "") + "\n" +
        retention(plan) + node.explain;
    const auto built = above(input, std::move(node), Exchange::Kind::hash, plan.keys);
    note_late_rows(plan, built);
    return built;
  }

  Built static_joined(const ResolvedPlan& plan) {
    auto join = plan_static_join(plan, spec_, options_, environment_);
    const auto input = build(plan.inputs[join.stream]);
    const auto tasks = join.partitioned ? options_.partitions
                       : join.gathered  ? 1
                                        : input.parallelism;
    auto node = op("static join", std::move(join.factory), plan.schema, tasks);
    node.wants_first_epoch = plan.join->type == JoinType::full_outer;
    node.explain = std::move(join.explain);
    topology_.static_sides.push_back(std::move(join.side));
    if (join.gathered) return above(input, std::move(node), Exchange::Kind::gather);
    if (!join.partitioned) return above(input, std::move(node));
    return above(input, std::move(node), Exchange::Kind::hash, std::move(join.keys));
  }

  Built ranked(const ResolvedPlan& plan) {
    const auto input = build(plan.inputs[0]);
    auto node = top_n_node(plan, spec_.output_mode, options_.partitions);
    const auto kind = plan.keys.empty() ? Exchange::Kind::gather : Exchange::Kind::hash;
    const auto built = above(input, std::move(node), kind, plan.keys);
    note_late_rows(plan, built);
    return built;
  }

  Built limited(const ResolvedPlan& plan) {
    const auto input = build(plan.inputs[0]);
    // Above an aggregation that emits its whole result, each epoch is limited by itself.
    const auto whole = spec_.output_mode == OutputMode::complete && aggregates_stream(plan);
    auto node =
        op("limit", limit_rows({static_cast<std::uint64_t>(plan.count), !whole}), plan.schema, 1);
    if (!whole) make_stateful(node, plan, "globalLimit");
    node.explain = std::to_string(plan.count) + " rows" +
                   (whole ? " of each epoch" : "\nkeeps the number of rows passed on") +
                   node.explain;
    return above(input, std::move(node), Exchange::Kind::gather);
  }

  TopologyNode stateful(const ResolvedPlan& plan, const AggregateSpec& spec, std::string name,
                        std::uint32_t tasks) const {
    auto node = op(std::move(name), keyed_aggregate(spec), plan.schema, tasks);
    make_stateful(node, plan, "stateStoreSave");
    node.state_columns = state_columns_of(spec.key_fields, spec.aggregates);
    node.wants_no_data_epoch = spec.mode != OutputMode::complete && plan.watermarked;
    node.explain = "key " + names_of_keys(plan) +
                   (plan.time_key ? ", event time " + plan.schema[*plan.time_key].name : "") +
                   ", " + std::string(to_string(spec.mode)) + "\n" + retention(plan, spec.mode) +
                   node.explain;
    return node;
  }

  void make_stateful(TopologyNode& node, const ResolvedPlan& plan, std::string state_name) const {
    node.stateful = true;
    node.id = plan.id;
    node.place = plan.place;
    node.state_name = std::move(state_name);
    node.state_signature = signature_of(plan, spec_.output_mode);
    if (!plan.name.empty()) node.explain = "\nnamed \"" + plan.name + "\"";
  }

  /// Rows are late at the first operator above their watermark that goes by event time: what that
  /// one emits can no longer be late for the next.
  void note_late_rows(const ResolvedPlan& plan, const Built& built) {
    if (!finds_late_rows(plan)) return;
    const auto& below = plan.inputs[0]->schema;
    if (plan.kind == Kind::join || plan.kind == Kind::as_of_join) {
      late_.push_back({built, stream_join_late_schema(below, plan.inputs[1]->schema), "the join"});
      return;
    }
    const auto* kind = plan.kind == Kind::aggregate ? "the aggregation by "
                       : plan.kind == Kind::top_n   ? "top_n by "
                                                    : "drop_duplicates of ";
    auto fields = below.fields();
    if (plan.lateness == Lateness::by_row) fields.pop_back();  // the row's watermark
    late_.push_back({built, Schema(std::move(fields)), kind + names_of_keys(plan)});
  }

  Built add_sink(const SinkSpec& spec, const Schema& schema, std::uint32_t parallelism, bool late) {
    TopologyNode node;
    node.kind = TopologyNode::Kind::sink;
    node.name = (late ? "late rows " : "") + spec.format + " sink";
    node.schema = schema;
    node.parallelism = parallelism;
    node.sink = make_sink(spec, late ? OutputMode::append : spec_.output_mode, environment_);
    node.late_sink = late;
    node.explain = node.sink->describe();
    return add(std::move(node));
  }

  void add_late_sink() {
    if (late_.empty()) {
      throw Error(
          ErrorCode::analysis, "LATE_ROWS_WITHOUT_WATERMARK",
          "late_rows: no operator of this query drops late rows; it takes an aggregation "
          "or top_n whose keys carry an event time with_watermark(…), or drop_duplicates or a join "
          "of streams above a watermark, or leave late_rows out");
    }
    bool equal = true;
    for (const auto& rows : late_) {
      equal = equal && rows.from.parallelism == late_[0].from.parallelism;
      if (rows.schema == late_[0].schema) continue;
      throw Error(ErrorCode::analysis, "LATE_ROWS_OF_SEVERAL_SCHEMAS",
                  "late_rows: " + late_[0].name + " drops rows of [" + late_[0].schema.to_string() +
                      "], " + rows.name + " rows of [" + rows.schema.to_string() +
                      "], and one sink takes rows of one schema; select the same columns below "
                      "both, or leave late_rows out");
    }
    const auto sink =
        add_sink(*spec_.late_sink, late_[0].schema, equal ? late_[0].from.parallelism : 1, true);
    for (std::size_t i = 0; i < late_.size(); ++i) {
      connect(late_[i].from, sink, i, equal ? Exchange::Kind::forward : Exchange::Kind::gather, {},
              Output::late_port);
    }
  }

  const QuerySpec& spec_;
  const PlannerOptions& options_;
  const Environment& environment_;
  Topology topology_;
  std::map<OperatorId, Built> sources_;
  SourceNames source_names_;
  std::vector<LateRows> late_;
};

}  // namespace

Topology plan_resolved(const ResolvedPtr& plan, const QuerySpec& spec,
                       const PlannerOptions& options, const Environment& environment) {
  return Planner(spec, options, environment).run(plan);
}

}  // namespace libstream
