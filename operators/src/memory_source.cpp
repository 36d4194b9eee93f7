#include "memory_source.hpp"

#include "offset_json.hpp"

#include <libstream/error.hpp>

#include <algorithm>

namespace libstream {
namespace {

using SharedRows = std::shared_ptr<MemoryStream::Shared>;

class MemoryReader final : public SourceReader {
 public:
  explicit MemoryReader(SharedRows rows) : rows_(std::move(rows)) {}

  bool blocking() const override { return false; }

  void open(std::vector<ReadUnit> units) override {
    batches_.clear();
    next_batch_ = next_row_ = 0;
    metrics_ = {};
    const std::lock_guard lock(*rows_->mutex);
    for (const ReadUnit& unit : units) {
      const std::uint64_t index = read_offset(unit.bytes, "batch");
      LIBSTREAM_ASSERT(index < rows_->batches.size(), "memory streams keep all rows");
      batches_.push_back(rows_->batches[index]);
    }
  }

  BatchPtr next() override {
    while (next_batch_ < batches_.size() && next_row_ == batches_[next_batch_]->rows) {
      ++next_batch_;
      next_row_ = 0;
    }
    if (next_batch_ == batches_.size()) return nullptr;
    const BatchPtr& batch = batches_[next_batch_];
    const std::size_t count = std::min(batch_rows, batch->rows - next_row_);
    const std::size_t begin = next_row_;
    next_row_ += count;
    metrics_.rows += count;
    return count == batch->rows ? batch : slice(*batch, begin, count);
  }

  SourceMetrics metrics() const override { return metrics_; }

 private:
  SharedRows rows_;
  std::vector<BatchPtr> batches_;
  std::size_t next_batch_ = 0;
  std::size_t next_row_ = 0;
  SourceMetrics metrics_;
};

class MemorySource final : public Source {
 public:
  MemorySource(SharedRows rows, std::uint64_t limit)
      : schema_(rows->schema), rows_(std::move(rows)), limit_(limit) {}

  const Schema& schema() const override { return schema_; }
  std::string describe() const override { return "MemorySource"; }

  void restore(const Offset& committed, const StateReader&) override { rewind(committed); }

  std::optional<PlannedRange> plan(bool unlimited) override {
    const std::lock_guard lock(*rows_->mutex);
    const std::uint64_t latest = frozen_ ? frozen_at_ : rows_->batches.size();
    std::uint64_t end = latest;
    if (limit_ != 0 && !unlimited) end = std::min(end, planned_ + limit_);
    if (end <= planned_) return std::nullopt;
    PlannedRange range;
    if (started_) range.start = make_offset("batches", planned_);
    for (std::uint64_t i = planned_; i < end; ++i) {
      const std::size_t rows = rows_->batches[i]->rows;
      if (rows > 0) range.units.push_back({make_offset("batch", i), rows, -1});
    }
    planned_ = end;
    started_ = true;
    range.end = make_offset("batches", end);
    range.latest = make_offset("batches", latest);
    return range;
  }

  std::shared_ptr<std::recursive_mutex> planning_lock() override { return rows_->mutex; }

  void rewind(const Offset& committed) override {
    planned_ = read_offset(committed, "batches");
    started_ = !committed.empty();
    const std::lock_guard lock(*rows_->mutex);
    if (planned_ > rows_->batches.size()) {
      throw Error(ErrorCode::incompatible,
                  "the memory stream has fewer rows than the checkpoint has read: it does not "
                  "outlive its process; start with a new checkpoint");
    }
  }

  void freeze() override {
    const std::lock_guard lock(*rows_->mutex);
    if (!frozen_) frozen_at_ = rows_->batches.size();
    frozen_ = true;
  }

  std::unique_ptr<SourceReader> reader(std::uint32_t, std::uint32_t) override {
    return std::make_unique<MemoryReader>(rows_);
  }

 private:
  const Schema schema_;
  SharedRows rows_;
  std::uint64_t limit_;
  std::uint64_t planned_ = 0;
  bool started_ = false;
  bool frozen_ = false;
  std::uint64_t frozen_at_ = 0;
};

}  // namespace

std::shared_ptr<Source> memory_source(const SourceSpec& spec) {
  LIBSTREAM_ASSERT(spec.memory != nullptr, "a memory source comes with its stream");
  spec.options.check_known({"maxBatchesPerTrigger"}, "the memory source");
  const auto limit = spec.options.integer("maxBatchesPerTrigger");
  if (limit && *limit <= 0) {
    throw Error(ErrorCode::invalid_argument, "option maxBatchesPerTrigger takes a number above 0");
  }
  return std::make_shared<MemorySource>(std::static_pointer_cast<MemoryStream::Shared>(spec.memory),
                                        static_cast<std::uint64_t>(limit.value_or(0)));
}

}  // namespace libstream
