#pragma once

#include <libstream/aggregate.hpp>
#include <libstream/bound_expression.hpp>
#include <libstream/event_time.hpp>
#include <libstream/join.hpp>
#include <libstream/logical_plan.hpp>
#include <libstream/state.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace libstream {

struct OperationPlan;
struct ResolvedPlan;
using ResolvedPtr = std::shared_ptr<const ResolvedPlan>;

/// A query with every name looked up and every type known: what the analyser makes, the optimiser
/// rewrites and the physical planner turns into operators. Columns are indices into the input.
struct ResolvedPlan {
  enum class Kind {
    source,       ///< `source`
    project,      ///< `expressions`, one an output column
    filter,       ///< `expressions[0]`
    explode,      ///< `keep`, then the elements of array `column`; `outer`
    windows,      ///< the input's columns, then the window struct over timestamp `column`
    sessions,     ///< the input's columns, then struct<start: `column`, end: `expressions[0]`>
    watermark,    ///< `column`, `delay_milliseconds`
    aggregate,    ///< `keys`, `aggregates`; output: keys, then aggregates
    deduplicate,  ///< `keys`; `event_column`, `time_key`, `within_watermark`, `delay_milliseconds`
    limit,        ///< `count`
    top_n,        ///< best `count` rows by `keys`, ordered by `expressions`, `descending`; `ties`
    union_all,    ///< all inputs; same types
    sort,         ///< `expressions`, `descending`
    join,         ///< inputs left, right; `join`
    operation,    ///< all inputs; `operation`
    as_of_join,   ///< inputs left, right; `as_of`
  };
  Kind kind;
  std::vector<ResolvedPtr> inputs;
  Schema schema;  ///< of the output
  /// Output columns that carry the event time (a timestamp, or a window over one); sorted.
  std::vector<std::uint32_t> event_times;
  bool streaming = true;
  bool watermarked = false;  ///< a watermark here or below
  /// A column: the name that `as` gave its side, for "side.name"; empty: no column has one.
  std::vector<std::string> qualifiers;

  SourceSpec source;
  std::vector<BoundPtr> expressions;
  std::vector<bool> descending;
  std::vector<std::uint32_t> keep;
  std::uint32_t column = 0;
  bool outer = false;
  std::int64_t window_size = 0;  ///< µs, as the two below
  std::int64_t window_slide = 0;
  std::int64_t window_start = 0;
  std::int64_t delay_milliseconds = 0;
  std::vector<std::uint32_t> keys;
  std::vector<AggregateCall> aggregates;
  std::optional<std::uint32_t> time_key;  ///< which of `keys` carries the event time
  /// Aggregates: which of `keys` is a session; rows of the other keys merge where sessions touch.
  std::optional<std::uint32_t> session_key;
  /// Deduplication: the input column by which rows are late, a key or not.
  std::optional<std::uint32_t> event_column;
  bool within_watermark = false;
  std::int64_t count = 0;
  bool ties = false;  ///< also the rows that equal the last one
  std::shared_ptr<const JoinPlan> join;
  std::shared_ptr<const OperationPlan> operation;
  /// Event time per source partition (see row_watermarks.hpp). Sources and watermarks: number of
  /// splits, 0 elsewhere.
  std::uint32_t splits = 0;
  Lateness lateness = Lateness::by_epoch;
  std::int64_t session_wait = 0;  ///< ms that the watermark must be past a session's end
  std::shared_ptr<const AsOfJoinPlan> as_of;

  /// Sources and stateful operators: identity of their state, by place in the logical plan or by
  /// name.
  OperatorId id{};
  std::uint32_t place = 0;  ///< among the stateful operators of the plan, the sink's end first
  std::string name;         ///< given by `.named()`

  bool carries_event_time(std::uint32_t output_column) const;
};

/// One line a node with its columns' types, the sink's end first, inputs indented.
std::string to_text(const ResolvedPlan& plan);

/// µs as "10 minutes", in the largest unit that divides it.
std::string duration_text(std::int64_t microseconds);

/// True for an operator that sets late rows aside.
bool drops_late_rows(const ResolvedPlan& plan);
/// True where every row that comes out of here has been tested: further up none can be late.
bool tested_for_lateness(const ResolvedPlan& plan);
/// True where rows are found late here first: what comes from below has not all been tested.
bool finds_late_rows(const ResolvedPlan& plan);
/// True where a stream is aggregated here or below; aggregations of bounded data do not count.
bool aggregates_stream(const ResolvedPlan& plan);

/// A condition that is true where both are.
BoundPtr both(const BoundPtr& a, const BoundPtr& b);

}  // namespace libstream
