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
    if (const auto rewritten = macro(expression)) return bind(*rewritten);
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

  /// Functions that are short for others.
  std::optional<Expression> macro(const Expression& expression) {
    const Node& node = expression.node();
    const auto& a = node.arguments;
    if (node.name == "between" && a.size() == 3) return a[0] >= a[1] && a[0] <= a[2];
    if (node.name == "nullif" && a.size() == 2) {
      return libstream::call("case", {a[0] == a[1], lit(Value()), a[0]});
    }
    if (node.name == "nvl2" && a.size() == 3) {
      return libstream::call("case", {a[0].is_not_null(), a[1], a[2]});
    }
    if (node.name == "if" && a.size() == 3) return libstream::call("case", a);
    if ((node.name == "nvl" || node.name == "ifnull") && a.size() == 2) {
      return libstream::call("coalesce", a);
    }
    if ((node.name == "date_part" || node.name == "datepart") && a.size() == 2) {
      return date_part(expression);
    }
    return std::nullopt;
  }

  std::optional<Expression> date_part(const Expression& expression) {
    const Node& field = expression.node().arguments[0].node();
    if (field.kind != Node::Kind::literal || field.type.id() != TypeId::string) {
      refuse(expression, "needs the part's name as a literal");
    }
    std::string name = field.value.text();
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    static const std::vector<std::pair<std::string, std::string>> parts{
        {"year", "year"},
        {"years", "year"},
        {"quarter", "quarter"},
        {"month", "month"},
        {"months", "month"},
        {"week", "weekofyear"},
        {"weeks", "weekofyear"},
        {"day", "day"},
        {"days", "day"},
        {"dayofweek", "dayofweek"},
        {"dow", "dayofweek"},
        {"doy", "dayofyear"},
        {"dayofyear", "dayofyear"},
        {"hour", "hour"},
        {"hours", "hour"},
        {"minute", "minute"},
        {"minutes", "minute"},
        {"second", "second_fraction"},
        {"seconds", "second_fraction"}};
    std::vector<std::string> names;
    for (const auto& [part, function] : parts) {
      if (part == name) return libstream::call(function, {expression.node().arguments[1]});
      names.push_back(part);
    }
    throw Error(ErrorCode::analysis, "'" + name + "' is no part of a time" +
                                         candidates(name, names) + " (in " +
                                         expression.to_string() + ")");
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
