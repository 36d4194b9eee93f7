#include "analysis.hpp"
#include "bitmap.hpp"
#include "function.hpp"

#include <libstream/schema.hpp>
#include <libstream/user_function.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <optional>

namespace libstream {
namespace {

/// Words of expression text that read as something else than a call of that name.
constexpr std::array reserved{"and",
                              "between",
                              "case",
                              "cast",
                              "count_distinct",
                              "date_part",
                              "datepart",
                              "else",
                              "end",
                              "explode",
                              "explode_outer",
                              "extract",
                              "false",
                              "if",
                              "in",
                              "is",
                              "ifnull",
                              "interval",
                              "like",
                              "not",
                              "null",
                              "nvl",
                              "nullif",
                              "nvl2",
                              "or",
                              "position",
                              "session_window",
                              "struct",
                              "then",
                              "true",
                              "when",
                              "try_cast",
                              "window",
                              "distinct"};

std::string lower_case(std::string_view name) {
  std::string lowered(name);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lowered;
}

void check_name(const std::string& name) {
  const std::string lower = lower_case(name);
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto part = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  if (lower.empty() || !letter(lower[0]) || !std::all_of(lower.begin(), lower.end(), part)) {
    throw Error(ErrorCode::invalid_argument,
                "\"" + name +
                    "\" cannot name a function: a name is made of letters, digits and _, and "
                    "does not begin with a digit");
  }
  if (find_function(lower) != nullptr || is_aggregate(lower) ||
      std::find(reserved.begin(), reserved.end(), lower) != reserved.end()) {
    throw Error(ErrorCode::invalid_argument, "FUNCTION_ALREADY_EXISTS",
                "\"" + name + "\" is a function of the engine already; choose another name");
  }
}

/// Why the exception under way was thrown.
std::string reason() {
  try {
    throw;
  } catch (const std::exception& error) {
    return std::string("threw: ") + error.what();
  } catch (...) {
    return "threw something that is no std::exception";
  }
}

class ColumnFunctionBody final : public UserFunctionBody {
 public:
  ColumnFunctionBody(std::string name, std::vector<DataType> arguments, DataType result,
                     ColumnFunction function, UserFunctionOptions options)
      : UserFunctionBody(std::move(name), std::move(arguments), std::move(result), options),
        function_(std::move(function)) {}

  std::unique_ptr<Call> make() const override {
    return std::make_unique<Run>(function_, name(), result_type());
  }

 private:
  class Run final : public Call {
   public:
    Run(ColumnFunction function, const std::string& name, const DataType& type)
        : function_(std::move(function)), name_(name), type_(type) {}

    ColumnPtr run(std::span<const ColumnPtr> arguments, std::size_t rows) override {
      ColumnPtr result;
      try {
        result = function_(arguments, rows);
      } catch (...) {
        throw Error(ErrorCode::user_function, "USER_FUNCTION_FAILED",
                    "the function " + name_ + " " + reason());
      }
      check(result.get(), rows);
      return result;
    }

   private:
    void check(const Column* result, std::size_t rows) const {
      const std::string wanted = "a column of " + std::to_string(rows) + " values of type " +
                                 type_.to_string() + " was wanted";
      if (result == nullptr) {
        throw Error(ErrorCode::user_function,
                    "the function " + name_ + " gave no column where " + wanted);
      }
      if (result->size() == rows && result->type() == type_) return;
      throw Error(ErrorCode::user_function,
                  "the function " + name_ + " gave " + std::to_string(result->size()) +
                      " values of type " + result->type().to_string() + " where " + wanted);
    }

    ColumnFunction function_;
    std::string name_;
    DataType type_;
  };

