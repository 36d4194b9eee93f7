// What a batch costs in each operator it passes, beside its rows: the CPU of a long chain of
// projections less that of a short one, over batches of 256 to 4,096 rows, and the line through it.
#include "event_source.hpp"
#include "supply.hpp"

#include <libstream/libstream.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

using namespace libstream;
using namespace libstream::apps;

namespace {

constexpr std::size_t short_chain = 2;
constexpr std::size_t long_chain = 10;
constexpr int repetitions = 3;

/// The same batch again and again.
class OneBatch final : public Supply {
 public:
  explicit OneBatch(std::size_t rows) {
    const auto values = Buffer::allocate(rows * sizeof(std::int64_t));
    for (std::size_t i = 0; i < rows; ++i) {
      values->as<std::int64_t>()[i] = static_cast<std::int64_t>(i);
    }
    batch_ = make_batch({Column::fixed(TypeId::bigint, rows, values)}, rows);
  }
  Schema schema() const override { return Schema::parse("v bigint"); }
  std::uint64_t events_per_batch() const override { return batch_->rows; }
  std::uint64_t rows(std::uint64_t events) const override { return events; }
  BatchPtr batch(std::uint64_t /*number*/) const override { return batch_; }
  std::uint64_t samples() const override { return 1; }
  BatchPtr sample(std::uint64_t /*number*/) const override { return batch_; }

 private:
  BatchPtr batch_;
};

/// Steps that are not fused: each reads its input three times, and that is not worked out again.
DataStream chain(DataStream stream, std::size_t steps) {
  for (std::size_t i = 0; i < steps; ++i) {
    stream = stream.select((col("v") + col("v") - col("v") + 1 - 1).as("v"));
  }
  return stream;
}

double cpu_seconds(std::size_t rows, std::size_t steps, std::uint64_t batches) {
  const auto meter = std::make_shared<Meter>();
  EventSourceOptions source;
  source.events = batches * rows;
  source.epoch_events = source.events;
  const auto supply = std::make_shared<OneBatch>(rows);
  SessionOptions options;
  options.threads = 1;
  options.partitions = 1;
  Session session(options);
  auto input = session.read_stream().source(std::make_shared<EventSource>(supply, meter, source));
  auto query = chain(input, steps).write_stream().trigger(Trigger::available_now()).none().start();
  query.await_termination();
  return meter->cpu_so_far();
}

/// Microseconds of a batch in one operator: the least of some runs, for others use the machine too.
double cost(std::size_t rows, std::uint64_t batches) {
  double least_short = 1e9;
  double least_long = 1e9;
  for (int i = 0; i < repetitions; ++i) {
    least_short = std::min(least_short, cpu_seconds(rows, short_chain, batches));
    least_long = std::min(least_long, cpu_seconds(rows, long_chain, batches));
  }
  return (least_long - least_short) * 1e6 /
         static_cast<double>(batches * (long_chain - short_chain));
}

}  // namespace

/// True where the engine runs the chain step by step; fused steps would make the result a lie.
bool runs_all(std::size_t steps) {
  Session session;
  const auto input = session.read_stream().source(std::make_shared<EventSource>(
      std::make_shared<OneBatch>(1), std::make_shared<Meter>(), EventSourceOptions()));
  const std::string plan = chain(input, steps).write_stream().none().explain();
  return plan.find("#" + std::to_string(steps + 1) + " none sink") != std::string::npos;
}

int main(int argc, char** argv) {
  if (!runs_all(long_chain)) {
    std::fprintf(stderr, "the steps of the chain were fused: this would measure nothing\n");
    return 1;
  }
  const std::uint64_t batches = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000;
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (const std::size_t rows : {256, 512, 1024, 2048, 4096}) {
    const double microseconds = cost(rows, batches);
    std::printf("{\"rows\":%zu,\"microseconds_per_batch_and_operator\":%.3f}\n", rows,
                microseconds);
    const auto size = static_cast<double>(rows);
    n += 1;
    x += size;
    y += microseconds;
    xx += size * size;
    xy += size * microseconds;
  }
  const double slope = (n * xy - x * y) / (n * xx - x * x);
  std::printf("{\"fixed_microseconds\":%.3f,\"nanoseconds_per_row\":%.3f}\n", (y - slope * x) / n,
              slope * 1e3);
}
