#include "value_order.hpp"

#include <libstream/batch.hpp>
#include <libstream/error.hpp>
#include <libstream/operators/keyed_aggregate.hpp>

#include <algorithm>
#include <numeric>

namespace libstream {
namespace {

/// Ascending puts nulls first, descending last. Rows that compare equal keep their order.
class SortRows final : public Operator {
 public:
  explicit SortRows(const SortSpec& spec) : evaluator_(expressions(spec)) {
    for (const SortSpec::Key& key : spec.keys) descending_.push_back(key.descending);
  }

  void start(const EpochStart& epoch) override {
    epoch_ = epoch.context;
    batches_.clear();
  }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& /*output*/) override {
    batches_.push_back(std::move(batch));
    return Flow::done;
  }

  Flow on_barrier(const Barrier& /*barrier*/, Output& output) override {
    emitted_ = 0;
    order_.clear();
    if (!batches_.empty()) sort();
    return resume(output);
  }

  Flow resume(Output& output) override {
    while (emitted_ < order_.size()) {
      if (output.full()) return Flow::more;
      const std::size_t count = std::min(batch_rows, order_.size() - emitted_);
      output.emit(gather(*whole_, std::span(order_).subspan(emitted_, count)));
      emitted_ += count;
    }
    whole_ = nullptr;
    order_.clear();
    emitted_ = 0;
    return Flow::done;
  }

 private:
  static std::vector<BoundPtr> expressions(const SortSpec& spec) {
    std::vector<BoundPtr> list;
    for (const SortSpec::Key& key : spec.keys) list.push_back(key.expression);
    return list;
  }

  void sort() {
    std::vector<ColumnPtr> columns;
    std::size_t rows = 0;
    for (const BatchPtr& batch : batches_) rows += batch->rows;
    for (std::size_t c = 0; c < batches_[0]->columns.size(); ++c) {
      std::vector<ColumnPtr> parts;
      for (const BatchPtr& batch : batches_) parts.push_back(batch->columns[c]);
      columns.push_back(concatenate(parts[0]->type(), parts));
    }
    batches_.clear();
    whole_ = make_batch(std::move(columns), rows);
    const auto keys = evaluator_.evaluate(*whole_, epoch_);
    order_.resize(rows);
    std::iota(order_.begin(), order_.end(), 0);
    std::stable_sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
      for (std::size_t k = 0; k < keys.size(); ++k) {
        const int order = compare_values(*keys[k], a, b);
        if (order != 0) return descending_[k] ? order > 0 : order < 0;
      }
      return false;
    });
  }

  Evaluator evaluator_;
  std::vector<bool> descending_;
  EpochContext epoch_;
  std::vector<BatchPtr> batches_;
  BatchPtr whole_;
  std::vector<std::uint32_t> order_;
  std::size_t emitted_ = 0;
};

}  // namespace

OperatorFactory sort_rows(SortSpec spec) {
  return [spec = std::move(spec)](const OperatorContext&) -> std::unique_ptr<Operator> {
    return std::make_unique<SortRows>(spec);
  };
}

}  // namespace libstream
