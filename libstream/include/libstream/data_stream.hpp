#pragma once

#include <libstream/event_time.hpp>
#include <libstream/expression.hpp>
#include <libstream/join.hpp>
#include <libstream/logical_plan.hpp>
#include <libstream/memory.hpp>
#include <libstream/query.hpp>
#include <libstream/runtime.hpp>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

class DataStreamWriter;
class GroupedStream;
class Operation;
template <class T>
class TypedStream;

/// What top_n does with rows that are equal to its last one in the order.
enum class Ties : std::uint8_t {
  cut,   ///< exactly n rows stay (SQL's row_number); always the same ones of the same rows
  keep,  ///< all rows of rank ≤ n stay
};

/// Rows of one schema, streaming or bounded, and what is done to them: a value that describes,
/// nothing runs before `start`. Wrong names and types are reported there.
class DataStream {
 public:
  DataStream(std::shared_ptr<Runtime> runtime, PlanPtr plan)
      : runtime_(std::move(runtime)), plan_(std::move(plan)) {}

  DataStream select(std::vector<ColumnArgument> columns) const;
  template <class... Columns>
  requires(sizeof...(Columns) > 0 && (std::is_convertible_v<Columns, ColumnArgument> &&
                                      ...)) DataStream select(Columns&&... columns)
  const {
    return select(std::vector<ColumnArgument>{ColumnArgument(std::forward<Columns>(columns))...});
  }
  DataStream where(const Expression& condition) const;
  DataStream where(std::string_view condition) const { return where(expr(condition)); }
  DataStream filter(const Expression& condition) const { return where(condition); }
  /// Adds or replaces a column.
  DataStream with_column(std::string_view name, const Expression& value) const;
  DataStream with_column_renamed(std::string_view from, std::string_view to) const;
  DataStream drop(std::vector<std::string> names) const;
  /// One row per element of an array column, beside all other columns.
  DataStream explode(std::string_view array_column, std::string_view as) const;

  /// Event-time column and how late its rows may come: `delay` behind the largest seen so far.
  DataStream with_watermark(std::string_view column, std::chrono::milliseconds delay) const;
  DataStream with_watermark(std::string_view column, std::string_view delay) const;
  DataStream with_watermark(std::string_view column, std::chrono::months delay) const = delete;
  DataStream with_watermark(std::string_view column, std::chrono::years delay) const = delete;

