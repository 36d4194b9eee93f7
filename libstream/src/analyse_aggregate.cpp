#include "analysis.hpp"
#include "function.hpp"

#include <libstream/user_function.hpp>

#include <algorithm>

namespace libstream::analysis {
namespace {

using Kind = ExpressionNode::Kind;

struct Key {
  std::string name;
  Expression expression;  // without its alias
  std::uint32_t column = 0;
};

/// The end of the session that a row would have alone: its time + the gap.
BoundPtr session_end(const Expression& expression, const ResolvedPlan& input,
                     std::string_view where) {
  const auto& arguments = expression.node().arguments;
  if (arguments.size() != 2) {
    bad_window(expression, where, "session_window takes a time and a gap");
  }
  auto time = arguments[0];
  if (is_window(bind_in(time, input, where)->type)) time = window_time(time);
  auto gap = arguments[1];
  std::string problem;
  if (gap.node().kind == Kind::literal || is_call(gap, "negate")) {
    const auto value = constant_duration(gap, problem);
    if (!value) bad_window(expression, where, "the gap is not valid: " + problem);
    if (*value <= 0) bad_window(expression, where, "the gap must be above zero");
    gap = lit(std::chrono::microseconds(*value));
  }
  const auto type = bind_in(gap, input, where)->type;
  if (type.id() == TypeId::string) {
    gap = gap.cast(TypeId::day_interval);
  } else if (type.id() != TypeId::day_interval) {
    bad_window(expression, where,
               "the gap must be a duration such as \"10 minutes\" or an interval, but "
               "is " +
                   type.to_string());
  }
  return bind_in(time + Operand(gap), input, where);
}

/// Resolves keys; grows the input by the columns that they need.
class Keys {
 public:
  Keys(const std::vector<Expression>& keys, const ResolvedPtr& input, std::string_view where)
      : where_(where), input_(input) {
    for (const auto& expression : keys) add(expression);
    below_ = append_items(input, std::move(added_));
    if (window_key_) add_windows();
  }

  const std::vector<Key>& list() const { return list_; }
  const ResolvedPtr& below() const { return below_; }
  std::optional<std::uint32_t> session_key() const {
    return session_ ? std::optional(static_cast<std::uint32_t>(*window_key_)) : std::nullopt;
  }

 private:
  std::uint32_t place(Item item) {
    if (item.value->kind == BoundExpression::Kind::column) return item.value->column;
    added_.push_back(std::move(item));
    return static_cast<std::uint32_t>(input_->schema.size() + added_.size() - 1);
  }

  void add(const Expression& expression) {
    const auto& inner = without_alias(expression);
    Key key{derived_name(expression), inner, 0};
    session_ = session_ || is_call(inner, "session_window");
    if (!is_call(inner, "window") && !is_call(inner, "session_window")) {
      auto item = item_of(expression, *input_, where_);
      key.column = place(std::move(item));
    } else {
      if (window_key_) {
        fail("INVALID_WINDOW", std::string(where_) + ": " + inner.to_string() +
                                   " is a second window; an operator takes one");
      }
      window_key_ = list_.size();
      if (session_) {
        session_end_ = session_end(inner, *input_, where_);
      } else {
        window_ = window_of(inner, where_);
      }
      time_column_ = place(window_item(inner, *input_, where_));
    }
    list_.push_back(std::move(key));
  }

  void add_windows() {
    auto plan =
        windows_above(below_, session_ ? ResolvedPlan::Kind::sessions : ResolvedPlan::Kind::windows,
                      time_column_, list_[*window_key_].name);
    if (session_) plan->expressions = {session_end_};
    plan->window_size = window_.size;
    plan->window_slide = window_.slide;
    plan->window_start = window_.start;
    list_[*window_key_].column = static_cast<std::uint32_t>(below_->schema.size());
    below_ = plan;
  }

