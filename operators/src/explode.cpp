#include <libstream/batch.hpp>
#include <libstream/error.hpp>
#include <libstream/operators/project.hpp>

#include <algorithm>

namespace libstream {
namespace {

class Explode final : public Operator {
 public:
  explicit Explode(ExplodeSpec spec) : spec_(std::move(spec)) {}

  void start(const EpochStart&) override { filtered_ = made_ = 0; }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    batch_ = std::move(batch);
    next_row_ = 0;
    next_element_ = 0;
    return resume(output);
  }

  Flow resume(Output& output) override {
    const std::size_t rows = batch_ ? batch_->rows : 0;
    while (next_row_ < rows) {
      if (output.full()) return Flow::more;
      collect();
      if (!parents_.empty()) emit(output);
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
  static constexpr std::uint32_t no_element = 0xffffffffU;

  /// Lists up to batch_rows output rows: their input row and their element.
  void collect() {
    const Column& array = *batch_->columns[spec_.array_column];
    parents_.clear();
    elements_.clear();
    nulls_ = false;
    while (next_row_ < batch_->rows && parents_.size() < batch_rows) {
      const auto row = static_cast<std::uint32_t>(next_row_);
      const auto begin = static_cast<std::uint32_t>(array.offsets()[row]);
      const auto end = static_cast<std::uint32_t>(array.offsets()[row + 1]);
      const std::uint32_t count = array.is_null(row) ? 0 : end - begin;
      if (count == 0) {
        if (spec_.outer) {
          parents_.push_back(row);
          elements_.push_back(no_element);
          nulls_ = true;
        } else {
          ++filtered_;  // a row that leaves no trace
        }
      }
      const auto room = static_cast<std::uint32_t>(batch_rows - parents_.size());
      const std::uint32_t stop = std::min(count, next_element_ + room);
      for (std::uint32_t i = next_element_; i < stop; ++i) {
        parents_.push_back(row);
        elements_.push_back(begin + i);
      }
      next_element_ = stop;
      if (stop < count) return;
      if (count > 0) made_ += count - 1;
      ++next_row_;
      next_element_ = 0;
    }
  }

  void emit(Output& output) {
    auto result = std::make_shared<Batch>();
    result->rows = parents_.size();
    result->event_time = batch_->event_time;
    for (const std::uint32_t index : spec_.keep) {
      result->columns.push_back(batch_->columns[index]->gather(parents_));
    }
    const ColumnPtr& elements = batch_->columns[spec_.array_column]->child(0);
    if (!nulls_) {
      result->columns.push_back(elements->gather(elements_));
    } else {
      ColumnBuilder builder(elements->type(), elements_.size());
      for (const std::uint32_t element : elements_) {
        if (element == no_element) {
          builder.append_null();
        } else {
          builder.append_from(*elements, element);
        }
      }
      result->columns.push_back(builder.finish());
    }
    output.emit(std::move(result));
  }

  ExplodeSpec spec_;
  BatchPtr batch_;
  std::size_t next_row_ = 0;
  std::uint32_t next_element_ = 0;
  std::vector<std::uint32_t> parents_;
  std::vector<std::uint32_t> elements_;
  bool nulls_ = false;
  std::uint64_t filtered_ = 0;
  std::uint64_t made_ = 0;  ///< copies beyond the first of a row
};

}  // namespace

OperatorFactory explode(ExplodeSpec spec) {
  return [spec = std::move(spec)](const OperatorContext&) -> std::unique_ptr<Operator> {
    return std::make_unique<Explode>(spec);
  };
}

}  // namespace libstream
