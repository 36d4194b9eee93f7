#include "function.hpp"
#include "lexer.hpp"

#include <libstream/aggregate.hpp>
#include <libstream/error.hpp>
#include <libstream/schema.hpp>
#include <libstream/user_function.hpp>

#include <algorithm>
#include <array>

namespace libstream {
namespace {

using Node = ExpressionNode;
constexpr int depth_limit = 2'000;

std::vector<std::string> names_of(const std::vector<Field>& fields) {
  std::vector<std::string> names;
  for (const Field& field : fields) names.push_back(field.name);
  return names;
}

std::string types_text(std::span<const BoundPtr> arguments) {
  std::string text;
  for (const BoundPtr& argument : arguments) {
    text += (text.empty() ? "" : ", ") + argument->type.to_string();
  }
  return text;
}

class Binder {
 public:
  Binder(const Schema& schema, const ColumnLookup& lookup) : schema_(schema), lookup_(lookup) {}

  BoundPtr bind(const Expression& expression) {
    if (++depth_ > depth_limit) {
      throw Error(ErrorCode::analysis, "an expression is nested more than " +
                                           std::to_string(depth_limit) + " deep; split it up");
    }
    BoundPtr result = bind_node(expression);
    --depth_;
    return result;
  }

 private:
  BoundPtr bind_node(const Expression& expression) {
    if (expression.empty()) throw Error(ErrorCode::analysis, "an expression is empty");
    const Node& node = expression.node();
    switch (node.kind) {
      case Node::Kind::column:
        return column(node.name);
      case Node::Kind::literal:
        return bound_literal(node.value, node.type);
      case Node::Kind::cast:
        return cast(expression);
      case Node::Kind::alias:
        return bind(node.arguments[0]);
      case Node::Kind::star:
        throw Error(ErrorCode::analysis, "* stands for columns in select(…) and in count(*) only");
      case Node::Kind::sort:
        throw Error(ErrorCode::analysis,
                    expression.to_string() + " orders rows; it belongs into order_by(…)");
      case Node::Kind::call:
        break;
    }
    return call(expression);
  }

  BoundPtr column(const std::string& name) {
    if (const auto index = lookup_(name)) return at(*index);
    const auto parts = split_path(name);
    // The longest path that is a column; what follows are fields of structures.
    for (std::size_t count = parts.size(); count > 0; --count) {
      std::string path = parts[0];
      for (std::size_t i = 1; i < count; ++i) path += "." + parts[i];
      const auto index = lookup_(path);
      if (!index) continue;
      BoundPtr result = at(*index);
      for (std::size_t i = count; i < parts.size(); ++i) result = field(result, parts[i]);
      return result;
    }
    throw Error(ErrorCode::analysis, "UNRESOLVED_COLUMN",
                "there is no column " + name + candidates(name, names_of(schema_.fields())));
  }

  BoundPtr at(std::size_t index) {
    return bound_column(static_cast<std::uint32_t>(index), schema_[index]);
  }

  BoundPtr field(const BoundPtr& structure, const std::string& name) {
    if (structure->type.id() != TypeId::structure) {
      throw Error(ErrorCode::analysis, structure->text + " is " + structure->type.to_string() +
                                           ", not a structure: it has no field " + name);
    }
    const auto& fields = structure->type.fields();
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (!same_name(fields[i].name, name)) continue;
      const BoundPtr index = bound_literal(Value(static_cast<std::int64_t>(i)), TypeId::bigint);
      return make_call("field", {structure, index}, structure->text + "." + quoted_part(name));
    }
    throw Error(ErrorCode::analysis, "UNRESOLVED_FIELD",
                structure->text + " has no field " + name + candidates(name, names_of(fields)));
  }

  BoundPtr cast(const Expression& expression) {
    const Node& node = expression.node();
    const BoundPtr inner = bind(node.arguments[0]);
    const bool attempt = node.name == "try_cast";
    if (!(inner->type == node.type) && !cast_kernel(inner->type, node.type, attempt)) {
      throw Error(ErrorCode::analysis, "DATATYPE_MISMATCH",
                  inner->type.to_string() + " does not convert to " + node.type.to_string() +
                      " in " + expression.to_string());
    }
    return bound_cast(inner, node.type, attempt);
  }

  [[noreturn]] void refuse(const Expression& expression, const std::string& why) {
    throw Error(ErrorCode::analysis, expression.to_string() + " " + why);
  }

