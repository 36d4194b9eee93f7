// The golden cases A1-A14 of the semantics: numbers are seconds of event time, windows are written
// (start,end:count), {n} is the number of groups in state, (n) that of distinct late groups. Each
// runs in one and in two stages, with 1 and 3 partitions, with a restart behind every epoch, and
// with an output that refuses every second time.
#include "../support/aggregation.hpp"

#include <libstream/bound_expression.hpp>
#include <libstream/expression.hpp>

#include <functional>
#include <string>
#include <vector>

using namespace libstream;
using namespace libstream::test;

namespace {

constexpr std::int64_t second = 1'000'000;

struct Variant {
  Plan plan;
  OperatorTest::Options options;
  std::string name;
};

std::vector<Variant> variants() {
  std::vector<Variant> list;
  for (const Plan plan : {Plan::single, Plan::two_stages}) {
    for (const std::uint32_t partitions : {1U, 3U}) {
      for (const bool restart : {false, true}) {
        for (const bool refuse : {false, true}) {
          OperatorTest::Options options;
          options.partitions = partitions;
          options.restart_always = restart;
          options.refuse = refuse;
          list.push_back({plan, options,
                          std::string(plan == Plan::single ? "single" : "two stages") +
                              ", partitions " + std::to_string(partitions) +
                              (restart ? ", restarts" : "") + (refuse ? ", refusals" : "")});
        }
      }
    }
  }
  return list;
}

void in_all_variants(const std::function<void(const Variant&)>& run) {
  for (const Variant& variant : variants()) {
    SUBCASE(variant.name.c_str()) { run(variant); }
  }
}

/// Counts per window of `ts`.
class WindowCount {
 public:
  WindowCount(const Variant& variant, OutputMode mode, std::int64_t size, std::int64_t slide = 0,
              std::int64_t start = 0)
      : test_(steps(variant, mode, size, slide == 0 ? size : slide, start), input(),
              variant.options) {}

  /// One epoch: times in seconds, then the watermark at its end. Result, {state} and (dropped).
  std::string epoch(const std::vector<std::int64_t>& times, std::int64_t watermark) {
    for (const std::int64_t time : times) test_.process({{Value(time * second)}});
    std::vector<Row> rows = test_.barrier(watermark * 1000);
    std::sort(rows.begin(), rows.end());
    std::string text;
    for (const Row& row : rows) {
      const ValueList& window = row[0].list();
      text.append("(").append(std::to_string(window[0].integer() / second));
      text.append(",").append(std::to_string(window[1].integer() / second));
      text.append(":").append(std::to_string(row[1].integer())).append(")");
    }
    text.append("{").append(std::to_string(test_.metrics().state_rows)).append("}");
    return text.append("(").append(std::to_string(test_.metrics().dropped_groups)).append(")");
  }
  OperatorTest& test() { return test_; }

 private:
  static Schema input() { return Schema::parse("ts timestamp"); }
  static std::vector<OperatorTest::Step> steps(const Variant& variant, OutputMode mode,
                                               std::int64_t size, std::int64_t slide,
                                               std::int64_t start) {
    const Schema schema = with_window(input());
    AggregateSpec spec;
    spec.mode = mode;
    spec.keys = {1};
    spec.key_fields = {schema[1]};
    spec.aggregates = {aggregate_call(schema, "count", {})};
    spec.time_key = 0;
    std::vector<OperatorTest::Step> list{
        observe_watermark({0}), assign_windows({0, size * second, slide * second, start * second})};
    add_aggregation(list, spec, variant.plan);
    return list;
  }
  OperatorTest test_;
};

}  // namespace

TEST_CASE("A1: append emits a window once the watermark has passed its end") {
  in_all_variants([](const Variant& variant) {
    WindowCount count(variant, OutputMode::append, 5);
    CHECK(count.epoch({10, 11, 12, 13, 14, 15}, 0) == "{2}(0)");
    CHECK(count.epoch({}, 5) == "{2}(0)");
    CHECK(count.epoch({25}, 5) == "{3}(0)");
    CHECK(count.epoch({}, 15) == "(10,15:5){2}(0)");
    CHECK(count.epoch({10, 15, 24}, 15) == "{3}(1)");
    CHECK(count.epoch({40}, 15) == "{4}(0)");
    CHECK(count.epoch({}, 30) == "(15,20:2)(20,25:1)(25,30:1){1}(0)");
  });
}

TEST_CASE("A2: a window that ends at the watermark is emitted, and late from then on") {
  in_all_variants([](const Variant& variant) {
    WindowCount count(variant, OutputMode::append, 5);
    CHECK(count.epoch({7}, 0) == "{1}(0)");
    CHECK(count.epoch({}, 7) == "{1}(0)");
    CHECK(count.epoch({10}, 7) == "{2}(0)");
    CHECK(count.epoch({}, 10) == "(5,10:1){1}(0)");
    CHECK(count.epoch({9, 10}, 10) == "{1}(1)");
  });
}

