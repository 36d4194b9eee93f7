#include "static_join_support.hpp"

#include <limits>
#include <random>

using namespace libstream;
using namespace libstream::test;

// Static joins against a loop over all pairs of rows.
namespace {

using Chance = std::mt19937_64;

std::size_t below(Chance& chance, std::size_t count) { return chance() % count; }
template <class T>
const T& any_of(Chance& chance, const std::vector<T>& list) {
  return list[below(chance, list.size())];
}

/// One random join; columns of a side: its keys, then a number.
struct Case {
  JoinType type = JoinType::inner;
  bool stream_left = true;
  std::vector<std::string> key_types;
  std::vector<bool> null_safe;
  int condition = 0;
  bool left_filter = false;
  bool right_filter = false;
  std::uint32_t partitions = 1;
  bool broadcast = true;
  bool refuse = false;
  Refresh refresh;

  /// Of two bounded sides: rows of both come out without a match, when the epoch ends.
  bool full() const { return type == JoinType::full_outer; }
  std::string text() const {
    std::string keys;
    for (std::size_t i = 0; i < key_types.size(); ++i) {
      keys += " " + key_types[i] + (null_safe[i] ? " <=>" : " =");
    }
    return std::string(to_string(type)) + (stream_left ? ", stream left" : ", stream right") +
           ", keys" + keys + ", condition " + std::to_string(condition) +
           (left_filter ? ", left filter" : "") + (right_filter ? ", right filter" : "") + ", " +
           std::to_string(partitions) + " partitions" + (broadcast ? "" : ", not shared") +
           (refuse ? ", full" : "") + ", refresh " + std::to_string(static_cast<int>(refresh.kind));
  }
};

Case random_case(Chance& chance) {
  Case c;
  c.stream_left = below(chance, 4) != 0;
  c.type = c.stream_left ? any_of<JoinType>(chance, {JoinType::inner, JoinType::left_outer,
                                                     JoinType::left_semi, JoinType::left_anti})
                         : any_of<JoinType>(chance, {JoinType::inner, JoinType::right_outer});
  if (below(chance, 5) == 0) {
    c.stream_left = true;
    c.type = JoinType::full_outer;
  }
  const auto keys = below(chance, 4);  // none now and then
  for (std::size_t i = 0; i < keys && i < 2; ++i) {
    c.key_types.push_back(any_of<std::string>(
        chance, {"bigint", "bigint", "int", "smallint", "boolean", "string", "double", "date",
                 "decimal(20,2)", "struct<a: bigint, b: string>"}));
    c.null_safe.push_back(below(chance, 3) == 0);
  }
  c.condition = static_cast<int>(below(chance, 5));
  c.left_filter = below(chance, 4) == 0;
  c.right_filter = below(chance, 4) == 0;
  c.partitions = any_of<std::uint32_t>(chance, {1, 3, 8});
  c.broadcast = below(chance, 2) == 0;
  c.refuse = below(chance, 2) == 0;
  c.refresh.kind = any_of<Refresh::Kind>(
      chance, {Refresh::Kind::each_epoch, Refresh::Kind::once, Refresh::Kind::interval});
  c.refresh.milliseconds = 1000;
  return c;
}

Value random_key(Chance& chance, const std::string& type, std::size_t keys) {
  if (below(chance, 8) == 0) return {};
  const auto n = static_cast<std::int64_t>(below(chance, keys));
  if (type == "boolean") return n % 2 == 0;
  if (type == "string")
    return n % 2 == 0 ? "k" + std::to_string(n) : "a long key, number " + std::to_string(n);
  if (type == "double") {
    return any_of<double>(
        chance, {0.0, -0.0, 1.5, std::numeric_limits<double>::quiet_NaN(), static_cast<double>(n)});
  }
  if (type.starts_with("decimal")) return Value(static_cast<int128>(n) * 100);
  if (type.starts_with("struct")) {
    return ValueList{n % 3 == 0 ? Value() : Value(n), Value("s" + std::to_string(n % 2))};
  }
  return n - 2;
}

Schema side_schema(const Case& c, const std::string& prefix) {
  std::string text;
  for (std::size_t i = 0; i < c.key_types.size(); ++i) {
    text += prefix + "k" + std::to_string(i) + " " + c.key_types[i] + ", ";
  }
  return Schema::parse(text + prefix + "v bigint");
}

std::vector<Row> random_rows(Chance& chance, const Case& c, std::size_t count, std::size_t keys) {
  std::vector<Row> rows(count);
  for (auto& row : rows) {
    for (const auto& type : c.key_types) row.push_back(random_key(chance, type, keys));
    row.push_back(below(chance, 6) == 0 ? Value()
                                        : Value(static_cast<std::int64_t>(below(chance, 6))));
  }
  return rows;
}

const char* const conditions[] = {"", "lv < rv", "lv BETWEEN rv - 1 AND rv + 1",
                                  "lv IS NULL OR rv > 2", "rv = 7"};

bool condition_true(int condition, const Value& l, const Value& r) {
  const bool null = l.is_null() || r.is_null();
  switch (condition) {
    case 0:
      return true;
    case 1:
      return !null && l.integer() < r.integer();
    case 2:
      return !null && l.integer() >= r.integer() - 1 && l.integer() <= r.integer() + 1;
    case 3:
      return l.is_null() || (!r.is_null() && r.integer() > 2);
    default:
      return false;  // no value is 7
  }
}

bool passes_left(const Case& c, const Row& row) {
  return !c.left_filter || (!row.back().is_null() && row.back().integer() > 0);
}
bool passes_right(const Case& c, const Row& row) {
  return !c.right_filter || (!row.back().is_null() && row.back().integer() < 4);
}

bool pair_matches(const Case& c, const Row& l, const Row& r) {
  if (!passes_left(c, l) || !passes_right(c, r)) return false;
  for (std::size_t i = 0; i < c.key_types.size(); ++i) {
    if (l[i].is_null() || r[i].is_null()) {
      if (!c.null_safe[i] || l[i].is_null() != r[i].is_null()) return false;
    } else if (!(l[i] == r[i])) {
      return false;
    }
  }
  return condition_true(c.condition, l.back(), r.back());
}

std::vector<Row> expected(const Case& c, const std::vector<Row>& stream,
                          const std::vector<Row>& table) {
  std::vector<Row> out;
  for (const auto& row : stream) {
    bool matched = false;
    for (const auto& other : table) {
      if (!(c.stream_left ? pair_matches(c, row, other) : pair_matches(c, other, row))) continue;
      matched = true;
      if (c.type == JoinType::left_semi || c.type == JoinType::left_anti) break;
      Row pair = c.stream_left ? row : other;
      const auto& second = c.stream_left ? other : row;
      pair.insert(pair.end(), second.begin(), second.end());
      out.push_back(std::move(pair));
    }
    if (matched ? c.type == JoinType::left_semi : c.type == JoinType::left_anti) out.push_back(row);
    if (matched || (!c.full() && c.type != JoinType::left_outer && c.type != JoinType::right_outer))
      continue;
    Row pair(row.size());
    pair.insert(c.stream_left ? pair.begin() : pair.end(), row.begin(), row.end());
    out.push_back(std::move(pair));
  }
  for (const auto& other : c.full() ? table : std::vector<Row>{}) {
    if (std::any_of(stream.begin(), stream.end(),
                    [&](const Row& row) { return pair_matches(c, row, other); })) {
      continue;
    }
    Row pair(other.size());
    pair.insert(pair.end(), other.begin(), other.end());
    out.push_back(std::move(pair));
  }
  std::sort(out.begin(), out.end());
  return out;
}

ResolvedPtr plan_of(const Case& c, const MemoryStream& table) {
  const auto left = side_schema(c, "l");
  const auto right = side_schema(c, "r");
  auto bounded = std::make_shared<ResolvedPlan>();
  bounded->kind = ResolvedPlan::Kind::source;
  bounded->schema = table.schema();
  bounded->streaming = false;
  bounded->source = reader(false).memory(table).plan()->source;
  bounded->source.refresh = c.refresh;
  JoinPlan join;
  join.type = c.type;
  for (std::uint32_t i = 0; i < c.key_types.size(); ++i) {
    join.left.keys.push_back(i);
    join.right.keys.push_back(i);
  }
  join.null_safe = c.null_safe;
  if (c.left_filter) join.left.filter = bind(expr("lv > 0"), left);
  if (c.right_filter) join.right.filter = bind(expr("rv < 4"), right);
  if (c.condition != 0) join.condition = bind(expr(conditions[c.condition]), pair_of(left, right));
  if (c.full()) {
    auto other = std::make_shared<ResolvedPlan>(*stream_of(left));
    other->streaming = false;
    return join_of(std::move(other), bounded, std::move(join));
  }
  return c.stream_left ? join_of(stream_of(left), bounded, std::move(join))
                       : join_of(bounded, stream_of(right), std::move(join));
}

void run(std::uint64_t seed) {
  Chance chance(seed);
  const auto c = random_case(chance);
  CAPTURE(seed);
  CAPTURE(c.text());
  const auto clock = std::make_shared<SetClock>();
  Environment environment;
  environment.clock = clock;
  MemoryStream memory(side_schema(c, c.stream_left ? "r" : "l"));
  std::vector<Row> added;
  const auto keys = any_of<std::size_t>(chance, {3, 10, 200});
  const auto add = [&](std::size_t count) {
    const auto rows = random_rows(chance, c, count, keys);
    memory.add(rows);
    added.insert(added.end(), rows.begin(), rows.end());
  };
  if (below(chance, 6) != 0) add(below(chance, 60));
  QuerySpec spec;
  if (!c.broadcast) spec.options.set("broadcastLimit", "0");
  StaticJoinTest test(plan_of(c, memory), spec, c.partitions, environment, c.refuse);
  CHECK(test.plan().partitioned ==
        ((c.full() || !c.broadcast) && c.partitions > 1 && !c.key_types.empty()));

  std::vector<Row> seen;
  std::int64_t looked = -1;
  for (int epoch = 0; epoch < 4; ++epoch) {
    clock->steady += 400'000;
    if (looked < 0 || c.refresh.kind == Refresh::Kind::each_epoch ||
        (c.refresh.kind == Refresh::Kind::interval && clock->steady - looked >= 1'000'000)) {
      looked = clock->steady;
      seen = added;
    }
    test.start();
    const auto check = [&](std::vector<Row> out, const std::vector<Row>& rows) {
      std::sort(out.begin(), out.end());
      const auto wanted = expected(c, rows, seen);
      REQUIRE(out.size() == wanted.size());
      REQUIRE(out == wanted);
    };
    std::vector<Row> all;
    std::vector<Row> out;
    // A full outer join may have no row on the one side, and is whole only at its end.
    for (std::size_t batch = c.full() ? below(chance, 3) : 0; batch < 2; ++batch) {
      const auto rows = random_rows(chance, c, 1 + below(chance, 80), keys);
      const auto made = test.rows(rows);
      if (!c.full()) check(made, rows);
      all.insert(all.end(), rows.begin(), rows.end());
      out.insert(out.end(), made.begin(), made.end());
    }
    if (c.full()) {
      const auto rest = test.end();
      out.insert(out.end(), rest.begin(), rest.end());
      check(std::move(out), all);
    }
    if (below(chance, 2) == 0) add(below(chance, 20));
  }
}

}  // namespace

TEST_CASE("Static joins agree with a loop over all pairs") {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) run(seed);
}