  BoundPtr call(const Expression& expression) {
    const Node& node = expression.node();
    static constexpr std::array<std::string_view, 4> taken_out{"window", "session_window",
                                                               "explode", "explode_outer"};
    if (std::find(taken_out.begin(), taken_out.end(), node.name) != taken_out.end()) {
      refuse(expression, node.name.starts_with("explode")
                             ? "makes rows: it may only be a whole expression of select(…)"
                             : "may only be a grouping expression of group_by(…) or select(…)");
    }
    if (node.filter || node.distinct) refuse(expression, "is an aggregate, not allowed here");
    if (node.aggregate) {
      refuse(expression, "is an aggregate: it is allowed in agg(…) of a grouped stream only");
    }
    if (node.function) return user_call(expression);
    if (const auto longer = expanded(expression)) return bind(*longer);
    if (node.name == "typeof" && node.arguments.size() == 1) {
      return bound_literal(Value(plain_name(bind(node.arguments[0])->type)), TypeId::string);
    }
    if (node.name == "struct" && !node.arguments.empty()) return structure(expression);
    if (node.name == "field" && node.arguments.size() == 2) {
      const Node& name = node.arguments[1].node();
      if (name.kind != Node::Kind::literal || name.type.id() != TypeId::string) {
        refuse(expression, "needs the field's name as a literal");
      }
      return field(bind(node.arguments[0]), name.value.text());
    }
    std::vector<BoundPtr> arguments;
    if (!find_function(node.name)) unknown(expression);
    for (const Expression& argument : node.arguments) {
      if (argument.node().kind == Node::Kind::star) refuse(expression, "does not take *");
      arguments.push_back(bind(argument));
    }
    return make_call(node.name, std::move(arguments), expression.to_string());
  }

  [[noreturn]] void unknown(const Expression& expression) {
    const std::string& name = expression.node().name;
    if (libstream::is_aggregate(name)) {
      refuse(expression, "is an aggregate: it is allowed in agg(…) of a grouped stream only");
    }
    throw Error(ErrorCode::analysis, "UNRESOLVED_FUNCTION",
                "there is no function " + name + candidates(name, function_names()) + " (in " +
                    expression.to_string() +
                    "); one of your own must be given to Session::register_function");
  }

  /// struct(value, …): columns, fields and aliases keep their name, others are numbered.
  BoundPtr structure(const Expression& expression) {
    std::vector<BoundPtr> arguments;
    for (const Expression& argument : expression.node().arguments) {
      const Node& node = argument.node();
      if (node.kind == Node::Kind::star) refuse(expression, "does not take *");
      std::string name = "col" + std::to_string(arguments.size() / 2 + 1);
      if (node.kind == Node::Kind::column) name = split_path(node.name).back();
      if (node.kind == Node::Kind::alias) name = node.name;
      if (node.kind == Node::Kind::call && node.name == "field" && node.arguments.size() == 2) {
        name = node.arguments[1].node().value.text();
      }
      arguments.push_back(bound_literal(Value(std::move(name)), TypeId::string));
      arguments.push_back(bind(argument));
    }
    return make_call("named_struct", std::move(arguments), expression.to_string());
  }

  BoundPtr user_call(const Expression& expression) {
    const UserFunctionBody& function = *expression.node().function;
    std::vector<BoundPtr> arguments;
    std::vector<DataType> types;
    for (const Expression& argument : expression.node().arguments) {
      if (argument.node().kind == Node::Kind::star) refuse(expression, "does not take *");
      arguments.push_back(bind(argument));
      types.push_back(arguments.back()->type);
    }
    const auto accepted = accepted_types(
        function.name(), types, function.argument_types(),
        [&](std::size_t i, const DataType& type) { return function.reads(i, type); });
    auto bound = std::make_shared<BoundExpression>();
    bound->kind = BoundExpression::Kind::call;
    bound->type = function.result_type();
    bound->nullable = function.nullable();
    bound->function = user_function_row(function.deterministic());
    bound->user = expression.node().function;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      bound->nullable = bound->nullable || (function.null_makes_null(i) && arguments[i]->nullable);
      bound->arguments.push_back(bound_cast(arguments[i], accepted[i]));
    }
    bound->text = expression.to_string();
    return bound;
  }

