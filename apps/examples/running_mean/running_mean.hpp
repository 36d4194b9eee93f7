#pragma once

#include <libstream/hash.hpp>
#include <libstream/libstream.hpp>

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

// An operator of one's own: each reading comes out with the mean of its sensor so far.
namespace running_mean {

using namespace libstream;

class Mean final : public Operator {
 public:
  explicit Mean(const OperatorContext& context) : key_groups_(context.key_groups) {}

  void restore(const StateReader& state, Watermark /*late*/) override {
    state.for_each([this](std::uint32_t group, std::string_view sensor, std::string_view value) {
      Sum& sum = sums_[std::string(sensor)];
      std::memcpy(&sum.total, value.data(), sizeof sum.total);
      std::memcpy(&sum.count, value.data() + sizeof sum.total, sizeof sum.count);
      sum.key_group = group;
    });
  }
  void start(const EpochStart& /*epoch*/) override { changed_.clear(); }

  /// Columns: sensor string, value double. Adds the mean behind them.
  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    std::vector<std::uint64_t> hashes(batch->rows);
    const std::uint32_t key[] = {0};
    hash_keys(*batch, key, hashes);
    const auto means = Buffer::allocate(batch->rows * sizeof(double));
    for (std::size_t row = 0; row < batch->rows; ++row) {
      const std::string sensor(batch->columns[0]->string(row));
      Sum& sum = sums_[sensor];
      sum.key_group = key_group(hashes[row], key_groups_);
      if (!batch->columns[1]->is_null(row)) {
        sum.total += batch->columns[1]->values<double>()[row];
        ++sum.count;
      }
      means->as<double>()[row] = sum.count > 0 ? sum.total / static_cast<double>(sum.count) : 0;
      changed_.insert(sensor);
    }
    auto columns = batch->columns;
    columns.push_back(Column::fixed(TypeId::float64, batch->rows, means));
    output.emit(make_batch(std::move(columns), batch->rows));
    return Flow::done;
  }

  /// What a restart begins with: the sums that changed.
  void collect_changes(ChangelogWriter& changes) override {
    for (const std::string& sensor : changed_) {
      const Sum& sum = sums_.at(sensor);
      std::string value(reinterpret_cast<const char*>(&sum.total), sizeof sum.total);
      value.append(reinterpret_cast<const char*>(&sum.count), sizeof sum.count);
      changes.put(sum.key_group, sensor, value);
    }
  }
  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.stateful = true;
    metrics.state_rows = sums_.size();
    metrics.state_updated = changed_.size();
    return metrics;
  }

 private:
  struct Sum {
    double total = 0;
    std::int64_t count = 0;
    std::uint32_t key_group = 0;
  };
  std::uint32_t key_groups_;
  std::map<std::string, Sum> sums_;
  std::set<std::string> changed_;
};

/// Rows of one sensor meet in one task; the means are state.
class MeanOperation final : public Operation {
 public:
  bool stateful() const override { return true; }
  OperationPlan plan(std::span<const OperationInput> inputs) const override {
    const Schema& input = inputs[0].schema;
    if (input.size() != 2 || !(input[0].type == TypeId::string) ||
        !(input[1].type == TypeId::float64)) {
      throw Error(ErrorCode::analysis,
                  "running mean: select(sensor string, value double) below it");
    }
    OperationPlan plan;
    plan.name = "running mean";
    plan.schema = Schema{input[0], input[1], {"mean", TypeId::float64, false}};
    plan.exchanges = {{Exchange::Kind::hash, {0}}};
    plan.state_signature = "running mean of string, double";
    plan.factory = [](const OperatorContext& context) -> std::unique_ptr<Operator> {
      return std::make_unique<Mean>(context);
    };
    return plan;
  }
};

inline DataStream means(const DataStream& readings) {
  return readings.select("sensor", "value").apply(std::make_shared<MeanOperation>());
}

}  // namespace running_mean
