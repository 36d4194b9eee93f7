#pragma once

#include <libstream/aggregate.hpp>
#include <libstream/column.hpp>
#include <libstream/error.hpp>
#include <libstream/expression.hpp>
#include <libstream/logical_plan.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace libstream {

/// What a user's function threw, with the row of the call it threw at. Who knows more about that
/// row (its expression, its key) adds it on the way up.
class UserError final : public Error {
 public:
  UserError(const std::string& message, std::size_t row)
      : Error(ErrorCode::user_function, "USER_FUNCTION_FAILED", message), row_(row) {}
  std::size_t row() const { return row_; }

 private:
  std::size_t row_;
};
/// Rethrows the exception under way as a UserError: "<what> threw: …". Call in a handler.
[[noreturn]] void throw_user_row_error(const std::string& what, std::size_t row);

struct UserFunctionOptions {
  /// False: equal arguments may give different results. It then runs once for every row, and
  /// filters keep their place around it.
  bool deterministic = true;
};

/// A scalar function of the user's own, as the engine calls it. Immutable, shared.
class UserFunctionBody {
 public:
  virtual ~UserFunctionBody() = default;

  const std::string& name() const { return name_; }
  const std::vector<DataType>& argument_types() const { return argument_types_; }
  const DataType& result_type() const { return result_type_; }
  bool deterministic() const { return options_.deterministic; }
  /// "score(bigint, double)"
  std::string usage() const;

  /// Null also where no argument is.
  virtual bool nullable() const { return true; }
  /// A null argument `index` makes a null result, without a call.
  virtual bool null_makes_null(std::size_t /*index*/) const { return false; }
  /// True where a column of this type serves as argument `index` without a cast.
  virtual bool reads(std::size_t index, const DataType& type) const {
    return type == argument_types_[index];
  }

  /// The function at one place of one task.
  class Call {
   public:
    virtual ~Call() = default;
    /// A value a row. Shape: one column an argument, of `rows` values each.
    virtual ColumnPtr run(std::span<const ColumnPtr> arguments, std::size_t rows) = 0;
  };
  virtual std::unique_ptr<Call> make() const = 0;

 protected:
  /// Throws Error(invalid_argument) where the name cannot be a function's.
  UserFunctionBody(std::string name, std::vector<DataType> arguments, DataType result,
                   UserFunctionOptions options);

 private:
  std::string name_;
  std::vector<DataType> argument_types_;
  DataType result_type_;
  UserFunctionOptions options_;
};

/// A function of the user's own: call it with columns, or register it with a session and name it
/// in expression text. See udf.hpp.
class UserFunction {
 public:
  explicit UserFunction(std::shared_ptr<const UserFunctionBody> body) : body_(std::move(body)) {}

  template <class... Columns>
  requires(std::is_convertible_v<Columns, ColumnArgument>&&...) Expression operator()(
      Columns&&... columns) const {
    return call({Expression(ColumnArgument(std::forward<Columns>(columns)))...});
  }
  Expression call(std::vector<Expression> arguments) const;
  const std::string& name() const { return body_->name(); }
  const std::shared_ptr<const UserFunctionBody>& body() const { return body_; }

 private:
  std::shared_ptr<const UserFunctionBody> body_;
};

/// Gets whole columns, one an argument, of `rows` values each, and gives one of `rows` values.
using ColumnFunction =
    std::function<ColumnPtr(std::span<const ColumnPtr> arguments, std::size_t rows)>;
/// A function on columns: for speed, and for types that C++ has none for. It looks at nulls itself.
/// Each task has its own copy.
UserFunction column_udf(std::string name, std::vector<DataType> arguments, DataType result,
                        ColumnFunction function, UserFunctionOptions options = {});

/// An aggregate of the user's own, before the types of its arguments are known.
class UserAggregateBody {
 public:
  virtual ~UserAggregateBody() = default;
  const std::string& name() const { return name_; }
  /// The columns that a call without arguments reads; empty where it needs arguments.
  virtual std::vector<std::string> default_columns() const { return {}; }
  /// Throws Error(analysis) naming the aggregate and the types where they do not fit.
  virtual AggregatePtr resolve(std::span<const DataType> arguments) const = 0;

 protected:
  explicit UserAggregateBody(std::string name);

 private:
  std::string name_;
};

/// An aggregate of the user's own: stands in agg(…) beside the others. See udaf.hpp.
class UserAggregate {
 public:
  explicit UserAggregate(std::shared_ptr<const UserAggregateBody> body) : body_(std::move(body)) {}

  template <class... Columns>
  requires(std::is_convertible_v<Columns, ColumnArgument>&&...) Expression operator()(
      Columns&&... columns) const {
    return call({Expression(ColumnArgument(std::forward<Columns>(columns)))...});
  }
  Expression call(std::vector<Expression> arguments) const;
  const std::string& name() const { return body_->name(); }
  const std::shared_ptr<const UserAggregateBody>& body() const { return body_; }

 private:
  std::shared_ptr<const UserAggregateBody> body_;
};

/// Types that a user's function or aggregate takes for columns of types `given`: the columns' own
/// where `reads` says so, else the wanted ones where no value is lost. Throws Error(analysis).
std::vector<DataType> accepted_types(
    const std::string& name, std::span<const DataType> given, std::span<const DataType> wanted,
    const std::function<bool(std::size_t, const DataType&)>& reads);
/// Bitmap of the rows where none of the columns that count is null; null where none has a null.
BufferPtr common_validity(std::span<const ColumnPtr> columns, std::span<const bool> counts,
                          std::size_t rows);

/// Names of a session.
class UserFunctionRegistry {
 public:
  /// Throws Error(invalid_argument) where the name is taken.
  void add(const UserFunction& function);
  void add(const UserAggregate& aggregate);
  /// The same plan with the names in its expressions that stand for functions of the registry
  /// bound to them. Throws Error(analysis) for unknown ones that resemble one of the registry.
  PlanPtr resolve(const PlanPtr& plan) const;

 private:
  class Resolver;
  std::map<std::string, std::shared_ptr<const UserFunctionBody>> functions_;  // lower-case names
  std::map<std::string, std::shared_ptr<const UserAggregateBody>> aggregates_;
  void check_free(const std::string& name, const std::string& lower) const;
};

}  // namespace libstream
