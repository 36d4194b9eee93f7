// Operators over single rows and over whole epochs: project, explode, windows, union, sort.
#include "../support/operator_test.hpp"

#include <libstream/expression.hpp>
#include <libstream/operators/keyed_aggregate.hpp>
#include <libstream/operators/project.hpp>

#include <limits>
#include <random>

using namespace libstream;
using namespace libstream::test;

namespace {

/// Keeps the batches that an operator hands on.
class Capture final : public Output {
 public:
  void emit(BatchPtr batch, std::size_t port) override {
    REQUIRE(port == main_port);
    batches.push_back(std::move(batch));
  }
  bool full() const override { return false; }
  bool connected(std::size_t) const override { return true; }
  std::vector<BatchPtr> batches;
};

std::vector<BatchPtr> run(const OperatorFactory& factory, const BatchPtr& batch) {
  Capture output;
  const auto op = factory({0, 1, 128});
  op->start({});
  CHECK(op->process(batch, 0, output) == Flow::done);
  CHECK(op->on_barrier({}, output) == Flow::done);
  return output.batches;
}

BoundPtr column(const Schema& schema, std::uint32_t index) {
  return bound_column(index, schema[index]);
}

OperatorTest::Options refusing(bool refuse) {
  OperatorTest::Options options;
  options.refuse = refuse;
  return options;
}

}  // namespace

TEST_CASE("project passes columns on by reference while no row is dropped") {
  const auto schema = Schema::parse("a bigint, s string");
  const auto batch = batch_of(schema, {{1, "a string beyond twelve bytes"}, {2, nullptr}});
  for (const char* condition : {"", "a > 0"}) {
    ProjectSpec spec;
    if (*condition) spec.filter = bind(expr(condition), schema);
    spec.columns = {column(schema, 1), bind(expr("a + 1"), schema), column(schema, 0),
                    column(schema, 1)};
    const auto output = run(project(spec), batch);
    REQUIRE(output.size() == 1);
    CHECK(output[0]->columns[0] == batch->columns[1]);
    CHECK(output[0]->columns[2] == batch->columns[0]);
    CHECK(output[0]->columns[3] == batch->columns[1]);
    CHECK(output[0]->columns[1]->value(1) == Value(3));
  }
}

TEST_CASE("a filter gathers, counts what it drops, and evaluates columns for the rest alone") {
  const auto schema = Schema::parse("a bigint, s string");
  ProjectSpec spec;
  spec.filter = bind(expr("a <> 0"), schema);
  spec.columns = {bind(expr("12 div a"), schema), column(schema, 1)};
  OperatorTest test({project(spec)}, schema);
  test.process({{0, "zero"}, {3, "three"}, {nullptr, "null"}, {4, "four is a longer string"}});
  test.process({{0, "zero"}});
  CHECK(to_text(*batch_of(Schema::parse("q bigint, s string"), test.barrier())) ==
        "4 three | 3 four is a longer string");
  CHECK(test.metrics().filtered_rows == 3);
  test.process({{6, "six"}});
  CHECK(test.barrier().size() == 1);
  CHECK(test.metrics().filtered_rows == 0);
}

TEST_CASE("explode: one row an element; outer keeps rows without elements") {
  const auto schema = Schema::parse("i bigint, a array<string>");
  const std::vector<Row> rows{{1, ValueList{"x", nullptr, "beyond twelve bytes"}},
                              {2, ValueList{}},
                              {3, nullptr},
                              {4, ValueList{"y"}}};
  for (const bool refuse : {false, true}) {
    for (const bool outer : {false, true}) {
      OperatorTest test({explode({{0}, 1, outer})}, schema, refusing(refuse));
      test.process(rows);
      const auto text = to_text(*batch_of(Schema::parse("i bigint, e string"), test.barrier()));
      CHECK(text == (outer ? "1 x | 1 null | 1 beyond twelve bytes | 2 null | 3 null | 4 y"
                           : "1 x | 1 null | 1 beyond twelve bytes | 4 y"));
      CHECK(test.metrics().filtered_rows == (outer ? 0 : 2));
    }
  }
}

