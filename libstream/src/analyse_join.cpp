#include "analyse_join.hpp"

#include "function.hpp"

#include <algorithm>

namespace libstream::analysis {
namespace {

using Node = BoundExpression::Kind;

std::vector<std::uint32_t> columns_from(std::uint32_t first, std::size_t count) {
  std::vector<std::uint32_t> columns(count);
  for (std::uint32_t i = 0; i < count; ++i) columns[i] = first + i;
  return columns;
}

bool only_left(JoinType type) { return type == JoinType::left_semi || type == JoinType::left_anti; }

void add_condition(BoundPtr& all, const BoundPtr& condition) {
  all = all ? both(all, condition) : condition;
}

/// Takes the condition apart.
class Condition {
 public:
  Condition(const LogicalPlan& plan, const ResolvedPtr& left, const ResolvedPtr& right)
      : left_(left), right_(right), width_(static_cast<std::uint32_t>(left->schema.size())) {
    if (!plan.names.empty()) {
      use(plan.names);
      return;
    }
    const auto scope = pair_of(*left, *right);
    const auto condition = bind_in(plan.expressions[0], *scope, "join");
    if (condition->type.id() != TypeId::boolean) {
      fail("DATATYPE_MISMATCH", "join: the condition " + condition->text +
                                    " must be boolean, but is " + condition->type.to_string());
    }
    for (auto& part : bound_conjuncts(fold_constants(condition))) add(part);
  }

  /// Both inputs with the columns that the keys need, and the plan over them.
  ResolvedPtr left() const { return left_; }
  ResolvedPtr right() const { return right_; }

  JoinPlan resolve() {
    JoinPlan join;
    std::vector<Item> added_left;
    std::vector<Item> added_right;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      join.left.keys.push_back(place(keys_[i].first, *left_, added_left));
      join.right.keys.push_back(place(keys_[i].second, *right_, added_right));
    }
    const auto right_width = right_->schema.size();
    left_ = append_items(left_, std::move(added_left));
    right_ = append_items(right_, std::move(added_right));
    const auto shift = static_cast<std::uint32_t>(left_->schema.size());
    join.null_safe = null_safe_;
    join.left.filter = left_filter_;
    if (right_filter_) join.right.filter = remap_columns(right_filter_, from_right());
    auto mapping = columns_from(0, width_);
    for (const auto column : columns_from(shift, right_width)) mapping.push_back(column);
    if (rest_) join.condition = remap_columns(rest_, mapping);
    join.output = std::move(mapping);
    return join;
  }

 private:
  /// Columns of a pair as columns of the right input.
  std::vector<std::uint32_t> from_right() const {
    std::vector<std::uint32_t> mapping(width_, 0);
    for (const auto column : columns_from(0, right_->schema.size())) mapping.push_back(column);
    return mapping;
  }

  static std::uint32_t place(const BoundPtr& key, const ResolvedPlan& input,
                             std::vector<Item>& added) {
    if (key->kind == Node::column) return key->column;
    added.push_back({unused_name("join_key", input.schema), key});
    return static_cast<std::uint32_t>(input.schema.size() + added.size() - 1);
  }

  enum class Reads { none, left, right, both };
  Reads reads(const BoundExpression& expression) const {
    const auto columns = input_columns(expression);
    if (columns.empty()) return Reads::none;
    if (columns.back() < width_) return Reads::left;
    return columns.front() >= width_ ? Reads::right : Reads::both;
  }

  void add(const BoundPtr& part) {
    if (part->kind == Node::literal && !part->value.is_null() && part->value.boolean()) return;
    if (!is_deterministic(*part)) return add_condition(rest_, part);
    switch (reads(*part)) {
      case Reads::left:
        return add_condition(left_filter_, part);
      case Reads::right:
        return add_condition(right_filter_, part);
      case Reads::none:
        return add_condition(rest_, part);
      case Reads::both:
        break;
    }
    if (!add_key(part)) add_condition(rest_, part);
  }

  bool add_key(const BoundPtr& part) {
    const auto safe = is_bound_call(*part, "<=>");
    if (!safe && !is_bound_call(*part, "=")) return false;
    auto first = part->arguments[0];
    auto second = part->arguments[1];
    if (reads(*first) == Reads::right) std::swap(first, second);
    if (reads(*first) != Reads::left || reads(*second) != Reads::right) return false;
    if (!(first->type == second->type)) return false;
    keys_.emplace_back(first, remap_columns(second, from_right()));
    null_safe_.push_back(safe);
    return true;
  }

