#pragma once

#include <libstream/bound_expression.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// One aggregate with its types resolved. Immutable, shared by tasks; the accumulators ("states")
/// are raw bytes inside the rows of a state table. Every member works on whole columns: one virtual
/// call a batch. A user-defined aggregate is one more implementation.
class AggregateFunction {
 public:
  virtual ~AggregateFunction() = default;

  const std::string& name() const { return name_; }
  const DataType& result_type() const { return result_type_; }
  /// Types that the arguments must have (the analyser casts).
  const std::vector<DataType>& argument_types() const { return argument_types_; }
  /// Columns that carry an accumulator across the exchange.
  const std::vector<DataType>& intermediate_types() const { return intermediate_types_; }
  std::size_t state_size() const { return state_size_; }  ///< multiple of 8, 8-byte aligned
  /// True: the state's bytes are the whole accumulator, can be copied and stored as they are.
  bool trivial() const { return trivial_; }

  virtual void initialize(std::byte* state) const = 0;
  virtual void destroy(std::byte* /*state*/) const {}

  /// Adds row i of the arguments to states[i]. `states` has one pointer a row, nullptr = skip the
  /// row (its FILTER was not true). Rows come in arrival order.
  virtual void update(std::span<std::byte* const> states,
                      std::span<const ColumnPtr> arguments) const = 0;
  /// The same with one state for all rows that `mask` (may be null = all) allows.
  virtual void update_single(std::byte* state, std::span<const ColumnPtr> arguments,
                             const std::uint8_t* mask, std::size_t rows) const = 0;
  /// Adds accumulator i of the intermediate columns to states[i].
  virtual void merge(std::span<std::byte* const> states,
                     std::span<const ColumnPtr> intermediates) const = 0;
  /// Accumulators as intermediate columns.
  virtual std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> states) const = 0;
  /// Each row as an accumulator of its own, for when grouping before the exchange does not pay.
  virtual std::vector<ColumnPtr> singletons(std::span<const ColumnPtr> arguments,
                                            const std::uint8_t* mask, std::size_t rows) const = 0;
  /// Results. Throws Error(data) on ANSI overflow, naming the aggregate.
  virtual ColumnPtr finish(std::span<const std::byte* const> states) const = 0;

 protected:
  std::string name_;
  DataType result_type_;
  std::vector<DataType> argument_types_;
  std::vector<DataType> intermediate_types_;
  std::size_t state_size_ = 0;
  bool trivial_ = true;
};
using AggregatePtr = std::shared_ptr<const AggregateFunction>;

/// True for names of aggregates ("count", "sum", …), without regard to case.
bool is_aggregate(std::string_view name);
/// Resolves an aggregate for arguments of these types (count(*) has none). `options` are literal
/// arguments such as ignoreNulls. `distinct`: of the distinct values, all of which it keeps. Throws
/// Error(analysis) naming the aggregate and the types.
AggregatePtr resolve_aggregate(std::string_view name, std::span<const DataType> arguments,
                               std::span<const Value> options, bool distinct);
std::vector<std::string> aggregate_names();
/// How many values an aggregate takes at most, and how many constants behind them.
struct AggregateArity {
  std::size_t arguments;
  std::size_t options;
};
AggregateArity aggregate_arity(std::string_view name);

/// One aggregate of an operator: `function` over `arguments`, of the rows where `filter` is true.
struct AggregateCall {
  AggregatePtr function;
  std::vector<BoundPtr> arguments;
  BoundPtr filter;   ///< may be null
  std::string name;  ///< of the output column
  bool distinct = false;
};

}  // namespace libstream
