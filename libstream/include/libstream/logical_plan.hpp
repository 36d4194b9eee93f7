#pragma once

#include <libstream/expression.hpp>
#include <libstream/join.hpp>
#include <libstream/options.hpp>
#include <libstream/schema.hpp>
#include <libstream/sink.hpp>
#include <libstream/source.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace libstream {

/// When a bounded source beside a stream is looked at again. What has not changed is not read
/// again.
struct Refresh {
  enum class Kind : std::uint8_t {
    each_epoch,
    once,      ///< at the first epoch of a run
    interval,  ///< at the first epoch, and when `milliseconds` have passed since the last look
  };
  Kind kind = Kind::each_epoch;
  std::int64_t milliseconds = 0;
};

/// A source as the user named it; the physical planner makes the Source.
struct SourceSpec {
  std::string
      format;  ///< "json", "csv", "text", "rate", "socket", "memory", "custom", or a connector
  std::string path;
  Options options;
  Schema schema;  ///< empty where the format has one of its own
  bool streaming = true;
  std::shared_ptr<Source> custom;  ///< format "custom"
  std::shared_ptr<void> memory;    ///< format "memory": the MemoryStream's shared part
  Refresh refresh;                 ///< of a bounded one
};

/// A call for each epoch's rows; see DataStreamWriter::foreach_batch.
using ForeachBatch =
    std::function<void(const std::vector<BatchPtr>& rows, const Schema& schema, Epoch)>;

/// A sink as the user named it.
struct SinkSpec {
  std::string format;  ///< "console", "json", "csv", "memory", "foreach_batch", "none", "custom", …
  std::string path;
  Options options;
  std::shared_ptr<Sink> custom;
  std::shared_ptr<void> memory;  ///< format "memory": the MemoryTable's shared part
  ForeachBatch foreach_batch;
};

struct LogicalPlan;
using PlanPtr = std::shared_ptr<const LogicalPlan>;

/// What the user asked for, as a tree of immutable nodes; nothing is looked up yet.
struct LogicalPlan {
  enum class Kind {
    source,       ///< `source`
    project,      ///< `expressions` (select; star allowed; explode allowed as one of them)
    filter,       ///< `expressions[0]`
    watermark,    ///< `column`, `delay`
    aggregate,    ///< `keys`, `expressions` (aggregates)
    join,         ///< inputs left, right; `expressions[0]` condition, or `names`; `join_type`
    as_of_join,   ///< inputs left, right; `names`; times `column`, `new_name`; `tolerance`;
                  ///< `join_type`
    union_all,    ///< all inputs, by position
    deduplicate,  ///< `keys` (empty = all columns); `within_watermark`
    limit,        ///< `count`
    sort,         ///< `expressions` with asc/desc; above complete aggregations only
    alias,        ///< `column`: names a side for joins
    operation,    ///< a custom operator: `custom`
    with_column,  ///< `expressions[0]` as `column`: behind the others, or in place of that name
    rename,       ///< `column` becomes `new_name`
    drop,         ///< all columns but `names`
    top_n,        ///< `count` rows of each combination of `keys`, by `expressions`; `ties`
    explode,      ///< array `column` becomes its elements, `new_name`, behind the other columns
  };
  Kind kind;
  std::vector<PlanPtr> inputs;
  SourceSpec source;
  std::vector<Expression> keys;
  std::vector<Expression> expressions;
  std::string column;
  std::string new_name;
  std::vector<std::string> names;
  std::int64_t delay_milliseconds = 0;
  JoinType join_type = JoinType::inner;
  std::int64_t tolerance = 0;  ///< µs
  bool within_watermark = false;
  std::int64_t count = 0;
  bool ties = false;
  std::string name;                    ///< `.named()`: identity of state across changed plans
  std::shared_ptr<const void> custom;  ///< operation: an Operation

  bool streaming() const;  ///< any source below is a stream
};

/// One line a node, the sink's end first, inputs indented.
std::string to_text(const LogicalPlan& plan);

}  // namespace libstream