  void use(const std::vector<std::string>& names) {
    for (const auto& name : names) {
      const auto of_left = column_of(name, *left_, "join: left side");
      const auto of_right = column_of(name, *right_, "join: right side");
      const auto& a = left_->schema[of_left];
      const auto& b = right_->schema[of_right];
      const auto type = common_type(a.type, b.type);
      if (!type) {
        fail("DATATYPE_MISMATCH", "join: column " + name + " is " + a.type.to_string() +
                                      " on the left side and " + b.type.to_string() +
                                      " on the right one, which do not compare; cast one");
      }
      keys_.emplace_back(bound_cast(bound_column(of_left, a), *type),
                         bound_cast(bound_column(of_right, b), *type));
      null_safe_.push_back(false);
    }
  }

  ResolvedPtr left_;
  ResolvedPtr right_;
  std::uint32_t width_;
  std::vector<std::pair<BoundPtr, BoundPtr>> keys_;
  std::vector<bool> null_safe_;
  BoundPtr left_filter_;
  BoundPtr right_filter_;
  BoundPtr rest_;
};

[[noreturn]] void refuse_type(JoinType type, const std::string& why, const std::string& way_out) {
  fail("UNSUPPORTED_JOIN_TYPE",
       "join: " + std::string(to_string(type)) + " is not supported " + why + "; " + way_out);
}

void check_type(JoinType type, const ResolvedPlan& left, const ResolvedPlan& right) {
  using Type = JoinType;
  if (left.streaming && right.streaming) {
    if (type != Type::left_anti) return;
    refuse_type(type, "between two streams: that a row has no match is known only in the end",
                "use left_outer with a watermark and a time condition and keep the rows whose "
                "right side is null");
  }
  if (!left.streaming && !right.streaming) return;
  const auto* preserved =
      "with a stream on the one side and bounded data on the other where it keeps rows of the "
      "bounded side: whether one of them has a match is never settled while the stream goes on";
  if (left.streaming && (type == Type::right_outer || type == Type::full_outer)) {
    refuse_type(type, preserved, "use inner, left_outer, left_semi or left_anti");
  }
  if (right.streaming && type != Type::inner && type != Type::right_outer) {
    refuse_type(type, preserved,
                "use inner or right_outer, or put the stream on the left side for left_outer, "
                "left_semi and left_anti");
  }
}

void check_equality(const JoinPlan& join) {
  if (!join.left.keys.empty()) return;
  fail("STREAM_STREAM_JOIN_WITHOUT_EQUALITY",
       "join: a join of two streams needs an equality between its sides, as in \"l.k = r.k\": "
       "every row would have to meet every other one; add one to the condition");
}

const char* bounded_side(JoinType type) {
  switch (type) {
    case JoinType::right_outer:
      return "right";
    case JoinType::full_outer:
      return "left or right";
    default:
      return "left";
  }
}

/// Outer and semi joins of streams must be able to settle that a row has no match.
void check_settles(const JoinPlan& join, const ResolvedPlan& left, const ResolvedPlan& right) {
  if (join.type == JoinType::inner || key_with_time(join, left, right)) return;
  const auto left_bound = may_be_bounded(join, left, right, true);
  const auto right_bound = may_be_bounded(join, left, right, false);
  const auto settled = join.type == JoinType::right_outer  ? right_bound
                       : join.type == JoinType::full_outer ? left_bound || right_bound
                                                           : left_bound;
  if (settled) return;
  fail("UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
       "join: " + std::string(to_string(join.type)) +
           " between two streams needs a watermark and a bound on time: without them it is never "
           "known that a row has no match; call with_watermark(…) on both sides and either compare "
           "the event times (or windows over them) for equality, or set a lower bound on the " +
           bounded_side(join.type) +
           " side's event time by the other one's, as in \"l.time >= r.time - INTERVAL 1 HOUR\"");
}

std::shared_ptr<ResolvedPlan> join_node(JoinPlan join, const ResolvedPtr& left,
                                        const ResolvedPtr& right, const Identity& identity) {
  auto node = node_above(ResolvedPlan::Kind::join, {left, right});
  node->id = identity.id;
  node->place = identity.place;
  if (only_left(join.type)) {
    std::erase_if(join.output, [&](std::uint32_t c) { return c >= left->schema.size(); });
  }
  set_join(*node, std::move(join));
  return node;
}

/// Columns of equal names once, first; then the others.
ResolvedPtr merge_columns(const ResolvedPtr& node, std::size_t left_width,
                          const std::vector<std::uint32_t>& left_keys,
                          const std::vector<std::uint32_t>& right_keys) {
  const auto type = node->join->type;
  std::vector<Item> items;
  std::set<std::uint32_t> taken;
  for (std::size_t i = 0; i < left_keys.size(); ++i) {
    auto left = column_item(left_keys[i], *node);
    if (only_left(type)) {
      items.push_back(std::move(left));
      taken.insert(left_keys[i]);
      continue;
    }
    const auto of_right = static_cast<std::uint32_t>(left_width) + right_keys[i];
    auto right = column_item(of_right, *node);
    taken.insert({left_keys[i], of_right});
    if (type == JoinType::full_outer) {
      const Schema pair{{"a", left.value->type, true}, {"b", right.value->type, true}};
      const BoundPtr parts[] = {left.value, right.value};
      auto value = std::make_shared<BoundExpression>(
          *substitute_columns(bind(call("coalesce", {col("a"), col("b")}), pair), parts));
      value->text = "coalesce(" + left.value->text + ", " + right.value->text + ")";
      items.push_back({left.name, std::move(value)});
    } else {
      items.push_back(std::move(type == JoinType::right_outer ? right : left));
    }
  }
  for (std::uint32_t i = 0; i < node->schema.size(); ++i) {
    if (!taken.contains(i)) items.push_back(column_item(i, *node));
  }
  return project_items(node, std::move(items));
}

}  // namespace

