#include "analysis.hpp"

#include <libstream/row_watermarks.hpp>

#include <algorithm>
#include <array>

namespace libstream {
namespace {

using analysis::fail;
using Kind = ResolvedPlan::Kind;

constexpr const char* rule_class = "EVENT_TIME_PER_SOURCE_PARTITION";

[[noreturn]] void refuse(const std::string& what) {
  fail(rule_class, "event_time(per_source_partition): " + what);
}

/// What the last column of a node's output is.
enum class Carried {
  split,      ///< number of the row's split: no watermark operator yet
  watermark,  ///< the row's watermark: no operator has tested it yet
  nothing,    ///< late rows are gone
};

struct Carrying {
  ResolvedPtr plan;
  Carried carried = Carried::split;
  /// One source partition, whose rows come in its order and through one task at a time.
  bool ordered = true;
  /// Nothing but row-wise operators between here and one source.
  bool straight = true;
};

Schema with_column(const Schema& schema, Field field) {
  auto fields = schema.fields();
  fields.push_back(std::move(field));
  return Schema(std::move(fields));
}

Field carried_field(Carried carried) {
  return {carried == Carried::split ? "#split" : "#watermark", TypeId::bigint, false};
}

/// Results that do not depend on the order in which the rows come, nor on how partial results are
/// put together.
bool any_order(const AggregateCall& call) {
  static constexpr std::array always{"count",
                                     "count_if",
                                     "min",
                                     "max",
                                     "bool_and",
                                     "every",
                                     "bool_or",
                                     "any",
                                     "some",
                                     "bit_and",
                                     "bit_or",
                                     "bit_xor",
                                     "median",
                                     "regr_count",
                                     "approx_count_distinct",
                                     "percentile",
                                     "percentile_cont",
                                     "percentile_disc"};
  static constexpr std::array exact{"sum", "try_sum", "avg", "mean", "try_avg"};
  const auto named = [&](const char* name) { return same_name(call.function->name(), name); };
  if (std::any_of(always.begin(), always.end(), named)) return true;
  if (!std::any_of(exact.begin(), exact.end(), named)) return false;
  const auto type = call.function->argument_types()[0].id();
  return type != TypeId::float32 && type != TypeId::float64;
}

class Carrier {
 public:
  explicit Carrier(const std::function<std::uint32_t(const SourceSpec&)>& splits)
      : splits_(splits) {}

  Carrying run(const ResolvedPtr& plan) {
    switch (plan->kind) {
      case Kind::source:
        return source(plan);
      case Kind::project:
        return project(*plan);
      case Kind::filter:
        check_expressions(plan->expressions, "where");
        return same(*plan, run(plan->inputs[0]));
      case Kind::explode:
        return explode(*plan);
      case Kind::windows:
        return one_behind(*plan);
      case Kind::sessions:
        check_expressions(plan->expressions, "session_window");
        return one_behind(*plan);
      case Kind::watermark:
        return watermark(*plan);
      case Kind::aggregate:
        return aggregate(*plan);
      case Kind::deduplicate:
        return deduplicate(*plan);
      case Kind::limit:
        return limit(*plan);
      case Kind::union_all:
        return unite(*plan);
      default:
        refuse(to_text(*plan).substr(0, to_text(*plan).find("  [")) +
               " puts out what depends on which rows share an epoch; leave the operator out, or "
               "use event_time per epoch");
    }
  }

 private:
  Carrying source(const ResolvedPtr& plan) {
    if (!plan->streaming) {
      refuse("the bounded " + plan->source.format +
             " source is read in one epoch, whatever streams do meanwhile; read it with "
             "read_stream(), or use event_time per epoch");
    }
    // A source used twice stays one.
    auto& known = sources_[plan.get()];
    if (!known) {
      auto copy = std::make_shared<ResolvedPlan>(*plan);
      copy->splits = splits_(plan->source);
      copy->schema = with_column(plan->schema, carried_field(Carried::split));
      known = copy;
    }
    return {known, Carried::split, known->splits == 1, true};
  }

  static void check_expressions(const std::vector<BoundPtr>& expressions, const char* where) {
    for (const auto& expression : expressions) {
      if (is_deterministic(*expression)) continue;
      refuse(std::string(where) + ": " + expression->text +
             " has another value in every epoch; take it from the rows instead, or use event_time "
             "per epoch");
    }
  }

