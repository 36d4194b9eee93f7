#include <libstream/data_stream.hpp>
#include <libstream/error.hpp>
#include <libstream/time.hpp>

namespace libstream {
namespace {

std::shared_ptr<LogicalPlan> node(LogicalPlan::Kind kind, std::vector<PlanPtr> inputs) {
  auto plan = std::make_shared<LogicalPlan>();
  plan->kind = kind;
  plan->inputs = std::move(inputs);
  return plan;
}

void check_bounded(const LogicalPlan& plan, const std::string& what) {
  if (!plan.streaming()) return;
  throw Error(ErrorCode::analysis, "REFRESH_OF_A_STREAM",
              what +
                  ": this reads a stream, which is read on and on; only what begins with read() "
                  "has a version to keep");
}

/// The plan with its sources looked at so.
PlanPtr with_refresh(const PlanPtr& plan, const Refresh& refresh) {
  auto copy = std::make_shared<LogicalPlan>(*plan);
  if (copy->kind == LogicalPlan::Kind::source) copy->source.refresh = refresh;
  for (auto& input : copy->inputs) input = with_refresh(input, refresh);
  return copy;
}

std::vector<Expression> plain(std::vector<ColumnArgument> columns) {
  return {columns.begin(), columns.end()};
}

}  // namespace

DataStream DataStream::select(std::vector<ColumnArgument> columns) const {
  auto plan = node(LogicalPlan::Kind::project, {plan_});
  plan->expressions = plain(std::move(columns));
  return {runtime_, std::move(plan)};
}

DataStream DataStream::where(const Expression& condition) const {
  auto plan = node(LogicalPlan::Kind::filter, {plan_});
  plan->expressions = {condition};
  return {runtime_, std::move(plan)};
}

DataStream DataStream::with_column(std::string_view name, const Expression& value) const {
  auto plan = node(LogicalPlan::Kind::with_column, {plan_});
  plan->column = name;
  plan->expressions = {value};
  return {runtime_, std::move(plan)};
}

DataStream DataStream::with_column_renamed(std::string_view from, std::string_view to) const {
  auto plan = node(LogicalPlan::Kind::rename, {plan_});
  plan->column = from;
  plan->new_name = to;
  return {runtime_, std::move(plan)};
}

DataStream DataStream::drop(std::vector<std::string> names) const {
  auto plan = node(LogicalPlan::Kind::drop, {plan_});
  plan->names = std::move(names);
  return {runtime_, std::move(plan)};
}

DataStream DataStream::explode(std::string_view array_column, std::string_view as) const {
  auto plan = node(LogicalPlan::Kind::explode, {plan_});
  plan->column = array_column;
  plan->new_name = as;
  return {runtime_, std::move(plan)};
}

DataStream DataStream::with_watermark(std::string_view column,
                                      std::chrono::milliseconds delay) const {
  auto plan = node(LogicalPlan::Kind::watermark, {plan_});
  plan->column = column;
  plan->delay_milliseconds = delay.count();
  return {runtime_, std::move(plan)};
}

DataStream DataStream::with_watermark(std::string_view column, std::string_view delay) const {
  return with_watermark(column,
                        std::chrono::milliseconds(floor_to_milliseconds(parse_duration(delay))));
}

GroupedStream DataStream::group_by(std::vector<ColumnArgument> keys) const {
  return {*this, plain(std::move(keys))};
}

DataStream DataStream::agg(std::vector<Expression> aggregates) const {
  return GroupedStream(*this, {}).agg(std::move(aggregates));
}

DataStream DataStream::drop_duplicates(std::vector<std::string> columns) const {
  auto plan = node(LogicalPlan::Kind::deduplicate, {plan_});
  for (const auto& column : columns) plan->keys.push_back(col(column));
  return {runtime_, std::move(plan)};
}

DataStream DataStream::drop_duplicates_within_watermark(std::vector<std::string> columns) const {
  auto plan = node(LogicalPlan::Kind::deduplicate, {plan_});
  for (const auto& column : columns) plan->keys.push_back(col(column));
  plan->within_watermark = true;
  return {runtime_, std::move(plan)};
}

DataStream DataStream::distinct() const { return drop_duplicates(); }

DataStream DataStream::limit(std::int64_t rows) const {
  auto plan = node(LogicalPlan::Kind::limit, {plan_});
  plan->count = rows;
  return {runtime_, std::move(plan)};
}

DataStream DataStream::top_n(std::int64_t n, std::vector<ColumnArgument> order,
                             std::vector<ColumnArgument> partition_by, Ties ties) const {
  auto plan = node(LogicalPlan::Kind::top_n, {plan_});
  plan->count = n;
  plan->keys = plain(std::move(partition_by));
  plan->expressions = plain(std::move(order));
  plan->ties = ties == Ties::keep;
  return {runtime_, std::move(plan)};
}

DataStream DataStream::union_all(const DataStream& other) const {
  return {runtime_, node(LogicalPlan::Kind::union_all, {plan_, other.plan_})};
}

DataStream DataStream::join(const DataStream& right, const Expression& condition,
                            JoinType type) const {
  auto plan = node(LogicalPlan::Kind::join, {plan_, right.plan_});
  plan->expressions = {condition};
  plan->join_type = type;
  return {runtime_, std::move(plan)};
}

DataStream DataStream::join(const DataStream& right, std::vector<std::string> columns,
                            JoinType type) const {
  auto plan = node(LogicalPlan::Kind::join, {plan_, right.plan_});
  plan->names = std::move(columns);
  plan->join_type = type;
  return {runtime_, std::move(plan)};
}

DataStream DataStream::apply(std::shared_ptr<const Operation> operation,
                             std::vector<DataStream> others) const {
  LIBSTREAM_ASSERT(operation != nullptr, "apply takes an operation");
  std::vector<PlanPtr> inputs{plan_};
  for (const auto& other : others) inputs.push_back(other.plan_);
  auto plan = node(LogicalPlan::Kind::operation, std::move(inputs));
  plan->custom = std::move(operation);
  return {runtime_, std::move(plan)};
}

DataStream DataStream::as_of_join(const DataStream& right, std::vector<std::string> keys,
                                  std::string_view left_time, std::string_view right_time,
                                  std::chrono::microseconds tolerance, JoinType type) const {
  auto plan = node(LogicalPlan::Kind::as_of_join, {plan_, right.plan_});
  plan->names = std::move(keys);
  plan->column = left_time;
  plan->new_name = right_time;
  plan->tolerance = tolerance.count();
  plan->join_type = type;
  return {runtime_, std::move(plan)};
}

DataStream DataStream::as_of_join(const DataStream& right, std::vector<std::string> keys,
                                  std::string_view left_time, std::string_view right_time,
                                  std::string_view tolerance, JoinType type) const {
  return as_of_join(right, std::move(keys), left_time, right_time,
                    std::chrono::microseconds(parse_duration(tolerance)), type);
}

DataStream DataStream::cache() const {
  check_bounded(*plan_, "cache");
  return {runtime_, with_refresh(plan_, {Refresh::Kind::once, 0})};
}

DataStream DataStream::refresh(std::chrono::milliseconds interval) const {
  check_bounded(*plan_, "refresh");
  if (interval.count() <= 0) {
    throw Error(ErrorCode::invalid_argument,
                "refresh: the interval is " + std::to_string(interval.count()) +
                    " ms, but must be above 0; leave refresh out to look before each epoch");
  }
  return {runtime_, with_refresh(plan_, {Refresh::Kind::interval, interval.count()})};
}

DataStream DataStream::refresh(std::string_view interval) const {
  return refresh(std::chrono::milliseconds(parse_duration(interval) / 1000));
}

DataStream DataStream::order_by(std::vector<ColumnArgument> keys) const {
  auto plan = node(LogicalPlan::Kind::sort, {plan_});
  plan->expressions = plain(std::move(keys));
  return {runtime_, std::move(plan)};
}

DataStream DataStream::as(std::string_view alias) const {
  auto plan = node(LogicalPlan::Kind::alias, {plan_});
  plan->column = alias;
  return {runtime_, std::move(plan)};
}

DataStream DataStream::named(std::string_view name) const {
  auto plan = std::make_shared<LogicalPlan>(*plan_);
  plan->name = name;
  return {runtime_, std::move(plan)};
}

DataStreamWriter DataStream::write_stream() const { return DataStreamWriter(*this); }

std::string DataStream::explain() const {
  QuerySpec spec;
  spec.plan = plan_;
  return runtime_->explain(spec);
}

DataStream GroupedStream::agg(std::vector<Expression> aggregates) const {
  auto plan = node(LogicalPlan::Kind::aggregate, {stream_.plan()});
  plan->keys = keys_;
  plan->expressions = std::move(aggregates);
  return {stream_.runtime(), std::move(plan)};
}

// The names that Structured Streaming gives these columns, "count" and "sum(x)": all but the first
// are what the analyser calls the aggregate anyway.
DataStream GroupedStream::count() const {
  return agg(std::vector<Expression>{libstream::count().as("count")});
}
DataStream GroupedStream::sum(std::string_view column) const {
  return agg(std::vector<Expression>{libstream::sum(col(column))});
}
DataStream GroupedStream::mean(std::string_view column) const { return avg(column); }
DataStream GroupedStream::avg(std::string_view column) const {
  return agg(std::vector<Expression>{libstream::avg(col(column))});
}
DataStream GroupedStream::min(std::string_view column) const {
  return agg(std::vector<Expression>{libstream::min(col(column))});
}
DataStream GroupedStream::max(std::string_view column) const {
  return agg(std::vector<Expression>{libstream::max(col(column))});
}

}  // namespace libstream