TEST_CASE("A3: an old row counts while its window is open") {
  in_all_variants([](const Variant& variant) {
    WindowCount count(variant, OutputMode::append, 10);
    CHECK(count.epoch({5, 18}, 0) == "{2}(0)");
    CHECK(count.epoch({}, 18) == "(0,10:1){1}(0)");
    CHECK(count.epoch({11, 9}, 18) == "{1}(1)");
    CHECK(count.epoch({20}, 18) == "{2}(0)");
    CHECK(count.epoch({}, 20) == "(10,20:2){1}(0)");
  });
}

TEST_CASE("A4: update emits touched windows and evicts silently") {
  in_all_variants([](const Variant& variant) {
    WindowCount count(variant, OutputMode::update, 5);
    CHECK(count.epoch({10, 11, 12, 13, 14, 15}, 0) == "(10,15:5)(15,20:1){2}(0)");
    CHECK(count.epoch({}, 5) == "{2}(0)");
    CHECK(count.epoch({25}, 5) == "(25,30:1){3}(0)");
    CHECK(count.epoch({}, 15) == "{2}(0)");
    CHECK(count.epoch({10, 25}, 15) == "(25,30:2){2}(1)");
    CHECK(count.epoch({10}, 15) == "{2}(1)");
  });
}

TEST_CASE("A5: a row may enter a window in the epoch that emits it") {
  in_all_variants([](const Variant& variant) {
    WindowCount append(variant, OutputMode::append, 5);
    CHECK(append.epoch({1, 12}, 0) == "{2}(0)");
    CHECK(append.epoch({2, 13}, 12) == "(0,5:2){1}(0)");
    CHECK(append.epoch({3, 14}, 13) == "{1}(1)");
    WindowCount update(variant, OutputMode::update, 5);
    CHECK(update.epoch({1, 12}, 0) == "(0,5:1)(10,15:1){2}(0)");
    CHECK(update.epoch({2, 13}, 12) == "(0,5:2)(10,15:2){1}(0)");
    CHECK(update.epoch({3, 14}, 13) == "(10,15:3){1}(1)");
  });
}

TEST_CASE("A6: at watermark 0 windows that end by the epoch are late already") {
  in_all_variants([](const Variant& variant) {
    WindowCount count(variant, OutputMode::append, 5);
    CHECK(count.epoch({-1, 0, 3}, 0) == "{1}(1)");
    CHECK(count.epoch({}, 3) == "{1}(0)");
    CHECK(count.epoch({6}, 3) == "{2}(0)");
    CHECK(count.epoch({}, 6) == "(0,5:2){1}(0)");
  });
}

TEST_CASE("A7: dropped counts groups, not rows") {
  in_all_variants([](const Variant& variant) {
    WindowCount count(variant, OutputMode::append, 5);
    count.epoch({}, 21);
    std::vector<std::int64_t> times(20);
    std::iota(times.begin(), times.end(), 10);
    CHECK(count.epoch(times, 21) == "{2}(2)");
    CHECK(count.test().late_rows().size() == 10);
  });
}

TEST_CASE("A8: complete emits everything, drops nothing, evicts nothing") {
  in_all_variants([](const Variant& variant) {
    WindowCount count(variant, OutputMode::complete, 5);
    CHECK(count.epoch({10, 11, 12}, 2) == "(10,15:3){1}(0)");
    CHECK(count.epoch({25}, 15) == "(10,15:3)(25,30:1){2}(0)");
    CHECK(count.epoch({10}, 15) == "(10,15:4)(25,30:1){2}(0)");
  });
}

TEST_CASE("A9: sliding windows, also before the epoch") {
  in_all_variants([](const Variant& variant) {
    WindowCount count(variant, OutputMode::append, 10, 5);
    CHECK(count.epoch({3, 7, 12}, 0) == "{4}(0)");
    CHECK(count.epoch({}, 7) == "(-5,5:1){3}(0)");
    CHECK(count.epoch({21}, 7) == "{5}(0)");
    CHECK(count.epoch({}, 16) == "(0,10:2)(5,15:2){3}(0)");
  });
}

