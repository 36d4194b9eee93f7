#include "analysis.hpp"

#include <libstream/analyser.hpp>
#include <libstream/operation.hpp>

#include <algorithm>

namespace libstream {
namespace {

using namespace analysis;
using Kind = LogicalPlan::Kind;

// Identities: stateful operators count from 0, nearest the sink first, so that filters and
// projections around them change nothing; sources count apart; names lie in the upper half.
constexpr std::uint32_t first_source_id = 0x4000'0000;
constexpr std::uint32_t named_id = 0x8000'0000;

/// FNV-1a: names are few and short, and the value is stored for good.
std::uint32_t hash_of_name(std::string_view name) {
  std::uint32_t hash = 2166136261U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

class Analyser {
 public:
  explicit Analyser(const SourceSchemas& schemas) : schemas_(schemas) {}

  ResolvedPtr resolve(const PlanPtr& plan) {
    check_name(*plan);
    switch (plan->kind) {
      case Kind::source:
        return source(plan);
      case Kind::aggregate: {
        const auto id = identity(*plan, operators_);
        return resolve_aggregate_node(*plan, input(*plan), id);
      }
      case Kind::project:
        return resolve_select(*plan, input(*plan));
      case Kind::filter:
        return filter(*plan, input(*plan));
      case Kind::watermark:
        return watermark(*plan, input(*plan));
      case Kind::union_all:
        return union_of(*plan);
      case Kind::sort:
        return sort(*plan, input(*plan));
      case Kind::alias:
        return alias(*plan, input(*plan));
      case Kind::with_column:
        return with_column(*plan, input(*plan));
      case Kind::rename:
        return rename(*plan, input(*plan));
      case Kind::drop:
        return drop(*plan, input(*plan));
      case Kind::explode:
        return explode(*plan, input(*plan));
      case Kind::join:
        return join(*plan);
      case Kind::as_of_join: {
        const auto id = identity(*plan, operators_);
        const auto left = resolve(plan->inputs[0]);
        return resolve_as_of_join(*plan, left, resolve(plan->inputs[1]), id);
      }
      case Kind::deduplicate: {
        const auto id = identity(*plan, operators_);
        return resolve_deduplicate(*plan, input(*plan), id);
      }
      case Kind::limit: {
        const auto id = identity(*plan, operators_);
        return resolve_limit(*plan, input(*plan), id);
      }
      case Kind::top_n: {
        const auto id = identity(*plan, operators_);
        return resolve_top_n(*plan, input(*plan), id);
      }
      case Kind::operation:
        return operation(*plan);
    }
    LIBSTREAM_ASSERT(false, "unknown kind of logical plan");
    return nullptr;
  }

 private:
  ResolvedPtr input(const LogicalPlan& plan) { return resolve(plan.inputs[0]); }

  static void check_name(const LogicalPlan& plan) {
    if (plan.name.empty() || plan.kind == Kind::aggregate || plan.kind == Kind::source ||
        plan.kind == Kind::deduplicate || plan.kind == Kind::limit || plan.kind == Kind::join ||
        plan.kind == Kind::top_n || plan.kind == Kind::operation || plan.kind == Kind::as_of_join) {
      return;
    }
    fail("OPERATOR_WITHOUT_STATE",
         "named(\"" + plan.name +
             "\") stands behind an operator that keeps no state; put it right "
             "behind the aggregation or the source that it names");
  }

  Identity identity(const LogicalPlan& plan, std::uint32_t& counter) {
    const auto place = counter++;
    if (plan.name.empty()) return {OperatorId{place}, place};
    const auto id = named_id | hash_of_name(plan.name);
    const auto [other, added] = names_.emplace(id, plan.name);
    if (!added) {
      fail("DUPLICATE_OPERATOR_NAME", "named(\"" + plan.name + "\") and named(\"" + other->second +
                                          "\") stand for the same state; choose another name");
    }
    return {OperatorId{id}, place};
  }

  ResolvedPtr source(const PlanPtr& plan) {
    // A stream used twice is read once.
    const auto known = sources_.find(plan.get());
    if (known != sources_.end()) return known->second;
    auto node = node_above(ResolvedPlan::Kind::source, {});
    if (!plan->source.streaming &&
        (plan->source.format == "rate" || plan->source.format == "socket")) {
      fail("UNBOUNDED_SOURCE",
           "read(): the " + plan->source.format + " source has no end; begin with read_stream()");
    }
    node->source = plan->source;
    node->streaming = plan->source.streaming;
    node->schema = schemas_(plan->source);
    node->id = identity(*plan, source_count_).id;
    node->name = plan->name;
    sources_.emplace(plan.get(), node);
    return node;
  }

  static ResolvedPtr filter(const LogicalPlan& plan, ResolvedPtr below) {
    // One node a condition, so that each can be pushed down by itself; the planner joins them.
    for (const auto& condition : conjuncts(plan.expressions[0])) {
      auto bound = bind_in(condition, *below, "where");
      if (bound->type.id() != TypeId::boolean) {
        fail("DATATYPE_MISMATCH", "where: the condition " + bound->text +
                                      " must be boolean, but is " + bound->type.to_string());
      }
      auto node = node_above(ResolvedPlan::Kind::filter, {below});
      node->schema = below->schema;
      node->event_times = below->event_times;
      node->qualifiers = below->qualifiers;
      node->expressions = {std::move(bound)};
      below = node;
    }
    return below;
  }

  static ResolvedPtr watermark(const LogicalPlan& plan, const ResolvedPtr& below) {
    if (plan.delay_milliseconds < 0) {
      fail("NEGATIVE_WATERMARK_DELAY", "with_watermark(\"" + plan.column + "\"): the delay is " +
                                           std::to_string(plan.delay_milliseconds) +
                                           " ms, but must not be negative");
    }
    const auto column = column_of(plan.column, *below, "with_watermark");
    const auto& type = below->schema[column].type;
    if (type.id() != TypeId::timestamp && !is_window(type)) {
      fail("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE",
           "with_watermark: column \"" + plan.column + "\" is " + type.to_string() +
               ", but an event time is a timestamp; add one below with with_column(\"" +
               plan.column + "\", col(\"" + plan.column + "\").cast(\"timestamp\"))");
    }
    if (!below->streaming) return below;
    if (below->watermarked) {
      fail("MULTIPLE_WATERMARKS", "with_watermark(\"" + plan.column +
                                      "\"): this stream has a watermark below already; one branch "
                                      "takes one, remove either");
    }
    auto node = node_above(ResolvedPlan::Kind::watermark, {below});
    node->schema = below->schema;
    node->qualifiers = below->qualifiers;
    node->column = column;
    node->event_times = {column};
    node->delay_milliseconds = plan.delay_milliseconds;
    node->watermarked = true;
    return node;
  }

  ResolvedPtr operation(const LogicalPlan& plan) {
    std::optional<Identity> own;
    if (std::static_pointer_cast<const Operation>(plan.custom)->stateful()) {
      own = identity(plan, operators_);
    }
    std::vector<ResolvedPtr> inputs;
    for (const auto& side : plan.inputs) inputs.push_back(resolve(side));
    return resolve_operation(plan, std::move(inputs), own);
  }

  ResolvedPtr union_of(const LogicalPlan& plan) {
    std::vector<ResolvedPtr> inputs;
    for (const auto& side : plan.inputs) inputs.push_back(resolve(side));
    return resolve_union(std::move(inputs));
  }

  ResolvedPtr join(const LogicalPlan& plan) {
    // Only a join of two streams keeps state.
    const auto stateful = plan.inputs[0]->streaming() && plan.inputs[1]->streaming();
    Identity id;
    if (stateful) id = identity(plan, operators_);
    const auto left = resolve(plan.inputs[0]);
    return resolve_join(plan, left, resolve(plan.inputs[1]), id);
  }

  static ResolvedPtr sort(const LogicalPlan& plan, const ResolvedPtr& below) {
    auto node = node_above(ResolvedPlan::Kind::sort, {below});
    node->schema = below->schema;
    node->event_times = below->event_times;
    node->qualifiers = below->qualifiers;
    for (const auto& key : plan.expressions) {
      const auto sorted = key.node().kind == ExpressionNode::Kind::sort;
      node->expressions.push_back(
          bind_in(sorted ? key.node().arguments[0] : key, *below, "order_by"));
      node->descending.push_back(sorted && same_name(key.node().name, "desc"));
    }
    return node;
  }

  static ResolvedPtr alias(const LogicalPlan& plan, const ResolvedPtr& below) {
    auto node = std::make_shared<ResolvedPlan>(*below);
    node->qualifiers.assign(below->schema.size(), plan.column);
    return node;
  }

  static ResolvedPtr with_column(const LogicalPlan& plan, const ResolvedPtr& below) {
    const auto& value = plan.expressions[0];
    auto items = all_columns(*below);
    auto input = below;
    Item item;
    if (is_call(value, "window")) {
      input = add_window(below, value, "with_column");
      item = column_item(static_cast<std::uint32_t>(input->schema.size() - 1), *input);
    } else {
      item = item_of(value, *below, "with_column");
    }
    item.name = plan.column;
    item.qualifier.clear();
    const auto place = std::find_if(items.begin(), items.end(), [&](const Item& other) {
      return same_name(other.name, plan.column);
    });
    if (place == items.end()) {
      items.push_back(std::move(item));
    } else {
      *place = std::move(item);
    }
    return project_items(input, std::move(items));
  }

  static ResolvedPtr rename(const LogicalPlan& plan, const ResolvedPtr& below) {
    auto items = all_columns(*below);
    items[column_of(plan.column, *below, "with_column_renamed")].name = plan.new_name;
    return project_items(below, std::move(items));
  }

  static ResolvedPtr drop(const LogicalPlan& plan, const ResolvedPtr& below) {
    std::set<std::uint32_t> dropped;
    for (const auto& name : plan.names) dropped.insert(column_of(name, *below, "drop"));
    std::vector<Item> items;
    for (std::uint32_t i = 0; i < below->schema.size(); ++i) {
      if (!dropped.contains(i)) items.push_back(column_item(i, *below));
    }
    return project_items(below, std::move(items));
  }

  static ResolvedPtr explode(const LogicalPlan& plan, const ResolvedPtr& below) {
    const auto column = column_of(plan.column, *below, "explode");
    std::vector<Item> kept;
    for (std::uint32_t i = 0; i < below->schema.size(); ++i) {
      if (i != column) kept.push_back(column_item(i, *below));
    }
    auto array = column_item(column, *below);
    array.name = plan.new_name;
    const auto position = kept.size();
    return explode_column(below, std::move(kept), array, position, false);
  }

  const SourceSchemas& schemas_;
  std::uint32_t operators_ = 0;
  std::uint32_t source_count_ = first_source_id;
  std::map<std::uint32_t, std::string> names_;
  std::map<const LogicalPlan*, ResolvedPtr> sources_;
};

}  // namespace

ResolvedPtr analyse(const PlanPtr& plan, const SourceSchemas& schemas, bool unique_names) {
  auto resolved = Analyser(schemas).resolve(plan);
  for (std::size_t i = 0; unique_names && i < resolved->schema.size(); ++i) {
    const auto& name = resolved->schema[i].name;
    if (*resolved->schema.find(name) != i) {
      fail("COLUMN_ALREADY_EXISTS", "the result has two columns called \"" + name +
                                        "\", which this sink cannot write; rename one with .as(…)");
    }
  }
  return resolved;
}

}  // namespace libstream
