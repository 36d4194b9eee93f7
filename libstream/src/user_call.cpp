#include "assemble.hpp"
#include "function.hpp"

#include <libstream/error.hpp>
#include <libstream/user_function.hpp>

// Users' functions as rows of the function table: one kernel for all, which finds the function in
// its state.
namespace libstream {
namespace {

class UserCallState final : public FunctionState {
 public:
  explicit UserCallState(const UserFunctionBody& body) : call_(body.make()) {}

  ColumnPtr run(const KernelCall& call) {
    columns_.clear();
    for (const Vector& argument : call.arguments) {
      const bool whole = !argument.constant || call.rows == 1;
      columns_.push_back(whole ? argument.column : spread(argument, call.rows));
    }
    ColumnPtr result;
    try {
      result = call_->run(columns_, call.rows);
    } catch (const UserError& error) {
      fail(call, error);
    } catch (const Error& error) {
      throw Error(error.code(), error.error_class(),
                  std::string(error.what()) + " (in " + *call.place.text + ")");
    }
    columns_.clear();
    return result;
  }

 private:
  [[noreturn]] void fail(const KernelCall& call, const UserError& error) const {
    const std::size_t row = error.row();
    std::string arguments;
    for (const ColumnPtr& column : columns_) {
      arguments += (arguments.empty() ? "" : ", ") + shown({column, false}, row);
    }
    const std::size_t place = call.place.rows ? call.place.rows[row] : row;
    throw Error(ErrorCode::user_function, error.error_class(),
                std::string(error.what()) + " (in " + *call.place.text + ", row " +
                    std::to_string(place) + ", called with (" + arguments + "))");
  }

  std::unique_ptr<UserFunctionBody::Call> call_;
  std::vector<ColumnPtr> columns_;
};

ColumnPtr run_user_function(const KernelCall& call) {
  return static_cast<UserCallState*>(call.state)->run(call);
}

Kernel user_kernel(std::span<const BoundPtr> /*arguments*/, const DataType& /*type*/) {
  return run_user_function;
}

constexpr Function row_of(bool deterministic) {
  Function row;
  row.name = "a function of the user's own";
  row.max_arguments = any_number;
  row.kernel = user_kernel;
  row.nulls = NullRule::own;
  row.fallible = true;
  row.deterministic = deterministic;
  row.per_row = !deterministic;
  return row;
}

}  // namespace

const Function* user_function_row(bool deterministic) {
  static const Function rows[] = {row_of(false), row_of(true)};
  return &rows[deterministic ? 1 : 0];
}

std::unique_ptr<FunctionState> prepare_user_function(const BoundExpression& call) {
  return std::make_unique<UserCallState>(*call.user);
}

}  // namespace libstream
