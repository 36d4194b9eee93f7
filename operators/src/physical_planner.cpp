#include "fuse.hpp"
#include "plan_stream_join.hpp"
#include "query_plan.hpp"

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
#include <set>

namespace libstream {
namespace {

using Kind = ResolvedPlan::Kind;

bool keeps_columns(const FusedStep& step) {
  auto unfiltered = step;
  unfiltered.filter = nullptr;
  return unfiltered.passes_all();
}

std::string step_text(const FusedStep& step) {
  std::string text = step.filter ? "where " + step.filter->text : "";
  if (keeps_columns(step)) return text;
  std::string columns;
  for (const auto& column : step.columns) {
    columns += (columns.empty() ? "" : ", ") + column->text;
  }
  return text + (text.empty() ? "" : "; ") + "columns " + columns;
}

std::string time_text(const Field& field) {
  return field.name + (field.type.id() == TypeId::structure ? ".end" : "");
}

/// How long groups live, in words.
std::string retention(const ResolvedPlan& plan, OutputMode mode) {
  if (mode == OutputMode::complete) return "keeps all groups (output mode complete)";
  if (plan.keys.empty()) return "keeps its one group";
  if (!plan.time_key) return "keeps all groups: no key carries a watermark";
  return "keeps groups until the watermark passes " + time_text(plan.schema[*plan.time_key]);
}

/// How long keys live, in words.
std::string retention(const ResolvedPlan& plan) {
  if (plan.within_watermark) {
    return "keeps keys until the watermark passes " + plan.schema[*plan.event_column].name +
           " of their first row + " + duration_text(plan.delay_milliseconds * 1000);
  }
  if (!plan.time_key) return "keeps all keys: none carries a watermark";
  return "keeps keys until the watermark passes " +
         time_text(plan.schema[plan.keys[*plan.time_key]]);
}

/// An aggregation's keys are its first columns, a deduplication's stay where they are.
const Field& key_field(const ResolvedPlan& plan, std::size_t key) {
  return plan.schema[plan.kind == Kind::aggregate ? key : plan.keys[key]];
}

std::string names_of_keys(const ResolvedPlan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.keys.size(); ++i) {
    text += (i == 0 ? "" : ", ") + key_field(plan, i).name;
  }
  return "[" + text + "]";
}

/// What must match at a restart: kinds and types of keys and accumulators, not their names.
std::string signature_of(const ResolvedPlan& plan, OutputMode mode) {
  if (plan.kind == Kind::limit) return "limit";
  std::string text = plan.kind == Kind::aggregate ? plan.session_key ? "sessions" : "aggregate"
                     : plan.within_watermark      ? "deduplicate within watermark"
                                                  : "deduplicate";
  // Complete mode keeps every group for ever, so state that lost some is no start for it.
  if (plan.kind == Kind::aggregate && mode == OutputMode::complete) text = "complete " + text;
  text += " keys(";
  for (std::size_t i = 0; i < plan.keys.size(); ++i) {
    text += (i == 0 ? "" : ", ") + key_field(plan, i).type.to_string();
  }
  if (plan.kind != Kind::aggregate) return text + ")";
  text += ") values(";
  for (std::size_t i = 0; i < plan.aggregates.size(); ++i) {
    const auto& function = *plan.aggregates[i].function;
    text += (i == 0 ? "" : ", ") + function.name() + "(";
    for (std::size_t j = 0; j < function.intermediate_types().size(); ++j) {
      text += (j == 0 ? "" : ", ") + function.intermediate_types()[j].to_string();
    }
    text += ")";
  }
  return text + ")";
}

class Planner {
 public:
  Planner(const QuerySpec& spec, const PlannerOptions& options, const Environment& environment)
      : spec_(spec), options_(options), environment_(environment) {}

