// The as-of join: what it takes and when it comes out, and random rows against a model that looks
// at all of them.
#include "as_of_join.hpp"

#include "../support/operator_test.hpp"

#include <libstream/error.hpp>

#include <random>

using namespace libstream;
using namespace libstream::test;

namespace {

constexpr std::int64_t second = 1'000'000;

const Schema side = Schema::parse("k bigint, s string, t timestamp, v bigint");

AsOfJoinPlan plan_of(JoinType type, std::vector<std::uint32_t> keys, std::int64_t tolerance) {
  AsOfJoinPlan plan;
  plan.type = type;
  plan.left_keys = plan.right_keys = std::move(keys);
  plan.left_time = plan.right_time = 2;
  plan.tolerance = tolerance;
  plan.output = {0, 3, 7};
  return plan;
}

OperatorFactory join_of(AsOfJoinPlan plan, JoinTuning tuning = {}) {
  return [=](const OperatorContext& context) {
    return make_as_of_join(plan, side, side, context, tuning);
  };
}

Row row(std::int64_t key, std::int64_t seconds, std::int64_t value) {
  return {key, {}, seconds * second, value};
}

const Schema out = Schema::parse("k bigint, l bigint, r bigint");

/// By its definition: every row in a list.
struct Model {
  AsOfJoinPlan plan;
  std::vector<Row> lefts;
  std::vector<Row> rights;
  std::vector<Row> late;
  std::int64_t late_ms = 0;

  bool whole(const Row& row) const {
    if (row[2].is_null()) return false;
    return std::none_of(plan.left_keys.begin(), plan.left_keys.end(),
                        [&](std::uint32_t key) { return row[key].is_null(); });
  }
  bool is_late(const Row& row, std::size_t input) {
    if (row[2].is_null() || row[2].integer() > late_ms * 1000) return false;
    Row pair(8);
    for (std::size_t c = 0; c < 4; ++c) pair[c + 4 * input] = row[c];
    late.push_back(std::move(pair));
    return true;
  }
  Row pair_of(const Row& left, const Row* right) const {
    Row pair;
    for (const std::uint32_t column : plan.output) {
      pair.push_back(column < 4 ? left[column] : right == nullptr ? Value() : (*right)[column - 4]);
    }
    return pair;
  }
  /// Later, or greater by its columns.
  static bool better(const Row& a, const Row& b) {
    if (a[2].integer() != b[2].integer()) return a[2].integer() > b[2].integer();
    return b < a;
  }
  const Row* latest(const Row& left) const {
    const Row* best = nullptr;
    for (const Row& right : rights) {
      if (right[2].integer() > left[2].integer() ||
          right[2].integer() < left[2].integer() - plan.tolerance) {
        continue;
      }
      const bool same = std::all_of(plan.left_keys.begin(), plan.left_keys.end(),
                                    [&](std::uint32_t key) { return left[key] == right[key]; });
      if (same && (best == nullptr || better(right, *best))) best = &right;
    }
    return best;
  }

  std::vector<Row> epoch(const std::vector<Row>& new_lefts, const std::vector<Row>& new_rights,
                         std::int64_t watermark) {
    std::vector<Row> rows;
    const bool pads = plan.type == JoinType::left_outer;
    for (const Row& right : new_rights) {
      if (whole(right) && !is_late(right, 1)) rights.push_back(right);
    }
    for (const Row& left : new_lefts) {
      if (!whole(left) && !pads) continue;
      if (is_late(left, 0)) continue;
      if (whole(left)) {
        lefts.push_back(left);
      } else {
        rows.push_back(pair_of(left, nullptr));
      }
    }
    std::vector<Row> waiting;
    for (const Row& left : lefts) {
      if (left[2].integer() > watermark * 1000) {
        waiting.push_back(left);
        continue;
      }
      const Row* right = latest(left);
      if (right != nullptr || pads) rows.push_back(pair_of(left, right));
    }
    lefts = std::move(waiting);
    forget(watermark);
    late_ms = watermark;
    return rows;
  }

  /// Right rows that no left row to come can take: the rule, by brute force.
  void forget(std::int64_t watermark) {
    std::vector<Row> needed;
    for (const Row& right : rights) {
      const std::int64_t at = right[2].integer();
      const bool reached = at <= watermark * 1000;
      const bool replaced = std::any_of(rights.begin(), rights.end(), [&](const Row& other) {
        return other[2].integer() <= watermark * 1000 && better(other, right) &&
               std::all_of(plan.left_keys.begin(), plan.left_keys.end(),
                           [&](std::uint32_t key) { return other[key] == right[key]; });
      });
      const bool too_old = at <= watermark * 1000 - plan.tolerance;
      const bool twin = std::find(needed.begin(), needed.end(), right) != needed.end();
      if (!reached || !(replaced || too_old || twin)) needed.push_back(right);
    }
    rights = std::move(needed);
  }
  std::size_t total() const { return lefts.size() + rights.size(); }
};

std::vector<Row> sorted(std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

void run_case(std::uint64_t seed) {
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto number = [&](std::int64_t below) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(below));
  };
  const auto chance = [&](int percent) { return number(100) < percent; };

