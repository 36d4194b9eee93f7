#pragma once

#include <libstream/options.hpp>
#include <libstream/topology.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace libstream {

/// An input of an operation, as the analyser knows it.
struct OperationInput {
  Schema schema;
  std::vector<std::uint32_t> event_times;  ///< columns that carry the event time
  bool watermarked = false;                ///< a watermark somewhere below
  bool streaming = true;
};

/// What a custom operation wants to run.
struct OperationPlan {
  std::string name;  ///< of the operator in progress, explain and messages: "running mean"
  Schema schema;     ///< of the output
  OperatorFactory factory;
  /// How rows come in, one an input; without any all forward. Forward inputs must have equal
  /// numbers of tasks; with a hash there are as many tasks as partitions, with a gather one.
  std::vector<Exchange> exchanges;
  /// Bounded inputs whose rows all come in the query's first epoch, before any others, and never
  /// again: what they brought about is in the state.
  std::vector<std::uint32_t> first_epoch_inputs;
  /// Its metrics say of every row what became of it (see OperatorMetrics), which is then checked at
  /// every barrier.
  bool accounts = false;
  /// Columns that are read, one list an input, in that order; without any all. Others are cut off
  /// below, and `plan` is asked again with inputs that have just these.
  std::vector<std::vector<std::uint32_t>> columns;
  /// Output columns that carry the event time (a timestamp, or a window over one).
  std::vector<std::uint32_t> event_times;
  /// False: what is above has no watermark; Operator::output_watermark then gives 0.
  bool passes_watermark = true;

  // Where `Operation::stateful`:
  std::string state_name;  ///< as progress names it; empty: `name`
  /// Kind and types of the state, which must match at a restart. Empty: no state.
  std::string state_signature;
  /// The operator sends late rows to `Output::late_port`, with the columns of input 0.
  bool late_rows = false;
  /// A rise of the watermark changes what it emits: it then gets an epoch without data.
  bool wants_no_data_epoch = false;
  /// It has timeouts by processing time: in strict mode it gets an epoch at every trigger, else
  /// when OperatorMetrics::next_epoch_milliseconds says.
  bool wants_epoch_each_trigger = false;
  /// Modes that a query with it may run in; empty: any. `mode_reason` says why, for the error.
  std::vector<OutputMode> output_modes;
  std::string mode_reason;
  /// Of (flat_)map_groups_with_state: what their rules of output modes go by.
  struct GroupRule {
    OutputMode mode;      ///< of the operator
    bool one_row_a_call;  ///< map
    bool event_time_timeout;
  };
  std::optional<GroupRule> group_rule;
  std::string explain;  ///< key, time, retention; one or more lines
};

/// A user's operator as a step of a query: see DataStream::apply.
class Operation {
 public:
  virtual ~Operation() = default;
  /// True: the operator keeps keyed state, and has an identity across restarts.
  virtual bool stateful() const { return false; }
  /// Called when the query is analysed. Throws Error(analysis) where the inputs do not fit.
  virtual OperationPlan plan(std::span<const OperationInput> inputs) const = 0;
};

}  // namespace libstream
