#pragma once

#include <libstream/batch.hpp>
#include <libstream/expression.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace libstream {

class Function;  // one row of the function table: src/function.hpp

struct BoundExpression;
using BoundPtr = std::shared_ptr<const BoundExpression>;

/// An expression with every name looked up and every type known. Immutable, shared by tasks.
/// Implicit casts are explicit nodes here.
struct BoundExpression {
  enum class Kind { column, literal, call, cast };
  Kind kind;
  DataType type;
  bool nullable = true;
  std::uint32_t column = 0;                        ///< Kind::column: index into the input batch
  Value value;                                     ///< Kind::literal
  const Function* function = nullptr;              ///< Kind::call
  std::shared_ptr<const UserFunctionBody> user{};  ///< of a call of the user's own
  std::vector<BoundPtr> arguments;
  bool try_cast = false;  ///< Kind::cast: null instead of an error
  std::string text;       ///< SQL text of the whole, for messages
};

/// What the epoch fixes for expressions: current_timestamp() is the epoch's, rand() seeded.
struct EpochContext {
  std::int64_t timestamp_milliseconds = 0;
  std::uint64_t seed = 0;
};

/// Looks up names in `schema` and types everything. Aggregates, generators (explode) and windows
/// are refused here: the analyser takes them out first. Throws Error(analysis): unknown columns
/// and functions with candidates, wrong types with the expression's text.
BoundPtr bind(const Expression& expression, const Schema& schema);
BoundPtr bound_column(std::uint32_t index, const Field& field);
BoundPtr bound_literal(Value value, DataType type);
/// `expression` cast to `type` unless it is of that type already.
BoundPtr bound_cast(BoundPtr expression, const DataType& type, bool try_cast = false);
/// Replaces parts without columns by their values (errors stay where they are).
BoundPtr fold_constants(BoundPtr expression);
/// False where current_timestamp(), rand(), … occur.
bool is_deterministic(const BoundExpression& expression);
/// True where a function of the user's own occurs: it is called once a row, and where it was put.
bool calls_user_function(const BoundExpression& expression);
/// The input columns it reads, sorted.
std::vector<std::uint32_t> input_columns(const BoundExpression& expression);
/// The same expression over another input: column i becomes `mapping[i]`.
BoundPtr remap_columns(const BoundPtr& expression, std::span<const std::uint32_t> mapping);
/// Column i becomes the expression `replacements[i]` (fusing projections).
BoundPtr substitute_columns(const BoundPtr& expression, std::span<const BoundPtr> replacements);

/// The rows of a batch an evaluation is about; absent = all. Sorted, distinct.
using Selection = std::vector<std::uint32_t>;

/// Evaluates bound expressions over whole batches. One per task: keeps scratch memory, not shared.
class Evaluator {
 public:
  explicit Evaluator(std::vector<BoundPtr> expressions);
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;
  ~Evaluator();

  /// One column an expression, batch.rows values each. Columns asked for as they are come back by
  /// reference. Throws Error(data) naming the expression, the value and the row's number.
  std::vector<ColumnPtr> evaluate(const Batch& batch, const EpochContext& context);
  /// Rows where expression `index`, a boolean, is true (not false, not null). Branch-free; writes
  /// batch.rows entries of room.
  void select(std::size_t index, const Batch& batch, const EpochContext& context, Selection& rows);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Names of all scalar functions, sorted, for "did you mean" and the documentation.
std::vector<std::string> function_names();

}  // namespace libstream