  Topology run(const ResolvedPtr& plan) {
    topology_.key_groups = options_.key_groups;
    topology_.watermark_policy = watermark_policy();
    const auto result = build(plan);
    for (const auto& sink : spec_.sinks) {
      connect(result, add_sink(sink, plan->schema, result.parallelism, false));
    }
    if (spec_.late_sink) add_late_sink();
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

  WatermarkPolicy watermark_policy() const {
    const auto policy = spec_.options.get("watermarkPolicy", "min");
    if (same_name(policy, "min")) return WatermarkPolicy::min;
    if (same_name(policy, "max")) return WatermarkPolicy::max;
    throw Error(ErrorCode::invalid_argument,
                "option watermarkPolicy is \"" + policy + "\", but can be min or max");
  }

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
        return exploded(*plan);
      case Kind::windows:
        return windows(*plan);
      case Kind::sessions:
        return sessions(*plan);
      case Kind::watermark:
        return watermark(*plan);
      case Kind::aggregate:
        return aggregate(*plan);
      case Kind::deduplicate:
        return deduplicated(*plan);
      case Kind::limit:
        return limited(*plan);
      case Kind::union_all:
        return united(*plan);
      case Kind::sort:
        return sorted(*plan);
      case Kind::join:
        if (!plan->inputs[0]->streaming || !plan->inputs[1]->streaming) return static_joined(*plan);
        return joined(*plan, stream_join_node(*plan, options_.partitions), plan->join->left.keys,
                      plan->join->right.keys);
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
    node.source = make_source(plan.source, environment_);
    node.schema = plan.schema;
    node.id = plan.id;
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

  Built exploded(const ResolvedPlan& plan) {
    const auto input = build(plan.inputs[0]);
    auto node = op("explode", explode({plan.keep, plan.column, plan.outer}), plan.schema,
                   input.parallelism);
    node.explain = "array " + plan.inputs[0]->schema[plan.column].name;
    return above(input, std::move(node));
  }

  Built windows(const ResolvedPlan& plan) {
    const auto input = build(plan.inputs[0]);
    auto node =
        op("windows",
           assign_windows({plan.column, plan.window_size, plan.window_slide, plan.window_start}),
           plan.schema, input.parallelism);
    node.explain = "over " + plan.inputs[0]->schema[plan.column].name + ", size " +
                   duration_text(plan.window_size) + ", slide " + duration_text(plan.window_slide) +
                   (plan.window_start == 0 ? "" : ", start " + duration_text(plan.window_start));
    return above(input, std::move(node));
  }

  Built sessions(const ResolvedPlan& plan) {
    const auto input = build(plan.inputs[0]);
    auto node = op("sessions", assign_sessions({plan.column, plan.expressions[0]}), plan.schema,
                   input.parallelism);
    node.explain =
        "over " + plan.inputs[0]->schema[plan.column].name + ", until " + plan.expressions[0]->text;
    return above(input, std::move(node));
  }

  Built watermark(const ResolvedPlan& plan) {
    const auto input = build(plan.inputs[0]);
    auto node = op("watermark", observe_watermark({plan.column}), plan.schema, input.parallelism);
    node.is_watermark = true;
    node.watermark_delay_ms = plan.delay_milliseconds;
    node.explain = "column " + plan.schema[plan.column].name + ", delay " +
                   duration_text(plan.delay_milliseconds * 1000);
    return above(input, std::move(node));
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
    const auto input = build(plan.inputs[0]);
    SortSpec sort;
    std::string keys;
    for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
      keys += (i == 0 ? "" : ", ") + plan.expressions[i]->text +
              (plan.descending[i] ? " DESC" : " ASC");
      sort.keys.push_back({plan.expressions[i], plan.descending[i]});
    }
    auto node = op("sort", sort_rows(std::move(sort)), plan.schema, 1);
    node.explain = "by " + keys;
    return above(input, std::move(node), Exchange::Kind::gather);
  }

  Built aggregate(const ResolvedPlan& plan) {
    const auto input = build(plan.inputs[0]);
    AggregateSpec spec;
    // Bounded input is one epoch, whose result is the whole one.
    spec.mode = plan.streaming ? spec_.output_mode : OutputMode::complete;
    spec.keys = plan.keys;
    spec.aggregates = plan.aggregates;
    for (std::size_t i = 0; i < plan.keys.size(); ++i) spec.key_fields.push_back(plan.schema[i]);
    // In complete mode nothing is late and nothing is evicted.
    if (spec.mode != OutputMode::complete) spec.time_key = plan.time_key;

    if (plan.session_key) {
      spec.time_key = plan.time_key;
      return session_aggregation(plan, input, spec);
    }

    const auto tasks = spec.global() ? 1 : options_.partitions;
    if (input.parallelism == 1 && tasks == 1) {
      spec.stage = AggregateSpec::Stage::single;
      const auto built = above(input, stateful(plan, spec, "aggregate", 1));
      note_late_rows(plan, built);
      return built;
    }
    spec.stage = AggregateSpec::Stage::partial;
    auto partial =
        op("partial aggregate", keyed_aggregate(spec), aggregate_schema(spec), input.parallelism);
    partial.explain = "key " + names_of_keys(plan);
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

  /// All rows of a key in one task, whatever session they are for: they may yet share one.
  Built session_aggregation(const ResolvedPlan& plan, const Built& input, AggregateSpec spec) {
    auto keys = plan.keys;
    keys.erase(keys.begin() + *plan.session_key);
    auto node = stateful(plan, spec, "session aggregate", options_.partitions);
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
    if (plan.within_watermark) spec.within_milliseconds = plan.delay_milliseconds;
    auto node = op("deduplicate", deduplicate(std::move(spec)), plan.schema, options_.partitions);
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
    auto node = op("static join", std::move(join.factory), plan.schema,
                   join.partitioned ? options_.partitions : input.parallelism);
    node.explain = std::move(join.explain);
    topology_.static_sides.push_back(std::move(join.side));
    if (!join.partitioned) return above(input, std::move(node));
    return above(input, std::move(node), Exchange::Kind::hash, std::move(join.keys));
  }

  Built limited(const ResolvedPlan& plan) {
    const auto input = build(plan.inputs[0]);
    // Above an aggregation that emits its whole result, each epoch is limited by itself.
    const auto whole = spec_.output_mode == OutputMode::complete && has_aggregate(plan);
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
    const auto* kind = plan.kind == Kind::aggregate ? "the aggregation by " : "drop_duplicates of ";
    late_.push_back({built, below, kind + names_of_keys(plan)});
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
      throw Error(ErrorCode::analysis, "LATE_ROWS_WITHOUT_WATERMARK",
                  "late_rows: no operator of this query drops late rows; it takes an aggregation "
                  "whose keys carry an event time with_watermark(…), or drop_duplicates or a join "
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
  std::vector<LateRows> late_;
};

}  // namespace

Topology plan_resolved(const ResolvedPtr& plan, const QuerySpec& spec,
                       const PlannerOptions& options, const Environment& environment) {
  return Planner(spec, options, environment).run(plan);
}

}  // namespace libstream
