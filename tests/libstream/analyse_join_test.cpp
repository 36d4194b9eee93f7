#include <doctest/doctest.h>

#include <functional>
#include <support/plan_fixture.hpp>
#include <vector>

using namespace libstream;
using test::error_of;
using test::reader;
using test::stream;
using namespace std::chrono_literals;

namespace {

using Kind = ResolvedPlan::Kind;

/// As for a sink that takes columns by position: both sides may have one of a name.
ResolvedPtr analysed(const DataStream& query) {
  return analyse(
      query.plan(), [](const SourceSpec& spec) { return spec.schema; }, false);
}

std::string columns(const DataStream& query) { return analysed(query)->schema.to_string(); }

DataStream side(std::string_view name, bool marked = true) {
  auto rows =
      stream("k string, v bigint, ts timestamp, other timestamp", "in/" + std::string(name));
  if (marked) rows = rows.with_watermark("ts", 10s);
  return rows.as(name);
}

DataStream table(std::string_view name = "s") {
  return reader(false).schema("k string, w bigint, at timestamp").json("static/").as(name);
}

DataStream joined(std::string_view condition, JoinType type = JoinType::inner) {
  return side("l").join(side("r"), condition, type);
}

const ResolvedPlan& join_in(const ResolvedPlan& plan) {
  if (plan.kind == Kind::join) return plan;
  REQUIRE_FALSE(plan.inputs.empty());
  return join_in(*plan.inputs[0]);
}

/// "1000" where rows go when column ≤ We + 1000 ms; "none"; "key 0"; "≤ 5" for a constant bound.
std::string bound(const JoinRetention& retention) {
  if (retention.key) return "key " + std::to_string(*retention.key);
  if (!retention.column) return "none";
  auto text = std::to_string(retention.bound / 1000);
  if (retention.fixed) text += " at most " + std::to_string(*retention.fixed / 1000);
  return text;
}

std::string bounds(const DataStream& query) {
  const auto plan = analysed(query);
  const auto& join = *join_in(*plan).join;
  return bound(join.left.retention) + " | " + bound(join.right.retention);
}

std::string on_times(const std::string& condition, JoinType type = JoinType::inner) {
  return bounds(joined("l.k = r.k AND " + condition, type));
}

struct Wrong {
  const char* name;
  std::function<DataStream()> query;
  std::string error_class;
  std::vector<std::string> parts;  // of the message
  OutputMode mode = OutputMode::append;
};

void check_refused(const std::vector<Wrong>& table) {
  for (const auto& wrong : table) {
    CAPTURE(wrong.name);
    const auto error = error_of([&] { check_output_mode(*analysed(wrong.query()), wrong.mode); });
    CAPTURE(error);
    CHECK(error.substr(0, error.find(": ")) == wrong.error_class);
    for (const auto& part : wrong.parts) {
      CAPTURE(part);
      CHECK(error.find(part) != std::string::npos);
    }
  }
}

std::string passes(const DataStream& query, OutputMode mode) {
  return error_of([&] { check_output_mode(*analysed(query), mode); });
}

}  // namespace

TEST_CASE("The state of a side is bounded by lower bounds on its time") {
  CHECK(on_times("l.ts > r.ts") == "0 | none");
  CHECK(on_times("l.ts >= r.ts") == "-1 | none");
  CHECK(on_times("l.ts < r.ts") == "none | 0");
  CHECK(on_times("l.ts <= r.ts") == "none | -1");
  CHECK(on_times("l.ts > r.ts + INTERVAL 1 SECOND") == "1000 | none");
  CHECK(on_times("l.ts + INTERVAL 2 SECONDS > r.ts") == "-2000 | none");
  CHECK(on_times("r.ts < l.ts - INTERVAL 3 SECONDS") == "3000 | none");
  CHECK(on_times("r.ts - INTERVAL 3 SECONDS < l.ts") == "-3000 | none");
  CHECK(on_times("l.ts > r.ts - INTERVAL 3 SECONDS AND r.ts < l.ts + INTERVAL 4 SECONDS") ==
        "-4000 | none");
  CHECK(on_times("l.ts > r.ts + INTERVAL 1 MONTH") == "none | none");
  CHECK(on_times("r.ts BETWEEN l.ts AND l.ts + INTERVAL 1 HOUR") == "-3600001 | -1");
  CHECK(on_times("r.ts >= l.ts AND r.ts <= l.ts + INTERVAL '1' HOUR") == "-3600001 | -1");
  CHECK(on_times("l.ts BETWEEN r.ts - INTERVAL 10 SECONDS AND r.ts + INTERVAL 5 SECONDS") ==
        "-10001 | -5001");
  CHECK(on_times("NOT l.ts < r.ts") == "-1 | none");
  CHECK(on_times("r.ts - l.ts <= INTERVAL 2 SECONDS") == "-2001 | none");
  CHECK(on_times("l.ts - - INTERVAL 1 SECOND > r.ts") == "-1000 | none");
  CHECK(on_times("l.ts > r.ts + INTERVAL '0.0015' SECOND") == "1 | none");
}

