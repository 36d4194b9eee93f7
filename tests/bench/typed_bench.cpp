// Typed streams and state by key, in CPU time: rows per second through a session with a checkpoint,
// and the operator alone with timeouts. One JSON line a case; arguments choose cases by name.
#include "event_source.hpp"
#include "keyed_rows.hpp"
#include "supply.hpp"

#include <libstream/hash.hpp>
#include <libstream/libstream.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <malloc.h>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

using namespace libstream;
using namespace libstream::apps;

namespace typed_bench {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;

struct Bid {
  std::int64_t auction;
  std::int64_t bidder;
  std::int64_t price;
  Time dateTime;
};
BOOST_DESCRIBE_STRUCT(Bid, (), (auction, bidder, price, dateTime))

struct Offer {
  std::int64_t auction;
  double euros;
  Time dateTime;
};
BOOST_DESCRIBE_STRUCT(Offer, (), (auction, euros, dateTime))

struct Event {
  std::int64_t value;
};
BOOST_DESCRIBE_STRUCT(Event, (), (value))

struct Counted {
  std::int64_t key;
  std::int64_t n;
};
BOOST_DESCRIBE_STRUCT(Counted, (), (key, n))

/// 16 bytes.
struct Visits {
  std::int64_t n = 0;
  std::int64_t last = 0;
};
BOOST_DESCRIBE_STRUCT(Visits, (), (n, last))

}  // namespace typed_bench

using namespace typed_bench;