  /// `plan` over another input with one more column, which it hands on.
  static Carrying same(const ResolvedPlan& plan, Carrying input) {
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    copy->schema = input.plan->schema;
    input.plan = std::move(copy);
    return input;
  }

  static BoundPtr last_column(const ResolvedPlan& plan) {
    const auto last = static_cast<std::uint32_t>(plan.schema.size() - 1);
    return bound_column(last, plan.schema[last]);
  }

  Carrying project(const ResolvedPlan& plan) {
    check_expressions(plan.expressions, "select");
    auto input = run(plan.inputs[0]);
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    if (input.carried != Carried::nothing) {
      copy->expressions.push_back(last_column(*input.plan));
      copy->schema = with_column(plan.schema, carried_field(input.carried));
    }
    input.plan = std::move(copy);
    return input;
  }

  /// Operators that put one column behind those of the input: what the row carries goes last again.
  static Carrying last_again(const ResolvedPlan& plan, std::shared_ptr<ResolvedPlan> copy,
                             Carrying input) {
    if (input.carried != Carried::nothing) {
      auto fields = plan.schema.fields();
      fields.insert(fields.end() - 1, carried_field(input.carried));
      copy->schema = Schema(std::move(fields));
      const auto count = static_cast<std::uint32_t>(copy->schema.size());
      std::vector<analysis::Item> items;
      for (std::uint32_t i = 0; i < count; ++i) {
        const auto from = i + 2 < count ? i : (i + 2 == count ? count - 1 : count - 2);
        items.push_back({copy->schema[from].name, bound_column(from, copy->schema[from]), false});
      }
      auto reordered = std::make_shared<ResolvedPlan>(
          *analysis::project_items(std::move(copy), std::move(items)));
      reordered->event_times = plan.event_times;
      copy = std::move(reordered);
    }
    input.plan = std::move(copy);
    return input;
  }

  Carrying one_behind(const ResolvedPlan& plan) {
    auto input = run(plan.inputs[0]);
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    return last_again(plan, std::move(copy), std::move(input));
  }

  Carrying explode(const ResolvedPlan& plan) {
    auto input = run(plan.inputs[0]);
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    if (input.carried != Carried::nothing) {
      copy->keep.push_back(static_cast<std::uint32_t>(input.plan->schema.size() - 1));
    }
    return last_again(plan, std::move(copy), std::move(input));
  }

  Carrying watermark(const ResolvedPlan& plan) {
    auto input = run(plan.inputs[0]);
    const auto name = "with_watermark(\"" + plan.schema[plan.column].name + "\")";
    if (!input.straight) {
      refuse(name +
             " stands above an operator that mixes source partitions; call it on each input, right "
             "above its source, select and where");
    }
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    copy->schema = with_column(plan.schema, carried_field(Carried::watermark));
    copy->splits = splits_of(*input.plan);
    copy->id = OperatorId{first_watermark_id_ + watermarks_++};
    input.plan = std::move(copy);
    input.carried = Carried::watermark;
    return input;
  }

  static std::uint32_t splits_of(const ResolvedPlan& plan) {
    return plan.kind == Kind::source ? plan.splits : splits_of(*plan.inputs[0]);
  }

  static std::string name_of(const ResolvedPlan& plan) {
    std::string keys;
    for (const auto key : plan.keys) {
      keys += (keys.empty() ? "" : ", ") + plan.inputs[0]->schema[key].name;
    }
    return (plan.kind == Kind::aggregate ? "the aggregation by [" : "drop_duplicates of [") + keys +
           "]";
  }

  Carrying aggregate(const ResolvedPlan& plan) {
    for (const auto& call : plan.aggregates) {
      check_expressions(call.arguments, "agg");
      if (call.filter) check_expressions({call.filter}, "agg");
    }
    auto input = run(plan.inputs[0]);
    check_order(plan, input);
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    copy->lateness = input.carried == Carried::watermark ? Lateness::by_row : Lateness::tested;
    if (plan.session_key) copy->session_wait = gap_of(plan);
    return {copy, Carried::nothing, false, false};
  }

