#include <libstream/error.hpp>
#include <libstream/operators/project.hpp>

#include <algorithm>
#include <numeric>

namespace libstream {
namespace {

/// The start of the last window that begins at or before `time`.
EventTime last_start(EventTime time, std::int64_t slide, std::int64_t start) {
  std::int64_t rest = (time - start) % slide;
  if (rest < 0) rest += slide;
  return time - rest;
}

class AssignWindows final : public Operator {
 public:
  explicit AssignWindows(const WindowSpec& spec)
      : spec_(spec),
        type_(DataType::structure(
            {{"start", TypeId::timestamp, true}, {"end", TypeId::timestamp, true}})) {
    LIBSTREAM_ASSERT(spec.size > 0 && spec.slide > 0 && spec.slide <= spec.size &&
                         spec.start < spec.slide && -spec.start < spec.slide,
                     "0 < slide <= size, |start| < slide");
  }

  void start(const EpochStart&) override { filtered_ = made_ = 0; }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    batch_ = without_null_times(std::move(batch));
    next_row_ = 0;
    next_window_ = 0;
    if (batch_ == nullptr) return Flow::done;
    if (spec_.slide == spec_.size) {
      emit_tumbling(output);
      return Flow::done;
    }
    return resume(output);
  }

  Flow resume(Output& output) override {
    while (batch_ && next_row_ < batch_->rows) {
      if (output.full()) return Flow::more;
      collect();
      if (!parents_.empty()) emit_sliding(output);
    }
    batch_ = nullptr;
    return Flow::done;
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.filtered_rows = filtered_;
    metrics.made_rows = made_;
    return metrics;
  }

 private:
  BatchPtr without_null_times(BatchPtr batch) {
    const Column& times = *batch->columns[spec_.time_column];
    if (!times.has_validity()) return batch;
    Selection rows;
    for (std::uint32_t i = 0; i < batch->rows; ++i) {
      if (!times.is_null(i)) rows.push_back(i);
    }
    if (rows.size() == batch->rows) return batch;
    filtered_ += batch->rows - rows.size();
    if (rows.empty()) return nullptr;
    auto kept = std::make_shared<Batch>(*gather(*batch, rows));
    kept->event_time = batch->event_time;
    return kept;
  }

  const EventTime* times() const { return batch_->columns[spec_.time_column]->values<EventTime>(); }

  ColumnPtr windows(BufferPtr starts, std::size_t rows) const {
    auto ends = Buffer::allocate(rows * sizeof(EventTime));
    const auto* from = starts->as<EventTime>();
    auto* to = ends->as<EventTime>();
    for (std::size_t i = 0; i < rows; ++i) to[i] = from[i] + spec_.size;
    return Column::structure(type_, rows,
                             {Column::fixed(TypeId::timestamp, rows, std::move(starts)),
                              Column::fixed(TypeId::timestamp, rows, std::move(ends))});
  }

  void emit_tumbling(Output& output) {
    const std::size_t rows = batch_->rows;
    auto starts = Buffer::allocate(rows * sizeof(EventTime));
    const EventTime* from = times();
    auto* to = starts->as<EventTime>();
    // Neighbours mostly share a window: the division is for those that do not.
    EventTime known = last_start(from[0], spec_.slide, spec_.start);
    for (std::size_t i = 0; i < rows; ++i) {
      if (from[i] < known || from[i] - known >= spec_.slide) {
        known = last_start(from[i], spec_.slide, spec_.start);
      }
      to[i] = known;
    }
    auto result = std::make_shared<Batch>();
    result->rows = rows;
    result->columns = batch_->columns;
    result->columns.push_back(windows(std::move(starts), rows));
    result->event_time = batch_->event_time;
    batch_ = nullptr;
    output.emit(std::move(result));
  }

  /// Lists up to batch_rows pairs of a row and one of its windows, the earliest window first.
  void collect() {
    parents_.clear();
    starts_.clear();
    const std::int64_t most = (spec_.size + spec_.slide - 1) / spec_.slide;
    while (next_row_ < batch_->rows && parents_.size() < batch_rows) {
      const EventTime time = times()[next_row_];
      const EventTime last = last_start(time, spec_.slide, spec_.start);
      for (; next_window_ < most && parents_.size() < batch_rows; ++next_window_) {
        const EventTime begin = last - (most - 1 - next_window_) * spec_.slide;
        if (time >= begin + spec_.size) continue;
        parents_.push_back(static_cast<std::uint32_t>(next_row_));
        starts_.push_back(begin);
        ++made_;
      }
      if (next_window_ < most) return;
      --made_;  // every time lies in one window at least
      ++next_row_;
      next_window_ = 0;
    }
  }

  void emit_sliding(Output& output) {
    auto result = std::make_shared<Batch>();
    result->rows = parents_.size();
    result->event_time = batch_->event_time;
    for (const ColumnPtr& column : batch_->columns) {
      result->columns.push_back(column->gather(parents_));
    }
    auto starts = Buffer::allocate(starts_.size() * sizeof(EventTime));
    std::copy(starts_.begin(), starts_.end(), starts->as<EventTime>());
    result->columns.push_back(windows(std::move(starts), parents_.size()));
    output.emit(std::move(result));
  }

  WindowSpec spec_;
  DataType type_;
  BatchPtr batch_;
  std::size_t next_row_ = 0;
  std::int64_t next_window_ = 0;
  std::vector<std::uint32_t> parents_;
  std::vector<EventTime> starts_;
  std::uint64_t filtered_ = 0;
  std::uint64_t made_ = 0;  ///< copies beyond the first of a row
};

}  // namespace

OperatorFactory assign_windows(WindowSpec spec) {
  return [spec](const OperatorContext&) -> std::unique_ptr<Operator> {
    return std::make_unique<AssignWindows>(spec);
  };
}

}  // namespace libstream
