#include "key_time.hpp"

#include <libstream/operators/project.hpp>

#include <algorithm>

namespace libstream {
namespace {

class ObserveWatermark final : public Operator {
 public:
  explicit ObserveWatermark(const WatermarkSpec& spec) : spec_(spec) {}

  void start(const EpochStart&) override { seen_.reset(); }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    const KeyTime time(*batch->columns[spec_.time_column]);
    OperatorMetrics::EventTimes seen{std::numeric_limits<EventTime>::max(),
                                     std::numeric_limits<EventTime>::min(), 0, 0};
    if (!time.has_nulls()) {
      for (std::size_t i = 0; i < batch->rows; ++i) {
        seen.min = std::min(seen.min, time.at(i));
        seen.max = std::max(seen.max, time.at(i));
      }
      seen.rows = batch->rows;
      seen.sum = sum_of(time, seen);
    } else {
      for (std::size_t i = 0; i < batch->rows; ++i) {
        if (!time.has(i)) continue;
        seen.min = std::min(seen.min, time.at(i));
        seen.max = std::max(seen.max, time.at(i));
        seen.sum += static_cast<double>(time.at(i));
        ++seen.rows;
      }
    }
    auto result = std::make_shared<Batch>();
    result->rows = batch->rows;
    result->columns = batch->columns;
    if (seen.rows > 0) {
      result->event_time = EventTimeRange{seen.min, seen.max};
      add(seen);
    }
    output.emit(std::move(result));
    return Flow::done;
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.event_times = seen_;
    return metrics;
  }

 private:
  /// Of rows without nulls. Mostly a batch spans so little time that its sum over the earliest one
  /// fits an integer, which, unlike a sum of doubles, may be added up in any order.
  static double sum_of(const KeyTime& time, const OperatorMetrics::EventTimes& seen) {
    constexpr std::uint64_t most = std::uint64_t{1} << 32;
    const auto span = static_cast<std::uint64_t>(seen.max) - static_cast<std::uint64_t>(seen.min);
    if (span < most && seen.rows < most / 2) {
      std::int64_t sum = 0;
      for (std::size_t i = 0; i < seen.rows; ++i) sum += time.at(i) - seen.min;
      return static_cast<double>(seen.min) * static_cast<double>(seen.rows) +
             static_cast<double>(sum);
    }
    double sum = 0;
    for (std::size_t i = 0; i < seen.rows; ++i) sum += static_cast<double>(time.at(i));
    return sum;
  }

  void add(const OperatorMetrics::EventTimes& seen) {
    if (!seen_) {
      seen_ = seen;
      return;
    }
    seen_->min = std::min(seen_->min, seen.min);
    seen_->max = std::max(seen_->max, seen.max);
    seen_->sum += seen.sum;
    seen_->rows += seen.rows;
  }

  WatermarkSpec spec_;
  std::optional<OperatorMetrics::EventTimes> seen_;
};

class UnionAll final : public Operator {
 public:
  void start(const EpochStart&) override {}
  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    output.emit(std::move(batch));
    return Flow::done;
  }
};

}  // namespace

OperatorFactory observe_watermark(WatermarkSpec spec) {
  return [spec](const OperatorContext&) -> std::unique_ptr<Operator> {
    return std::make_unique<ObserveWatermark>(spec);
  };
}

OperatorFactory union_all() {
  return [](const OperatorContext&) -> std::unique_ptr<Operator> {
    return std::make_unique<UnionAll>();
  };
}

}  // namespace libstream