TEST_CASE("Times may be cast to seconds; cut ones never make rows go early") {
  const std::string l = "CAST(l.ts AS DOUBLE)";
  const std::string r = "CAST(r.ts AS DOUBLE)";
  CHECK(on_times(l + " > " + r) == "0 | none");
  CHECK(on_times(l + " >= " + r + " + 1") == "999 | none");
  CHECK(on_times(l + " + 2.5 > " + r) == "-2500 | none");
  CHECK(on_times("CAST(l.ts AS BIGINT) > CAST(r.ts AS BIGINT) - 3") == "-3000 | none");
  // The right time may be 0.999 s above its whole second.
  CHECK(on_times("CAST(l.ts AS BIGINT) >= CAST(r.ts AS BIGINT)") == "-1000 | none");
  CHECK(on_times(l + " > CAST(r.ts AS BIGINT)") == "-1000 | none");
  CHECK(on_times("CAST(l.ts AS BIGINT) > " + r) == "0 | none");
}

TEST_CASE("Conditions that say nothing of a side's time leave it unbounded") {
  CHECK(on_times("l.v > r.v") == "none | none");
  CHECK(on_times("l.other > r.ts") == "none | none");
  CHECK(on_times("l.ts > r.other") == "none | none");
  CHECK(on_times("date_trunc('hour', l.ts) > r.ts") == "none | none");
  CHECK(on_times("l.ts > r.ts + (r.other - l.other)") == "none | none");
  CHECK(on_times("(l.ts > r.ts OR l.v = 1)") == "none | none");
  CHECK(on_times("l.ts + (l.ts - r.ts) > r.ts") == "none | none");
  CHECK(bounds(side("l", false).join(side("r"), "l.k = r.k AND l.ts > r.ts")) == "none | none");
  CHECK(bounds(side("l").join(side("r", false), "l.k = r.k AND l.ts > r.ts")) == "none | none");
}

TEST_CASE("A constant bound counts where rows without a match are kept") {
  const auto* condition = "l.ts > r.ts AND l.ts >= TIMESTAMP '1970-01-01 00:00:10'";
  CHECK(on_times(condition, JoinType::left_outer) == "0 at most 9999 | none");
  CHECK(on_times(condition) == "0 | none");
  CHECK(on_times("l.ts > TIMESTAMP '1970-01-01 00:00:10'", JoinType::left_outer) ==
        "0 at most 10000 | none");
}

TEST_CASE("An event time among the keys bounds both sides") {
  CHECK(on_times("l.ts = r.ts") == "key 1 | key 1");
  CHECK(bounds(joined("l.ts = r.other")) == "key 0 | key 0");
  CHECK(bounds(joined("l.ts <=> r.ts")) == "none | none");
  CHECK(bounds(joined("l.other = r.other")) == "none | none");
  const auto windowed = [](const char* name, const char* column) {
    return stream("k string, ts timestamp")
        .with_watermark("ts", 1s)
        .with_column(column, expr("window(ts, '10 seconds')"))
        .as(name);
  };
  const auto query = windowed("l", "lw").join(windowed("r", "rw"), "l.k = r.k AND lw = rw");
  CHECK(bounds(query) == "key 1 | key 1");
  const auto plan = analysed(query);
  const auto& join = *plan->join;
  CHECK(*join.left.event_column == 2);
  CHECK(join.left.retention.why ==
        "kept until the watermark reaches lw.end, because it equals rw of the other side");
  CHECK(bounds(windowed("l", "lw").join(windowed("r", "rw"),
                                        "lw.end = rw.end AND l.k = r.k AND "
                                        "l.ts > r.ts")) == "0 | none");
}