  GroupedStream group_by(std::vector<ColumnArgument> keys) const;
  template <class... Keys>
  requires(std::is_convertible_v<Keys, ColumnArgument>&&...) GroupedStream group_by(Keys&&... keys)
  const;
  /// Aggregates over all rows: one group.
  DataStream agg(std::vector<Expression> aggregates) const;
  template <class... Aggregates>
  requires(sizeof...(Aggregates) > 0 && (std::is_convertible_v<Aggregates, Expression> &&
                                         ...)) DataStream agg(Aggregates&&... aggregates)
  const {
    return agg(std::vector<Expression>{Expression(std::forward<Aggregates>(aggregates))...});
  }
  /// The first row of each combination of these columns (without any: of all columns). Rows behind
  /// the watermark are late. Combinations are kept for ever unless a column carries the event time.
  DataStream drop_duplicates(std::vector<std::string> columns = {}) const;
  /// The same, but a combination is kept only until the watermark has passed its first row's event
  /// time by the watermark's delay: duplicates that are further apart may pass.
  DataStream drop_duplicates_within_watermark(std::vector<std::string> columns = {}) const;
  DataStream distinct() const;                ///< drop_duplicates by all columns
  DataStream limit(std::int64_t rows) const;  ///< the query's first rows; which ones is open
  /// The best `n` rows of each combination of `partition_by`, the first in `order` being the best:
  /// `bids.top_n(1, {col("price").desc()}, {window("time", "10 seconds")}, Ties::keep)`. A window
  /// among the keys is added as a column. In output mode append the rows of a window go out when
  /// the watermark passes it; in update mode those that entered in the epoch. See docs/top-n.md.
  DataStream top_n(std::int64_t n, std::vector<ColumnArgument> order,
                   std::vector<ColumnArgument> partition_by = {}, Ties ties = Ties::cut) const;
  DataStream union_all(const DataStream& other) const;
  DataStream order_by(std::vector<ColumnArgument> keys) const;  ///< above complete aggregations
  template <class... Keys>
  requires(sizeof...(Keys) > 0 && (std::is_convertible_v<Keys, ColumnArgument> && ...)) DataStream
      order_by(Keys&&... keys)
  const {
    return order_by(std::vector<ColumnArgument>{ColumnArgument(std::forward<Keys>(keys))...});
  }
  /// Pairs of rows for which `condition` is true; columns: this stream's, then `right`'s. Sides are
  /// told apart by `as`: "i.ad = c.ad". Stream with stream needs an equality between the sides, and
  /// for the outer ones and left semi a watermark that bounds the rows kept.
  DataStream join(const DataStream& right, const Expression& condition,
                  JoinType type = JoinType::inner) const;
  DataStream join(const DataStream& right, std::string_view condition,
                  JoinType type = JoinType::inner) const {
    return join(right, expr(condition), type);
  }
  /// By equality of columns that both sides have; each comes out once, first.
  DataStream join(const DataStream& right, std::vector<std::string> columns,
                  JoinType type = JoinType::inner) const;
  /// A custom operator (see operation.hpp), over this stream and `others` as its further inputs.
  DataStream apply(std::shared_ptr<const Operation> operation,
                   std::vector<DataStream> others = {}) const;
  /// For names in braces, which could be taken for a condition too.
  DataStream join(const DataStream& right, std::initializer_list<const char*> columns,
                  JoinType type = JoinType::inner) const {
    return join(right, std::vector<std::string>(columns.begin(), columns.end()), type);
  }
  /// Each row of this stream with the latest one of `right` that has the same values in `keys`, is
  /// not later (right_time <= left_time) and at most `tolerance` earlier; without one left outer
  /// pads the row with nulls, inner drops it. Columns: this stream's, then `right`'s without its
  /// keys. Both times carry a watermark: a row comes out when the watermark reaches its time, for
  /// then no earlier row can still come. Of several right rows of one time the greatest is taken,
  /// by all its columns from the first to the last, nulls least.
  DataStream as_of_join(const DataStream& right, std::vector<std::string> keys,
                        std::string_view left_time, std::string_view right_time,
                        std::chrono::microseconds tolerance,
                        JoinType type = JoinType::left_outer) const;
  /// `tolerance` as text: "10 seconds".
  DataStream as_of_join(const DataStream& right, std::vector<std::string> keys,
                        std::string_view left_time, std::string_view right_time,
                        std::string_view tolerance, JoinType type = JoinType::left_outer) const;
  /// Of a bounded stream that is joined with a stream: its sources are read at the first epoch of a
  /// run and then kept. Without: they are looked at before each epoch, and what has changed is
  /// read. Throws Error(analysis) where this is a stream.
  DataStream cache() const;
  /// The same, but they are looked at again when `interval` has passed since the last look.
  DataStream refresh(std::chrono::milliseconds interval) const;
  DataStream refresh(std::string_view interval) const;
  DataStream as(std::string_view alias) const;
  /// The rows as values of T, a struct named in BOOST_DESCRIBE_STRUCT or a type of one column.
  /// Names and types are checked at `start`. Declared in typed_stream.hpp.
  template <class T>
  TypedStream<T> as() const;
  /// Gives the operator's state an identity that survives changes of the plan around it.
  DataStream named(std::string_view name) const;

  DataStreamWriter write_stream() const;
  std::string explain() const;

  const PlanPtr& plan() const { return plan_; }
  const std::shared_ptr<Runtime>& runtime() const { return runtime_; }

 private:
  std::shared_ptr<Runtime> runtime_;
  PlanPtr plan_;
};

/// Rows grouped by keys, waiting for aggregates.
class GroupedStream {
 public:
  GroupedStream(DataStream stream, std::vector<Expression> keys)
      : stream_(std::move(stream)), keys_(std::move(keys)) {}

  DataStream agg(std::vector<Expression> aggregates) const;
  template <class... Aggregates>
  requires(sizeof...(Aggregates) > 0 && (std::is_convertible_v<Aggregates, Expression> &&
                                         ...)) DataStream agg(Aggregates&&... aggregates)
  const {
    return agg(std::vector<Expression>{Expression(std::forward<Aggregates>(aggregates))...});
  }
  DataStream count() const;                       ///< column "count"
  DataStream sum(std::string_view column) const;  ///< column "sum(x)"
  DataStream mean(std::string_view column) const;
  DataStream avg(std::string_view column) const;
  DataStream min(std::string_view column) const;
  DataStream max(std::string_view column) const;

 private:
  DataStream stream_;
  std::vector<Expression> keys_;
};

template <class... Keys>
requires(std::is_convertible_v<Keys, ColumnArgument>&&...)
    GroupedStream DataStream::group_by(Keys&&... keys)
