// The keyed aggregation alone, without an engine: CPU time a row for kinds and numbers of keys, in
// update mode with changelogs, and bytes a key. One JSON line a case, the best of its epochs.
//
//   aggregate_bench           all cases
//   aggregate_bench TEXT      those whose name holds TEXT
//   aggregate_bench scaling   how the cost of a row grows with the keys (docs/keyed-state.md), as a
//                             table, with epochs of 1 M and of 10 M rows
#include <libstream/bound_expression.hpp>
#include <libstream/column.hpp>
#include <libstream/hash.hpp>
#include <libstream/operators/keyed_aggregate.hpp>
#include <libstream/operators/project.hpp>
#include <libstream/typed_stream.hpp>
#include <libstream/udaf.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <time.h>
#include <vector>

using namespace libstream;

namespace {

constexpr std::size_t rows_per_batch = 4096;
constexpr std::size_t pool_batches = 4'000'000 / rows_per_batch;
constexpr std::size_t million = 1'000'000;

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Counts rows; takes everything.
class CountingOutput final : public Output {
 public:
  void emit(BatchPtr batch, std::size_t /*port*/) override { rows_ += batch->rows; }
  bool full() const override { return false; }
  bool connected(std::size_t /*port*/) const override { return false; }
  std::uint64_t rows() const { return rows_; }

