#pragma once

#include <libstream/hash.hpp>
#include <libstream/libstream.hpp>

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

// A join of one's own: each trade with the latest price of its symbol that came before it, in this
// epoch or an earlier one. Prices of an epoch count before its trades.
namespace latest_price {

using namespace libstream;

/// Input 0: trades (symbol string, amount bigint); input 1: prices (symbol string, price double).
class AsOfJoin final : public Operator {
 public:
  explicit AsOfJoin(const OperatorContext& context) : key_groups_(context.key_groups) {}

  void restore(const StateReader& state, Watermark /*late*/) override {
    state.for_each([this](std::uint32_t group, std::string_view symbol, std::string_view value) {
      Price& price = prices_[std::string(symbol)];
      std::memcpy(&price.value, value.data(), sizeof price.value);
      price.key_group = group;
    });
  }
  void start(const EpochStart& /*epoch*/) override {
    changed_.clear();
    absorbed_ = filtered_ = 0;
  }
  Flow process(BatchPtr batch, std::size_t input, Output& /*output*/) override {
    if (input == 0) {
      trades_.push_back(std::move(batch));
    } else {
      take_prices(*batch);
    }
    return Flow::done;
  }
  /// The order in which inputs come within an epoch is open, so trades wait for its end.
  Flow on_barrier(const Barrier& /*barrier*/, Output& output) override { return resume(output); }
  Flow resume(Output& output) override {
    for (; next_ < trades_.size(); ++next_) {
      if (output.full()) return Flow::more;
      join(*trades_[next_], output);
    }
    trades_.clear();
    next_ = 0;
    return Flow::done;
  }
  void collect_changes(ChangelogWriter& changes) override {
    for (const std::string& symbol : changed_) {
      const Price& price = prices_.at(symbol);
      changes.put(price.key_group, symbol,
                  {reinterpret_cast<const char*>(&price.value), sizeof price.value});
    }
  }
  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.stateful = true;
    metrics.state_rows = prices_.size();
    metrics.state_updated = changed_.size();
    metrics.absorbed_rows = absorbed_;
    metrics.filtered_rows = filtered_;
    return metrics;
  }

 private:
  struct Price {
    double value = 0;
    std::uint32_t key_group = 0;
  };

  void take_prices(const Batch& batch) {
    std::vector<std::uint64_t> hashes(batch.rows);
    const std::uint32_t key[] = {0};
    hash_keys(batch, key, hashes);
    for (std::size_t row = 0; row < batch.rows; ++row) {
      const std::string symbol(batch.columns[0]->string(row));
      prices_[symbol] = {batch.columns[1]->values<double>()[row],
                         key_group(hashes[row], key_groups_)};
      changed_.insert(symbol);
    }
    absorbed_ += batch.rows;
  }
  void join(const Batch& trades, Output& output) {
    std::vector<std::uint32_t> found;
    ColumnBuilder prices(TypeId::float64);
    for (std::uint32_t row = 0; row < trades.rows; ++row) {
      const auto price = prices_.find(std::string(trades.columns[0]->string(row)));
      if (price == prices_.end()) continue;
      found.push_back(row);
      prices.append(price->second.value);
    }
    filtered_ += trades.rows - found.size();
    if (found.empty()) return;
    auto columns = gather(trades, found)->columns;
    columns.push_back(prices.finish());
    output.emit(make_batch(std::move(columns), found.size()));
  }

  std::uint32_t key_groups_;
  std::map<std::string, Price> prices_;
  std::set<std::string> changed_;
  std::vector<BatchPtr> trades_;
  std::size_t next_ = 0;
  std::uint64_t absorbed_ = 0;
  std::uint64_t filtered_ = 0;
};

class AsOfOperation final : public Operation {
 public:
  bool stateful() const override { return true; }
  OperationPlan plan(std::span<const OperationInput> inputs) const override {
    OperationPlan plan;
    plan.name = "latest price";
    plan.schema =
        Schema{inputs[0].schema[0], inputs[0].schema[1], {"price", TypeId::float64, false}};
    const Exchange by_symbol{Exchange::Kind::hash, {0}};
    plan.exchanges = {by_symbol, by_symbol};
    plan.state_signature = "latest price: string, double";
    plan.output_modes = {OutputMode::append};
    plan.mode_reason = "a trade comes out once";
    plan.factory = [](const OperatorContext& context) -> std::unique_ptr<Operator> {
      return std::make_unique<AsOfJoin>(context);
    };
    return plan;
  }
};

inline DataStream priced(const DataStream& trades, const DataStream& prices) {
  return trades.select("symbol", "amount")
      .apply(std::make_shared<AsOfOperation>(), {prices.select("symbol", "price")});
}

}  // namespace latest_price
