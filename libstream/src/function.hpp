#pragma once

#include <libstream/bound_expression.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// One argument of a kernel: a value a row, or one value for all rows (a column of size 1).
struct Vector {
  ColumnPtr column;
  bool constant = false;

  bool is_null(std::size_t row) const { return column->is_null(constant ? 0 : row); }
};

/// Where a value stands, for messages: `rows` maps rows of a kernel to rows of the batch.
struct Place {
  const std::string* text = nullptr;
  const std::uint32_t* rows = nullptr;
};

/// Memory of a function at one place of an expression (a compiled pattern, a random sequence).
class FunctionState {
 public:
  virtual ~FunctionState() = default;
};

/// What a kernel gets. `validity` is the AND of the arguments' bitmaps where the function's null
/// rule is `propagate` (absent = no nulls), and what its result must carry at least.
struct KernelCall {
  const DataType& type;
  std::span<const Vector> arguments;
  std::size_t rows;
  BufferPtr validity;
  const EpochContext& context;
  Place place;
  FunctionState* state;

  bool valid(std::size_t row) const {
    return !validity || ((validity->as<std::uint64_t>()[row >> 6] >> (row & 63)) & 1) != 0;
  }
};
/// One result value a row. Must not read `arguments` out of [0, rows) but for the padding.
using Kernel = ColumnPtr (*)(const KernelCall& call);

/// Types that a function takes and gives for certain arguments.
struct Signature {
  std::vector<DataType> arguments;  ///< the binder casts to these
  DataType type;
  bool nullable = false;  ///< null also where no argument is
};

enum class NullRule {
  propagate,  ///< a null argument makes a null result; the evaluator sees to it
  own,        ///< the kernel looks at nulls itself
};

/// How the evaluator treats the arguments.
enum class Form {
  strict,       ///< all of them, then the kernel
  conjunction,  ///< the right one only where the left one is not false, if it could fail
  disjunction,  ///< the right one only where the left one is not true, if it could fail
  branches,     ///< CASE: values only where their condition is the first true one
  first_valid,  ///< COALESCE: later ones only where those before are null
};

/// A row of the function table. Adding one needs nothing elsewhere.
class Function {
 public:
  std::string_view name;
  std::string_view usage;  ///< "upper(string)", for messages and the documentation
  std::size_t min_arguments = 0;
  std::size_t max_arguments = 0;
  /// Types of the arguments as they are; nullopt where the function does not take them.
  std::optional<Signature> (*resolve)(std::span<const BoundPtr> arguments) = nullptr;
  /// The kernel for arguments of the resolved types.
  Kernel (*kernel)(std::span<const BoundPtr> arguments, const DataType& type) = nullptr;
  NullRule nulls = NullRule::propagate;
  Form form = Form::strict;
  bool fallible = false;      ///< may throw for some values: evaluated only where needed
  bool deterministic = true;  ///< false: not folded
  bool per_row = false;       ///< differs by row without arguments (rand)
  /// Compiles what depends on constant arguments; may be null.
  std::unique_ptr<FunctionState> (*prepare)(std::span<const BoundPtr> arguments) = nullptr;
};

inline constexpr std::size_t any_number = 1000;

/// Adds rows to a part of the function table.
class TableBuilder {
 public:
  Function& add(std::string_view name, std::string_view usage, std::size_t least, std::size_t most,
                std::optional<Signature> (*resolve)(std::span<const BoundPtr>),
                Kernel (*kernel)(std::span<const BoundPtr>, const DataType&)) {
    Function row;
    row.name = name;
    row.usage = usage;
    row.min_arguments = least;
    row.max_arguments = most;
    row.resolve = resolve;
    row.kernel = kernel;
    rows_.push_back(row);
    return rows_.back();
  }
  /// The row added last.
  Function& back() { return rows_.back(); }
  std::vector<Function> take() { return std::move(rows_); }

 private:
  std::vector<Function> rows_;
};

/// The row of that name (lower-case), nullptr if none.
const Function* find_function(std::string_view name);

// The parts of the table, one a file of functions/.
std::span<const Function> arithmetic_functions();
std::span<const Function> comparison_functions();
std::span<const Function> logic_functions();
std::span<const Function> math_functions();
std::span<const Function> string_functions();
std::span<const Function> pattern_functions();
std::span<const Function> time_functions();
std::span<const Function> date_part_functions();
std::span<const Function> collection_functions();
std::span<const Function> array_functions();
std::span<const Function> array_change_functions();
std::span<const Function> digest_functions();
std::span<const Function> format_functions();
std::span<const Function> numeric_functions();
std::span<const Function> text_functions();
std::span<const Function> zone_functions();
std::span<const Function> rounding_functions();
std::span<const Function> date_format_functions();
std::span<const Function> word_functions();
std::span<const Function> encoding_functions();

/// The row that stands for a function of the user's own.
const Function* user_function_row(bool deterministic);
/// What its kernel needs.
std::unique_ptr<FunctionState> prepare_user_function(const BoundExpression& call);

/// What a call is short for ("nvl(a, b)" for "coalesce(a, b)"); nullopt where it is none of these.
std::optional<Expression> expanded(const Expression& expression);
/// "; did you mean: …" or "; there are: …" of names like one that is not there.
std::string candidates(const std::string& name, const std::vector<std::string>& names);
/// Type as typeof() prints it: "array<int>", "struct<a:int>".
std::string plain_name(const DataType& type);

/// Kernel of a cast; nullptr where the types do not convert.
Kernel cast_kernel(const DataType& from, const DataType& to, bool attempt);
/// True where no value can make the cast fail.
bool cast_is_safe(const DataType& from, const DataType& to);

/// The least type that both convert to, as in Spark's ANSI mode; nullopt if there is none.
std::optional<DataType> common_type(const DataType& a, const DataType& b);
std::optional<DataType> common_type(std::span<const BoundPtr> arguments);
/// decimal(precision, scale) with both cut to fit 38 digits, keeping 6 fraction digits if needed.
DataType bounded_decimal(int precision, int scale);
/// The decimal type that holds every value of a whole-number type (of a literal: its digits).
DataType decimal_for(const BoundExpression& argument);
DataType decimal_for(const DataType& type);

/// Which column of the schema a name (without the fields of structures) stands for, if any.
using ColumnLookup = std::function<std::optional<std::size_t>(std::string_view name)>;
/// `bind` where names are more than those of the schema.
BoundPtr bind(const Expression& expression, const Schema& schema, const ColumnLookup& lookup);

/// The value of a bound expression without columns; throws its Error(data).
Value constant_value(const BoundPtr& expression);

/// Throws Error(data): "<what> in <expression>, row <n>; <way out>".
[[noreturn]] void fail_row(const KernelCall& call, std::size_t row, const std::string& what,
                           std::string_view way_out = {});
/// The value of an argument as messages print it.
std::string shown(const Vector& argument, std::size_t row);

}  // namespace libstream
