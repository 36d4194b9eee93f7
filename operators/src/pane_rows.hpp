#pragma once

#include "pane_grid.hpp"

#include <libstream/operator.hpp>

#include <cstdint>
#include <vector>

namespace libstream {

/// The rows that an aggregation in panes takes, and the pane of each.
class PaneRows {
 public:
  /// `drops`: rows whose windows the watermark all covers are late.
  PaneRows(const WindowSpec& windows, const DataType& window_type, bool drops)
      : windows_(windows), grid_(windows), window_type_(window_type), drops_(drops) {}

  void set_limit(Watermark late) { late_before_ = grid_.window_start(grid_.first_open(late)); }
  void start() { late_rows_ = filtered_rows_ = 0; }
  /// The rows of `batch` that have a time and are on time, or null where none is; panes() are
  /// theirs until the next call. Late ones go to the late port.
  BatchPtr take(BatchPtr batch, Output& output);
  const std::int64_t* panes() const { return panes_.data(); }
  /// The late rows of the batch taken last, as they came; null where none was.
  const BatchPtr& late() const { return late_; }
  std::uint64_t late_rows() const { return late_rows_; }
  std::uint64_t filtered_rows() const { return filtered_rows_; }

 private:
  BatchPtr with_times(BatchPtr batch);
  BatchPtr on_time(BatchPtr batch, Output& output);
  BatchPtr with_window(const Batch& batch) const;

  WindowSpec windows_;
  PaneGrid grid_;
  DataType window_type_;
  bool drops_;
  EventTime late_before_ = 0;
  BatchPtr late_;
  std::vector<std::int64_t> panes_;
  std::uint64_t late_rows_ = 0;
  std::uint64_t filtered_rows_ = 0;
};

/// A column of one window for `rows` rows.
ColumnPtr window_column(const DataType& type, EventTime start, EventTime end, std::size_t rows);

}  // namespace libstream
