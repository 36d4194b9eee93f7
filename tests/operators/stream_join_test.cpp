// What the random plans do not reach: kinds of keys, skew, memory, damaged state.
#include "stream_join.hpp"

#include "../support/operator_test.hpp"

#include <libstream/error.hpp>
#include <libstream/expression.hpp>

using namespace libstream;
using namespace libstream::test;

namespace {

constexpr std::int64_t second = 1'000'000;

JoinPlan plan_of(JoinType type, const Schema& side, std::vector<std::uint32_t> keys) {
  JoinPlan plan;
  plan.type = type;
  plan.left.keys = plan.right.keys = keys;
  plan.null_safe.assign(keys.size(), false);
  for (std::uint32_t c = 0; c < side.size() * 2; ++c) plan.output.push_back(c);
  return plan;
}

OperatorFactory join_of(JoinPlan plan, const Schema& side, JoinTuning tuning = {}) {
  return [=](const OperatorContext& context) {
    return make_stream_join(plan, side, side, context, tuning);
  };
}

/// Takes batches and says full behind each of them.
class FullOutput final : public Output {
 public:
  void emit(BatchPtr batch, std::size_t) override {
    rows += batch->rows;
    largest = std::max(largest, batch->rows);
  }
  bool full() const override { return true; }
  bool connected(std::size_t) const override { return false; }
  std::size_t rows = 0;
  std::size_t largest = 0;
};

BatchPtr numbers(std::size_t rows, auto&& key) {
  std::vector<ColumnPtr> columns;
  for (int c = 0; c < 3; ++c) {
    const auto values = Buffer::allocate(rows * sizeof(std::int64_t));
    for (std::size_t i = 0; i < rows; ++i) {
      values->as<std::int64_t>()[i] = c == 0 ? key(i) : static_cast<std::int64_t>(i);
    }
    columns.push_back(Column::fixed(c == 2 ? TypeId::timestamp : TypeId::bigint, rows, values));
  }
  return make_batch(std::move(columns));
}

}  // namespace

