#include "pane_partial.hpp"

#include <algorithm>

namespace libstream {
namespace {

ColumnPtr numbers(std::size_t rows, const std::int64_t* values) {
  auto buffer = Buffer::allocate(rows * sizeof(std::int64_t));
  std::copy_n(values, rows, buffer->as<std::int64_t>());
  return Column::fixed(TypeId::bigint, rows, std::move(buffer));
}

}  // namespace

PanePartial::PanePartial(PaneSpec spec)
    : spec_(std::move(spec)),
      keys_(pane_keys(spec_)),
      arguments_(spec_.aggregate.aggregates),
      table_(pane_key_fields(spec_), spec_.aggregate.aggregates),
      rows_(spec_.window, spec_.aggregate.key_fields[spec_.window_key].type,
            spec_.aggregate.time_key && spec_.aggregate.mode != OutputMode::complete) {}

void PanePartial::restore(const StateReader& /*state*/, Watermark late) { rows_.set_limit(late); }

void PanePartial::start(const EpochStart& epoch) {
  epoch_ = epoch.context;
  rows_.start();
  made_ = taken_ = 0;
  at_barrier_ = false;
}

Flow PanePartial::process(BatchPtr batch, std::size_t /*input*/, Output& output) {
  batch = rows_.take(std::move(batch), output);
  if (rows_.late() != nullptr) pass_late(*rows_.late(), output);
  if (batch == nullptr) return Flow::done;
  taken_ += batch->rows;
  arguments_.evaluate(*batch, epoch_);
  if (rows_to_pass_ > 0) {
    pass(*batch, output);
    return Flow::done;
  }
  const std::uint64_t* hashes = keys_.empty() ? nullptr : hashes_.compute(*batch, keys_);
  table_.update(columns_at(*batch, keys_), rows_.panes(), batch->rows, hashes, arguments_);
  if (table_.entries() < flush_entries) return Flow::done;
  const bool saves_little = table_.entries() * 2 > table_.rows();
  if (saves_little) rows_to_pass_ = pass_rows;
  begin_flush();
  return resume(output);
}

/// Only so that the next stage can count them. As wide as ordinary batches: the channel has one
/// schema.
void PanePartial::pass_late(const Batch& late, Output& output) const {
  auto out = std::make_shared<Batch>();
  out->kind = Batch::Kind::late_keys;
  out->rows = late.rows;
  out->columns = columns_at(late, keys_);
  if (!keys_.empty()) out->hashes = hash_columns(out->columns, late.rows);
  const Schema schema = pane_schema(spec_);
  for (std::size_t i = out->columns.size(); i < schema.size(); ++i) {
    out->columns.push_back(Column::nulls(schema[i].type, late.rows));
  }
  output.emit(std::move(out));
}

void PanePartial::pass(const Batch& batch, Output& output) {
  auto out = std::make_shared<Batch>();
  out->rows = batch.rows;
  out->columns = columns_at(batch, keys_);
  if (!keys_.empty()) out->hashes = hash_columns(out->columns, batch.rows);
  out->columns.push_back(numbers(batch.rows, rows_.panes()));
  for (ColumnPtr& column : table_.layout().singletons(batch.rows, arguments_)) {
    out->columns.push_back(std::move(column));
  }
  made_ += batch.rows;
  output.emit(std::move(out));
  rows_to_pass_ -= std::min<std::uint64_t>(rows_to_pass_, batch.rows);
}

void PanePartial::begin_flush() {
  flushing_ = true;
  panes_.clear();
  for (const auto& [number, pane] : table_.panes()) panes_.push_back(number);
  pane_ = 0;
  flushed_ = 0;
}

Flow PanePartial::on_barrier(const Barrier& barrier, Output& output) {
  barrier_ = barrier.watermark;
  at_barrier_ = true;
  begin_flush();
  return resume(output);
}

Flow PanePartial::resume(Output& output) {
  while (flushing_ && pane_ < panes_.size()) {
    // Between two flushes every entry is touched: nothing else marks them.
    const PaneTable::Pane& pane = *table_.find(panes_[pane_]);
    if (flushed_ == pane.touched.size()) {
      ++pane_;
      flushed_ = 0;
      continue;
    }
    if (output.full()) return Flow::more;
    emit_some(panes_[pane_], pane, output);
  }
  if (flushing_) table_.clear();
  flushing_ = false;
  if (at_barrier_) rows_.set_limit(barrier_);
  return Flow::done;
}

void PanePartial::emit_some(std::int64_t number, const PaneTable::Pane& pane, Output& output) {
  const auto keys = std::span(pane.touched)
                        .subspan(flushed_, std::min(batch_rows, pane.touched.size() - flushed_));
  std::vector<const std::byte*> entries;
  for (const PaneTable::Key key : keys) entries.push_back(pane.states.find(table_.pool(), key));
  auto batch = std::make_shared<Batch>();
  batch->rows = keys.size();
  batch->columns = table_.keys(keys);
  if (!keys_.empty()) {
    auto hashes = Buffer::allocate(keys.size() * sizeof(std::uint64_t));
    for (std::size_t i = 0; i < keys.size(); ++i) {
      hashes->as<std::uint64_t>()[i] = table_.hash(keys[i]);
    }
    batch->hashes = std::move(hashes);
  }
  const std::vector<std::int64_t> panes(keys.size(), number);
  batch->columns.push_back(numbers(keys.size(), panes.data()));
  for (ColumnPtr& column : table_.layout().intermediates(entries)) {
    batch->columns.push_back(std::move(column));
  }
  flushed_ += keys.size();
  made_ += keys.size();
  output.emit(std::move(batch));
}

OperatorMetrics PanePartial::metrics() const {
  OperatorMetrics metrics;
  metrics.late_rows = rows_.late_rows();
  metrics.filtered_rows = rows_.filtered_rows();
  metrics.made_rows = made_;
  metrics.absorbed_rows = metrics.taken_rows = metrics.released_rows = taken_;
  return metrics;
}

}  // namespace libstream
