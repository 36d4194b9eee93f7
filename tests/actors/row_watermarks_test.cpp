// Event time per source partition: neither batch sizes, epochs, triggers, partitions nor crashes
// change which rows are late or what append mode puts out.
#include "../../actors/src/engine.hpp"
#include "split_source.hpp"
#include "virtual_clock.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

using namespace libstream;
using namespace libstream::fakes;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t second = 1'000'000;
const Schema row_schema = Schema::parse("key bigint, time timestamp, value bigint, score double");

using Input = std::shared_ptr<const SplitSource::Rows>;

/// A query over one or two inputs with `delay` seconds, and how many splits its inputs may have.
struct Subject {
  const char* name;
  std::size_t inputs;
  bool several_splits;
  std::function<DataStream(const std::vector<DataStream>&)> build;
};

DataStream watermarked(const DataStream& stream) { return stream.with_watermark("time", 5s); }

DataStream tumbling(const DataStream& stream) {
  return stream.group_by(col("key"), window("time", "10 seconds"))
      .agg(count().as("n"), sum("value").as("sum"), max("score").as("most"));
}

const std::vector<Subject> subjects{
    {"tumbling", 1, true,
     [](const auto& in) { return tumbling(watermarked(in[0].where("value <> 3"))); }},
    {"sliding", 1, true,
     [](const auto& in) {
       return watermarked(in[0])
           .group_by(window("time", "10 seconds", "3 seconds"))
           .agg(count().as("n"), sum("value").as("sum"));
     }},
    {"sessions", 1, true,
     [](const auto& in) {
       return watermarked(in[0])
           .group_by(col("key"), session_window("time", "4 seconds"))
           .agg(count().as("n"), sum("value").as("sum"), min("time").as("first"));
     }},
    {"distinct", 1, true,
     [](const auto& in) {
       return watermarked(in[0]).drop({"value", "score"}).distinct();
     }},
    {"union", 2, true,
     [](const auto& in) {
       return tumbling(watermarked(in[0]).union_all(watermarked(in[1].where("value > 1"))));
     }},
    {"windows of windows", 1, true,
     [](const auto& in) {
       return watermarked(in[0])
           .group_by(col("key"), window("time", "5 seconds"))
           .agg(count().as("n"))
           .group_by(window("window", "10 seconds"))
           .agg(count().as("groups"), sum("n").as("rows"), max("n").as("most"));
     }},
    {"distinct below windows", 1, true,
     [](const auto& in) {
       return watermarked(in[0])
           .select("key", "time")
           .distinct()
           .group_by(window("time", "10 seconds"))
           .agg(count().as("n"));
     }},
    {"first of a key within the watermark", 1, false,
     [](const auto& in) { return watermarked(in[0]).drop_duplicates_within_watermark({"key"}); }},
    {"first of a key and time", 1, false,
     [](const auto& in) {
       return watermarked(in[0]).drop_duplicates({"key", "time"});
     }},
    {"order and rounding", 1, false,
     [](const auto& in) {
       return watermarked(in[0].with_column("half", expr("score / 3.0")))
           .group_by(col("key"), window("time", "10 seconds"))
           .agg(first("value").as("first"), last("value").as("last"), sum("half").as("sum"),
                avg("score").as("mean"));
     }},
    {"limit", 1, false, [](const auto& in) { return tumbling(watermarked(in[0].limit(60))); }},
};

/// Rows whose times mostly rise, with some far behind, and null times.
Input random_input(Random& random, std::size_t splits) {
  const auto pick = [&](std::uint64_t limit) { return random.next() % limit; };
  auto rows = std::make_shared<SplitSource::Rows>();
  rows->schema = row_schema;
  for (std::size_t split = 0; split < splits; ++split) {
    auto& list = rows->splits.emplace_back();
    auto now = static_cast<std::int64_t>(pick(20)) * second;
    const auto count = pick(12) == 0 ? 0 : 1 + pick(60);
    for (std::uint64_t i = 0; i < count; ++i) {
      now += static_cast<std::int64_t>(pick(3)) * second / 2;
      Value time = now - static_cast<std::int64_t>(pick(24)) * second / 2;
      if (pick(20) == 0) time = Value();
      list.push_back({static_cast<std::int64_t>(pick(4)), std::move(time),
                      static_cast<std::int64_t>(pick(6)), static_cast<double>(pick(1000)) * 1.1});
    }
  }
  return rows;
}