const { return group_by(std::vector<ColumnArgument>{ColumnArgument(std::forward<Keys>(keys))...}); }

/// Names a source. `streaming` false (Session::read) gives the same type, bounded.
class DataStreamReader {
 public:
  DataStreamReader(std::shared_ptr<Runtime> runtime, bool streaming)
      : runtime_(std::move(runtime)) {
    spec_.streaming = streaming;
  }
  DataStreamReader& schema(std::string_view text);
  DataStreamReader& schema(Schema schema);
  DataStreamReader& option(std::string_view name, std::string_view value);
  DataStreamReader& option(std::string_view name, const char* value) {
    return option(name, std::string_view(value));
  }
  DataStreamReader& option(std::string_view name, std::int64_t value);
  DataStreamReader& option(std::string_view name, int value) {
    return option(name, std::int64_t{value});
  }
  DataStreamReader& option(std::string_view name, bool value);

  DataStream json(std::string_view directory);
  DataStream csv(std::string_view directory);
  DataStream text(std::string_view directory);        ///< one column "value string"
  DataStream rate(std::int64_t rows_per_second = 1);  ///< "timestamp timestamp, value bigint"
  DataStream socket(std::string_view host, std::uint16_t port);  ///< "value string"
  DataStream memory(const MemoryStream& stream);
  /// A connector by name ("rate", …) with the options given.
  DataStream source(std::string_view name);
  DataStream source(std::shared_ptr<Source> source);

 private:
  DataStream make(std::string_view format, std::string_view path);
  std::shared_ptr<Runtime> runtime_;
  SourceSpec spec_;
};

/// Says where rows go and when; `start` begins.
class DataStreamWriter {
 public:
  explicit DataStreamWriter(DataStream stream);

  DataStreamWriter& output_mode(OutputMode mode);
  DataStreamWriter& trigger(Trigger trigger);
  DataStreamWriter& checkpoint(std::string_view directory);
  DataStreamWriter& checkpoint(std::shared_ptr<CheckpointRoot> root);
  DataStreamWriter& query_name(std::string_view name);
  /// By which watermark rows are late; the same as option "eventTime".
  DataStreamWriter& event_time(EventTimeRule rule);
  DataStreamWriter& scheduler_pool(std::string_view name);
  DataStreamWriter& option(std::string_view name, std::string_view value);
  DataStreamWriter& option(std::string_view name, const char* value) {
    return option(name, std::string_view(value));
  }
  DataStreamWriter& option(std::string_view name, std::int64_t value);
  DataStreamWriter& option(std::string_view name, int value) {
    return option(name, std::int64_t{value});
  }
  DataStreamWriter& option(std::string_view name, bool value);

  /// Also writes what the sources read, epoch by epoch, to a recording in this directory: exactly
  /// the decided epochs, as they are decided. See docs/recordings.md.
  DataStreamWriter& record_to(std::string_view directory);
  /// Reads a recording in place of the query's sources, each of which takes the recorded one of its
  /// name. Under the recorded epochs (the default) the query runs no others. Throws as
  /// Recording::open does.
  DataStreamWriter& replay(std::string_view directory, const ReplayRules& rules = {});
  DataStreamWriter& replay(const Recording& recording, const ReplayRules& rules = {});

  // Sinks. Several may be named; all commit under one decision. Options set before apply.
  DataStreamWriter& console();
  DataStreamWriter& json(std::string_view directory);
  DataStreamWriter& csv(std::string_view directory);
  DataStreamWriter& memory(const MemoryTable& table);
  /// Calls `f` once an epoch, in order, at least once with the same rows after a crash.
  DataStreamWriter& foreach_batch(ForeachBatch f);
  DataStreamWriter& none();
  DataStreamWriter& sink(std::string_view name);
  DataStreamWriter& sink(std::shared_ptr<Sink> sink);
  /// Where late rows go: a sink made as above on a writer of its own, e.g.
  /// `.late_rows(late_sink().json("late/"))`.
  DataStreamWriter& late_rows(SinkSpec sink);

  Query start();
  std::string explain() const;
  const QuerySpec& spec() const { return spec_; }

 private:
  SinkSpec make(std::string_view format, std::string_view path);
  std::shared_ptr<Runtime> runtime_;
  QuerySpec spec_;
  Options sink_options_;
};

/// Sinks for late_rows.
SinkSpec json_sink(std::string_view directory);
SinkSpec csv_sink(std::string_view directory);
SinkSpec memory_sink(const MemoryTable& table);
SinkSpec console_sink();
SinkSpec none_sink();

}  // namespace libstream