TEST_CASE("The reason of a retention is told") {
  const auto plan =
      analysed(joined("l.k = r.k AND r.ts >= l.ts AND r.ts <= l.ts + INTERVAL 1 HOUR"));
  CHECK(plan->join->left.retention.why ==
        "kept until the watermark passes ts + 1 hour, because r.ts <= l.ts + INTERVAL 1 HOUR");
  CHECK(plan->join->right.retention.why ==
        "kept until the watermark passes ts, because r.ts >= l.ts");
  const auto open = analysed(joined("l.k = r.k"));
  CHECK(open->join->left.retention.why ==
        "kept for ever: the condition sets no lower bound on ts by the event time of the right "
        "side");
}

TEST_CASE("The condition falls apart into keys, conditions of a side and the rest") {
  const auto plan =
      analysed(side("l").join(side("r"),
                              "upper(l.k) = r.k AND r.v = l.v AND l.v > 1 AND r.k <> 'x' AND "
                              "l.v + r.v < 10 AND l.ts <=> r.ts AND true"));
  CHECK(to_text(*plan) ==
        "inner join on join_key = k AND v = v AND ts <=> ts AND l.v > 1 AND r.k <> 'x' AND l.v + "
        "r.v < 10  [k string, v bigint, ts timestamp, other timestamp, k string, v bigint, ts "
        "timestamp, other timestamp]\n"
        "  project k, v, ts, other, upper(l.k) AS join_key  [k string, v bigint, ts timestamp, "
        "other timestamp, join_key string]\n"
        "    watermark ts delay 10 seconds  [k string, v bigint, ts timestamp, other timestamp]\n"
        "      source json in/l  [k string, v bigint, ts timestamp, other timestamp]\n"
        "  watermark ts delay 10 seconds  [k string, v bigint, ts timestamp, other timestamp]\n"
        "    source json in/r  [k string, v bigint, ts timestamp, other timestamp]\n");
  CHECK(plan->join->output == std::vector<std::uint32_t>{0, 1, 2, 3, 5, 6, 7, 8});
  CHECK(plan->event_times == std::vector<std::uint32_t>{2, 6});
}

TEST_CASE("Keys of different types meet in a common one") {
  const auto plan = analysed(stream("a int").as("l").join(stream("b bigint").as("r"), "a = b"));
  const auto& join = *plan->join;
  CHECK(plan->inputs[0]->schema[join.left.keys[0]].type == DataType(TypeId::bigint));
  CHECK(plan->inputs[1]->schema[join.right.keys[0]].type == DataType(TypeId::bigint));
  CHECK(plan->schema.to_string() == "a int, b bigint");
}

TEST_CASE("Columns of a join go by their side, also above it") {
  const auto query = joined("l.k = r.k");
  CHECK(columns(query.select("l.k", col("r.k").as("rk"), "L.v")) ==
        "k string, rk string, v bigint");
  CHECK(columns(query.where("l.v > r.v").with_column("x", expr("l.v")).select("x", "r.ts")) ==
        "x bigint, ts timestamp");
  CHECK(columns(query.select("l.*")) == "k string, v bigint, ts timestamp, other timestamp");
  check_refused({
      {"a name of both sides",
       [&] { return query.select("k"); },
       "AMBIGUOUS_REFERENCE",
       {"select", "\"k\"", "l.k, r.k"}},
      {"a name of both sides in the condition",
       [] { return joined("k = r.k"); },
       "AMBIGUOUS_REFERENCE",
       {"join", "\"k\"", "l.k, r.k"}},
      {"sides without names",
       [] { return stream("k int").join(stream("k int"), "k = k"); },
       "AMBIGUOUS_REFERENCE",
       {"join", "as("}},
      {"no such side", [] { return joined("l.k = x.k"); }, "UNRESOLVED_COLUMN", {"join", "x.k"}},
      {"no boolean", [] { return joined("l.v + r.v"); }, "DATATYPE_MISMATCH", {"join", "boolean"}},
  });
}

