#include "pane_rows.hpp"

#include <algorithm>

namespace libstream {

BatchPtr PaneRows::take(BatchPtr batch, Output& output) {
  late_ = nullptr;
  batch = with_times(std::move(batch));
  if (batch != nullptr && drops_) batch = on_time(std::move(batch), output);
  if (batch == nullptr) return nullptr;
  panes_.resize(batch->rows);
  grid_.panes_of(batch->columns[windows_.time_column]->values<EventTime>(), batch->rows,
                 panes_.data());
  return batch;
}

BatchPtr PaneRows::with_times(BatchPtr batch) {
  const Column& times = *batch->columns[windows_.time_column];
  if (!times.has_validity()) return batch;
  Selection rows;
  for (std::uint32_t i = 0; i < batch->rows; ++i) {
    if (!times.is_null(i)) rows.push_back(i);
  }
  if (rows.size() == batch->rows) return batch;
  filtered_rows_ += batch->rows - rows.size();
  return rows.empty() ? nullptr : gather(*batch, rows);
}

BatchPtr PaneRows::on_time(BatchPtr batch, Output& output) {
  const auto* times = batch->columns[windows_.time_column]->values<EventTime>();
  // A row is late with the last of its windows, and all rows of a slide share that one.
  EventTime earliest = times[0];
  for (std::size_t i = 1; i < batch->rows; ++i) earliest = std::min(earliest, times[i]);
  if (earliest >= late_before_) return batch;
  Selection late;
  Selection kept;
  for (std::uint32_t i = 0; i < batch->rows; ++i) {
    (times[i] < late_before_ ? late : kept).push_back(i);
  }
  late_rows_ += late.size();
  late_ = gather(*batch, late);
  if (output.connected(Output::late_port)) output.emit(with_window(*late_), Output::late_port);
  return kept.empty() ? nullptr : gather(*batch, kept);
}

BatchPtr PaneRows::with_window(const Batch& batch) const {
  const auto* times = batch.columns[windows_.time_column]->values<EventTime>();
  auto starts = Buffer::allocate(batch.rows * sizeof(EventTime));
  auto ends = Buffer::allocate(batch.rows * sizeof(EventTime));
  for (std::size_t i = 0; i < batch.rows; ++i) {
    const std::int64_t last = grid_.last_window(grid_.pane_of(times[i]));
    starts->as<EventTime>()[i] = grid_.window_start(last);
    ends->as<EventTime>()[i] = grid_.window_end(last);
  }
  auto result = std::make_shared<Batch>(batch);
  result->hashes = nullptr;
  result->columns.push_back(
      Column::structure(window_type_, batch.rows,
                        {Column::fixed(TypeId::timestamp, batch.rows, std::move(starts)),
                         Column::fixed(TypeId::timestamp, batch.rows, std::move(ends))}));
  return result;
}

ColumnPtr window_column(const DataType& type, EventTime start, EventTime end, std::size_t rows) {
  const auto bound = [rows](EventTime time) {
    auto buffer = Buffer::allocate(rows * sizeof(EventTime));
    std::fill_n(buffer->as<EventTime>(), rows, time);
    return Column::fixed(TypeId::timestamp, rows, std::move(buffer));
  };
  return Column::structure(type, rows, {bound(start), bound(end)});
}

}  // namespace libstream
