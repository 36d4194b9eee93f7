#include "first_epoch_rows.hpp"

#include <libstream/hash.hpp>

#include <optional>
#include <utility>

namespace libstream {
namespace {

class FirstEpochOperator final : public Operator {
 public:
  FirstEpochOperator(std::unique_ptr<Operator> inner, std::size_t input,
                     std::vector<std::uint32_t> keys, std::shared_ptr<const FirstEpochRows> rows,
                     const OperatorContext& context)
      : inner_(std::move(inner)),
        input_(input),
        keys_(std::move(keys)),
        rows_(std::move(rows)),
        context_(context) {}

  void restore(const StateReader& state, Watermark late) override { inner_->restore(state, late); }
  void start(const EpochStart& epoch) override {
    inner_->start(epoch);
    given_ = 0;
    next_ = 0;
    waiting_.clear();
    if (number(epoch.epoch) == 0) waiting_ = rows_->batches();
  }
  Flow process(BatchPtr batch, std::size_t input, Output& output) override {
    held_ = {std::move(batch), input};
    return go_on(output);
  }
  Flow on_barrier(const Barrier& barrier, Output& output) override {
    barrier_ = barrier;
    return go_on(output);
  }
  Flow resume(Output& output) override {
    if (inner_->resume(output) == Flow::more) return Flow::more;
    return go_on(output);
  }
  void collect_changes(ChangelogWriter& changes) override { inner_->collect_changes(changes); }
  OperatorMetrics metrics() const override {
    auto metrics = inner_->metrics();
    metrics.made_rows += given_;  // no task sent them
    return metrics;
  }
  Watermark output_watermark(Watermark input) const override {
    return inner_->output_watermark(input);
  }

 private:
  /// The first epoch's rows, then what came.
  Flow go_on(Output& output) {
    while (next_ < waiting_.size()) {
      const BatchPtr mine = own(waiting_[next_++]);
      if (mine == nullptr) continue;
      given_ += mine->rows;
      if (inner_->process(mine, input_, output) == Flow::more) return Flow::more;
    }
    if (held_.first != nullptr) {
      const auto [batch, input] = std::exchange(held_, {});
      return inner_->process(batch, input, output);
    }
    if (!barrier_) return Flow::done;
    return inner_->on_barrier(*std::exchange(barrier_, std::nullopt), output);
  }

  BatchPtr own(const BatchPtr& batch) const {
    if (context_.partitions == 1) return batch;
    if (keys_.empty()) return context_.partition == 0 ? batch : nullptr;
    std::vector<std::uint64_t> hashes(batch->rows);
    hash_keys(*batch, keys_, hashes);
    std::vector<std::uint32_t> mine;
    for (std::uint32_t row = 0; row < batch->rows; ++row) {
      const auto group = key_group(hashes[row], context_.key_groups);
      if (owner(group, context_.key_groups, context_.partitions) == context_.partition) {
        mine.push_back(row);
      }
    }
    return mine.empty() ? nullptr : gather(*batch, mine);
  }

  std::unique_ptr<Operator> inner_;
  std::size_t input_;
  std::vector<std::uint32_t> keys_;
  std::shared_ptr<const FirstEpochRows> rows_;
  OperatorContext context_;
  std::vector<BatchPtr> waiting_;
  std::size_t next_ = 0;
  std::uint64_t given_ = 0;
  std::pair<BatchPtr, std::size_t> held_;
  std::optional<Barrier> barrier_;
};

}  // namespace

std::string FirstEpochRows::prepare(Epoch epoch, const EpochContext& context) {
  if (number(epoch) != 0) {
    plan_->drop_batches();
    const std::lock_guard lock(mutex_);
    batches_.clear();
    return {};
  }
  plan_->look(epoch, context);
  const std::lock_guard lock(mutex_);
  batches_ = plan_->batches();
  return plan_->version();
}

std::vector<BatchPtr> FirstEpochRows::batches() const {
  const std::lock_guard lock(mutex_);
  return batches_;
}

OperatorFactory with_first_epoch_rows(OperatorFactory factory, std::size_t input,
                                      std::vector<std::uint32_t> keys,
                                      std::shared_ptr<const FirstEpochRows> rows) {
  return [factory = std::move(factory), input, keys = std::move(keys),
          rows = std::move(rows)](const OperatorContext& context) -> std::unique_ptr<Operator> {
    return std::make_unique<FirstEpochOperator>(factory(context), input, keys, rows, context);
  };
}

}  // namespace libstream
