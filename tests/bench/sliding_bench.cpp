// Sliding windows without an engine: rows per CPU second of count(*) by key and window in append
// mode, in panes and, for comparison, with the windows expanded; the barrier, the results and the
// changelog of every epoch included. One JSON line a case. With an argument only the cases whose
// name holds it.
#include <libstream/column.hpp>
#include <libstream/hash.hpp>
#include <libstream/operators/pane_aggregate.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <time.h>
#include <vector>

using namespace libstream;

namespace {

constexpr std::size_t rows_per_batch = 4096;
constexpr std::int64_t second = 1'000'000;

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Case {
  const char* name;
  std::int64_t size;   ///< seconds
  std::int64_t slide;  ///< seconds
  std::size_t keys;    ///< uniform; 0 = the auctions of Nexmark's bids
  std::size_t rows_per_second;
  std::int64_t seconds;  ///< measured, after one window's length to warm up
  bool expanded = false;
};

/// The auction of a bid: half of them go to a hot one, the rest to one of the 100 newest; three
/// auctions open with every 46 bids.
std::int64_t auction(std::uint64_t bid) {
  const std::uint64_t newest = bid / 46 * 3 + bid % 46 / 16;
  const std::uint64_t chance = hash_word(bid);
  if (chance & 1) return static_cast<std::int64_t>(newest / 100 * 100);
  return static_cast<std::int64_t>(newest - std::min(newest, (chance >> 1) % 100));
}

BatchPtr make(const Case& wanted, std::uint64_t first) {
  auto keys = Buffer::allocate(rows_per_batch * sizeof(std::int64_t));
  auto times = Buffer::allocate(rows_per_batch * sizeof(std::int64_t));
  for (std::size_t i = 0; i < rows_per_batch; ++i) {
    const std::uint64_t row = first + i;
    keys->as<std::int64_t>()[i] =
        wanted.keys == 0 ? auction(row) : static_cast<std::int64_t>(hash_word(row) % wanted.keys);
    times->as<std::int64_t>()[i] = static_cast<std::int64_t>(
        row * static_cast<std::uint64_t>(second) / wanted.rows_per_second);
  }
  auto batch = std::make_shared<Batch>(
      *make_batch({Column::fixed(TypeId::bigint, rows_per_batch, std::move(keys)),
                   Column::fixed(TypeId::timestamp, rows_per_batch, std::move(times))}));
  const auto* at = batch->columns[1]->values<EventTime>();
  batch->event_time = EventTimeRange{at[0], at[rows_per_batch - 1]};
  return batch;
}

PaneSpec spec_of(const Case& wanted) {
  PaneSpec panes;
  panes.window = {1, wanted.size * second, wanted.slide * second, 0};
  panes.window_key = 1;
  AggregateSpec& spec = panes.aggregate;
  spec.keys = {0, 2};
  spec.key_fields = {
      {"auction", TypeId::bigint, true},
      {"window",
       DataType::structure({{"start", TypeId::timestamp, true}, {"end", TypeId::timestamp, true}}),
       true}};
  spec.time_key = 1;
  spec.aggregates.push_back({resolve_aggregate("count", {}, {}, false), {}, nullptr, "count"});
  return panes;
}

/// Counts rows, or hands batches to the next operator.
class Sink final : public Output {
 public:
  void emit(BatchPtr batch, std::size_t /*port*/) override {
    if (next == nullptr) {
      rows += batch->rows;
    } else {
      next->process(std::move(batch), 0, *after);
    }
  }
  bool full() const override { return false; }
  bool connected(std::size_t /*port*/) const override { return false; }

