#pragma once

#include <libstream/source.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace libstream::fakes {

/// How a SplitSource cuts its rows: rows of a split in an epoch, in a unit and in a batch; drawn
/// anew each time, up to these.
struct Cut {
  std::size_t epoch = 1'000'000;
  std::size_t unit = 1'000'000;
  std::size_t batch = 4096;
  bool blocking = false;
  std::uint32_t claims = 0;  ///< number of splits that it says it has; 0 = the truth
};

/// Rows by split, each split in its order. Offset: the position in each split, with blanks between.
class SplitSource final : public Source {
 public:
  struct Rows {
    Schema schema;
    std::vector<std::vector<Row>> splits;
  };
  SplitSource(std::shared_ptr<const Rows> rows, const Cut& cut, std::shared_ptr<Random> random)
      : rows_(std::move(rows)), cut_(cut), random_(std::move(random)) {
    planned_.resize(rows_->splits.size());
  }

  const Schema& schema() const override { return rows_->schema; }
  std::string describe() const override { return "SplitSource"; }
  std::uint32_t splits() const override {
    return cut_.claims != 0 ? cut_.claims : static_cast<std::uint32_t>(rows_->splits.size());
  }
  void restore(const Offset& committed, const StateReader&) override { rewind(committed); }
  void rewind(const Offset& committed) override {
    std::istringstream text(committed);
    for (auto& position : planned_) position = 0;
    for (auto& position : planned_) text >> position;
  }
  void freeze() override {}

  std::optional<PlannedRange> plan(bool unlimited) override {
    PlannedRange range;
    for (std::size_t split = 0; split < planned_.size(); ++split) {
      const auto left = rows_->splits[split].size() - planned_[split];
      auto count = unlimited ? left : std::min(left, draw(cut_.epoch + 1) - 1);
      while (count > 0) {
        const auto unit = std::min(count, draw(cut_.unit));
        range.units.push_back({std::to_string(split) + " " + std::to_string(planned_[split]) + " " +
                                   std::to_string(planned_[split] + unit),
                               unit, static_cast<std::int64_t>(split)});
        planned_[split] += unit;
        count -= unit;
      }
    }
    bool all = true;
    for (std::size_t split = 0; split < planned_.size(); ++split) {
      all = all && planned_[split] == rows_->splits[split].size();
      range.end += std::to_string(planned_[split]) + " ";
    }
    if (range.units.empty() && all) return std::nullopt;
    if (range.units.empty()) return plan(unlimited);  // drew nothing: again
    return range;
  }

  std::unique_ptr<SourceReader> reader(std::uint32_t task, std::uint32_t) override {
    return std::make_unique<Reader>(rows_, cut_, seeded_random(random_->next() + task));
  }

 private:
  std::size_t draw(std::size_t most) { return 1 + random_->next() % most; }

  class Reader final : public SourceReader {
   public:
    Reader(std::shared_ptr<const Rows> rows, const Cut& cut, std::shared_ptr<Random> random)
        : rows_(std::move(rows)), cut_(cut), random_(std::move(random)) {}
    bool blocking() const override { return cut_.blocking; }
    void open(std::vector<ReadUnit> units) override {
      units_ = std::move(units);
      unit_ = read_ = 0;
      metrics_ = {};
    }
    BatchPtr next() override {
      if (unit_ == units_.size()) return nullptr;
      std::size_t split = 0;
      std::size_t begin = 0;
      std::size_t end = 0;
      std::istringstream(units_[unit_].bytes) >> split >> begin >> end;
      begin += read_;
      const auto count = std::min<std::size_t>(end - begin, 1 + random_->next() % cut_.batch);
      read_ += count;
      if (begin + count == end) {
        ++unit_;
        read_ = 0;
      }
      metrics_.rows += count;
      const auto from = rows_->splits[split].begin() + static_cast<std::ptrdiff_t>(begin);
      return batch_of(rows_->schema,
                      std::vector<Row>(from, from + static_cast<std::ptrdiff_t>(count)));
    }
    SourceMetrics metrics() const override { return metrics_; }

   private:
    std::shared_ptr<const Rows> rows_;
    Cut cut_;
    std::shared_ptr<Random> random_;
    std::vector<ReadUnit> units_;
    std::size_t unit_ = 0;
    std::size_t read_ = 0;
    SourceMetrics metrics_;
  };

  std::shared_ptr<const Rows> rows_;
  Cut cut_;
  std::shared_ptr<Random> random_;
  std::vector<std::size_t> planned_;
};

}  // namespace libstream::fakes
