#include <libstream/operators/project.hpp>

namespace libstream {
namespace {

class Project final : public Operator {
 public:
  explicit Project(const ProjectSpec& spec) {
    if (spec.filter) filter_.emplace(std::vector<BoundPtr>{spec.filter});
    for (const BoundPtr& column : spec.columns) {
      if (column->kind != BoundExpression::Kind::column) plain_ = false;
    }
    if (plain_) {
      for (const BoundPtr& column : spec.columns) read_.push_back(column->column);
      return;
    }
    // Behind a filter only what the columns read is gathered: they are bound to those alone.
    std::vector<bool> used;
    for (const BoundPtr& column : spec.columns) {
      for (const std::uint32_t index : input_columns(*column)) {
        if (used.size() <= index) used.resize(index + 1, false);
        used[index] = true;
      }
    }
    std::vector<std::uint32_t> mapping(used.size(), 0);
    for (std::uint32_t i = 0; i < used.size(); ++i) {
      if (!used[i]) continue;
      mapping[i] = static_cast<std::uint32_t>(read_.size());
      read_.push_back(i);
    }
    std::vector<BoundPtr> columns;
    for (const BoundPtr& column : spec.columns) columns.push_back(remap_columns(column, mapping));
    columns_.emplace(std::move(columns));
  }

  void start(const EpochStart& epoch) override {
    epoch_ = epoch.context;
    filtered_ = 0;
  }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    Batch input;
    input.rows = batch->rows;
    bool all = true;
    if (filter_) {
      filter_->select(0, *batch, epoch_, selection_);
      filtered_ += batch->rows - selection_.size();
      if (selection_.empty()) return Flow::done;
      all = selection_.size() == batch->rows;
      input.rows = selection_.size();
    }
    for (const std::uint32_t index : read_) {
      const ColumnPtr& column = batch->columns[index];
      input.columns.push_back(all ? column : column->gather(selection_));
    }
    auto result = std::make_shared<Batch>();
    result->rows = input.rows;
    result->event_time = batch->event_time;
    result->columns = plain_ ? std::move(input.columns) : columns_->evaluate(input, epoch_);
    output.emit(std::move(result));
    return Flow::done;
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.filtered_rows = filtered_;
    return metrics;
  }

 private:
  bool plain_ = true;                ///< all columns are asked for as they are
  std::vector<std::uint32_t> read_;  ///< input columns that are read, in the order they are passed
  std::optional<Evaluator> filter_;
  std::optional<Evaluator> columns_;
  Selection selection_;
  EpochContext epoch_;
  std::uint64_t filtered_ = 0;
};

}  // namespace

OperatorFactory project(ProjectSpec spec) {
  return [spec = std::move(spec)](const OperatorContext&) -> std::unique_ptr<Operator> {
    return std::make_unique<Project>(spec);
  };
}

}  // namespace libstream