struct Result {
  std::string output;
  std::string late;
  friend bool operator==(const Result&, const Result&) = default;
};

/// One query from its first epoch to its end, with stops between as the seed says.
class Life {
 public:
  Life(const Subject& subject, const std::vector<Input>& inputs, std::uint64_t seed)
      : subject_(subject), inputs_(inputs), random_(seeded_random(seed)) {
    environment_.clock = clock_;
    environment_.random = seeded_random(seed + 1);
  }

  std::uint64_t pick(std::uint64_t limit) { return random_->next() % limit; }

  Result whole(const Cut& cut = {}) {
    cut_ = cut;
    partitions_ = 1;
    run(Trigger::available_now(), std::nullopt);
    return result();
  }

  Result in_pieces() {
    const auto stops = pick(4);
    for (std::uint64_t i = 0; i < stops; ++i) {
      draw();
      const auto trigger = pick(4);
      run(trigger == 0   ? Trigger::once()
          : trigger == 1 ? Trigger::processing_time(50ms)
          : trigger == 2 ? Trigger()
                         : Trigger::available_now(),
          pick(800));
    }
    draw();
    run(Trigger::available_now(), std::nullopt);
    return result();
  }

  EventTimeRule rule = per_source_partition;
  std::map<std::string, std::uint64_t> totals;

 private:
  void draw() {
    partitions_ = static_cast<std::uint32_t>(1 + pick(8));
    cut_ = {1 + pick(40), 1 + pick(20), 1 + pick(10), pick(2) == 0};
  }

  void run(Trigger trigger, std::optional<std::uint64_t> stop_after) {
    auto actors = make_simulated_actors(random_->next());
    auto* simulated = actors.get();
    clock_->follow(simulated);
    SessionOptions options;
    options.environment = environment_;
    options.partitions = partitions_;
    options.channel_batches = 1 + pick(4);
    options.channel_bytes = 64U << pick(8);
    auto engine = std::make_shared<Session::Engine>(options, std::move(actors));
    std::vector<DataStream> streams;
    for (const auto& input : inputs_) {
      streams.push_back(
          DataStreamReader(engine, true)
              .source(std::make_shared<SplitSource>(input, cut_, seeded_random(random_->next()))));
    }
    auto writer = subject_.build(streams).write_stream();
    writer.trigger(trigger)
        .checkpoint(root_)
        .event_time(rule)
        .option("snapshotEpochs", static_cast<std::int64_t>(1 + pick(4)))
        .memory(output_);
    if (std::string(subject_.name) != "limit") writer.late_rows(memory_sink(late_));
    auto query = writer.start();
    std::uint64_t steps = 0;
    while (query.is_active() && (!stop_after || steps < *stop_after)) {
      REQUIRE(simulated->step());
      REQUIRE(++steps < 1'000'000);
    }
    if (query.exception()) std::rethrow_exception(query.exception());
    if (const auto progress = query.last_progress()) totals = progress->totals;
    clock_->follow(nullptr);
  }

  Result result() const { return {output_.text(), late_.text()}; }

  const Subject& subject_;
  const std::vector<Input>& inputs_;
  std::shared_ptr<Random> random_;
  std::shared_ptr<VirtualClock> clock_ = std::make_shared<VirtualClock>();
  Environment environment_;
  std::shared_ptr<CheckpointRoot> root_ = memory_root();
  MemoryTable output_;
  MemoryTable late_;
  std::uint32_t partitions_ = 1;
  Cut cut_;
};

std::vector<Input> inputs_of(const Subject& subject, std::uint64_t seed) {
  auto random = seeded_random(seed);
  std::vector<Input> inputs;
  for (std::size_t i = 0; i < subject.inputs; ++i) {
    inputs.push_back(random_input(*random, subject.several_splits ? 1 + random->next() % 4 : 1));
  }
  return inputs;
}

