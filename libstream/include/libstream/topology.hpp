#pragma once

#include <libstream/operator.hpp>
#include <libstream/sink.hpp>
#include <libstream/source.hpp>
#include <libstream/static_side.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace libstream {

/// How rows get from the tasks of one operator to those of the next.
struct Exchange {
  enum class Kind : std::uint8_t {
    forward,  ///< task i to task i; both sides have the same parallelism
    hash,     ///< by key group of `key_columns`
    gather,   ///< all to task 0
  };
  Kind kind = Kind::forward;
  std::vector<std::uint32_t> key_columns;  ///< of the upstream schema
};

/// Makes the operator of one task. Called once a task and term.
struct OperatorContext {
  std::uint32_t partition = 0;
  std::uint32_t partitions = 1;
  std::uint32_t key_groups = 128;
};
using OperatorFactory = std::function<std::unique_ptr<Operator>(const OperatorContext&)>;

/// One operator, source or sink of the physical graph, with all its tasks.
struct TopologyNode {
  enum class Kind : std::uint8_t { source, op, sink };
  Kind kind = Kind::op;
  std::string name;  ///< "partial aggregate", for progress, explain and messages
  std::uint32_t parallelism = 1;
  Schema schema;  ///< of port 0

  std::shared_ptr<Source> source;  ///< Kind::source
  std::string source_name;         ///< Kind::source: what a recording calls it
  OperatorFactory factory;         ///< Kind::op
  std::shared_ptr<Sink> sink;      ///< Kind::sink
  bool late_sink = false;          ///< the query's late_rows sink

  /// Identity of state across restarts; set for sources (their paths) and stateful operators.
  bool stateful = false;
  OperatorId id{};
  std::uint32_t place = 0;      ///< among the stateful operators of the plan, the sink's end first
  std::string state_name;       ///< "stateStoreSave", … as progress names the operator
  std::string state_signature;  ///< kind, key and value schemas: must match at a restart
  std::string state_columns;    ///< what lies in its entries, for tools: see state_columns.hpp

  /// Sources: reads one split after the other, each in its order, and appends the split's number to
  /// every row (bigint, the last column). Number of splits; 0: reads as it likes.
  std::uint32_t splits = 0;
  /// Every task gets all of the state at its start, whatever its partition; each writes its own.
  /// Such state is part of the checkpoint's plan, but not of progress.
  bool shared_state = false;
  /// What of its state is the same in every run over the same input, however it was parted and in
  /// whatever order it came: all entries, the values alone, or nothing.
  enum class Comparable : std::uint8_t { entries, values, nothing };
  Comparable comparable = Comparable::entries;
  /// Its rows out stand for `released_rows` of its rows in: what the next node takes.
  bool partial = false;

  bool is_watermark = false;            ///< reports event_times, or partition_watermark
  std::int64_t watermark_delay_ms = 0;  ///< of a watermark operator

  /// True where a rise of the watermark to We asks for a no-data epoch (semantics.md 1.5).
  bool wants_no_data_epoch = false;
  /// True where an epoch without data may change what it emits because time goes by: in strict mode
  /// there is one at every trigger, else when OperatorMetrics::next_epoch_milliseconds says.
  bool wants_epoch_each_trigger = false;
  /// True where a query that reads bounded sources alone has something to emit though they are
  /// empty.
  bool wants_first_epoch = false;
  /// False: the metrics of a user's operator do not say what became of each row.
  bool accounts = true;
  std::string explain;  ///< one or more lines: key, watermark column, retention
};

struct TopologyEdge {
  std::uint32_t from = 0;  ///< index of a node
  std::size_t port = 0;
  std::uint32_t to = 0;
  std::size_t input = 0;
  Exchange exchange;
};

/// How the watermarks of several streams go together: the least or the greatest is everybody's, or
/// each is its stream's own until streams meet, and then the least of both.
enum class WatermarkPolicy : std::uint8_t { min, max, per_side };

/// The physical graph: acyclic, nodes in an order in which every edge goes forward.
struct Topology {
  std::vector<TopologyNode> nodes;
  std::vector<TopologyEdge> edges;
  std::vector<std::shared_ptr<StaticSide>> static_sides;  ///< in plan order
  WatermarkPolicy watermark_policy = WatermarkPolicy::min;
  /// An input with nothing to read for so long (ms) does not hold the watermark back; absent: it
  /// does.
  std::optional<std::int64_t> idle_timeout_ms;
  std::uint32_t key_groups = 128;
  std::string explain() const;
};

}  // namespace libstream
