#include "supply.hpp"

#include <libstream/column.hpp>

#include <algorithm>

namespace libstream::apps {
namespace {

constexpr std::uint64_t sample_batches = 64;  ///< of the bare loops over generated input

class GeneratedEvents final : public Supply {
 public:
  GeneratedEvents(EventKind kind, GeneratorOptions options) : kind_(kind), generator_(options) {}
  Schema schema() const override { return Generator::schema(kind_); }
  // 89 rounds of 50 events: 4,094 bids, the number of rows the engine likes. Fifteen times as many
  // events have 4,005 auctions.
  std::uint64_t events_per_batch() const override {
    return (kind_ == EventKind::bid ? 1 : 15) * 89 * Generator::group;
  }
  std::uint64_t rows(std::uint64_t events) const override {
    return Generator::rows(kind_, 0, events);
  }
  BatchPtr batch(std::uint64_t number) const override {
    return generator_.generate(number * events_per_batch(), events_per_batch(), kind_);
  }
  std::uint64_t samples() const override { return sample_batches; }
  BatchPtr sample(std::uint64_t number) const override { return batch(number); }
  const Generator& generator() const { return generator_; }

 private:
  EventKind kind_;
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
  /// At least so many bytes, and so many events.
  Pool(const Supply& origin, std::size_t least_bytes, std::uint64_t events)
      : schema_(origin.schema()), events_per_batch_(origin.events_per_batch()) {
    for (std::size_t i = 0; i < schema_.size(); ++i) {
      if (schema_[i].type.id() == TypeId::timestamp) time_columns_.push_back(i);
    }
    std::size_t bytes = 0;
    while (bytes < least_bytes || batches_.size() * events_per_batch_ < events) {
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
    for (const std::size_t i : time_columns_) {
      columns[i] = shifted(*columns[i], cycle * cycle_microseconds_);
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
  std::vector<std::size_t> time_columns_;
  std::int64_t cycle_microseconds_ = 0;
  std::vector<BatchPtr> batches_;
  std::vector<std::uint64_t> rows_;
};

}  // namespace

std::unique_ptr<Supply> event_supply(EventKind kind, GeneratorOptions options, bool generate,
                                     std::uint64_t distinct) {
  auto generated = std::make_unique<GeneratedEvents>(kind, options);
  if (generate) return generated;
  auto pool = std::make_unique<Pool>(*generated, distinct == 0 ? pool_bytes : 0, distinct);
  pool->set_cycle(generated->generator().span_microseconds(pool->events()));
  return pool;
}

std::unique_ptr<Supply> bid_supply(GeneratorOptions options, bool generate,
                                   std::uint64_t distinct) {
  return event_supply(EventKind::bid, options, generate, distinct);
}

std::unique_ptr<Supply> word_supply(std::uint64_t seed, std::size_t vocabulary, bool generate) {
  auto generated = std::make_unique<GeneratedWords>(seed, vocabulary);
  if (generate) return generated;
  // Enough words for most of the vocabulary to occur.
  return std::make_unique<Pool>(*generated, pool_bytes, 8 * vocabulary);
}

}  // namespace libstream::apps
