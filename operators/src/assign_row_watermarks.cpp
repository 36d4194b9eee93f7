#include "key_time.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/project.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace libstream {
namespace {

constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();

class AssignRowWatermarks final : public Operator {
 public:
  AssignRowWatermarks(const RowWatermarkSpec& spec, const OperatorContext& context)
      : spec_(spec), context_(context), largest_(spec.splits, none), stored_(spec.splits, none) {}

  void restore(const StateReader& state, Watermark /*late*/) override {
    state.for_each([this](std::uint32_t, std::string_view key, std::string_view value) {
      std::uint32_t split = 0;
      if (key.size() != sizeof split || value.size() != sizeof(std::int64_t)) throw broken();
      std::memcpy(&split, key.data(), sizeof split);
      if (split >= spec_.splits) throw broken();
      std::memcpy(&largest_[split], value.data(), sizeof(std::int64_t));
    });
    stored_ = largest_;
  }

  void start(const EpochStart&) override { seen_.reset(); }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    const auto split = batch->columns.back()->values<std::int64_t>()[0];
    LIBSTREAM_ASSERT(
        split >= 0 && split < spec_.splits && split % context_.partitions == context_.partition,
        "a task reads its own splits");
    const KeyTime time(*batch->columns[spec_.time_column]);
    auto limits = Buffer::allocate(batch->rows * sizeof(std::int64_t));
    auto* limit = limits->as<std::int64_t>();
    auto& largest = largest_[static_cast<std::size_t>(split)];
    OperatorMetrics::EventTimes seen{std::numeric_limits<EventTime>::max(),
                                     std::numeric_limits<EventTime>::min(), 0, 0};
    for (std::size_t i = 0; i < batch->rows; ++i) {
      // A row moves the watermark for those behind it, not for itself.
      limit[i] = std::max<std::int64_t>(watermark(largest), 0);
      if (!time.has(i)) continue;
      largest = std::max(largest, floor_to_milliseconds(time.at(i)));
      seen.min = std::min(seen.min, time.at(i));
      seen.max = std::max(seen.max, time.at(i));
      seen.sum += static_cast<double>(time.at(i));
      ++seen.rows;
    }
    auto result = std::make_shared<Batch>();
    result->rows = batch->rows;
    result->columns = batch->columns;
    result->columns.back() = Column::fixed(TypeId::bigint, batch->rows, std::move(limits));
    if (seen.rows > 0) {
      result->event_time = EventTimeRange{seen.min, seen.max};
      add(seen);
    }
    output.emit(std::move(result));
    return Flow::done;
  }

  void collect_changes(ChangelogWriter& changes) override {
    for (std::uint32_t split = 0; split < spec_.splits; ++split) {
      if (largest_[split] == stored_[split]) continue;
      changes.put(split % context_.key_groups,
                  {reinterpret_cast<const char*>(&split), sizeof split},
                  {reinterpret_cast<const char*>(&largest_[split]), sizeof(std::int64_t)});
    }
    stored_ = largest_;
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.event_times = seen_;
    for (auto split = context_.partition; split < spec_.splits; split += context_.partitions) {
      const auto mine = watermark(largest_[split]);
      metrics.partition_watermark = std::min(metrics.partition_watermark.value_or(mine), mine);
    }
    return metrics;
  }

 private:
  std::int64_t watermark(std::int64_t largest) const {
    return largest == none ? none : largest - spec_.delay_milliseconds;
  }

  static Error broken() {
    return Error(ErrorCode::corrupt,
                 "state entry of a watermark per source partition does not fit its source; restart "
                 "from an older checkpoint");
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

  RowWatermarkSpec spec_;
  OperatorContext context_;
  std::vector<std::int64_t> largest_;  ///< event time by split, ms
  std::vector<std::int64_t> stored_;   ///< what the state has of it
  std::optional<OperatorMetrics::EventTimes> seen_;
};

}  // namespace

OperatorFactory assign_row_watermarks(RowWatermarkSpec spec) {
  LIBSTREAM_ASSERT(spec.splits > 0, "a source has a split");
  return [spec](const OperatorContext& context) -> std::unique_ptr<Operator> {
    return std::make_unique<AssignRowWatermarks>(spec, context);
  };
}

}  // namespace libstream