TEST_CASE("Columns that both sides have come out once") {
  const auto l = stream("k string, a int").as("l");
  const auto r = stream("b int, k string").as("r");
  CHECK(columns(l.join(r, std::vector<std::string>{"k"})) == "k string, a int, b int");
  CHECK(columns(l.join(r, std::vector<std::string>{"k"}).select("l.k", "b")) == "k string, b int");
  const auto bounded = reader(false).schema("b int, k string").json("static/");
  CHECK(columns(l.join(bounded, std::vector<std::string>{"k"}, JoinType::left_semi)) ==
        "k string, a int");
  const auto marked = [](std::string_view schema) {
    return stream(schema).with_watermark("t", 1s);
  };
  const auto full =
      marked("t timestamp, a int not null")
          .join(marked("b int, t timestamp"), std::vector<std::string>{"t"}, JoinType::full_outer);
  CHECK(columns(full) == "t timestamp, a int, b int");
  CHECK(to_text(*analysed(full)).starts_with("project coalesce(t, t) AS t, a, b"));
  check_refused({
      {"only one has it",
       [&] { return l.join(r, std::vector<std::string>{"a"}); },
       "UNRESOLVED_COLUMN",
       {"right side", "\"a\""}},
      {"types that do not compare",
       [&] { return stream("k array<int>").join(stream("k int"), std::vector<std::string>{"k"}); },
       "DATATYPE_MISMATCH",
       {"join", "array<int>"}},
  });
}

TEST_CASE("Outer sides may be null") {
  const auto of = [](JoinType type) {
    const auto marked = [](std::string_view schema) {
      return stream(schema).with_watermark("t", 1s);
    };
    return columns(marked("t timestamp, a int not null")
                       .as("l")
                       .join(marked("t timestamp, b int not null").as("r"), "l.t = r.t", type)
                       .select("a", "b"));
  };
  CHECK(of(JoinType::inner) == "a int NOT NULL, b int NOT NULL");
  CHECK(of(JoinType::left_outer) == "a int NOT NULL, b int");
  CHECK(of(JoinType::right_outer) == "a int, b int NOT NULL");
  CHECK(of(JoinType::full_outer) == "a int, b int");
}

TEST_CASE("Joins that cannot work are refused at start with the reason and a way out") {
  const auto range = "l.k = r.k AND r.ts BETWEEN l.ts AND l.ts + INTERVAL 1 HOUR";
  const std::string no_watermark = "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK";
  check_refused({
      {"anti",
       [&] { return joined(range, JoinType::left_anti); },
       "UNSUPPORTED_JOIN_TYPE",
       {"left anti", "two streams", "left_outer"}},
      {"no equality",
       [] { return joined("l.v < r.v"); },
       "STREAM_STREAM_JOIN_WITHOUT_EQUALITY",
       {"join", "equality"}},
      {"cross", [] { return joined("true"); }, "STREAM_STREAM_JOIN_WITHOUT_EQUALITY", {"join"}},
      {"outer without a range",
       [] { return joined("l.k = r.k", JoinType::left_outer); },
       no_watermark,
       {"left outer", "with_watermark", "left side"}},
      {"semi without a range",
       [] { return joined("l.k = r.k", JoinType::left_semi); },
       no_watermark,
       {"left semi"}},
      {"right outer with the range of the other side",
       [] { return joined("l.k = r.k AND l.ts > r.ts", JoinType::right_outer); },
       no_watermark,
       {"right outer", "right side"}},
      {"full outer without a range",
       [] { return joined("l.k = r.k", JoinType::full_outer); },
       no_watermark,
       {"full outer"}},
      {"outer without a watermark on the nullable side",
       [&] { return side("l").join(side("r", false), range, JoinType::left_outer); },
       no_watermark,
       {"left outer"}},
      {"update",
       [&] { return joined(range); },
       "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       {"inner join", "append", "update"},
       OutputMode::update},
      {"complete above a join",
       [&] { return joined(range).group_by("l.k").count(); },
       "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       {"inner join", "complete"},
       OutputMode::complete},
      {"static side preserved, right",
       [] { return side("l").join(table(), "l.k = s.k", JoinType::right_outer); },
       "UNSUPPORTED_JOIN_TYPE",
       {"right outer", "bounded", "left_outer"}},
      {"static side preserved, both",
       [] { return side("l").join(table(), "l.k = s.k", JoinType::full_outer); },
       "UNSUPPORTED_JOIN_TYPE",
       {"full outer"}},
      {"static side preserved, left",
       [] { return table().join(side("l"), "l.k = s.k", JoinType::left_outer); },
       "UNSUPPORTED_JOIN_TYPE",
       {"left outer", "right_outer"}},
      {"static left semi",
       [] { return table().join(side("l"), "l.k = s.k", JoinType::left_semi); },
       "UNSUPPORTED_JOIN_TYPE",
       {"left semi"}},
      {"static left anti",
       [] { return table().join(side("l"), "l.k = s.k", JoinType::left_anti); },
       "UNSUPPORTED_JOIN_TYPE",
       {"left anti"}},
      {"two event times, neither bounded",
       [&] { return joined(range).join(side("x"), "l.v = x.v"); },
       "MULTIPLE_EVENT_TIME_COLUMNS",
       {"join", "left side", "\"ts\""}},
      {"a second watermark",
       [&] { return joined(range).with_watermark("l.ts", 1s); },
       "MULTIPLE_WATERMARKS",
       {"with_watermark"}},
  });
}