TEST_CASE("A10: windows with a start offset") {
  in_all_variants([](const Variant& variant) {
    WindowCount count(variant, OutputMode::complete, 5, 5, 2);
    CHECK(count.epoch({0, 1, 2, 6, 7, 11}, 0) == "(-3,2:2)(2,7:2)(7,12:2){3}(0)");
    constexpr std::int64_t minute = 60;
    WindowCount overlapping(variant, OutputMode::complete, 12 * minute, 5 * minute);
    CHECK(overlapping.epoch({725 * minute}, 0) ==
          "(42900,43620:1)(43200,43920:1)(43500,44220:1){3}(0)");
    WindowCount shifted(variant, OutputMode::complete, 12 * minute, 5 * minute, 2 * minute);
    CHECK(shifted.epoch({725 * minute}, 0) == "(43020,43740:1)(43320,44040:1){2}(0)");
  });
}

namespace {

/// Steps of an aggregation straight over the input.
std::vector<OperatorTest::Step> grouped(const Variant& variant, AggregateSpec spec) {
  std::vector<OperatorTest::Step> steps;
  add_aggregation(steps, std::move(spec), variant.plan);
  return steps;
}

}  // namespace

TEST_CASE("A11: grouping by the event time itself") {
  in_all_variants([](const Variant& variant) {
    const Schema schema = Schema::parse("ts timestamp");
    AggregateSpec spec;
    spec.keys = {0};
    spec.key_fields = {schema[0]};
    spec.aggregates = {aggregate_call(schema, "count", {})};
    spec.time_key = 0;
    OperatorTest test(grouped(variant, spec), schema, variant.options);
    test.process({{Value(10 * second)}});
    CHECK(test.barrier(0).empty());
    test.process({{Value(25 * second)}});
    CHECK(test.barrier(0).empty());
    CHECK(test.barrier(15'000) == std::vector<Row>{{Value(10 * second), Value(1)}});
    // A null time is never late and never due.
    test.process({{nullptr}});
    CHECK(test.barrier(20'000).empty());
    CHECK(test.barrier(25'000) == std::vector<Row>{{Value(25 * second), Value(1)}});
    CHECK(test.metrics().state_rows == 1);
    CHECK(test.metrics().held_rows == 1);
  });
}

TEST_CASE("A12: a global count has one row in every epoch, whatever the filter leaves") {
  in_all_variants([](const Variant& variant) {
    const Schema schema = Schema::parse("v bigint");
    AggregateSpec spec;
    spec.mode = OutputMode::update;
    spec.aggregates = {aggregate_call(schema, "count", {})};
    std::vector<OperatorTest::Step> steps{
        project({bind(col("v") > 100, schema), {bound_column(0, schema[0])}})};
    add_aggregation(steps, spec, variant.plan);
    OperatorTest test(std::move(steps), schema, variant.options);
    test.process({{1}});
    CHECK(test.barrier() == std::vector<Row>{{0}});
    CHECK(test.metrics(0).filtered_rows == 1);
    test.process({{200}});
    CHECK(test.barrier() == std::vector<Row>{{1}});
    test.process({{5}});
    CHECK(test.barrier() == std::vector<Row>{{1}});
    CHECK(test.barrier() == std::vector<Row>{{1}});
    CHECK(test.metrics().held_rows == 1);
  });
}

TEST_CASE("A13: null is an ordinary key, null values add nothing, null times vanish") {
  in_all_variants([](const Variant& variant) {
    const Schema schema = Schema::parse("k string, v bigint");
    AggregateSpec spec;
    spec.mode = OutputMode::update;
    spec.keys = {0};
    spec.key_fields = {schema[0]};
    spec.aggregates = {aggregate_call(schema, "sum", {"v"})};
    OperatorTest test(grouped(variant, spec), schema, variant.options);
    test.process({{nullptr, 1}, {nullptr, 2}, {"a", nullptr}});
    CHECK(text(aggregate_schema(spec), test.barrier()) == "null 3 | a null");

    WindowCount count(variant, OutputMode::complete, 5);
    count.test().process({{nullptr}});
    CHECK(count.epoch({1}, 0) == "(0,5:1){1}(0)");
    CHECK(count.test().metrics(1).filtered_rows == 1);
  });
}

TEST_CASE("A14: last follows the newest epoch") {
  in_all_variants([](const Variant& variant) {
    const Schema schema = Schema::parse("v bigint");
    AggregateSpec spec;
    spec.mode = OutputMode::complete;
    spec.aggregates = {aggregate_call(schema, "last", {"v"})};
    OperatorTest test(grouped(variant, spec), schema, variant.options);
    test.process({{1}, {2}, {3}});
    CHECK(test.barrier() == std::vector<Row>{{3}});
    test.process({{4}, {5}, {6}});
    CHECK(test.barrier() == std::vector<Row>{{6}});
    CHECK(test.barrier() == std::vector<Row>{{6}});
    test.process({{0}});
    CHECK(test.barrier() == std::vector<Row>{{0}});
  });
}