  ColumnFunction function_;
};

/// True where every value of `from` is one of `to`.
bool widens(const DataType& from, const DataType& to) {
  if (from == to || from.id() == TypeId::null) return true;
  const bool dates = from.id() == TypeId::date && to.id() == TypeId::timestamp;
  const bool numbers = from.is_numeric() && to.is_numeric();
  if (!dates && !numbers) return false;
  // As everywhere in SQL decimals are read as double where one is wanted.
  if (from.id() == TypeId::decimal && to.id() == TypeId::float64) return true;
  return cast_is_safe(from, to) && common_type(from, to) == to;
}

std::string types_text(std::span<const DataType> types) {
  std::string text;
  for (const DataType& type : types) text += (text.empty() ? "" : ", ") + type.to_string();
  return text;
}

Expression call_node(ExpressionNode node, std::vector<Expression> arguments) {
  node.kind = ExpressionNode::Kind::call;
  node.arguments = std::move(arguments);
  return Expression(std::make_shared<const ExpressionNode>(std::move(node)));
}

}  // namespace

void throw_user_row_error(const std::string& what, std::size_t row) {
  throw UserError(what + " " + reason(), row);
}

UserFunctionBody::UserFunctionBody(std::string name, std::vector<DataType> arguments,
                                   DataType result, UserFunctionOptions options)
    : name_(std::move(name)),
      argument_types_(std::move(arguments)),
      result_type_(std::move(result)),
      options_(options) {
  check_name(name_);
}

std::string UserFunctionBody::usage() const {
  return name_ + "(" + types_text(argument_types_) + ")";
}

UserAggregateBody::UserAggregateBody(std::string name) : name_(std::move(name)) {
  check_name(name_);
}

Expression UserFunction::call(std::vector<Expression> arguments) const {
  ExpressionNode node;
  node.name = body_->name();
  node.function = body_;
  return call_node(std::move(node), std::move(arguments));
}

Expression UserAggregate::call(std::vector<Expression> arguments) const {
  ExpressionNode node;
  node.name = body_->name();
  node.aggregate = body_;
  return call_node(std::move(node), std::move(arguments));
}

UserFunction column_udf(std::string name, std::vector<DataType> arguments, DataType result,
                        ColumnFunction function, UserFunctionOptions options) {
  return UserFunction(std::make_shared<ColumnFunctionBody>(
      std::move(name), std::move(arguments), std::move(result), std::move(function), options));
}

std::vector<DataType> accepted_types(
    const std::string& name, std::span<const DataType> given, std::span<const DataType> wanted,
    const std::function<bool(std::size_t, const DataType&)>& reads) {
  const auto usage = [&] { return "it is used as " + name + "(" + types_text(wanted) + ")"; };
  if (given.size() != wanted.size()) {
    throw Error(ErrorCode::analysis, "WRONG_NUM_ARGS",
                name + " takes " + std::to_string(wanted.size()) + " argument(s), not " +
                    std::to_string(given.size()) + "; " + usage());
  }
  std::vector<DataType> accepted;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i].id() != TypeId::null && reads(i, given[i])) {
      accepted.push_back(given[i]);
    } else if (widens(given[i], wanted[i])) {
      accepted.push_back(wanted[i]);
    } else {
      throw Error(ErrorCode::analysis, "DATATYPE_MISMATCH",
                  name + " does not take (" + types_text(given) + "): argument " +
                      std::to_string(i + 1) + " is " + given[i].to_string() + " where " +
                      wanted[i].to_string() + " is needed; write a cast; " + usage());
    }
  }
  return accepted;
}

BufferPtr common_validity(std::span<const ColumnPtr> columns, std::span<const bool> counts,
                          std::size_t rows) {
  BufferPtr validity;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!counts[i] || !columns[i]->has_validity()) continue;
    validity = combine_validity(validity, columns[i]->validity_buffer(), rows);
  }
  return validity;
}

void UserFunctionRegistry::check_free(const std::string& name, const std::string& lower) const {
  if (!functions_.contains(lower) && !aggregates_.contains(lower)) return;
  throw Error(ErrorCode::invalid_argument, "FUNCTION_ALREADY_EXISTS",
              "register_function: \"" + name +
                  "\" is registered already; a name stands for one function in a session");
}