  Operator* next = nullptr;
  Output* after = nullptr;
  std::uint64_t rows = 0;
};

void run(const Case& wanted) {
  const PaneSpec spec = spec_of(wanted);
  const OperatorContext context{0, 1, 128};
  const auto windows = assign_windows(spec.window)(context);
  const auto counting =
      wanted.expanded ? keyed_aggregate(spec.aggregate)(context) : pane_aggregate(spec)(context);
  counting->restore(empty_state(), Watermark{0});
  Sink results;
  Sink wide;
  wide.next = counting.get();
  wide.after = &results;
  double busy = 0;
  double updating = 0;
  double ending = 0;
  std::uint64_t rows = 0;
  std::uint64_t entries = 0;
  double most_bytes = 0;
  std::uint64_t next_row = 0;
  // An epoch a second of event time; a whole number of batches.
  const std::size_t batches = std::max<std::size_t>(1, wanted.rows_per_second / rows_per_batch);
  const std::int64_t warm = wanted.size + wanted.slide;
  for (std::int64_t epoch = 0; epoch < warm + wanted.seconds; ++epoch) {
    std::vector<BatchPtr> input;
    for (std::size_t b = 0; b < batches; ++b, next_row += rows_per_batch) {
      input.push_back(make(wanted, next_row));
    }
    const EventTime now = input.back()->event_time->max;
    const double begin = cpu_seconds();
    windows->start({Epoch{static_cast<std::uint64_t>(epoch)}, {}});
    counting->start({Epoch{static_cast<std::uint64_t>(epoch)}, {}});
    for (const BatchPtr& batch : input) {
      if (wanted.expanded) {
        windows->process(batch, 0, wide);
      } else {
        counting->process(batch, 0, results);
      }
    }
    const double updated = cpu_seconds();
    counting->on_barrier({Epoch{static_cast<std::uint64_t>(epoch)}, Watermark{now / 1000}},
                         results);
    const double ended = cpu_seconds();
    ChangelogWriter changes;
    counting->collect_changes(changes);
    const double end = cpu_seconds();
    if (epoch < warm) continue;
    busy += end - begin;
    updating += updated - begin;
    ending += ended - updated;
    rows += batches * rows_per_batch;
    entries += changes.entries();
    const OperatorMetrics metrics = counting->metrics();
    if (wanted.keys > 0) {
      most_bytes = std::max(most_bytes, static_cast<double>(metrics.state_bytes));
    }
  }
  std::printf(
      "{\"case\":\"%s\",\"plan\":\"%s\",\"rows_per_cpu_second\":%.0f,\"ns_per_row\":%.1f,"
      "\"ns_updating\":%.1f,\"ns_at_barrier\":%.1f,"
      "\"cpu_seconds\":%.3f,\"results\":%llu,\"changes_per_row\":%.2f,\"bytes_per_key\":%.1f}\n",
      wanted.name, wanted.expanded ? "expanded" : "panes", static_cast<double>(rows) / busy,
      busy * 1e9 / static_cast<double>(rows), updating * 1e9 / static_cast<double>(rows),
      ending * 1e9 / static_cast<double>(rows), busy, static_cast<unsigned long long>(results.rows),
      static_cast<double>(entries) / static_cast<double>(rows),
      wanted.keys == 0 ? 0.0 : most_bytes / static_cast<double>(wanted.keys));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<Case> cases = {
      {"nexmark auctions 10/2, 1M rows a second", 10, 2, 0, 1'000'000, 10},
      {"nexmark auctions 10/2, 10M rows a second", 10, 2, 0, 10'000'000, 4},
      {"1k keys 10/2, 200k rows a slide", 10, 2, 1'000, 100'000, 60},
      {"1k keys 60/1, 200k rows a slide", 60, 1, 1'000, 200'000, 30},
      {"100k keys 10/2", 10, 2, 100'000, 500'000, 20},
      {"100k keys 60/1", 60, 1, 100'000, 500'000, 20},
      {"1M uniform keys 10/2, 1M rows a second", 10, 2, 1'000'000, 1'000'000, 10},
      {"1M uniform keys 10/2, 4M rows a second", 10, 2, 1'000'000, 4'000'000, 6},
  };
  const std::vector<Case> yardsticks = {
      {"nexmark auctions 10/2, 1M rows a second", 10, 2, 0, 1'000'000, 4, true},
      {"1k keys 10/2, 200k rows a slide", 10, 2, 1'000, 100'000, 10, true},
      {"1k keys 60/1, 200k rows a slide", 60, 1, 1'000, 200'000, 2, true},

  };
  for (const auto* list : {&cases, &yardsticks}) {
    for (const Case& wanted : *list) {
      if (argc < 2 || std::strstr(wanted.name, argv[1]) != nullptr) run(wanted);
    }
  }
}
