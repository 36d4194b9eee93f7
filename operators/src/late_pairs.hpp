#pragma once

#include <libstream/operator.hpp>
#include <libstream/schema.hpp>

#include <utility>
#include <vector>

namespace libstream {

/// Hands late rows of one side on as pairs.
class LatePairs final : public Output {
 public:
  LatePairs(Output& output, const Schema& pair, std::size_t first)
      : output_(output), pair_(pair), first_(first) {}

  void emit(BatchPtr batch, std::size_t port) override {
    std::vector<ColumnPtr> columns;
    for (std::size_t c = 0; c < pair_.size(); ++c) {
      const bool mine = c >= first_ && c - first_ < batch->columns.size();
      columns.push_back(mine ? batch->columns[c - first_]
                             : Column::nulls(pair_[c].type, batch->rows));
    }
    output_.emit(make_batch(std::move(columns), batch->rows), port);
  }
  bool full() const override { return output_.full(); }
  bool connected(std::size_t port) const override { return output_.connected(port); }

 private:
  Output& output_;
  const Schema& pair_;
  const std::size_t first_;
};

}  // namespace libstream
