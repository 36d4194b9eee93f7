#include <libstream/optimiser.hpp>

#include <doctest/doctest.h>

#include <support/plan_fixture.hpp>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace {

std::string text(const DataStream& stream, bool late_rows = false) {
  return to_text(*optimised(stream, {.late_rows = late_rows}));
}

DataStream rows() { return stream("k string, t timestamp, v bigint, a array<int>"); }

}  // namespace

TEST_CASE("Constants are folded, and a condition that is always true goes away") {
  const auto plan = optimised(rows().select(expr("v + 2 * 3 AS x")).where("1 < 2"));
  REQUIRE(plan->kind == ResolvedPlan::Kind::project);
  const auto& sum = *plan->expressions[0];
  REQUIRE(sum.arguments.size() == 2);
  CHECK(sum.arguments[0]->kind == BoundExpression::Kind::column);
  CHECK(sum.arguments[1]->kind == BoundExpression::Kind::literal);
  CHECK(sum.arguments[1]->value == Value(6));
}

TEST_CASE("A condition that is never true stays: a stream's plan is not taken apart") {
  CHECK(text(rows().with_watermark("t", 1s).where("1 > 2")) ==
        "watermark t delay 1 second  [k string, t timestamp, v bigint, a array<int>]\n"
        "  filter 1 > 2  [k string, t timestamp, v bigint, a array<int>]\n"
        "    source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
}

TEST_CASE("Filters pass projections and a watermark that they do not touch") {
  CHECK(text(rows().with_watermark("t", 1s).select("k", "t").where("k = 'a'")) ==
        "project k, t  [k string, t timestamp]\n"
        "  watermark t delay 1 second  [k string, t timestamp, v bigint, a array<int>]\n"
        "    filter k = 'a'  [k string, t timestamp, v bigint, a array<int>]\n"
        "      source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
}

TEST_CASE("Filters of the event time stay above the watermark") {
  CHECK(text(rows().with_watermark("t", 1s).where("t > TIMESTAMP '2013-01-01T00:00:00Z'")) ==
        "filter t > TIMESTAMP '2013-01-01T00:00:00Z'  [k string, t timestamp, v bigint, a "
        "array<int>]\n"
        "  watermark t delay 1 second  [k string, t timestamp, v bigint, a array<int>]\n"
        "    source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
  CHECK(text(rows().with_watermark("t", 1s).where(
            "t > TIMESTAMP '2013-01-01T00:00:00Z' AND k = 'a'")) ==
        "filter t > TIMESTAMP '2013-01-01T00:00:00Z'  [k string, t timestamp, v bigint, a "
        "array<int>]\n"
        "  watermark t delay 1 second  [k string, t timestamp, v bigint, a array<int>]\n"
        "    filter k = 'a'  [k string, t timestamp, v bigint, a array<int>]\n"
        "      source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
}

TEST_CASE("A condition that could fail does not overtake one that protects it") {
  CHECK(text(rows().where("v <> 0 AND 10 / v > 1").with_watermark("t", 1s)) ==
        "watermark t delay 1 second  [k string, t timestamp, v bigint, a array<int>]\n"
        "  filter 10 / v > 1  [k string, t timestamp, v bigint, a array<int>]\n"
        "    filter v <> 0  [k string, t timestamp, v bigint, a array<int>]\n"
        "      source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
}

TEST_CASE("A condition that could fail passes a watermark, also from above one on the event time") {
  CHECK(text(rows().with_watermark("t", 1s).where("t IS NOT NULL AND 10 / v > 1")) ==
        "filter t IS NOT NULL  [k string, t timestamp, v bigint, a array<int>]\n"
        "  watermark t delay 1 second  [k string, t timestamp, v bigint, a array<int>]\n"
        "    filter 10 / v > 1  [k string, t timestamp, v bigint, a array<int>]\n"
        "      source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
}

TEST_CASE("Filters by chance stay where they are") {
  CHECK(text(rows().with_watermark("t", 1s).where("rand() < 0.5")) ==
        "filter rand() < 0.5  [k string, t timestamp, v bigint, a array<int>]\n"
        "  watermark t delay 1 second  [k string, t timestamp, v bigint, a array<int>]\n"
        "    source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
}

TEST_CASE("Filters of keys pass the aggregation, those of results do not") {
  CHECK(text(rows().group_by("k").agg(sum("v").as("s")).where("k = 'a' AND s > 1")) ==
        "filter s > 1  [k string, s bigint]\n"
        "  aggregate by [k] sum(v) AS s  [k string, s bigint]\n"
        "    filter k = 'a'  [k string, t timestamp, v bigint, a array<int>]\n"
        "      source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
}

TEST_CASE("With late rows connected nothing passes the aggregation, and all columns reach it") {
  const auto query = rows()
                         .with_watermark("t", 1s)
                         .select("k", "t", "v")
                         .group_by(window("t", 10s, 5s), "k")
                         .count()
                         .where("k = 'a'");
  CHECK(text(query) ==
        "aggregate by [window, k] count(*) AS count, event time in window  [window struct<start: "
        "timestamp, end: timestamp> NOT NULL, k string, count bigint NOT NULL]\n"
        "  windows over t size 10 seconds slide 5 seconds  [k string, t timestamp, window "
        "struct<start: timestamp, end: timestamp> NOT NULL]\n"
        "    project k, t  [k string, t timestamp]\n"
        "      watermark t delay 1 second  [k string, t timestamp, v bigint, a array<int>]\n"
        "        filter k = 'a'  [k string, t timestamp, v bigint, a array<int>]\n"
        "          source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
  CHECK(text(query, true) ==
        "filter k = 'a'  [window struct<start: timestamp, end: timestamp> NOT NULL, k string, "
        "count bigint NOT NULL]\n"
        "  aggregate by [window, k] count(*) AS count, event time in window  [window struct<start: "
        "timestamp, end: timestamp> NOT NULL, k string, count bigint NOT NULL]\n"
        "    windows over t size 10 seconds slide 5 seconds  [k string, t timestamp, v bigint, "
        "window struct<start: timestamp, end: timestamp> NOT NULL]\n"
        "      project k, t, v  [k string, t timestamp, v bigint]\n"
        "        watermark t delay 1 second  [k string, t timestamp, v bigint, a array<int>]\n"
        "          source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
}

TEST_CASE("Columns that nobody reads are not computed") {
  CHECK(text(rows().select("k", expr("v * 2 AS w"), expr("upper(k) AS u")).select("w")) ==
        "project v * 2 AS w  [w bigint]\n"
        "  source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
  CHECK(text(rows().explode("a", "x").select("x")) ==
        "explode x  [x int]\n"
        "  project a AS x  [x array<int>]\n"
        "    source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
  CHECK(text(rows().select("k", "v").agg(count())) ==
        "aggregate by [] count(*) AS count(1)  [`count(1)` bigint NOT NULL]\n"
        "  source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
}

TEST_CASE("A row without elements does not move the watermark below explode") {
  CHECK(text(rows().with_watermark("t", "1 second").explode("a", "x").select("x")) ==
        "explode x  [x int]\n"
        "  project a AS x  [x array<int>]\n"
        "    watermark t delay 1 second  [k string, t timestamp, v bigint, a array<int>]\n"
        "      filter size(x) > 0  [k string, t timestamp, v bigint, a array<int>]\n"
        "        source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
  for (const auto* element : {"explode(array(v)) AS x", "explode_outer(a) AS x"}) {
    const auto computed = rows().with_watermark("t", "1 second").select(expr(element));
    CHECK(text(computed).find("filter") == std::string::npos);
  }
}

TEST_CASE("A deduplication tells late rows by the event time that is read there or above") {
  const auto event_column = [](const DataStream& query, const OptimiserOptions& options = {}) {
    const auto plan = optimised(query, options);
    const auto& node = plan->kind == ResolvedPlan::Kind::project ? *plan->inputs[0] : *plan;
    REQUIRE(node.kind == ResolvedPlan::Kind::deduplicate);
    return node.event_column ? node.schema[*node.event_column].name : "none";
  };
  const auto marked = rows().with_watermark("t", "1 second");
  CHECK(event_column(marked.drop_duplicates({"k"})) == "t");
  CHECK(event_column(marked.drop_duplicates({"k"}).select("k")) == "t");
  CHECK(event_column(marked.drop_duplicates({"k"}).select("k"), {.recorded_rules = true}) ==
        "none");
  CHECK(event_column(marked.drop_duplicates({"t"}).select("k"), {.recorded_rules = true}) == "t");
  const auto twice = marked.with_column("u", col("t"));
  CHECK(event_column(twice.drop_duplicates({"k", "u"}).select("k")) == "u");
  CHECK(event_column(twice.drop_duplicates({"k"}).select("k", "t")) == "t");
  CHECK(event_column(twice.drop_duplicates({"k"}).select("k")) == "none");
  for (const auto& query :
       {twice.drop_duplicates({"k"}), twice.drop_duplicates({"u"}).select("t")}) {
    CHECK(error_of([&] { optimised(query); }) ==
          "MULTIPLE_EVENT_TIME_COLUMNS: drop_duplicates: both \"t\" and \"u\" carry the event "
          "time there; keep one of them with select or drop below");
  }
}

TEST_CASE("Filters go into every side of a union") {
  CHECK(text(rows().select("k").union_all(stream("x string")).where("k = 'a'")) ==
        "union  [k string]\n"
        "  project k  [k string]\n"
        "    filter k = 'a'  [k string, t timestamp, v bigint, a array<int>]\n"
        "      source json in/  [k string, t timestamp, v bigint, a array<int>]\n"
        "  filter k = 'a'  [x string]\n"
        "    source json in/  [x string]\n");
}

TEST_CASE("Aggregates that nobody reads stay in state") {
  CHECK(text(rows().group_by("k").agg(sum("v"), count().as("n")).select("n")) ==
        "project n  [n bigint NOT NULL]\n"
        "  aggregate by [k] sum(v), count(*) AS n  [k string, `sum(v)` bigint, n bigint NOT NULL]\n"
        "    source json in/  [k string, t timestamp, v bigint, a array<int>]\n");
}