bool is_bound_call(const BoundExpression& expression, std::string_view name) {
  return expression.kind == Node::call && expression.function->name == name;
}

std::vector<BoundPtr> bound_conjuncts(const BoundPtr& condition) {
  if (!condition) return {};
  if (!is_bound_call(*condition, "and")) return {condition};
  std::vector<BoundPtr> parts;
  for (const auto& argument : condition->arguments) {
    for (auto& part : bound_conjuncts(argument)) parts.push_back(std::move(part));
  }
  return parts;
}

std::shared_ptr<ResolvedPlan> pair_of(const ResolvedPlan& left, const ResolvedPlan& right) {
  auto pair = std::make_shared<ResolvedPlan>();
  pair->kind = ResolvedPlan::Kind::join;
  auto fields = left.schema.fields();
  for (const auto& field : right.schema) fields.push_back(field);
  const auto width = static_cast<std::uint32_t>(left.schema.size());
  pair->event_times = left.event_times;
  for (const auto column : right.event_times) pair->event_times.push_back(width + column);
  pair->qualifiers = left.qualifiers;
  pair->qualifiers.resize(width);
  for (std::uint32_t i = 0; i < right.schema.size(); ++i) {
    pair->qualifiers.push_back(right.qualifiers.empty() ? "" : right.qualifiers[i]);
  }
  pair->schema = Schema(std::move(fields));
  return pair;
}

void set_join(ResolvedPlan& node, JoinPlan join) {
  const auto& left = *node.inputs[0];
  const auto& right = *node.inputs[1];
  if (left.streaming && right.streaming) {
    derive_retention(join, left, right);
  }
  const auto pair = pair_of(left, right);
  const auto null_left = join.type == JoinType::right_outer || join.type == JoinType::full_outer;
  const auto null_right = join.type == JoinType::left_outer || join.type == JoinType::full_outer;
  std::vector<Field> fields;
  node.event_times.clear();
  node.qualifiers.clear();
  for (const auto column : join.output) {
    auto field = pair->schema[column];
    field.nullable = field.nullable || (column < left.schema.size() ? null_left : null_right);
    if (pair->carries_event_time(column)) {
      node.event_times.push_back(static_cast<std::uint32_t>(fields.size()));
    }
    node.qualifiers.push_back(pair->qualifiers[column]);
    fields.push_back(std::move(field));
  }
  node.schema = Schema(std::move(fields));
  node.join = std::make_shared<const JoinPlan>(std::move(join));
}

ResolvedPtr resolve_join(const LogicalPlan& plan, const ResolvedPtr& left, const ResolvedPtr& right,
                         const Identity& identity) {
  check_type(plan.join_type, *left, *right);
  Condition condition(plan, left, right);
  auto join = condition.resolve();
  join.type = plan.join_type;
  if (left->streaming && right->streaming) {
    check_equality(join);
    check_settles(join, *condition.left(), *condition.right());
  }
  auto node = join_node(std::move(join), condition.left(), condition.right(), identity);
  node->name = plan.name;
  if (plan.names.empty()) return node;
  std::vector<std::uint32_t> left_keys;
  std::vector<std::uint32_t> right_keys;
  for (const auto& name : plan.names) {
    left_keys.push_back(column_of(name, *left, "join"));
    right_keys.push_back(column_of(name, *right, "join"));
  }
  return merge_columns(node, left->schema.size(), left_keys, right_keys);
}

}  // namespace libstream::analysis