  std::string_view where_;
  ResolvedPtr input_;
  std::vector<Item> added_;
  std::vector<Key> list_;
  std::optional<std::size_t> window_key_;
  Window window_;
  bool session_ = false;  // the window is one
  BoundPtr session_end_;
  std::uint32_t time_column_ = 0;
  ResolvedPtr below_;
};

/// The value of a constant argument; decimals as doubles, since a Value has no scale.
Value option_of(const Expression& argument, const ResolvedPlan& input, const std::string& call) {
  auto bound = bind_in(argument, input, "agg");
  if (!input_columns(*bound).empty() || !is_deterministic(*bound)) {
    fail("NON_FOLDABLE_ARGUMENT", "agg: " + call + ": " + bound->text +
                                      " must be a constant; it is a setting of the aggregate");
  }
  const auto& type = bound->type;
  if (type.id() == TypeId::decimal) {
    bound = bound_cast(std::move(bound), TypeId::float64);
  } else if (type.id() == TypeId::array && type.element().id() == TypeId::decimal) {
    bound = bound_cast(std::move(bound), DataType::array(TypeId::float64));
  }
  return constant_value(bound);
}

/// The arguments as written; those of a user's aggregate may be left to it.
std::vector<Expression> arguments_of(const ExpressionNode& node) {
  auto arguments = node.arguments;
  if (node.aggregate && arguments.empty()) {
    for (const auto& name : node.aggregate->default_columns()) arguments.push_back(col(name));
  }
  return arguments;
}

AggregatePtr function_of(const ExpressionNode& node, const std::string& text,
                         std::span<const DataType> types, std::span<const Value> options) {
  if (!node.aggregate) return resolve_aggregate(node.name, types, options, node.distinct);
  if (node.distinct) {
    fail("UNSUPPORTED_FEATURE", "agg: " + text +
                                    ": DISTINCT is for the engine's own aggregates; gather "
                                    "distinct values in your buffer, or use collect_set");
  }
  return node.aggregate->resolve(types);
}

AggregateCall call_of(const Expression& expression, const ResolvedPlan& input) {
  const auto& node = expression.node();
  const auto text = expression.to_string();
  AggregateCall result;
  std::vector<DataType> types;
  std::vector<Value> options;
  const auto arguments = arguments_of(node);
  const auto arity =
      node.aggregate ? AggregateArity{arguments.size(), 0} : aggregate_arity(node.name);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& argument = arguments[i];
    if (argument.node().kind == Kind::star) {
      if (same_name(node.name, "count")) continue;
      fail("INVALID_EXPRESSION", "agg: " + text + ": only count(*) takes *; name a column");
    }
    if (contains(argument, is_aggregate_call)) {
      fail("NESTED_AGGREGATE_FUNCTION",
           "agg: " + text +
               ": an aggregate cannot stand inside another; aggregate twice, the "
               "second time over the first one's result");
    }
    // Behind the values stand settings, as in first(v, true).
    if (i >= arity.arguments && i < arity.arguments + arity.options) {
      options.push_back(option_of(argument, input, text));
      continue;
    }
    result.arguments.push_back(bind_in(argument, input, "agg"));
    types.push_back(result.arguments.back()->type);
  }
  result.function = function_of(node, text, types, options);
  const auto& wanted = result.function->argument_types();
  LIBSTREAM_ASSERT(wanted.size() == result.arguments.size(), text);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    result.arguments[i] = bound_cast(std::move(result.arguments[i]), wanted[i]);
  }
  if (node.filter) {
    result.filter = bind_in(*node.filter, input, "FILTER");
    if (result.filter->type.id() != TypeId::boolean) {
      fail("DATATYPE_MISMATCH", "agg: the FILTER of " + text + " must be boolean, but is " +
                                    result.filter->type.to_string());
    }
  }
  result.name = derived_name(expression);
  result.distinct = node.distinct;
  return result;
}

std::string placeholder(std::string_view what, std::size_t index) {
  return std::string(what) + "__" + std::to_string(index) + "__";
}

/// Puts the user's words back into the texts of an expression.
BoundPtr with_texts(const BoundPtr& expression,
                    const std::vector<std::pair<std::string, std::string>>& words) {
  auto copy = std::make_shared<BoundExpression>(*expression);
  for (const auto& [from, to] : words) {
    for (auto at = copy->text.find(from); at != std::string::npos; at = copy->text.find(from, at)) {
      copy->text.replace(at, from.size(), to);
      at += to.size();
    }
  }
  for (auto& argument : copy->arguments) argument = with_texts(argument, words);
  return copy;
}

/// The columns of agg(…): aggregates, and expressions over aggregates and keys.
class Results {
 public:
  Results(const std::vector<Key>& keys, const ResolvedPtr& input) : keys_(keys), input_(input) {}

  void add(const Expression& expression) {
    const auto& inner = without_alias(expression);
    names_.push_back(derived_name(expression));
    rewritten_.push_back(rewrite(inner, [&](const Expression& part) { return replace(part); }));
    plain_ = plain_ && is_aggregate_call(inner) && calls_.size() == names_.size();
  }

  /// The aggregates that the operator computes, named as in the result where it is the result.
  std::vector<AggregateCall> calls() const {
    auto calls = calls_;
    for (std::size_t i = 0; plain_ && i < calls.size(); ++i) calls[i].name = names_[i];
    return calls;
  }