 private:
  std::uint64_t rows_ = 0;
};

struct Sum {
  std::int64_t zero() const { return 0; }
  void reduce(std::int64_t& sum, std::int64_t value) const { sum += value; }
  void merge(std::int64_t& sum, std::int64_t other) const { sum += other; }
  std::int64_t finish(std::int64_t sum) const { return sum; }
};
struct Mean {
  double sum = 0;
  std::int64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Mean, (), (sum, count))
/// A buffer that is a struct.
struct Average {
  Mean zero() const { return {}; }
  void reduce(Mean& mean, std::int64_t value) const {
    mean.sum += static_cast<double>(value);
    ++mean.count;
  }
  void merge(Mean& mean, const Mean& other) const {
    mean.sum += other.sum;
    mean.count += other.count;
  }
  double finish(const Mean& mean) const { return mean.sum / static_cast<double>(mean.count); }
};

enum class Keys { integers, words, pairs, windows, number_windows };

struct Case {
  const char* name;
  Keys kind;
  std::size_t keys;
  const char* beside;  ///< an aggregate of values beside count, or null
};

ColumnPtr integers(std::size_t rows, auto&& value) {
  const auto buffer = Buffer::allocate(rows * sizeof(std::int64_t));
  for (std::size_t i = 0; i < rows; ++i) buffer->as<std::int64_t>()[i] = value(i);
  return Column::fixed(TypeId::bigint, rows, buffer);
}

ColumnPtr words(std::size_t rows, auto&& value) {
  ColumnBuilder builder(TypeId::string, rows);
  for (std::size_t i = 0; i < rows; ++i) builder.append_string("w" + std::to_string(value(i)));
  return builder.finish();
}

/// Tumbling windows of an hour, as assign_windows makes them.
ColumnPtr windows(std::size_t rows, auto&& hour) {
  const auto bound = [&](std::int64_t offset) {
    const auto buffer = Buffer::allocate(rows * sizeof(std::int64_t));
    for (std::size_t i = 0; i < rows; ++i) {
      buffer->as<std::int64_t>()[i] = (hour(i) + offset) * 3'600'000'000;
    }
    return Column::fixed(TypeId::timestamp, rows, buffer);
  };
  const auto type =
      DataType::structure({{"start", TypeId::timestamp, true}, {"end", TypeId::timestamp, true}});
  return Column::structure(type, rows, {bound(0), bound(1)});
}

BatchPtr make(const Case& wanted, std::uint64_t first) {
  const auto key = [&](std::size_t i) {
    return static_cast<std::int64_t>(hash_word(first + i) % wanted.keys);
  };
  const auto part = [&](std::size_t i) { return key(i) % 100; };
  const auto rest = [&](std::size_t i) { return key(i) / 100; };
  std::vector<ColumnPtr> columns;
  switch (wanted.kind) {
    case Keys::integers:
      columns = {integers(rows_per_batch, key)};
      break;
    case Keys::words:
      columns = {words(rows_per_batch, key)};
      break;
    case Keys::pairs:
      columns = {integers(rows_per_batch, part), integers(rows_per_batch, rest)};
      break;
    case Keys::windows:
      columns = {words(rows_per_batch, part), windows(rows_per_batch, rest)};
      break;
    case Keys::number_windows:
      columns = {integers(rows_per_batch, part), windows(rows_per_batch, rest)};
      break;
  }
  columns.push_back(integers(rows_per_batch, [](std::size_t i) { return std::int64_t(i); }));
  return make_batch(std::move(columns), rows_per_batch);
}

AggregatePtr function_of(const std::string& name, const DataType& type) {
  const std::vector types{type};
  if (name == "user sum") return udaf("user_sum", Sum{}).body()->resolve(types);
  if (name == "user avg") return udaf("user_avg", Average{}).body()->resolve(types);
  return resolve_aggregate(name, types, {}, false);
}

AggregateSpec spec_of(const Case& wanted, const Batch& sample) {
  AggregateSpec spec;
  spec.mode = OutputMode::update;
  const std::size_t keys = sample.columns.size() - 1;
  for (std::uint32_t i = 0; i < keys; ++i) {
    spec.keys.push_back(i);
    spec.key_fields.push_back({"k" + std::to_string(i), sample.columns[i]->type(), true});
  }
  if (wanted.kind == Keys::windows || wanted.kind == Keys::number_windows) spec.time_key = 1;
  spec.aggregates.push_back({resolve_aggregate("count", {}, {}, false), {}, nullptr, "count"});
  if (wanted.beside != nullptr) {
    const Field field{"v", TypeId::bigint, true};
    spec.aggregates.push_back({function_of(wanted.beside, field.type),
                               {bound_column(static_cast<std::uint32_t>(keys), field)},
                               nullptr,
                               "sum"});
  }
  return spec;
}

/// Nanoseconds of CPU time, each the least that was seen: others use the machine too.
struct Cost {
  double update = 1e9;   ///< a row, over a million of them
  double barrier = 1e9;  ///< a row's part of the barrier with its changelog
  double changed_group = 1e9;
  double row() const { return update + barrier; }
};

struct Measured {
  Cost cost;
  OperatorMetrics metrics;
};

void lower(double& least, double nanoseconds) { least = std::min(least, nanoseconds); }

Measured measure(const Case& wanted, std::size_t rows_per_epoch, int epochs) {
  std::vector<BatchPtr> pool;
  for (std::size_t b = 0; b < pool_batches; ++b) pool.push_back(make(wanted, b * rows_per_batch));
  const auto op = keyed_aggregate(spec_of(wanted, *pool[0]))({0, 1, 128});
  op->restore(empty_state(), Watermark{0});
  CountingOutput output;
  Measured measured;
  std::size_t next = 0;
  const auto process = [&](std::size_t rows) {
    const double begin = cpu_seconds();
    for (std::size_t done = 0; done < rows; done += rows_per_batch) {
      op->process(pool[next++ % pool.size()], 0, output);
    }
    return (cpu_seconds() - begin) * 1e9;
  };
  for (int epoch = 0; epoch <= epochs; ++epoch) {
    op->start({Epoch{static_cast<std::uint64_t>(epoch)}, {}});
    const bool measures = epoch > 0;  // the first makes the groups
    const std::size_t rows = measures ? rows_per_epoch : pool_batches * rows_per_batch;
    Cost& cost = measured.cost;
    for (std::size_t done = 0; done < rows; done += million) {
      const double update = process(million) / static_cast<double>(million);
      if (measures) lower(cost.update, update);
    }
    const double begin = cpu_seconds();
    op->on_barrier({Epoch{static_cast<std::uint64_t>(epoch)}, Watermark{0}}, output);
    ChangelogWriter changes;
    op->collect_changes(changes);
    const double barrier = (cpu_seconds() - begin) * 1e9;
    if (!measures) continue;
    lower(cost.barrier, barrier / static_cast<double>(rows));
    lower(cost.changed_group, barrier / static_cast<double>(changes.entries()));
  }
  measured.metrics = op->metrics();
  return measured;
}

void run(const Case& wanted) {
  const auto [cost, metrics] = measure(wanted, million, 12);
  std::printf(
      "{\"keys\":\"%s\",\"groups\":%llu,\"rows_per_cpu_second\":%.0f,"
      "\"update_rows_per_cpu_second\":%.0f,\"ns_per_changed_group\":%.1f,"
      "\"bytes_per_key\":%.1f}\n",
      wanted.name, static_cast<unsigned long long>(metrics.state_rows), 1e9 / cost.row(),
      1e9 / cost.update, cost.changed_group,
      static_cast<double>(metrics.state_bytes) / static_cast<double>(metrics.state_rows));
  std::fflush(stdout);
}

/// The table of docs/keyed-state.md.
void print_scaling(Keys kind, const char* name) {
  std::printf("%s, count and sum, uniform; ns of CPU time a row\n", name);
  std::printf("%10s %10s %10s %8s %8s %12s %10s\n", "rows/epoch", "keys", "ns/row", "x10 keys",
              "x100", "ns/update", "bytes/key");
  for (const std::size_t rows : {million, 10 * million}) {
    std::vector<double> costs;
    for (const std::size_t keys : {1'000, 10'000, 100'000, 1'000'000}) {
      const Case wanted{name, kind, keys, "sum"};
      const auto [cost, metrics] = measure(wanted, rows, rows == million ? 20 : 5);
      costs.push_back(cost.row());
      const auto ratio = [&](std::size_t back) {
        return costs.size() > back ? costs.back() / costs[costs.size() - 1 - back] : 1.0;
      };
      std::printf(
          "%10zu %10zu %10.1f %8.2f %8.2f %12.1f %10.1f\n", rows, keys, costs.back(), ratio(1),
          ratio(2), cost.update,
          static_cast<double>(metrics.state_bytes) / static_cast<double>(metrics.state_rows));
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 2 && std::strcmp(argv[1], "scaling") == 0) {
    print_scaling(Keys::integers, "bigint");
    print_scaling(Keys::pairs, "two bigints");
    return 0;
  }
  const std::vector<Case> cases = {
      {"bigint 1k, count+sum", Keys::integers, 1'000, "sum"},
      {"bigint 10k, count+sum", Keys::integers, 10'000, "sum"},
      {"bigint 100k, count+sum", Keys::integers, 100'000, "sum"},
      {"bigint 1M, count+sum", Keys::integers, 1'000'000, "sum"},
      {"words 10k, count", Keys::words, 10'000, nullptr},
      {"words 1M, count", Keys::words, 1'000'000, nullptr},
      {"two bigints 10k, count+sum", Keys::pairs, 10'000, "sum"},
      {"two bigints 1M, count+sum", Keys::pairs, 1'000'000, "sum"},
      {"bigint and window 10k, count+sum", Keys::number_windows, 10'000, "sum"},
      {"bigint and window 1M, count+sum", Keys::number_windows, 1'000'000, "sum"},
      {"string and window 10k, count+sum", Keys::windows, 10'000, "sum"},
      {"string and window 100k, count+sum", Keys::windows, 100'000, "sum"},
      {"bigint 1k, count+user sum", Keys::integers, 1'000, "user sum"},
      {"bigint 100k, count+user sum", Keys::integers, 100'000, "user sum"},
      {"bigint 1M, count+user sum", Keys::integers, 1'000'000, "user sum"},
      {"bigint 1k, count+avg", Keys::integers, 1'000, "avg"},
      {"bigint 1k, count+user avg", Keys::integers, 1'000, "user avg"},
      {"bigint 100k, count+avg", Keys::integers, 100'000, "avg"},
      {"bigint 100k, count+user avg", Keys::integers, 100'000, "user avg"},
  };
  for (const Case& wanted : cases) {
    if (argc < 2 || std::strstr(wanted.name, argv[1]) != nullptr) run(wanted);
  }
}
