#include "interval_join.hpp"

#include "meter.hpp"
#include "random.hpp"

#include <libstream/column.hpp>

#include <algorithm>
#include <bit>
#include <cmath>

namespace libstream::apps {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t range = 10 * second;
constexpr std::int64_t base = 1'700'000'000 * second;
constexpr double mean_delay = 2e6;
/// Impressions a batch of clicks: about 4,096 clicks.
constexpr std::uint64_t click_step = 10 * batch_rows;

/// Ids are a multiple of the impression's number: spread out, and shifted by adding.
std::int64_t id_of(std::int64_t number) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(number) * 0x9e3779b97f4a7c15ULL);
}

ColumnPtr plus(const Column& column, std::int64_t shift) {
  const auto values = Buffer::allocate(column.size() * sizeof(std::int64_t));
  const auto* from = column.values<std::uint64_t>();
  auto* to = values->as<std::uint64_t>();
  for (std::size_t i = 0; i < column.size(); ++i)
    to[i] = from[i] + static_cast<std::uint64_t>(shift);
  return Column::fixed(column.type(), column.size(), values);
}

class Words final {
 public:
  explicit Words(std::size_t rows) : buffer_(Buffer::allocate(rows * sizeof(std::int64_t))) {}
  std::int64_t& operator[](std::size_t row) { return buffer_->as<std::int64_t>()[row]; }
  ColumnPtr finish(TypeId type, std::size_t rows) { return Column::fixed(type, rows, buffer_); }

 private:
  std::shared_ptr<Buffer> buffer_;
};

}  // namespace

struct Ads::Pool {
  explicit Pool(AdsOptions options);

  std::int64_t time_of(std::uint64_t number) const {
    return base + static_cast<std::int64_t>(static_cast<double>(number) * microseconds_each);
  }
  void add_clicks(const AdsOptions& options, std::uint64_t count);

  double microseconds_each;
  std::int64_t impressions = 0;  ///< of a cycle
  std::int64_t cycle = 0;        ///< µs
  std::vector<BatchPtr> impression_batches;
  std::vector<BatchPtr> click_batches;
  struct Click {
    std::int64_t time;    ///< in the cycle
    std::int64_t number;  ///< of its impression, negative in earlier cycles
    bool matches;
  };
  std::vector<std::vector<Click>> clicks;  ///< by batch
};