TEST_CASE("explode of a slice, and of an array that fills several batches") {
  const auto schema = Schema::parse("i bigint, a array<bigint>");
  ValueList many;
  for (std::int64_t i = 0; i < 10'000; ++i) many.push_back(i);
  const auto batch =
      batch_of(schema, {{0, ValueList{7, 8}}, {1, ValueList{9}}, {2, many}, {3, ValueList{1}}});
  for (const bool refuse : {false, true}) {
    for (const bool outer : {false, true}) {
      OperatorTest test({explode({{0}, 1, outer})}, schema, refusing(refuse));
      test.process_batch(slice(*batch, 1, 3));
      std::vector<Row> expected{{1, 9}};
      for (const Value& value : many) expected.push_back({2, value});
      expected.push_back({3, 1});
      CHECK(test.barrier() == expected);
      CHECK((test.refusals() > 0) == refuse);
    }
  }
}

TEST_CASE("windows agree with trying every window there is") {
  std::mt19937_64 random(7);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  const auto schema = Schema::parse("i bigint, ts timestamp");
  for (int round = 0; round < 300; ++round) {
    const auto size = pick(1, 30);
    const auto slide = round % 3 == 0 ? size : pick(1, size);
    const auto start = pick(-slide + 1, slide - 1);
    std::vector<Row> rows;
    std::vector<Row> expected;
    std::uint64_t nulls = 0;
    for (std::int64_t i = 0; i < 40; ++i) {
      if (pick(0, 9) == 0) {
        rows.push_back({i, nullptr});
        ++nulls;
        continue;
      }
      const auto time = pick(-100, 100);
      rows.push_back({i, time});
      for (auto n = -300; n < 300; ++n) {
        const auto begin = start + n * slide;
        if (begin <= time && time < begin + size) {
          expected.push_back({i, time, ValueList{begin, begin + size}});
        }
      }
    }
    CAPTURE(size);
    CAPTURE(slide);
    CAPTURE(start);
    OperatorTest test({assign_windows({1, size, slide, start})}, schema, refusing(round % 2 == 0));
    test.process(rows);
    CHECK(test.barrier() == expected);
    CHECK(test.metrics().filtered_rows == nulls);
  }
}

TEST_CASE("a row of more windows than a batch holds comes in several batches") {
  const auto schema = Schema::parse("ts timestamp");
  OperatorTest test({assign_windows({0, 10'000, 1, 0})}, schema, refusing(true));
  test.process({{5}, {-5}});
  const auto rows = test.barrier();
  REQUIRE(rows.size() == 20'000);
  for (std::int64_t i = 0; i < 10'000; ++i) {
    REQUIRE(rows[static_cast<std::size_t>(i)][1].list()[0] == Value(5 - 9'999 + i));
  }
}

TEST_CASE("union passes the batches of all inputs on as they are") {
  const auto schema = Schema::parse("v bigint");
  const auto batch = batch_of(schema, {{1}, {2}});
  const auto output = run(union_all(), batch);
  REQUIRE(output.size() == 1);
  CHECK(output[0] == batch);
  OperatorTest test({union_all()}, schema);
  test.process({{1}}, 0);
  test.process({{2}}, 1);
  test.process({{3}}, 0);
  CHECK(test.barrier() == std::vector<Row>{{1}, {2}, {3}});
}

TEST_CASE("sort: each type, nulls first ascending and last descending, equal rows in order") {
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  const std::pair<const char*, std::vector<Value>> columns[] = {
      {"boolean", {nullptr, false, true}},
      {"smallint", {nullptr, -3, 2}},
      {"int", {nullptr, -70'000, 0, 70'000}},
      {"double", {nullptr, -1e300, -0.5, 0.0, 2.0, nan}},
      {"float", {nullptr, -1.5, 0.0, nan}},
      {"decimal(38,0)", {nullptr, -(int128{1} << 90), int128{0}, int128{1} << 90}},
      {"string", {nullptr, "", "twelve bytes", "twelve bytes!", "z"}},
      {"binary", {nullptr, std::string("\x01", 1), std::string("\xff", 1)}},
      {"date", {nullptr, -1, 19'000}},
      {"array<bigint>", {nullptr, ValueList{}, ValueList{1}, ValueList{1, 2}, ValueList{3}}},
      {"struct<a: bigint, b: string>",
       {nullptr, ValueList{1, nullptr}, ValueList{1, "b"}, ValueList{2, "a"}}},
  };
  for (const auto& column_values : columns) {
    const std::string type = column_values.first;
    const std::vector<Value>& sorted = column_values.second;
    CAPTURE(type);
    const Schema schema = Schema::parse("x " + type + ", i bigint");
    std::vector<Row> rows;  // each value twice, backwards
    for (std::int64_t i = 0; i < 2; ++i) {
      for (auto value = sorted.rbegin(); value != sorted.rend(); ++value)
        rows.push_back({*value, i});
    }
    for (const bool descending : {false, true}) {
      OperatorTest test({sort_rows({{{column(schema, 0), descending}}})}, schema);
      for (const Row& row : rows) test.process({row});
      std::vector<Row> expected;
      for (const Value& value : sorted) {
        expected.push_back({value, 0});
        expected.push_back({value, 1});
      }
      if (descending) {
        expected.clear();
        for (auto value = sorted.rbegin(); value != sorted.rend(); ++value) {
          expected.push_back({*value, 0});
          expected.push_back({*value, 1});
        }
      }
      CHECK(test.barrier() == expected);
      CHECK(test.barrier().empty());
    }
  }
}

TEST_CASE("sort by several keys and expressions, over more rows than a batch, with refusals") {
  const auto schema = Schema::parse("a bigint, b bigint");
  OperatorTest test(
      {sort_rows({{{bind(expr("a % 10"), schema), true}, {column(schema, 1), false}}})}, schema,
      refusing(true));
  std::mt19937_64 random(3);
  std::vector<Row> rows;
  for (int i = 0; i < 10'000; ++i) {
    rows.push_back({static_cast<std::int64_t>(random() % 100), static_cast<std::int64_t>(i)});
  }
  test.process(rows);
  std::stable_sort(rows.begin(), rows.end(), [](const Row& x, const Row& y) {
    const auto left = x[0].integer() % 10;
    const auto right = y[0].integer() % 10;
    return left != right ? left > right : x[1].integer() < y[1].integer();
  });
  CHECK(test.barrier() == rows);
  CHECK(test.refusals() > 0);
}