/// "tumbling" over again, row by row: late rows and windows by (key, start).
Result recount(const SplitSource::Rows& rows) {
  constexpr std::int64_t size = 10 * second;
  struct Window {
    std::int64_t rows = 0;
    std::int64_t sum = 0;
    double most = 0;
  };
  std::map<std::pair<std::int64_t, std::int64_t>, Window> windows;
  std::vector<Row> late;
  std::int64_t watermark = std::numeric_limits<std::int64_t>::max();
  for (const auto& split : rows.splits) {
    std::int64_t mine = 0;  // µs
    for (const auto& row : split) {
      if (row[2].integer() == 3 || row[1].is_null()) continue;
      const auto time = row[1].integer();
      const auto start = (time >= 0 ? time / size : (time - size + 1) / size) * size;
      if (start + size <= mine) {
        late.push_back(row);
        late.back().push_back(ValueList{start, start + size});
      } else {
        auto& window = windows[{row[0].integer(), start}];
        window.most = window.rows == 0 ? row[3].real() : std::max(window.most, row[3].real());
        ++window.rows;
        window.sum += row[2].integer();
      }
      mine = std::max(mine, time / 1000 * 1000 - 5 * second);
    }
    watermark = std::min(watermark, mine);
  }
  const auto schema = Schema::parse(
      "key bigint, window struct<start: timestamp, end: timestamp>, n bigint, sum bigint, most "
      "double");
  std::vector<Row> output;
  for (const auto& [key, window] : windows) {
    if (key.second + size > watermark) continue;
    output.push_back({key.first, ValueList{key.second, key.second + size}, window.rows, window.sum,
                      window.most});
  }
  const auto text = [](const Schema& columns, std::vector<Row>& list) {
    std::sort(list.begin(), list.end());
    return list.empty() ? std::string() : to_text(*batch_of(columns, list));
  };
  auto late_fields = row_schema.fields();
  late_fields.push_back(schema[1]);
  return {text(schema, output), text(Schema(std::move(late_fields)), late)};
}

}  // namespace

TEST_CASE("however the input is cut, the same rows are late and the same rows come out") {
  std::uint64_t late = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    for (const auto& subject : subjects) {
      CAPTURE(seed);
      CAPTURE(std::string(subject.name));
      const auto inputs = inputs_of(subject, seed * 100);
      Life reference(subject, inputs, seed);
      const auto expected = reference.whole();
      late += reference.totals["lateRows"];
      for (std::uint64_t life = 1; life <= 4; ++life) {
        CAPTURE(life);
        Life other(subject, inputs, seed * 1000 + life);
        const auto found = other.in_pieces();
        CHECK(found.output == expected.output);
        CHECK(found.late == expected.late);
        CHECK(other.totals["lateRows"] == reference.totals["lateRows"]);
      }
    }
  }
  CHECK(late > 1000);
}

TEST_CASE("late rows and windows are those that a recount of each source partition finds") {
  const auto& subject = subjects[0];
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    const auto inputs = inputs_of(subject, seed * 77 + 5);
    const auto expected = recount(*inputs[0]);
    const auto found = Life(subject, inputs, seed).in_pieces();
    CHECK(found.output == expected.output);
    CHECK(found.late == expected.late);
  }
}

TEST_CASE(
    "per epoch the cut decides: a row behind the watermark counts where both share an epoch") {
  auto rows = std::make_shared<SplitSource::Rows>();
  rows->schema = row_schema;
  rows->splits = {{}};
  for (const std::int64_t time : {1, 40, 41, 2}) {
    rows->splits[0].push_back({1, time * second, 1, 1.0});
  }
  const std::vector<Input> inputs{rows};
  const auto late = [&](EventTimeRule rule, const Cut& cut) {
    Life life(subjects[0], inputs, 1);
    life.rule = rule;
    life.whole(cut);
    return life.totals["lateRows"];
  };
  const Cut at_once;
  const Cut one_by_one{1, 1, 1, false};
  CHECK(late(EventTimeRule::per_epoch, at_once) == 0);
  CHECK(late(EventTimeRule::per_epoch, one_by_one) == 1);
  CHECK(late(per_source_partition, at_once) == 1);
  CHECK(late(per_source_partition, one_by_one) == 1);
}