  /// A row on time may begin up to a gap before the watermark and must still find every session
  /// that it touches: those wait for one gap more.
  static std::int64_t gap_of(const ResolvedPlan& aggregate) {
    const auto* plan = aggregate.inputs[0].get();
    while (plan->kind != Kind::sessions) plan = plan->inputs[0].get();
    const auto& end = *plan->expressions[0];
    if (end.kind == BoundExpression::Kind::call && end.arguments.size() == 2) {
      const auto& gap = *end.arguments[1];
      if (gap.kind == BoundExpression::Kind::literal && gap.type.id() == TypeId::day_interval &&
          !gap.value.is_null()) {
        return gap.value.integer() / 1000 + (gap.value.integer() % 1000 != 0 ? 1 : 0);
      }
    }
    refuse(name_of(aggregate) +
           ": a session_window whose gap differs from row to row may be joined by any later row; "
           "use a constant gap, or event_time per epoch");
  }

  static void check_order(const ResolvedPlan& plan, const Carrying& input) {
    if (input.ordered && !plan.session_key) return;
    for (const auto& call : plan.aggregates) {
      if (any_order(call)) continue;
      const std::string why =
          plan.session_key ? "sessions are put together in an order that depends on the epochs"
                           : "its rows come from more than one source partition or task, in any "
                             "order";
      refuse(name_of(plan) + ": the result of " + call.name +
             " depends on the order of rows, and " + why +
             "; use count, min, max or a sum of integers or decimals, or event_time per epoch");
    }
  }

  Carrying deduplicate(const ResolvedPlan& plan) {
    auto input = run(plan.inputs[0]);
    const bool whole_rows = plan.keys.size() == plan.inputs[0]->schema.size();
    if (!input.ordered && !whole_rows) {
      refuse(name_of(plan) +
             ": which row of a key comes first is open, as they come from more than one source "
             "partition or task; drop duplicates of whole rows (distinct), or use event_time per "
             "epoch");
    }
    if (plan.within_watermark && (!input.ordered || input.carried != Carried::watermark)) {
      refuse(name_of(plan) +
             " within the watermark: when a key is forgotten depends on the order of rows, which "
             "come from more than one source partition or task; use drop_duplicates with the event "
             "time among its columns, or event_time per epoch");
    }
    auto copy = std::make_shared<ResolvedPlan>(plan);
    copy->inputs = {input.plan};
    if (!plan.event_column || input.carried != Carried::watermark) {
      copy->lateness = Lateness::tested;
      copy->schema = input.plan->schema;
      return {copy, input.carried, false, false};
    }
    copy->lateness = Lateness::by_row;
    return {copy, Carried::nothing, false, false};
  }

  Carrying limit(const ResolvedPlan& plan) {
    auto input = run(plan.inputs[0]);
    if (!input.ordered) {
      refuse(
          "limit: which rows come first is open, as they come from more than one source "
          "partition or task; leave it out, or use event_time per epoch");
    }
    return same(plan, std::move(input));
  }

  Carrying unite(const ResolvedPlan& plan) {
    auto copy = std::make_shared<ResolvedPlan>(plan);
    Carrying united{nullptr, Carried::nothing, false, false};
    for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
      auto input = run(plan.inputs[i]);
      if (i > 0 && input.carried != united.carried) {
        refuse(
            "union_all: its inputs are not alike: some have a watermark, or were aggregated, "
            "and others not; call with_watermark on each input, and unite before aggregating");
      }
      united.carried = input.carried;
      copy->inputs[i] = input.plan;
    }
    if (united.carried != Carried::nothing) {
      copy->schema = with_column(plan.schema, carried_field(united.carried));
    }
    united.plan = std::move(copy);
    return united;
  }

  // Between stateful operators, which count from 0, and sources.
  static constexpr std::uint32_t first_watermark_id_ = 0x2000'0000;

  const std::function<std::uint32_t(const SourceSpec&)>& splits_;
  std::map<const ResolvedPlan*, std::shared_ptr<ResolvedPlan>> sources_;
  std::uint32_t watermarks_ = 0;
};

}  // namespace

ResolvedPtr carry_row_watermarks(const ResolvedPtr& plan,
                                 const std::function<std::uint32_t(const SourceSpec&)>& splits) {
  auto carrying = Carrier(splits).run(plan);
  if (carrying.carried == Carried::nothing) return carrying.plan;
  std::vector<analysis::Item> items;
  for (std::uint32_t i = 0; i + 1 < carrying.plan->schema.size(); ++i) {
    items.push_back(analysis::column_item(i, *carrying.plan));
  }
  return analysis::project_items(carrying.plan, std::move(items));
}

}  // namespace libstream
