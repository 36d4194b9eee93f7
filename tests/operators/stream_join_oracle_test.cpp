// Random plans and rows through the stream-stream join, against a model that looks at every pair:
// rows, late rows, the counters and the size of the state, under any interleaving, restart and
// number of tasks, with tables and batches so small that all of their seams are crossed.
#include "../support/operator_test.hpp"
#include "join_model.hpp"
#include "stream_join.hpp"

#include <libstream/expression.hpp>

#include <chrono>
#include <random>
#include <set>

using namespace libstream;
using namespace libstream::test;

namespace {

constexpr std::int64_t second = 1'000'000;
enum : std::uint32_t { k, s, t, ts, v };  // columns of a side

Schema side_schema(const std::string& prefix) {
  return {{prefix + "k", TypeId::bigint},
          {prefix + "s", TypeId::string},
          {prefix + "t", TypeId::timestamp},
          {prefix + "ts", TypeId::timestamp},
          {prefix + "v", TypeId::bigint}};
}

struct Case {
  JoinPlan plan;
  JoinModel model;
  JoinTuning tuning;
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::int64_t number(std::int64_t below) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(below));
  }
  bool chance(int percent) { return number(100) < percent; }

  Case make() {
    Case one;
    one.plan.type =
        std::vector{JoinType::inner, JoinType::left_outer, JoinType::right_outer,
                    JoinType::full_outer, JoinType::left_semi}[static_cast<std::size_t>(number(5))];
    one.model.type = one.plan.type;
    one.model.columns = 5;
    const bool timed = chance(40);
    keys(one, timed);
    condition(one, timed);
    for (const int side : {0, 1}) finish_side(one, side);
    const std::uint32_t columns = one.plan.type == JoinType::left_semi ? 5 : 10;
    for (std::uint32_t c = 0; c < columns; ++c) {
      if (c == v || c == v + 5 || chance(70)) one.plan.output.push_back(c);
    }
    std::shuffle(one.plan.output.begin(), one.plan.output.end(), random_);
    one.model.output = one.plan.output;
    one.tuning.generation_rows = static_cast<std::uint32_t>(1 + number(12));
    one.tuning.generations = static_cast<std::size_t>(1 + number(4));
    one.tuning.segment_rows = static_cast<std::uint32_t>(1 + number(12));
    one.tuning.chunk_rows = static_cast<std::size_t>(1 + number(8));
    one.tuning.pair_rows = static_cast<std::size_t>(1 + number(6));
    if (chance(20)) one.tuning = JoinTuning();
    return one;
  }

  Row row(std::int64_t watermark) {
    const auto time = [&](int spread) {
      return chance(4) ? Value()
                       : Value((watermark + number(spread) - spread / 3) * 1000 + number(2));
    };
    const Value key = chance(10) ? Value() : Value(number(3));
    const Value text = chance(10)   ? Value()
                       : chance(30) ? Value("a long one, out of line " + std::to_string(number(2)))
                                    : Value(number(2) == 0 ? "x" : "y");
    const Value slot = chance(5) ? Value() : Value((watermark / 5000 + number(3)) * 5 * second);
    return {key, text, slot, chance(3) ? Value((watermark + 90'000) * 1000) : time(24'000),
            Value(number(6))};
  }

  std::mt19937_64 random_;

 private:
  static JoinSide& plan_side(Case& one, int side) {
    return side == 0 ? one.plan.left : one.plan.right;
  }

  void keys(Case& one, bool timed) {
    std::vector<std::uint32_t> keys;
    if (chance(70)) keys.push_back(k);
    if (keys.empty() || chance(30)) keys.push_back(s);
    for (std::size_t i = 0; i < keys.size(); ++i) one.plan.null_safe.push_back(chance(30));
    if (timed) {
      keys.push_back(t);
      one.plan.null_safe.push_back(false);
    }
    one.model.null_safe = one.plan.null_safe;
    for (const int side : {0, 1}) plan_side(one, side).keys = one.model.sides[side].keys = keys;
    if (!timed) return;
    JoinRetention by_key;
    by_key.key = static_cast<std::uint32_t>(one.plan.null_safe.size() - 1);
    for (const int side : {0, 1}) {
      plan_side(one, side).retention = by_key;
      one.model.sides[side].due_column = t;
    }
  }

  void condition(Case& one, bool timed) {
    const Schema pair = stream_join_late_schema(side_schema("l"), side_schema("r"));
    const bool range = !timed && chance(70);
    const bool compared = chance(40);
    const std::int64_t length = number(12) * second;
    std::vector<Expression> parts;
    if (range) {
      parts.push_back(col("rts") >= col("lts"));
      parts.push_back(col("rts") <= col("lts") + lit(std::chrono::microseconds(length)));
      bound(one, 0, -length - 1000);
      bound(one, 1, -1000);
    }
    if (compared) parts.push_back(col("lv") <= col("rv"));
    if (parts.empty()) return;
    Expression all = parts[0];
    for (std::size_t i = 1; i < parts.size(); ++i) all = all && parts[i];
    one.plan.condition = bind(all, pair);
    one.model.condition = [=](const Row& left, const Row& right) {
      if (compared && left[v].integer() > right[v].integer()) return false;
      if (!range) return true;
      if (left[ts].is_null() || right[ts].is_null()) return false;
      const std::int64_t apart = right[ts].integer() - left[ts].integer();
      return apart >= 0 && apart <= length;
    };
  }

  void bound(Case& one, int side, std::int64_t bound) {
    if (chance(15)) return;  // kept for ever
    JoinRetention& retention = plan_side(one, side).retention;
    retention.column = ts;
    retention.bound = one.model.sides[side].bound = bound;
    one.model.sides[side].due_column = ts;
    if (chance(10)) retention.fixed = one.model.sides[side].fixed = 30 * second;
  }

  void finish_side(Case& one, int side) {
    if (chance(80)) {
      plan_side(one, side).event_column = one.model.sides[side].event_column = chance(80) ? ts : t;
    }
    if (!chance(25)) return;
    const std::string prefix = side == 0 ? "l" : "r";
    plan_side(one, side).filter = bind(col(prefix + "v") != lit(4), side_schema(prefix));
    one.model.sides[side].filter = [](const Row& row) { return row[v].integer() != 4; };
  }
};