TEST_CASE("stream join: a window as the key keeps rows until its end has passed") {
  const Schema side = Schema::parse("w struct<start: timestamp, end: timestamp>, v bigint");
  JoinPlan plan = plan_of(JoinType::full_outer, side, {0});
  plan.left.retention.key = plan.right.retention.key = 0;
  plan.left.event_column = plan.right.event_column = 0;
  plan.output = {1, 3};
  OperatorTest join({{join_of(plan, side), {0}}}, side);
  const auto window = [](std::int64_t end) { return ValueList{(end - 10) * second, end * second}; };
  join.process({{window(10), 1}, {window(20), 2}}, 0);
  join.process({{window(10), 11}, {window(30), 13}}, 1);
  const Schema out = Schema::parse("l bigint, r bigint");
  CHECK(text(out, join.barrier(9'999)) == "1 11");
  join.restart(3);
  CHECK(join.barrier(10'000).empty());  // matched: gone without a word
  CHECK(join.metrics().state_rows == 2);
  join.process({{window(10), 4}}, 0);
  CHECK(text(out, join.barrier(20'000)) == "2 null");
  CHECK(join.metrics().late_rows == 1);
  CHECK(join.late_rows() == std::vector<Row>{{window(10), 4, {}, {}}});
  CHECK(text(out, join.barrier(30'000)) == "null 13");
  CHECK(join.metrics().state_rows == 0);
  CHECK(join.state(0).entries().empty());
}

TEST_CASE("stream join: equal keys of every type match") {
  const Schema side = Schema::parse(
      "a boolean, b smallint, c int, d float, e double, f decimal(10,2), g decimal(30,2), "
      "h string, i binary, j date, l array<int>, m struct<x: int, y: string>");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string longer(40, 'z');
  const Row row{true,
                3,
                4,
                0.0,
                nan,
                int128{5},
                int128{6},
                longer,
                "b",
                7,
                ValueList{1, {}, 2},
                ValueList{{}, longer}};
  Row same = row;
  same[3] = -0.0;
  for (std::uint32_t key = 0; key < side.size(); ++key) {
    CAPTURE(key);
    JoinPlan plan = plan_of(JoinType::inner, side, {key});
    plan.output = {0};
    OperatorTest join({{join_of(plan, side), {key}}}, side);
    join.process({row}, 0);
    join.barrier();
    join.restart();
    join.process({same, Row(12)}, 1);
    CHECK(join.barrier().size() == 1);
  }
  // Only one field differs.
  Row other = row;
  other[11] = ValueList{1, longer};
  JoinPlan plan = plan_of(JoinType::inner, side, {11});
  OperatorTest join({{join_of(plan, side), {11}}}, side);
  join.process({row}, 0);
  join.process({other}, 1);
  CHECK(join.barrier().empty());
}

TEST_CASE("stream join: a key with a hundred thousand matches comes out in bounded batches") {
  const Schema side = Schema::parse("k bigint, v bigint, t timestamp");
  const auto join = make_stream_join(plan_of(JoinType::inner, side, {0}), side, side, {});
  FullOutput output;
  join->start({});
  const std::size_t rows = 100'000;
  REQUIRE(join->process(numbers(rows, [](std::size_t) { return 1; }), 0, output) == Flow::done);
  REQUIRE(join->process(numbers(rows, [](std::size_t i) { return i + 2; }), 0, output) ==
          Flow::done);
  std::size_t calls = 0;
  Flow flow = join->process(numbers(3, [](std::size_t) { return 1; }), 1, output);
  for (; flow == Flow::more; flow = join->resume(output)) ++calls;
  CHECK(output.rows == 3 * rows);
  CHECK(output.largest <= 2 * batch_rows);
  CHECK(calls >= 3 * rows / (2 * batch_rows));
}

TEST_CASE("stream join: each left row of a semi join comes out once, however many match it") {
  // All pairs would take minutes: 100,000 rows of one key on both sides, in either order, in the
  // same epoch and in two.
  const Schema side = Schema::parse("k bigint, v bigint, t timestamp");
  JoinPlan plan = plan_of(JoinType::left_semi, side, {0});
  plan.output = {0, 1};
  const std::size_t rows = 100'000;
  for (const std::size_t batch : {std::size_t{64}, batch_rows, rows}) {
    for (const std::size_t first : {0U, 1U}) {
      for (const bool barrier_between : {false, true}) {
        CAPTURE(batch);
        CAPTURE(first);
        CAPTURE(barrier_between);
        const auto join = make_stream_join(plan, side, side, {});
        FullOutput output;
        std::uint64_t epoch = 0;
        const auto barrier = [&] {
          join->on_barrier({Epoch{epoch}, {}}, output);
          ChangelogWriter changes;
          join->collect_changes(changes);
          join->start({Epoch{++epoch}, {}});
        };
        const auto run = [&](std::size_t input) {
          for (std::size_t at = 0; at < rows; at += batch) {
            const std::size_t count = std::min(batch, rows - at);
            Flow flow = join->process(numbers(count, [](std::size_t) { return 1; }), input, output);
            while (flow == Flow::more) flow = join->resume(output);
          }
        };
        join->start({Epoch{epoch}, {}});
        run(first);
        if (barrier_between) barrier();
        run(1 - first);
        CHECK(output.rows == rows);
        barrier();
        run(1);
        CHECK(output.rows == rows);
        // A left row that a row of an earlier epoch has matched is not kept.
        const bool kept = first == 0 || !barrier_between;
        CHECK(join->metrics().state_rows == (kept ? 3 : 2) * rows);
      }
    }
  }
}

TEST_CASE("stream join: a kept row takes its bytes and at most 32 more") {
  const Schema side = Schema::parse("k bigint, v bigint, t timestamp");
  for (const JoinType type : {JoinType::inner, JoinType::full_outer}) {
    JoinPlan plan = plan_of(type, side, {0});
    plan.left.retention.column = plan.right.retention.column = 2;
    plan.left.retention.bound = plan.right.retention.bound = -second;
    const auto join = make_stream_join(plan, side, side, {});
    FullOutput output;
    std::int64_t next = 0;
    for (std::uint64_t epoch = 0; epoch < 20; ++epoch) {
      join->start({Epoch{epoch}, {}});
      for (int i = 0; i < 5; ++i) {
        // Slices of a large batch and many small ones.
        const BatchPtr rows = numbers(4000, [&](std::size_t) { return next++; });
        for (std::size_t at = 0; at < 1000; at += 50)
          join->process(slice(*rows, at, 50), 0, output);
        join->process(slice(*rows, 1000, 3000), 0, output);
      }
      join->on_barrier({Epoch{epoch}, {}}, output);
      ChangelogWriter changes;
      join->collect_changes(changes);
    }
    const OperatorMetrics metrics = join->metrics();
    CHECK(metrics.state_rows == 400'000);
    CHECK(static_cast<double>(metrics.state_bytes) / 400'000 <= 24 + 32);
  }
}

TEST_CASE("stream join: rows that outlive their generation move on, also in the store") {
  const Schema side = Schema::parse("k bigint, v bigint, t timestamp");
  JoinPlan plan = plan_of(JoinType::left_outer, side, {0});
  plan.left.retention.column = plan.right.retention.column = 2;
  plan.output = {0, 4};
  JoinTuning tuning;
  tuning.generation_rows = 8;
  OperatorTest join({{join_of(plan, side, tuning), {0}}}, side);
  // One row without a time in twenty stays for ever; the others live for an epoch.
  std::int64_t key = 0;
  std::size_t entries = 0;
  for (std::int64_t epoch = 1; epoch <= 60; ++epoch) {
    std::vector<Row> rows;
    for (int i = 0; i < 20; ++i, ++key) {
      rows.push_back({key, key, i == 0 ? Value() : Value(epoch * second)});
    }
    join.process(rows, 0);
    join.barrier(epoch * 1000);
    entries = std::max(entries, join.state(0).entries().size());
    if (epoch % 7 == 0) join.restart();
  }
  CHECK(join.metrics().state_rows == 60);
  std::size_t stored = 0;
  for (const auto& [name, value] : join.state(0).entries()) {
    std::uint32_t rows = 0;
    std::memcpy(&rows, value.data(), sizeof rows);
    stored += rows;
  }
  CHECK(stored <= 4 * 60 + 100);
  std::vector<Row> all;
  for (std::int64_t i = 0; i < key; ++i) all.push_back({i, -i, {}});
  join.process(all, 1);
  CHECK(join.barrier(61'000).size() == 60);
}

TEST_CASE("stream join: damaged state is told") {
  const Schema side = Schema::parse("k bigint, s string");
  const JoinPlan plan = plan_of(JoinType::full_outer, side, {0});
  MapState good;
  {
    const auto join = make_stream_join(plan, side, side, {});
    FullOutput output;
    join->start({});
    join->process(batch_of(side, {{1, "a text that is long enough"}}), 0, output);
    join->process(batch_of(side, {{1, {}}}), 1, output);
    join->on_barrier({}, output);
    ChangelogWriter changes;
    join->collect_changes(changes);
    good.apply(changes.bytes());
  }
  REQUIRE(good.entries().size() == 4);
  const auto check = [&](const std::string& key, const std::string& value, bool drop) {
    MapState state = good;
    ChangelogWriter changes;
    const auto& [group, name] = good.entries().begin()->first;
    if (drop) changes.erase(group, name);
    changes.put(group, key.empty() ? name : key, value);
    state.apply(changes.bytes());
    const auto join = make_stream_join(plan, side, side, {});
    CHECK_THROWS_AS(join->restore(PartitionReader(state, 0, 1, 128), {}), Error);
  };
  const auto& [first, rows] = *good.entries().begin();
  for (std::size_t size = 0; size < rows.size(); ++size) check("", rows.substr(0, size), false);
  check("", rows + "x", false);
  check("x", "", false);
  check("l", "", false);
  check(first.second + "f", "12345", false);
  check(first.second + "f", "1", true);
}
