#include "reference.hpp"

#include "join_loops.hpp"
#include "meter.hpp"
#include "query_loops.hpp"
#include "static_queries.hpp"

#include <libstream/column.hpp>
#include <libstream/hash.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace libstream::apps {
namespace {

constexpr double measured_seconds = 0.35;

/// Columns of another batch, by reference.
class PassThrough final {
 public:
  void operator()(const Batch& batch) {
    out_ = {batch.columns[0], batch.columns[1], batch.columns[2], batch.columns[5],
            batch.columns[6]};
    clobber();
  }

 private:
  std::array<ColumnPtr, 5> out_;
};

class Currency final {
 public:
  void operator()(const Batch& batch) {
    prices_.resize(std::max(prices_.size(), batch.rows));
    const auto* price = batch.columns[2]->values<std::int64_t>();
    double* out = prices_.data();
    // Prices are below 2^52: added to the bits of 2^52 they are its fraction, which vectorises
    // where the conversion of 64-bit integers does not.
    constexpr double two52 = 4503599627370496.0;
    constexpr auto bits = std::bit_cast<std::int64_t>(two52);
    for (std::size_t i = 0; i < batch.rows; ++i) {
      out[i] = (std::bit_cast<double>(price[i] + bits) - two52) * 0.908;
    }
    clobber();
  }

 private:
  std::vector<double> prices_;
};

/// Inverse of an odd number modulo 2^64.
constexpr std::uint64_t inverse_of(std::uint64_t odd) {
  std::uint64_t x = odd;
  for (int i = 0; i < 6; ++i) x *= 2 - odd * x;  // Newton: doubles the correct bits.
  return x;
}
static_assert(inverse_of(123) * 123 == 1);

class Selection final {
 public:
  void operator()(const Batch& batch) {
    auctions_.resize(std::max(auctions_.size(), batch.rows));
    prices_.resize(auctions_.size());
    const auto* auction = batch.columns[0]->values<std::int64_t>();
    const auto* price = batch.columns[2]->values<std::int64_t>();
    // a is a multiple of 123 where a times the inverse of 123 modulo 2^64 is small.
    constexpr std::uint64_t inverse = inverse_of(123);
    constexpr std::uint64_t limit = ~std::uint64_t{0} / 123;
    std::size_t rows = 0;
    for (std::size_t i = 0; i < batch.rows; ++i) {
      auctions_[rows] = auction[i];
      prices_[rows] = price[i];
      rows += static_cast<std::uint64_t>(auction[i]) * inverse <= limit ? 1 : 0;
    }
    clobber();
  }

 private:
  std::vector<std::int64_t> auctions_;
  std::vector<std::int64_t> prices_;
};

/// Counts in an open table with the whole word in the slot.
class WordCount final {
 public:
  explicit WordCount(std::size_t vocabulary)
      : shift_(64 - static_cast<int>(std::bit_width(vocabulary * 3))),
        slots_(std::size_t{1} << (64 - shift_)),
        mask_(slots_.size() - 1) {}

  void operator()(const Batch& batch) {
    const auto* words = batch.columns[0]->values<StringView>();
    for (std::size_t i = 0; i < batch.rows; i += pending_.size()) {
      const std::size_t n = std::min(pending_.size(), batch.rows - i);
      for (std::size_t j = 0; j < n; ++j) {
        Pending& p = pending_[j];
        std::memcpy(&p.low, words + i + j, 16);
        p.place = mix(p.low ^ 0xe7037ed1a0b428dbULL, p.high ^ 0x8ebc6af09c88c6e3ULL) >> shift_;
        __builtin_prefetch(&slots_[p.place]);
      }
      for (std::size_t j = 0; j < n; ++j) count(pending_[j]);
    }
    clobber();
  }

 private:
  struct Slot {
    std::uint64_t low = 0, high = 0, count = 0, padding = 0;
  };
  struct Pending {
    std::uint64_t low, high, place;
  };

  void count(const Pending& p) {
    for (std::uint64_t place = p.place;; place = (place + 1) & mask_) {
      Slot& slot = slots_[place];
      if (slot.low == p.low && slot.high == p.high) {
        ++slot.count;
        return;
      }
      if (slot.count == 0) {
        slot = {p.low, p.high, 1, 0};
        return;
      }
    }
  }

  int shift_;
  std::vector<Slot> slots_;
  std::uint64_t mask_;
  std::array<Pending, 512> pending_{};
};

Loop loop_of(std::string_view query, std::size_t vocabulary) {
  if (query == "q0") return PassThrough{};
  if (query == "q1") return Currency{};
  if (query == "q2") return Selection{};
  if (query == "q13") return SideInputLoop();
  if (query == "wordcount") return WordCount(vocabulary);
  return stateful_loop(query);
}

/// Batches of all streams, those of the same events one after the other.
struct Sequence {
  std::vector<std::pair<std::string, BatchPtr>> batches;
  std::uint64_t events = 0;
};

Sequence in_sequence(const Supplies& supplies) {
  Sequence all;
  std::uint64_t least = ~std::uint64_t{0}, most = 0;  // of the streams: a batch's events, and all
  for (const auto& [stream, supply] : supplies) {
    least = std::min(least, supply->events_per_batch());
    most = std::max(most, supply->samples() * supply->events_per_batch());
  }
  for (std::uint64_t event = 0; event < most; event += least) {
    for (const auto& [stream, supply] : supplies) {
      const auto number = event / supply->events_per_batch();
      if (event % supply->events_per_batch() != 0 || number >= supply->samples()) continue;
      all.batches.emplace_back(stream, supply->sample(number));
    }
  }
  all.events = most;
  return all;
}

std::optional<double> join_reference_rate(std::string_view query, const Supplies& supplies) {
  if (!join_loop(query)) return std::nullopt;
  const Sequence all = in_sequence(supplies);
  double best = 0;
  const double begin = thread_cpu_seconds();
  for (double now = begin; now < begin + measured_seconds;) {
    const JoinLoop loop = join_loop(query);  // With tables as they grow: no row comes twice.
    const double before = thread_cpu_seconds();
    for (const auto& [stream, batch] : all.batches) loop(stream, *batch);
    now = thread_cpu_seconds();
    if (now > before) best = std::max(best, static_cast<double>(all.events) / (now - before));
  }
  return best;
}

}  // namespace

std::optional<double> reference_rate(std::string_view query, const Supplies& supplies,
                                     std::size_t vocabulary) {
  Loop loop = loop_of(query, vocabulary);
  if (!loop) return join_reference_rate(query, supplies);
  const Supply& supply = *supplies.begin()->second;
  const auto events = static_cast<double>(supply.samples() * supply.events_per_batch());
  double best = 0;
  const double begin = thread_cpu_seconds();
  double now = begin;
  while (now < begin + measured_seconds) {
    const double before = now;
    for (std::uint64_t i = 0; i < supply.samples(); ++i) loop(*supply.sample(i));
    now = thread_cpu_seconds();
    if (now > before) best = std::max(best, events / (now - before));
  }
  return best;
}

}  // namespace libstream::apps
