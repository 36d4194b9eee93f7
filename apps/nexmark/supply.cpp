#include "supply.hpp"

#include <libstream/column.hpp>

#include <algorithm>

namespace libstream::apps {
namespace {

constexpr std::uint64_t sample_batches = 64;  ///< of the bare loops over generated input

class GeneratedBids final : public Supply {
 public:
  explicit GeneratedBids(GeneratorOptions options) : generator_(options) {}
  Schema schema() const override { return Generator::bid_schema(); }
  // 89 rounds of 50 events: 4,094 bids, the number of rows the engine likes.
  std::uint64_t events_per_batch() const override { return 89 * Generator::group; }
  std::uint64_t rows(std::uint64_t events) const override { return Generator::bids(0, events); }
  BatchPtr batch(std::uint64_t number) const override {
    return generator_.generate(number * events_per_batch(), events_per_batch()).bids;
  }
  std::uint64_t samples() const override { return sample_batches; }
  BatchPtr sample(std::uint64_t number) const override { return batch(number); }
  const Generator& generator() const { return generator_; }

 private:
  Generator generator_;
};

class GeneratedWords final : public Supply {
 public:
  GeneratedWords(std::uint64_t seed, std::size_t vocabulary) : words_(seed, vocabulary) {}
  Schema schema() const override { return WordGenerator::schema(); }
  std::uint64_t events_per_batch() const override { return batch_rows; }
  std::uint64_t rows(std::uint64_t events) const override { return events; }
  BatchPtr batch(std::uint64_t number) const override {
    return words_.generate(number * events_per_batch(), events_per_batch());
  }
  std::uint64_t samples() const override { return sample_batches; }
  BatchPtr sample(std::uint64_t number) const override { return batch(number); }

 private:
  WordGenerator words_;
};

/// Cycles the first batches of another supply.
class Pool final : public Supply {
 public:
  /// `time_column` -1: no event time. At least `events` events and `pool_bytes` bytes.
  Pool(const Supply& origin, std::uint64_t events, int time_column)
      : schema_(origin.schema()),
        events_per_batch_(origin.events_per_batch()),
        time_column_(time_column) {
    std::size_t bytes = 0;
    while (bytes < pool_bytes || batches_.size() * events_per_batch_ < events) {
      BatchPtr batch = origin.batch(batches_.size());
      bytes += row_bytes(*batch);
      batches_.push_back(std::move(batch));
    }
    for (std::uint64_t i = 0; i <= events_per_batch_; ++i) rows_.push_back(origin.rows(i));
  }
  void set_cycle(std::int64_t microseconds) { cycle_microseconds_ = microseconds; }
  std::uint64_t events() const { return batches_.size() * events_per_batch_; }

  Schema schema() const override { return schema_; }
  std::uint64_t events_per_batch() const override { return events_per_batch_; }
  std::uint64_t rows(std::uint64_t events) const override { return rows_[events]; }
  std::uint64_t samples() const override { return batches_.size(); }
  BatchPtr sample(std::uint64_t number) const override { return batches_[number]; }

  BatchPtr batch(std::uint64_t number) const override {
    const Batch& original = *batches_[number % batches_.size()];
    const auto cycle = static_cast<std::int64_t>(number / batches_.size());
    std::vector<ColumnPtr> columns = original.columns;
    if (time_column_ >= 0) {
      ColumnPtr& column = columns[static_cast<std::size_t>(time_column_)];
      column = shifted(*column, cycle * cycle_microseconds_);
    }
    return make_batch(std::move(columns), original.rows);
  }

 private:
  static ColumnPtr shifted(const Column& times, std::int64_t microseconds) {
    const auto values = Buffer::allocate(times.size() * sizeof(std::int64_t));
    const auto* from = times.values<std::int64_t>();
    auto* to = values->as<std::int64_t>();
    for (std::size_t i = 0; i < times.size(); ++i) to[i] = from[i] + microseconds;
    return Column::fixed(times.type(), times.size(), values);
  }

  // Values alone: the texts that string columns point into are shared by all batches.
  static std::size_t row_bytes(const Batch& batch) {
    std::size_t bytes = 0;
    for (const ColumnPtr& column : batch.columns) bytes += batch.rows * column->type().width();
    return bytes;
  }

  Schema schema_;
  std::uint64_t events_per_batch_;
  int time_column_;
  std::int64_t cycle_microseconds_ = 0;
  std::vector<BatchPtr> batches_;
  std::vector<std::uint64_t> rows_;
};

}  // namespace

std::unique_ptr<Supply> bid_supply(GeneratorOptions options, bool generate,
                                   std::uint64_t distinct) {
  auto generated = std::make_unique<GeneratedBids>(options);
  if (generate) return generated;
  const auto time = generated->schema().find("dateTime");
  auto pool = std::make_unique<Pool>(*generated, distinct, static_cast<int>(*time));
  pool->set_cycle(generated->generator().span_microseconds(pool->events()));
  return pool;
}

std::unique_ptr<Supply> word_supply(std::uint64_t seed, std::size_t vocabulary, bool generate) {
  auto generated = std::make_unique<GeneratedWords>(seed, vocabulary);
  if (generate) return generated;
  // Enough words for most of the vocabulary to occur.
  return std::make_unique<Pool>(*generated, 8 * vocabulary, -1);
}

}  // namespace libstream::apps