std::vector<Row> sorted(std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// The rows of both sides in batches of any size, in any order.
void feed(OperatorTest& test, Generator& generate, const std::vector<Row> (&rows)[2]) {
  std::size_t next[2] = {0, 0};
  while (next[0] < rows[0].size() || next[1] < rows[1].size()) {
    const std::size_t side = next[0] == rows[0].size()   ? 1
                             : next[1] == rows[1].size() ? 0
                                                         : generate.chance(50);
    const std::size_t count = std::min<std::size_t>(
        rows[side].size() - next[side], static_cast<std::size_t>(1 + generate.number(6)));
    const auto first = rows[side].begin() + static_cast<std::ptrdiff_t>(next[side]);
    test.process({first, first + static_cast<std::ptrdiff_t>(count)}, side);
    next[side] += count;
  }
}

void run_case(std::uint64_t seed) {
  CAPTURE(seed);
  Generator generate(seed);
  Case one = generate.make();
  CAPTURE(to_string(one.plan.type));
  const auto factory = [&](const OperatorContext& context) {
    return make_stream_join(one.plan, side_schema("l"), side_schema("r"), context, one.tuning);
  };
  OperatorTest::Options options;
  options.partitions = static_cast<std::uint32_t>(1 + generate.number(3));
  options.restart_always = generate.chance(20);
  options.refuse = generate.chance(50);
  options.key_groups = 16;
  OperatorTest test({{factory, one.plan.left.keys}}, side_schema("x"), options);

  std::int64_t watermark = 0;
  for (int epoch = 0; epoch < 10; ++epoch) {
    CAPTURE(epoch);
    std::vector<Row> rows[2];
    for (auto& side : rows) {
      for (std::int64_t i = generate.number(14); i > 0; --i)
        side.push_back(generate.row(watermark));
    }
    if (generate.chance(70)) watermark += generate.number(9000);
    if (epoch == 9) watermark += 200'000;
    feed(test, generate, rows);
    one.model.epoch(rows[0], rows[1], watermark);
    REQUIRE(sorted(test.barrier(watermark)) == sorted(one.model.rows));
    REQUIRE(sorted(test.late_rows()) == sorted(one.model.late));
    const OperatorMetrics& metrics = test.metrics();
    REQUIRE(metrics.late_rows == one.model.late.size());
    REQUIRE(metrics.state_rows == one.model.total());
    REQUIRE(metrics.state_updated == one.model.updated);
    REQUIRE(metrics.state_removed == one.model.removed);
    if (metrics.state_rows == 0) REQUIRE(test.state(0).entries().empty());
    if (generate.chance(20)) test.restart(static_cast<std::uint32_t>(1 + generate.number(4)));
  }
}

}  // namespace

TEST_CASE("stream join: random plans agree with a model of all pairs") {
  const char* first = std::getenv("LIBSTREAM_JOIN_SEED");
  const char* count = std::getenv("LIBSTREAM_JOIN_CASES");
  const std::uint64_t begin = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
  const std::uint64_t cases = count != nullptr ? std::strtoull(count, nullptr, 10) : 3000;
  for (std::uint64_t seed = begin; seed < begin + cases; ++seed) run_case(seed);
}