Ads::Pool::Pool(AdsOptions options)
    : microseconds_each(static_cast<double>(range) / static_cast<double>(options.live)) {
  // More than the join keeps.
  const std::uint64_t count = (options.live * 5 / 4 / click_step + 1) * click_step;
  impressions = static_cast<std::int64_t>(count);
  cycle = time_of(count) - base;
  for (std::uint64_t first = 0; first < count; first += batch_rows) {
    Words ids(batch_rows);
    Words ads(batch_rows);
    Words times(batch_rows);
    for (std::size_t i = 0; i < batch_rows; ++i) {
      ids[i] = id_of(static_cast<std::int64_t>(first + i));
      ads[i] = SeededDraws(options.seed, (first + i) * 2).below_signed(10'000);
      times[i] = time_of(first + i);
    }
    impression_batches.push_back(
        make_batch({ids.finish(TypeId::bigint, batch_rows), ads.finish(TypeId::bigint, batch_rows),
                    times.finish(TypeId::timestamp, batch_rows)}));
  }
  add_clicks(options, count);
}

void Ads::Pool::add_clicks(const AdsOptions& options, std::uint64_t count) {
  clicks.resize(count / click_step);
  for (std::uint64_t number = 0; number < count; ++number) {
    SeededDraws draws(options.seed, number * 2 + 1);
    if (draws.below(10) != 0) continue;
    const auto delay = static_cast<std::int64_t>(-mean_delay * std::log(1 - draws.unit()));
    const std::int64_t at = time_of(number) + delay - base;
    const std::int64_t time = at % cycle;
    // The batch whose impressions end behind it.
    const auto place = std::min<std::size_t>(
        static_cast<std::size_t>(static_cast<double>(time) / microseconds_each) / click_step,
        clicks.size() - 1);
    clicks[place].push_back(
        {time, static_cast<std::int64_t>(number) - at / cycle * impressions, delay <= range});
  }
  for (auto& batch : clicks) {
    std::sort(batch.begin(), batch.end(), [](const Click& a, const Click& b) {
      return a.time != b.time ? a.time < b.time : a.number < b.number;
    });
    Words ids(batch.size());
    Words times(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      ids[i] = id_of(batch[i].number);
      times[i] = base + batch[i].time;
    }
    click_batches.push_back(make_batch(
        {ids.finish(TypeId::bigint, batch.size()), times.finish(TypeId::timestamp, batch.size())}));
  }
}

namespace {

/// Batches that come again and again with ids and times shifted on.
class Cycle final : public Supply {
 public:
  Cycle(std::shared_ptr<const void> owner, const std::vector<BatchPtr>& batches, Schema schema,
        std::uint64_t step, std::int64_t impressions, std::int64_t microseconds)
      : owner_(std::move(owner)),
        batches_(batches),
        schema_(std::move(schema)),
        step_(step),
        impressions_(impressions),
        microseconds_(microseconds) {}

  Schema schema() const override { return schema_; }
  std::uint64_t events_per_batch() const override { return step_; }
  // Epochs are of whole batches.
  std::uint64_t rows(std::uint64_t events) const override { return events; }
  std::uint64_t samples() const override { return batches_.size(); }
  BatchPtr sample(std::uint64_t number) const override { return batches_[number]; }

  BatchPtr batch(std::uint64_t number) const override {
    const Batch& original = *batches_[number % batches_.size()];
    const auto cycles = static_cast<std::int64_t>(number / batches_.size());
    std::vector<ColumnPtr> columns = original.columns;
    columns.front() = plus(*columns.front(), id_of(cycles * impressions_));
    columns.back() = plus(*columns.back(), cycles * microseconds_);
    return make_batch(std::move(columns), original.rows);
  }

 private:
  std::shared_ptr<const void> owner_;
  const std::vector<BatchPtr>& batches_;
  Schema schema_;
  std::uint64_t step_;
  std::int64_t impressions_;
  std::int64_t microseconds_;
};

/// Tables of a quarter of the range each, dropped as a whole: slots of 32 bits of the hash and a
/// row, the rest in the batches.
class SlicedLoop final {
 public:
  SlicedLoop(std::uint64_t live, const std::vector<BatchPtr>& impressions)
      : impressions_(impressions), shift_(64 - static_cast<int>(std::bit_width(live / 4 * 5 / 3))) {
    for (auto& slice : slices_) slice.assign(std::size_t{1} << (64 - shift_), 0);
    for (auto& column : out_) column.resize(batch_rows);
  }

  void add(std::uint64_t batch_number) {
    const Batch& batch = *impressions_[batch_number];
    const auto* ids = batch.columns[0]->values<std::int64_t>();
    const auto* times = batch.columns[2]->values<std::int64_t>();
    for (std::size_t i = 0; i < batch.rows; ++i) {
      const std::int64_t number = (times[i] - base) / (range / 4);
      if (number != newest_) {
        newest_ = number;
        std::fill(slice(number).begin(), slice(number).end(), 0);
      }
      auto& table = slice(newest_);
      if (i + ahead < batch.rows) __builtin_prefetch(&table[hash_of(ids[i + ahead]) >> shift_], 1);
      const std::uint64_t hash = hash_of(ids[i]);
      std::uint64_t place = hash >> shift_;
      while (table[place] != 0) place = (place + 1) & (table.size() - 1);
      table[place] = hash << 32 | (batch_number * batch_rows + i + 1);
    }
  }

  void probe(const Batch& batch) {
    const auto* ids = batch.columns[0]->values<std::int64_t>();
    const auto* times = batch.columns[1]->values<std::int64_t>();
    for (std::size_t i = 0; i < batch.rows; ++i) {
      if (i + ahead < batch.rows) {
        const std::uint64_t place = hash_of(ids[i + ahead]) >> shift_;
        for (std::int64_t k = 0; k < 3; ++k) __builtin_prefetch(&slice(newest_ - k)[place]);
      }
      const std::uint64_t hash = hash_of(ids[i]);
      bool found = false;
      for (std::int64_t k = 0; k < 5 && !found; ++k) {
        const auto& table = slice(newest_ - k);
        for (std::uint64_t place = hash >> shift_; table[place] != 0 && !found;
             place = (place + 1) & (table.size() - 1)) {
          if (table[place] >> 32 == (hash & 0xffffffffU)) {
            found = match((table[place] & 0xffffffffU) - 1, ids[i], times[i]);
          }
        }
      }
    }
    asm volatile("" : : : "memory");  // as if all of it were read here
  }

  void reset() {
    for (auto& slice : slices_) std::fill(slice.begin(), slice.end(), 0);
    newest_ = -1;
  }

 private:
  static constexpr std::size_t ahead = 16;
  static std::uint64_t hash_of(std::int64_t id) {
    return (static_cast<std::uint64_t>(id) ^ static_cast<std::uint64_t>(id) >> 32) *
           0xd6e8feb86659fd93ULL;
  }
  std::vector<std::uint64_t>& slice(std::int64_t number) {
    return slices_[static_cast<std::size_t>(number + 6) % 6];
  }
  bool match(std::uint64_t row, std::int64_t id, std::int64_t time) {
    const Batch& batch = *impressions_[row / batch_rows];
    row %= batch_rows;
    if (batch.columns[0]->values<std::int64_t>()[row] != id) return false;
    const std::int64_t shown = batch.columns[2]->values<std::int64_t>()[row];
    if (time - shown > range) return true;
    const std::size_t at = pairs_++ % batch_rows;
    out_[0][at] = id;
    out_[1][at] = batch.columns[1]->values<std::int64_t>()[row];
    out_[2][at] = shown;
    out_[3][at] = time;
    return true;
  }

  const std::vector<BatchPtr>& impressions_;
  int shift_;
  std::vector<std::uint64_t> slices_[6];
  std::int64_t newest_ = -1;
  std::vector<std::int64_t> out_[4];
  std::uint64_t pairs_ = 0;
};

constexpr double measured_seconds = 0.7;

}  // namespace

Ads::Ads(AdsOptions options) : pool_(std::make_shared<Pool>(options)) {}

std::uint64_t Ads::step() { return click_step; }

std::shared_ptr<const Supply> Ads::impressions() const {
  return std::make_shared<Cycle>(pool_, pool_->impression_batches,
                                 Schema::parse("id bigint, ad bigint, time timestamp"), batch_rows,
                                 pool_->impressions, pool_->cycle);
}

std::shared_ptr<const Supply> Ads::clicks() const {
  return std::make_shared<Cycle>(pool_, pool_->click_batches,
                                 Schema::parse("clicked bigint, clickTime timestamp"), click_step,
                                 pool_->impressions, pool_->cycle);
}

Ads::Truth Ads::truth(std::uint64_t impressions) const {
  Truth truth;
  truth.rows = impressions;
  for (std::uint64_t batch = 0; batch < impressions / click_step; ++batch) {
    const auto cycles = static_cast<std::int64_t>(batch / pool_->clicks.size());
    for (const Pool::Click& click : pool_->clicks[batch % pool_->clicks.size()]) {
      ++truth.rows;
      const std::int64_t number = click.number + cycles * pool_->impressions;
      truth.pairs += click.matches && number >= 0 ? 1 : 0;
    }
  }
  return truth;
}

double Ads::reference_rate() const {
  const double rate = 1e6 / pool_->microseconds_each;
  SlicedLoop loop(static_cast<std::uint64_t>(rate * 10), pool_->impression_batches);
  double best = 0;
  const double begin = thread_cpu_seconds();
  for (double now = begin; now < begin + measured_seconds;) {
    loop.reset();
    const double before = thread_cpu_seconds();
    std::uint64_t rows = 0;
    for (std::size_t step = 0; step < pool_->click_batches.size(); ++step) {
      constexpr std::uint64_t each = click_step / batch_rows;
      for (std::uint64_t i = 0; i < each; ++i) loop.add(step * each + i);
      loop.probe(*pool_->click_batches[step]);
      rows += click_step + pool_->click_batches[step]->rows;
    }
    now = thread_cpu_seconds();
    if (now > before) best = std::max(best, static_cast<double>(rows) / (now - before));
  }
  return best;
}

DataStream interval_join(const DataStream& impressions, const DataStream& clicks) {
  return impressions.with_watermark("time", "0 seconds")
      .join(clicks.with_watermark("clickTime", "0 seconds"),
            "id = clicked AND clickTime BETWEEN time AND time + INTERVAL 10 SECONDS")
      .select("id", "ad", "time", "clickTime");
}

}  // namespace libstream::apps