  BoundPtr make_call(const std::string& name, std::vector<BoundPtr> arguments, std::string text) {
    const Function* function = find_function(name);
    LIBSTREAM_ASSERT(function != nullptr, "looked up before");
    const bool count_fits =
        arguments.size() >= function->min_arguments && arguments.size() <= function->max_arguments;
    const auto signature = count_fits ? function->resolve(arguments) : std::nullopt;
    if (!signature) {
      throw Error(ErrorCode::analysis, "DATATYPE_MISMATCH",
                  name + " does not take (" + types_text(arguments) + ") in " + text +
                      "; it is used as " + std::string(function->usage));
    }
    auto bound = std::make_shared<BoundExpression>();
    bound->kind = BoundExpression::Kind::call;
    bound->type = signature->type;
    bound->function = function;
    bound->nullable = signature->nullable;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const DataType& wanted = signature->arguments[i];
      if (!(arguments[i]->type == wanted) && !cast_kernel(arguments[i]->type, wanted, false)) {
        throw Error(ErrorCode::analysis, "DATATYPE_MISMATCH",
                    arguments[i]->text + " is " + arguments[i]->type.to_string() + " in " + text +
                        " where " + wanted.to_string() + " is needed; write a cast");
      }
      bound->arguments.push_back(bound_cast(arguments[i], wanted));
      if (function->nulls == NullRule::propagate) {
        bound->nullable = bound->nullable || bound->arguments.back()->nullable;
      }
    }
    bound->text = std::move(text);
    return bound;
  }

  const Schema& schema_;
  const ColumnLookup& lookup_;
  int depth_ = 0;
};

}  // namespace

std::string candidates(const std::string& name, const std::vector<std::string>& names) {
  const auto similar = similar_names(name, names);
  const auto& shown = similar.empty() ? names : similar;
  std::string text;
  for (std::size_t i = 0; i < shown.size() && i < 10; ++i) {
    text += (i == 0 ? "" : ", ") + shown[i];
  }
  if (shown.size() > 10) text += ", …";
  return text.empty() ? text : (similar.empty() ? "; there are: " : "; did you mean: ") + text;
}

BoundPtr bind(const Expression& expression, const Schema& schema) {
  return bind(expression, schema, [&](std::string_view name) { return schema.find(name); });
}

BoundPtr bind(const Expression& expression, const Schema& schema, const ColumnLookup& lookup) {
  return Binder(schema, lookup).bind(expression);
}

BoundPtr bound_column(std::uint32_t index, const Field& field) {
  auto bound = std::make_shared<BoundExpression>();
  bound->kind = BoundExpression::Kind::column;
  bound->type = field.type;
  bound->nullable = field.nullable;
  bound->column = index;
  bound->text = field.name;
  return bound;
}

BoundPtr bound_literal(Value value, DataType type) {
  auto bound = std::make_shared<BoundExpression>();
  bound->kind = BoundExpression::Kind::literal;
  bound->nullable = value.is_null();
  bound->text = std::holds_alternative<ValueList>(value.data) ? to_text(value, type) : [&] {
    ExpressionNode node;
    node.kind = ExpressionNode::Kind::literal;
    node.value = value;
    node.type = type;
    return Expression(std::make_shared<ExpressionNode>(node)).to_string();
  }();
  bound->type = std::move(type);
  bound->value = std::move(value);
  return bound;
}

BoundPtr bound_cast(BoundPtr expression, const DataType& type, bool try_cast) {
  if (expression->type == type) return expression;
  if (expression->type.id() == TypeId::null ||
      (expression->kind == BoundExpression::Kind::literal && expression->value.is_null())) {
    return bound_literal(Value(), type);
  }
  auto bound = std::make_shared<BoundExpression>();
  bound->kind = BoundExpression::Kind::cast;
  bound->type = type;
  // NaN and infinities have no digits: null.
  const bool may_lose = type.id() == TypeId::decimal && (expression->type.id() == TypeId::float32 ||
                                                         expression->type.id() == TypeId::float64);
  bound->nullable = expression->nullable || try_cast || may_lose;
  bound->try_cast = try_cast;
  bound->text = std::string(try_cast ? "TRY_CAST(" : "CAST(") + expression->text + " AS " +
                type.to_string() + ")";
  bound->arguments = {std::move(expression)};
  return bound;
}

}  // namespace libstream
