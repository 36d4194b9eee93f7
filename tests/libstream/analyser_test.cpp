#include <libstream/analyser.hpp>

#include <doctest/doctest.h>

#include <support/plan_fixture.hpp>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace {

std::string text(const DataStream& stream) { return to_text(*analysed(stream)); }

OperatorId id_of(const ResolvedPlan& plan, ResolvedPlan::Kind kind, int skip = 0) {
  if (plan.kind == kind && skip-- == 0) return plan.id;
  REQUIRE_FALSE(plan.inputs.empty());
  return id_of(*plan.inputs[0], kind, skip);
}

}  // namespace

TEST_CASE(
    "An aggregation over keys, a window and expressions becomes aggregates and a projection") {
  const auto query = stream("k string, v bigint, t timestamp")
                         .with_watermark("t", 2h)
                         .group_by(window("t", 1h), upper("k").as("u"))
                         .agg(count().as("n"), expr("sum(v) / count(*) AS r"), expr("window.start"),
                              expr("concat(upper(k), '!') AS loud"));
  CHECK(text(query) ==
        "project window, u, count(1) AS n, sum(v) / count(1) AS r, window.start AS start, "
        "concat(u, '!') AS loud  [window struct<start: timestamp, end: timestamp> NOT NULL, u "
        "string, n bigint NOT NULL, r double, start timestamp, loud string]\n"
        "  aggregate by [window, u] count(*) AS count(1), sum(v), event time in window  [window "
        "struct<start: timestamp, end: timestamp> NOT NULL, u string, `count(1)` bigint NOT NULL, "
        "`sum(v)` bigint]\n"
        "    windows over t size 1 hour slide 1 hour  [k string, v bigint, t timestamp, u string, "
        "window struct<start: timestamp, end: timestamp> NOT NULL]\n"
        "      project k, v, t, upper(k) AS u  [k string, v bigint, t timestamp, u string]\n"
        "        watermark t delay 2 hours  [k string, v bigint, t timestamp]\n"
        "          source json in/  [k string, v bigint, t timestamp]\n");
}

TEST_CASE("Aggregates alone need no projection, and one asked for twice is computed once") {
  const auto rows = stream("k string, v bigint");
  CHECK(text(rows.group_by("k").agg(count().as("n"), expr("sum(v) FILTER (WHERE v > 2) AS s"))) ==
        "aggregate by [k] count(*) AS n, sum(v) FILTER (WHERE v > 2) AS s  [k string, n bigint NOT "
        "NULL, s bigint]\n"
        "  source json in/  [k string, v bigint]\n");
  CHECK(text(rows.group_by("k").agg(sum("v").as("a"), sum("v").as("b"))) ==
        "project k, sum(v) AS a, sum(v) AS b  [k string, a bigint, b bigint]\n"
        "  aggregate by [k] sum(v)  [k string, `sum(v)` bigint]\n"
        "    source json in/  [k string, v bigint]\n");
}

TEST_CASE("A window over windows goes by their last instant and keeps the event time") {
  const auto query = stream("t timestamp")
                         .with_watermark("t", 0s)
                         .group_by(window("t", 5s).as("w"))
                         .agg(count().as("n"))
                         .group_by(window("w", 10s))
                         .agg(sum("n").as("n"));
  CHECK(text(query) ==
        "aggregate by [window] sum(n) AS n, event time in window  [window struct<start: timestamp, "
        "end: timestamp> NOT NULL, n bigint]\n"
        "  windows over w_time size 10 seconds slide 10 seconds  [w struct<start: timestamp, end: "
        "timestamp> NOT NULL, n bigint NOT NULL, w_time timestamp, window struct<start: timestamp, "
        "end: timestamp> NOT NULL]\n"
        "    project w, n, w.`end` - INTERVAL 1 MICROSECOND AS w_time  [w struct<start: timestamp, "
        "end: timestamp> NOT NULL, n bigint NOT NULL, w_time timestamp]\n"
        "      aggregate by [w] count(*) AS n, event time in w  [w struct<start: timestamp, end: "
        "timestamp> NOT NULL, n bigint NOT NULL]\n"
        "        windows over t size 5 seconds slide 5 seconds  [t timestamp, w struct<start: "
        "timestamp, end: timestamp> NOT NULL]\n"
        "          watermark t delay 0 seconds  [t timestamp]\n"
        "            source json in/  [t timestamp]\n");
}

TEST_CASE("A union takes names from the left and the wider types") {
  const auto query = stream("a int, b string").union_all(stream("x bigint, y string"));
  CHECK(text(query) ==
        "union  [a bigint, b string]\n"
        "  project CAST(a AS bigint) AS a, b  [a bigint, b string]\n"
        "    source json in/  [a int, b string]\n"
        "  source json in/  [x bigint, y string]\n");
}

TEST_CASE("An alias names a side of columns") {
  CHECK(columns(stream("a int, b int").as("r").select("r.a", "R.b").where("a > 1")) ==
        "a int, b int");
}

TEST_CASE("The identity of state is its place among stateful operators, or its name") {
  const auto rows = stream("k string, t timestamp, v bigint").with_watermark("t", 1s);
  const auto first = rows.group_by(window("t", 5s).as("w"), "k").agg(sum("v").as("v"));
  const auto second = first.group_by(window("w", 10s)).agg(sum("v").as("v"));
  using Kind = ResolvedPlan::Kind;
  const auto plain = analysed(second);
  CHECK(id_of(*plain, Kind::aggregate) == OperatorId{0});
  CHECK(id_of(*plain, Kind::aggregate, 1) == OperatorId{1});

  const auto around = analysed(second.where("v > 1").select(col("v") + 1));
  CHECK(id_of(*around, Kind::aggregate) == OperatorId{0});
  CHECK(id_of(*around, Kind::aggregate, 1) == OperatorId{1});
  CHECK(id_of(*around, Kind::source) == id_of(*plain, Kind::source));

  const auto named = analysed(first.named("totals"));
  CHECK(id_of(*named, Kind::aggregate) ==
        id_of(*analysed(first.named("totals").where("v > 1")), Kind::aggregate));
  CHECK(id_of(*named, Kind::aggregate) != OperatorId{0});
}

TEST_CASE("A stream used twice is one source") {
  const auto rows = stream("a int");
  const auto plan = analysed(rows.where("a > 1").union_all(rows.where("a < 1")));
  CHECK(plan->inputs[0]->inputs[0] == plan->inputs[1]->inputs[0]);
}
