#include "partial_aggregate.hpp"

#include "name_key.hpp"

#include <algorithm>
#include <numeric>

namespace libstream {
namespace {

std::vector<GroupTable::Group> group_range(std::size_t begin, std::size_t end) {
  std::vector<GroupTable::Group> groups(end - begin);
  std::iota(groups.begin(), groups.end(), static_cast<GroupTable::Group>(begin));
  return groups;
}

}  // namespace

PartialAggregate::PartialAggregate(AggregateSpec spec)
    : spec_(std::move(spec)),
      arguments_(spec_.aggregates),
      states_(spec_.key_fields, spec_.aggregates),
      late_(spec_.keys, spec_.key_fields,
            spec_.mode == OutputMode::complete ? std::nullopt : spec_.time_key, spec_.lateness) {}

void PartialAggregate::restore(const StateReader& /*state*/, Watermark late) {
  late_.set_limit(late);
}

void PartialAggregate::start(const EpochStart& epoch) {
  epoch_ = epoch.context;
  late_.start();
  at_barrier_ = false;
  taken_ = released_ = made_ = 0;
}

Flow PartialAggregate::process(BatchPtr batch, std::size_t /*input*/, Output& output) {
  batch = late_.take(std::move(batch), output);
  if (batch == nullptr) return Flow::done;
  taken_ += batch->rows;
  arguments_.evaluate(*batch, epoch_);
  if (rows_to_pass_ > 0) {
    pass(*batch, output);
    return Flow::done;
  }
  group(*batch);
  if (states_.table().size() < flush_groups) return Flow::done;
  const bool saves_little = states_.table().size() * 2 > grouped_rows_;
  if (saves_little) rows_to_pass_ = pass_rows;
  begin_flush();
  return resume(output);
}

void PartialAggregate::group(const Batch& batch) {
  const auto keys = columns_at(batch, spec_.keys);
  const std::uint64_t* hashes = nullptr;
  if (!spec_.global()) hashes = hashes_.compute(batch, spec_.keys);
  states_.update(keys, batch.rows, hashes, arguments_);
  grouped_rows_ += batch.rows;
}

void PartialAggregate::pass(const Batch& batch, Output& output) {
  std::vector<ColumnPtr> columns = columns_at(batch, spec_.keys);
  auto out = std::make_shared<Batch>();
  out->rows = batch.rows;
  out->hashes = hash_columns(columns, batch.rows);
  auto alone = naming_key([&] { return states_.singletons(batch.rows, arguments_); },
                          [&] { return columns; });
  for (auto& column : alone) columns.push_back(std::move(column));
  out->columns = std::move(columns);
  made_ += batch.rows;
  released_ += batch.rows;
  output.emit(std::move(out));
  rows_to_pass_ -= std::min<std::uint64_t>(rows_to_pass_, batch.rows);
}

void PartialAggregate::begin_flush() {
  flushing_ = true;
  flushed_ = 0;
}

Flow PartialAggregate::on_barrier(const Barrier& barrier, Output& output) {
  barrier_ = barrier.watermark;
  at_barrier_ = true;
  late_flushed_ = 0;
  begin_flush();
  return resume(output);
}

Flow PartialAggregate::resume(Output& output) {
  // The table holds groups 0 … end without gaps: nothing is erased between flushes.
  for (const std::size_t end = states_.table().end(); flushing_ && flushed_ < end;) {
    if (output.full()) return Flow::more;
    const std::size_t next = std::min(end, flushed_ + batch_rows);
    emit_groups(flushed_, next, output);
    flushed_ = next;
  }
  if (flushing_) {
    states_.clear();
    grouped_rows_ = 0;
    flushing_ = false;
  }
  if (!at_barrier_) return Flow::done;
  while (late_flushed_ < late_.groups()) {
    if (output.full()) return Flow::more;
    const std::size_t next = std::min<std::size_t>(late_.groups(), late_flushed_ + batch_rows);
    emit_late_keys(late_flushed_, next, output);
    late_flushed_ = next;
  }
  late_.set_limit(barrier_);
  return Flow::done;
}

void PartialAggregate::emit_groups(std::size_t begin, std::size_t end, Output& output) {
  const auto groups = group_range(begin, end);
  made_ += groups.size();
  for (const auto group : groups) released_ += states_.rows_in(group);
  auto batch = std::make_shared<Batch>();
  batch->rows = groups.size();
  batch->columns = states_.table().keys(groups);
  if (!spec_.global()) batch->hashes = hash_columns(batch->columns, batch->rows);
  for (auto& column : states_.intermediates(groups)) batch->columns.push_back(std::move(column));
  output.emit(std::move(batch));
}

void PartialAggregate::emit_late_keys(std::size_t begin, std::size_t end, Output& output) const {
  const auto groups = group_range(begin, end);
  auto batch = std::make_shared<Batch>();
  batch->kind = Batch::Kind::late_keys;
  batch->rows = groups.size();
  batch->columns = late_.keys(groups);
  batch->hashes = hash_columns(batch->columns, batch->rows);
  // As wide as ordinary batches, so that the channel has one schema.
  const Schema schema = aggregate_schema(spec_);
  for (std::size_t i = batch->columns.size(); i < schema.size(); ++i) {
    batch->columns.push_back(Column::nulls(schema[i].type, batch->rows));
  }
  output.emit(std::move(batch));
}

OperatorMetrics PartialAggregate::metrics() const {
  OperatorMetrics metrics;
  metrics.late_rows = late_.rows();
  metrics.made_rows = made_;
  metrics.absorbed_rows = metrics.taken_rows = taken_;
  metrics.released_rows = released_;
  return metrics;
}

}  // namespace libstream