void UserFunctionRegistry::add(const UserFunction& function) {
  const std::string lower = lower_case(function.name());
  check_free(function.name(), lower);
  functions_.emplace(lower, function.body());
}

void UserFunctionRegistry::add(const UserAggregate& aggregate) {
  const std::string lower = lower_case(aggregate.name());
  check_free(aggregate.name(), lower);
  aggregates_.emplace(lower, aggregate.body());
}

/// Rebuilds what changes; nodes that are used twice stay one.
class UserFunctionRegistry::Resolver {
 public:
  explicit Resolver(const UserFunctionRegistry& registry) : registry_(registry) {}

  PlanPtr run(const PlanPtr& plan) {
    if (const auto done = done_.find(plan.get()); done != done_.end()) return done->second;
    auto copy = std::make_shared<LogicalPlan>(*plan);
    changed_ = false;
    for (auto* list : {&copy->keys, &copy->expressions}) {
      for (Expression& expression : *list) expression = bind(expression);
    }
    bool changed = changed_;
    for (PlanPtr& input : copy->inputs) {
      PlanPtr resolved = run(input);
      changed = changed || resolved != input;
      input = std::move(resolved);
    }
    const PlanPtr result = changed ? PlanPtr(copy) : plan;
    done_.emplace(plan.get(), result);
    return result;
  }

 private:
  Expression bind(const Expression& expression) {
    if (expression.empty()) return expression;
    const ExpressionNode& node = expression.node();
    const bool open = node.kind == ExpressionNode::Kind::call && !node.function && !node.aggregate;
    const auto function =
        open ? registry_.functions_.find(lower_case(node.name)) : registry_.functions_.end();
    const auto aggregate =
        open ? registry_.aggregates_.find(lower_case(node.name)) : registry_.aggregates_.end();
    if (open) check_known(expression);
    auto copy = std::make_shared<ExpressionNode>(node);
    const bool before = std::exchange(changed_, false);
    if (function != registry_.functions_.end()) copy->function = function->second;
    if (aggregate != registry_.aggregates_.end()) copy->aggregate = aggregate->second;
    changed_ = copy->function != node.function || copy->aggregate != node.aggregate;
    for (Expression& argument : copy->arguments) argument = bind(argument);
    if (copy->filter) copy->filter = bind(*copy->filter);
    const bool changed = changed_;
    changed_ = changed_ || before;
    return changed ? Expression(std::move(copy)) : expression;
  }

  /// A name that nearly is one of the registry.
  void check_known(const Expression& expression) const {
    const std::string name = lower_case(expression.node().name);
    if (registry_.functions_.contains(name) || registry_.aggregates_.contains(name)) return;
    if (find_function(name) != nullptr || is_aggregate(name) ||
        std::find(reserved.begin(), reserved.end(), name) != reserved.end()) {
      return;
    }
    std::vector<std::string> names;
    for (const auto& [known, body] : registry_.functions_) names.push_back(body->name());
    for (const auto& [known, body] : registry_.aggregates_) names.push_back(body->name());
    std::string similar;
    for (const std::string& one : similar_names(name, names)) {
      similar += (similar.empty() ? "" : ", ") + one;
    }
    if (similar.empty()) return;
    throw Error(ErrorCode::analysis, "UNRESOLVED_FUNCTION",
                "there is no function " + name + "; did you mean: " + similar + " (in " +
                    expression.to_string() + ")");
  }

  const UserFunctionRegistry& registry_;
  std::map<const LogicalPlan*, PlanPtr> done_;
  bool changed_ = false;
};

PlanPtr UserFunctionRegistry::resolve(const PlanPtr& plan) const {
  if (functions_.empty() && aggregates_.empty()) return plan;
  return Resolver(*this).run(plan);
}

}  // namespace libstream
