#include <libstream/optimiser.hpp>

#include <doctest/doctest.h>

#include <support/plan_fixture.hpp>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace {

std::string text(const DataStream& stream, bool late_rows = false) {
  return to_text(*optimised(stream, late_rows));
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
  CHECK(text(rows().with_watermark("t", 1s).where("1 > 2")) == "");
}

TEST_CASE("Filters pass projections and a watermark that they do not touch") {
  CHECK(text(rows().with_watermark("t", 1s).select("k", "t").where("k = 'a'")) == "");
}

TEST_CASE("Filters of the event time stay above the watermark") {
  CHECK(text(rows().with_watermark("t", 1s).where("t > TIMESTAMP '2013-01-01T00:00:00Z'")) == "");
  CHECK(text(rows().with_watermark("t", 1s).where(
            "t > TIMESTAMP '2013-01-01T00:00:00Z' AND k = 'a'")) == "");
}

TEST_CASE("A condition that could fail does not overtake one that protects it") {
  CHECK(text(rows().with_watermark("t", 1s).where("t IS NOT NULL AND 10 / v > 1")) == "");
}

TEST_CASE("Filters by chance stay where they are") {
  CHECK(text(rows().with_watermark("t", 1s).where("rand() < 0.5")) == "");
}

TEST_CASE("Filters of keys pass the aggregation, those of results do not") {
  CHECK(text(rows().group_by("k").agg(sum("v").as("s")).where("k = 'a' AND s > 1")) == "");
}

TEST_CASE("With late rows connected nothing passes the aggregation, and all columns reach it") {
  const auto query = rows()
                         .with_watermark("t", 1s)
                         .select("k", "t", "v")
                         .group_by(window("t", 10s, 5s), "k")
                         .count()
                         .where("k = 'a'");
  CHECK(text(query) == "");
  CHECK(text(query, true) == "");
}

TEST_CASE("Columns that nobody reads are not computed") {
  CHECK(text(rows().select("k", expr("v * 2 AS w"), expr("upper(k) AS u")).select("w")) == "");
  CHECK(text(rows().explode("a", "x").select("x")) == "");
  CHECK(text(rows().select("k", "v").agg(count())) == "");
}

TEST_CASE("Filters go into every side of a union") {
  CHECK(text(rows().select("k").union_all(stream("x string")).where("k = 'a'")) == "");
}

TEST_CASE("Aggregates that nobody reads stay in state") {
  CHECK(text(rows().group_by("k").agg(sum("v"), count().as("n")).select("n")) == "");
}