  Model model;
  const std::vector<std::vector<std::uint32_t>> keys{{0}, {1}, {1, 0}};
  model.plan = plan_of(chance(50) ? JoinType::inner : JoinType::left_outer,
                       keys[static_cast<std::size_t>(number(3))], number(4) * number(4000) * 1000);
  model.plan.output = {0, 3, 7, 5, 6};
  JoinTuning tuning;
  if (chance(80)) {
    tuning.generation_rows = static_cast<std::uint32_t>(1 + number(12));
    tuning.generations = static_cast<std::size_t>(1 + number(4));
    tuning.segment_rows = static_cast<std::uint32_t>(1 + number(12));
    tuning.chunk_rows = static_cast<std::size_t>(1 + number(8));
    tuning.pair_rows = static_cast<std::size_t>(1 + number(6));
  }
  OperatorTest::Options options;
  options.partitions = static_cast<std::uint32_t>(1 + number(3));
  options.restart_always = chance(20);
  options.refuse = chance(50);
  options.key_groups = 16;
  OperatorTest test({{join_of(model.plan, tuning), model.plan.left_keys}}, side, options);

  std::int64_t watermark = 0;
  const auto random_row = [&]() -> Row {
    // Few times, so that there are many ties.
    const auto at = (watermark + 1 + number(12'000) / 400 * 400 - 3000) * 1000;
    return {chance(6) ? Value() : Value(number(3)),
            chance(6)    ? Value()
            : chance(30) ? Value("a long one, out of line " + std::to_string(number(2)))
                         : Value(number(2) == 0 ? "x" : "y"),
            chance(4) ? Value() : Value(at), chance(10) ? Value() : Value(number(4))};
  };
  for (int epoch = 0; epoch < 10; ++epoch) {
    CAPTURE(epoch);
    std::vector<Row> rows[2];
    for (auto& list : rows) {
      for (std::int64_t i = number(14); i > 0; --i) list.push_back(random_row());
    }
    if (chance(70)) watermark += number(9000);
    if (epoch == 9) watermark += 200'000;
    const std::vector<Row> expected = model.epoch(rows[0], rows[1], watermark);
    std::size_t next[2] = {0, 0};
    while (next[0] < rows[0].size() || next[1] < rows[1].size()) {
      const std::size_t input = next[0] == rows[0].size()   ? 1
                                : next[1] == rows[1].size() ? 0
                                                            : std::size_t{chance(50)};
      const auto count = std::min<std::size_t>(rows[input].size() - next[input],
                                               static_cast<std::size_t>(1 + number(6)));
      const auto first = rows[input].begin() + static_cast<std::ptrdiff_t>(next[input]);
      test.process({first, first + static_cast<std::ptrdiff_t>(count)}, input);
      next[input] += count;
    }
    REQUIRE(sorted(test.barrier(watermark)) == sorted(expected));
    REQUIRE(sorted(test.late_rows()) == sorted(std::exchange(model.late, {})));
    REQUIRE(test.metrics().state_rows == model.total());
    if (model.total() == 0) REQUIRE(test.state(0).entries().empty());
    if (chance(20)) test.restart(static_cast<std::uint32_t>(1 + number(4)));
  }
}

}  // namespace

TEST_CASE("as-of join: random rows agree with a model that keeps all that may be needed") {
  const char* first = std::getenv("LIBSTREAM_JOIN_SEED");
  const char* count = std::getenv("LIBSTREAM_JOIN_CASES");
  const std::uint64_t begin = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
  const std::uint64_t cases = count != nullptr ? std::strtoull(count, nullptr, 10) : 3000;
  for (std::uint64_t seed = begin; seed < begin + cases; ++seed) run_case(seed);
}

TEST_CASE("as-of join: the latest row that is not later, when the watermark is there") {
  OperatorTest join({{join_of(plan_of(JoinType::left_outer, {0}, 10 * second)), {0}}}, side);
  join.process({row(1, 100, 1), row(1, 105, 2), row(2, 100, 3), row(1, 120, 4)}, 0);
  join.process({row(1, 99, 10), row(1, 100, 11), row(1, 101, 12), row(2, 101, 13)}, 1);
  CHECK(join.barrier(99'999).empty());
  // An earlier row came late enough to matter, and in time.
  join.process({row(1, 104, 14)}, 1);
  CHECK(text(out, join.barrier(105'000)) == "1 1 11 | 1 2 14 | 2 3 null");
  CHECK(join.metrics().state_rows == 3);  // left: 120 s; right: the latest of both keys
  join.restart(3);
  // 120 s is 16 s behind the latest one.
  CHECK(text(out, join.barrier(120'000)) == "1 4 null");
  CHECK(join.metrics().state_rows == 0);
  CHECK(join.state(0).entries().empty());
}

TEST_CASE("as-of join: exactly the tolerance is near enough, and 0 takes equal times only") {
  for (const std::int64_t tolerance : {std::int64_t{0}, 5 * second}) {
    OperatorTest join({{join_of(plan_of(JoinType::inner, {0}, tolerance)), {0}}}, side);
    const std::int64_t apart = tolerance / second;
    join.process({row(1, 100 + apart, 1), row(1, 101 + apart, 2)}, 0);
    join.process({row(1, 100, 10)}, 1);
    CHECK(text(out, join.barrier(200'000)) == "1 1 10");
  }
}

TEST_CASE("as-of join: of rows with one time the greatest is taken, in any order of arrival") {
  for (const bool reverse : {false, true}) {
    OperatorTest join({{join_of(plan_of(JoinType::inner, {0}, second)), {0}}}, side);
    std::vector<Row> rights{{1, {}, 100 * second, 9},
                            {1, "a", 100 * second, 3},
                            {1, "b", 100 * second, {}},
                            {1, "b", 100 * second, 2}};
    if (reverse) std::reverse(rights.begin(), rights.end());
    for (const Row& right : rights) join.process({right}, 1);
    join.process({row(1, 100, 1)}, 0);
    CHECK(text(out, join.barrier(100'000)) == "1 1 2");
    join.process({{1, {}, 100 * second + 1000, 5}}, 0);
    CHECK(text(out, join.barrier(101'000)) == "1 5 2");
  }
}

TEST_CASE("as-of join: late rows of both sides go to the late port") {
  OperatorTest join({{join_of(plan_of(JoinType::left_outer, {0}, second)), {0}}}, side);
  join.barrier(100'000);
  join.process({row(1, 100, 1), row(1, 101, 2)}, 0);
  join.process({row(1, 99, 10)}, 1);
  CHECK(join.barrier(100'500).empty());
  CHECK(join.late_rows() == std::vector<Row>{{1, {}, 100 * second, 1, {}, {}, {}, {}},
                                             {{}, {}, {}, {}, 1, {}, 99 * second, 10}});
  CHECK(join.metrics().late_rows == 2);
}

TEST_CASE("as-of join: rows without a key or a time match nothing and are not kept") {
  for (const JoinType type : {JoinType::inner, JoinType::left_outer}) {
    OperatorTest join({{join_of(plan_of(type, {0}, second)), {0}}}, side);
    join.process({{{}, {}, 100 * second, 1}, {1, {}, {}, 2}}, 0);
    join.process({{{}, {}, 100 * second, 10}, {1, {}, {}, 20}}, 1);
    const bool pads = type == JoinType::left_outer;
    CHECK(text(out, join.barrier(0)) == (pads ? "null 1 null | 1 2 null" : ""));
    CHECK(join.metrics().state_rows == 0);
    CHECK(join.metrics().filtered_rows == (pads ? 2 : 4));
  }
}

TEST_CASE("as-of join: one row a key is kept behind the watermark, in memory and in the store") {
  OperatorTest join({{join_of(plan_of(JoinType::inner, {0}, 1'000'000 * second)), {0}}}, side);
  std::size_t bytes = 0;
  for (std::int64_t epoch = 1; epoch <= 200; ++epoch) {
    std::vector<Row> rights;
    for (std::int64_t i = 0; i < 500; ++i)
      rights.push_back(row(i % 50, epoch * 10 + i / 50, epoch));
    join.process(rights, 1);
    CHECK(join.barrier(epoch * 10'000 + 9'999).empty());
    CHECK(join.metrics().state_rows == 50);
    CHECK(join.state(0).entries().size() == 50);
    if (epoch == 20) bytes = join.metrics().state_bytes;
  }
  CHECK(join.metrics().state_bytes <= bytes + bytes / 2);
  join.restart(4);
  join.process({row(7, 5000, 1)}, 0);
  CHECK(text(out, join.barrier(5'000'000)) == "7 1 200");
}

TEST_CASE("as-of join: damaged state is told") {
  MapState good;
  {
    const auto join = join_of(plan_of(JoinType::inner, {0}, 100 * second))({});
    OperatorTest test({{join_of(plan_of(JoinType::inner, {0}, 100 * second)), {0}}}, side);
    test.process({row(1, 100, 1)}, 1);
    test.barrier(100'000);
    good = test.state(0);
  }
  REQUIRE(good.entries().size() == 1);
  const auto& [name, value] = *good.entries().begin();
  const auto check = [&](const std::string& key, const std::string& bytes) {
    MapState state = good;
    ChangelogWriter changes;
    changes.put(name.first, key, bytes);
    state.apply(changes.bytes());
    const auto join = join_of(plan_of(JoinType::inner, {0}, second))({});
    CHECK_THROWS_AS(join->restore(PartitionReader(state, 0, 1, 128), {}), Error);
  };
  for (std::size_t size = 0; size < value.size(); ++size) check(name.second, value.substr(0, size));
  check("x", "");
  check("l", "");
}