  /// Puts a projection above where a column is more than an aggregate.
  ResolvedPtr finish(ResolvedPtr aggregate) const {
    if (plain_) return aggregate;
    std::vector<std::pair<std::string, std::string>> words;
    auto scope = std::make_shared<ResolvedPlan>(*aggregate);
    std::vector<Field> fields = scope->schema.fields();
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const auto is_key = i < keys_.size();
      words.emplace_back(is_key ? placeholder("key", i) : placeholder("agg", i - keys_.size()),
                         fields[i].name);
      fields[i].name = words.back().first;
    }
    scope->schema = Schema(std::move(fields));
    std::vector<Item> items;
    for (std::uint32_t i = 0; i < keys_.size(); ++i) items.push_back(column_item(i, *aggregate));
    for (std::size_t i = 0; i < names_.size(); ++i) {
      auto item = item_of(rewritten_[i], *scope, "agg");
      item.name = names_[i];
      item.value = with_texts(item.value, words);
      items.push_back(std::move(item));
    }
    return project_items(std::move(aggregate), std::move(items));
  }

 private:
  std::optional<Expression> replace(const Expression& part) {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (same_expression(part, keys_[i].expression)) return col(placeholder("key", i));
    }
    if (is_aggregate_call(part)) {
      const auto same =
          std::find_if(sources_.begin(), sources_.end(),
                       [&](const Expression& source) { return same_expression(source, part); });
      const auto index = static_cast<std::size_t>(same - sources_.begin());
      if (same == sources_.end()) {
        calls_.push_back(call_of(part, *input_));
        sources_.push_back(part);
      }
      return col(placeholder("agg", index));
    }
    if (part.node().kind == Kind::column) return key_column(part.node().name);
    return std::nullopt;
  }

  Expression key_column(const std::string& name) const {
    const auto dot = name.find('.');
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (same_name(name, keys_[i].name)) return col(placeholder("key", i));
      if (dot != std::string::npos && same_name(name.substr(0, dot), keys_[i].name)) {
        return col(placeholder("key", i) + name.substr(dot));
      }
    }
    column_of(name.substr(0, dot), *input_, "agg");
    fail("MISSING_AGGREGATION", "agg: column \"" + name +
                                    "\" is neither a key of group_by nor inside an aggregate; add "
                                    "it to the keys or say which value, as in first(" +
                                    name + ")");
  }

  const std::vector<Key>& keys_;
  ResolvedPtr input_;
  std::vector<std::string> names_;
  std::vector<Expression> rewritten_;
  std::vector<Expression> sources_;
  std::vector<AggregateCall> calls_;
  bool plain_ = true;
};

}  // namespace

KeyColumns resolve_keys(const std::vector<Expression>& keys, const ResolvedPtr& input,
                        std::string_view where) {
  const Keys resolved(keys, input, where);
  KeyColumns result{resolved.below(), {}};
  for (const auto& key : resolved.list()) result.columns.push_back(key.column);
  return result;
}

ResolvedPtr resolve_aggregate_node(const LogicalPlan& plan, const ResolvedPtr& input,
                                   const Identity& identity) {
  if (plan.keys.empty() && plan.expressions.empty()) {
    fail("MISSING_AGGREGATION",
         "agg: there is nothing to aggregate; name at least one aggregate, "
         "such as count()");
  }
  const Keys keys(plan.keys, input, "group_by");
  Results results(keys.list(), input);
  for (const auto& expression : plan.expressions) results.add(expression);

  const auto& below = keys.below();
  auto node = node_above(ResolvedPlan::Kind::aggregate, {below});
  node->id = identity.id;
  node->place = identity.place;
  node->name = plan.name;
  node->aggregates = results.calls();
  node->session_key = keys.session_key();
  if (node->session_key && keys.list().size() == 1 && input->streaming) {
    fail("UNSUPPORTED_STREAMING_OPERATOR",
         "group_by: a global aggregation by session_window is not supported on "
         "streams: all rows would meet in one task; add another key");
  }
  std::vector<Field> fields;
  for (const auto& key : keys.list()) {
    if (below->carries_event_time(key.column)) {
      const auto index = static_cast<std::uint32_t>(fields.size());
      node->event_times.push_back(index);
      if (!node->time_key) node->time_key = index;
    }
    const auto& field = below->schema[key.column];
    fields.push_back({key.name, field.type, field.nullable});
    node->keys.push_back(key.column);
  }
  for (const auto& aggregate : node->aggregates) {
    const auto& name = aggregate.function->name();
    const auto never_null = name == "count" || name == "count_if";
    fields.push_back({aggregate.name, aggregate.function->result_type(), !never_null});
  }
  node->schema = Schema(std::move(fields));
  return results.finish(node);
}

}  // namespace libstream::analysis
