#pragma once

#include <libstream/operation.hpp>
#include <libstream/operators/processor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace libstream {

/// The typed side of transform_with_state in one task: a processor of the user's, and its state.
class TransformFunction {
 public:
  virtual ~TransformFunction() = default;
  virtual StateVariables& variables() = 0;
  /// A fresh processor, initialised; `end` closes it.
  virtual void begin() = 0;
  virtual void end() = 0;
  /// Rows of the epoch. Row i in the order of the batches comes to stand at `places[i]`.
  virtual void set_rows(std::span<const BatchPtr> batches,
                        std::span<const std::uint32_t> places) = 0;
  /// Keys of the calls to come, by their index.
  virtual void set_keys(BatchPtr keys) = 0;
  virtual void rows(std::size_t key, std::uint32_t begin, std::uint32_t end,
                    const TimerValues& times) = 0;
  virtual void timer(std::size_t key, std::int64_t expiry, const TimerValues& times) = 0;
  /// Initial states: `initial` row i belongs to key i.
  virtual void set_initial(const BatchPtr& batch) = 0;
  virtual void initial(std::size_t row, const TimerValues& times) = 0;
  /// Rows that the processor gave since the last time; null for none.
  virtual BatchPtr take_output() = 0;
};

/// What transform_with_state is made of; see transform_stream.hpp.
struct TransformOperationSpec {
  std::string processor;          ///< its name
  std::vector<std::string> keys;  ///< columns of input 0, and of input 1 where there is one
  Schema output;
  TimeMode time = TimeMode::none;
  OutputMode mode = OutputMode::append;
  std::string event_time;       ///< column of the output; empty: none carries the event time
  bool initial_states = false;  ///< they are input 1
  /// Schemas of the inputs; `states` is empty without initial states.
  std::function<std::unique_ptr<TransformFunction>(const Schema& rows, const Schema& keys,
                                                   const Schema& states)>
      function;
  /// Columns that are read of each input, beside the keys and the event time.
  std::function<std::vector<std::uint32_t>(const Schema& schema, std::size_t input)> columns;
};
std::shared_ptr<const Operation> transform_operation(TransformOperationSpec spec);

/// The operator in one task. Input 0: rows; input 1: initial states, in the first epoch only.
struct TransformOperatorSpec {
  std::string name;                 ///< of the processor
  std::vector<std::uint32_t> keys;  ///< columns of input 0
  std::vector<std::uint32_t> initial_keys;
  std::vector<Field> key_fields;
  std::optional<std::uint32_t> event_column;  ///< of input 0, by which rows are late
  std::optional<std::uint32_t> emitted_time;  ///< of the output, which must not be late
  bool watermarked = false;
  TimeMode time = TimeMode::none;
  std::function<std::unique_ptr<TransformFunction>()> function;
};
OperatorFactory transform_operator(TransformOperatorSpec spec);

}  // namespace libstream