namespace {

constexpr std::size_t rows_per_batch = KeyedRows::rows_per_batch;

template <class State>
std::array<Counted, 1> running_count(std::int64_t key, std::span<const Event> rows, State& state) {
  const auto n = state.get_or_default() + std::ssize(rows);
  state.update(n);
  return {Counted{key, n}};
}

/// Rows per CPU second of the whole process, from the first read to the end of the query. Of those
/// `skipped` at the start, which fill the state, the time is taken off.
void session_case(const char* name, std::shared_ptr<const Supply> supply, std::uint64_t epochs,
                  std::uint64_t skipped, OutputMode mode,
                  const std::function<DataStream(const DataStream&)>& build) {
  const auto directory =
      std::filesystem::temp_directory_path() / ("typed-bench-" + system_random()->uuid());
  const auto meter = std::make_shared<Meter>();
  EventSourceOptions source;
  source.epoch_events = 1'000'000 / supply->events_per_batch() * supply->events_per_batch();
  source.events = epochs * source.epoch_events;
  double used = 0;
  struct AtEpoch final : QueryListener {
    std::shared_ptr<Meter> meter;
    std::uint64_t epoch = 0;
    double* used = nullptr;
    void on_progress(const QueryProgress& progress) override {
      if (progress.executed && number(progress.epoch) + 1 == epoch) *used = meter->cpu_so_far();
    }
  };
  const auto listener = std::make_shared<AtEpoch>();
  listener->meter = meter;
  listener->epoch = skipped;
  listener->used = &used;
  SessionOptions options;
  options.threads = 1;
  options.partitions = 1;
  Session session(options);
  session.add_listener(listener);
  const auto input =
      session.read_stream().source(std::make_shared<EventSource>(supply, meter, source));
  auto query = build(input)
                   .write_stream()
                   .output_mode(mode)
                   .trigger(Trigger::available_now())
                   .checkpoint(directory.string())
                   .none()
                   .start();
  query.await_termination();
  const auto progress = query.last_progress();
  const auto rows = static_cast<double>(progress->totals.at("inputRows")) *
                    static_cast<double>(epochs - skipped) / static_cast<double>(epochs);
  std::printf("{\"case\":\"%s\",\"rows_per_cpu_second\":%.0f,\"state_rows\":%llu}\n", name,
              rows / (meter->cpu_so_far() - used),
              static_cast<unsigned long long>(progress->totals.at("stateRows")));
  std::fflush(stdout);
  std::filesystem::remove_all(directory);
}

void bids() {
  const std::shared_ptr<const Supply> supply = bid_supply({}, false);
  session_case("bids by columns", supply, 40, 0, OutputMode::append, [](const DataStream& rows) {
    return rows.where("price > 1000").select("auction", expr("price * 0.908 AS euros"), "dateTime");
  });
  session_case("bids as structs", supply, 40, 0, OutputMode::append, [](const DataStream& rows) {
    return rows.as<Bid>()
        .filter([](const Bid& bid) { return bid.price > 1000; })
        .map([](const Bid& bid) {
          return Offer{bid.auction, static_cast<double>(bid.price) * 0.908, bid.dateTime};
        })
        .to_stream();
  });
}

void counts(const char* name, std::size_t keys, std::uint64_t epochs, std::uint64_t skipped) {
  const auto supply = std::make_shared<KeyedRows>(
      keys, std::max<std::size_t>(2 * keys, 2'000'000) / rows_per_batch, KeyedRows::Draw::evenly);
  session_case(name, supply, epochs, skipped, OutputMode::update, [](const DataStream& rows) {
    return rows.as<Event>()
        .group_by_key<std::int64_t>("key")
        .flat_map_groups_with_state<std::int64_t>(OutputMode::update, GroupTimeout::none,
                                                  running_count<GroupState<std::int64_t>>)
        .to_stream();
  });
  session_case((std::string(name) + ", the built-in count").c_str(), supply, epochs, skipped,
               OutputMode::update,
               [](const DataStream& rows) { return rows.group_by("key").count(); });
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

std::array<Counted, 1> visit(std::int64_t key, std::span<const Event> rows,
                             GroupState<Visits>& state) {
  if (state.has_timed_out()) {
    state.remove();
    return {Counted{key, 0}};
  }
  const auto n = state.get_or_default().n + std::ssize(rows);
  state.update({n, rows.back().value});
  // Spread over the next days.
  state.set_timeout_duration(std::chrono::milliseconds(100'000 + key * 37 % 200'000'000));
  return {Counted{key, n}};
}

/// Memory of the process, without what is free for reuse.
double resident_bytes() {
  malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  double total = 0;
  double resident = 0;
  file >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// The operator alone: so many keys, each with a timeout; then epochs without rows.
void timeouts(std::size_t keys) {
  using Function =
      TypedGroupFunction<std::int64_t, Event, Visits, Counted, decltype(&visit), false>;
  GroupOperatorSpec spec;
  spec.name = "visits";
  spec.keys = {0};
  spec.key_fields = {{"key", TypeId::bigint, true}};
  spec.timeout = GroupTimeout::processing_time;
  spec.function = [fields = spec.key_fields] {
    return std::make_unique<Function>(&visit, "visits", Schema::parse("key bigint, value bigint"),
                                      Schema(fields), Schema());
  };
  const double before = resident_bytes();
  const auto op = group_operator(spec)({0, 1, 128});
  CountingOutput output;
  std::uint64_t epoch = 0;
  double last = 0;
  const auto run_epoch = [&](std::int64_t now, const std::vector<BatchPtr>& rows) {
    const double begin = thread_cpu_seconds();
    op->start({Epoch{epoch}, {now, 0}});
    for (const auto& batch : rows) op->process(batch, 0, output);
    op->on_barrier({Epoch{epoch++}, Watermark{}}, output);
    ChangelogWriter changes;
    op->collect_changes(changes);
    op->metrics();
    last = thread_cpu_seconds() - begin;
  };
  std::int64_t next = 0;
  double filling = 0;
  while (next < static_cast<std::int64_t>(keys)) {
    std::vector<BatchPtr> rows;
    while (next < static_cast<std::int64_t>(keys) && rows.size() < 244) {
      const auto key = Buffer::allocate(rows_per_batch * sizeof(std::int64_t));
      for (std::size_t i = 0; i < rows_per_batch; ++i) key->as<std::int64_t>()[i] = next++;
      const auto column = Column::fixed(TypeId::bigint, rows_per_batch, key);
      rows.push_back(make_batch({column, column}, rows_per_batch));
    }
    run_epoch(1, rows);
    filling += last;
  }
  run_epoch(2, {});
  const double bytes = resident_bytes() - before;
  double idle = 0;
  for (int i = 0; i < 100; ++i) {
    run_epoch(3 + i, {});
    idle += last;
  }
  // A minute's worth at a time, then many.
  const auto rows_before = output.rows();
  double firing = 0;
  for (int minute = 1; minute <= 60; ++minute) {
    run_epoch(100'000 + minute * 60'000, {});
    firing += last;
  }
  const auto fired = static_cast<double>(output.rows() - rows_before);
  const auto count = static_cast<double>(next);
  std::printf(
      "{\"case\":\"timeouts\",\"keys\":%.0f,\"rows_per_cpu_second\":%.0f,\"bytes_per_key\":%.1f,"
      "\"reported_bytes_per_key\":%.1f,\"idle_epoch_microseconds\":%.2f,\"fired\":%.0f,"
      "\"microseconds_per_timeout\":%.3f}\n",
      count, count / filling, bytes / count,
      static_cast<double>(op->metrics().state_bytes) / (count - fired), idle * 1e4, fired,
      firing * 1e6 / fired);
}

}  // namespace

int main(int argc, char** argv) {
  const auto wanted = [&](const char* name) {
    return argc < 2 || std::any_of(argv + 1, argv + argc, [&](const char* argument) {
             return std::strcmp(argument, name) == 0;
           });
  };
  if (wanted("bids")) bids();
  if (wanted("count")) counts("running_count, 100 k keys", 100'000, 24, 4);
  if (wanted("count10m")) counts("running_count, 10 M keys", 10'000'000, 40, 30);
  if (wanted("timeouts")) timeouts(10'000'000);
}