TEST_CASE("Joins that can work pass") {
  const auto range = "l.k = r.k AND r.ts BETWEEN l.ts AND l.ts + INTERVAL 1 HOUR";
  for (const auto type : {JoinType::inner, JoinType::left_outer, JoinType::right_outer,
                          JoinType::full_outer, JoinType::left_semi}) {
    CAPTURE(to_string(type));
    CHECK(passes(joined(range, type), OutputMode::append) == "");
    CHECK(passes(joined("l.ts = r.ts", type), OutputMode::append) == "");
  }
  CHECK(passes(joined("l.k = r.k AND l.ts > r.ts", JoinType::full_outer), OutputMode::append) ==
        "");
  CHECK(passes(side("l", false).join(side("r", false), "l.k = r.k"), OutputMode::append) == "");
  // One side's watermark passes, although the rows of the other are then kept for ever.
  CHECK(passes(side("l", false).join(side("r"), range, JoinType::left_outer), OutputMode::append) ==
        "");
  for (const auto type :
       {JoinType::inner, JoinType::left_outer, JoinType::left_semi, JoinType::left_anti}) {
    CHECK(passes(side("l", false).join(table(), "l.v < s.w", type), OutputMode::update) == "");
  }
  CHECK(passes(table("a").join(table("b"), "a.k < b.k", JoinType::full_outer),
               OutputMode::append) == "");
  CHECK(passes(table().join(side("l"), "l.k = s.k", JoinType::right_outer), OutputMode::append) ==
        "");
  CHECK(passes(table("a").join(table("b"), "a.k = b.k", JoinType::left_anti),
               OutputMode::complete) == "");
}

TEST_CASE("Chains of joins bound each step by the time in its condition") {
  const auto chain = joined("l.k = r.k AND r.ts BETWEEN l.ts AND l.ts + INTERVAL 10 SECONDS")
                         .join(side("x"),
                               "l.k = x.k AND x.ts BETWEEN r.ts AND r.ts + INTERVAL 5 "
                               "SECONDS",
                               JoinType::left_outer);
  CHECK(bounds(chain) == "-5001 | -1");
  const auto plan = analysed(chain);
  CHECK(*plan->join->left.event_column == 6);
  CHECK(plan->id == OperatorId{0});
  CHECK(plan->inputs[0]->id == OperatorId{1});
  const auto windowed = analysed(chain.group_by(window("r.ts", 10s)).count());
  CHECK(passes(chain.group_by(window("r.ts", 10s)).count(), OutputMode::append) == "");
}
