#include <doctest/doctest.h>

#include <support/plan_fixture.hpp>
#include <vector>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace {

DataStream side(std::string_view name) {
  return stream("k string, v bigint, ts timestamp", "in/" + std::string(name))
      .with_watermark("ts", 10s)
      .as(name);
}

constexpr auto range = "l.k = r.k AND r.ts BETWEEN l.ts AND l.ts + INTERVAL 10 SECONDS";

/// The lines of the optimised plan without their schemas.
std::string shape(const DataStream& query, bool late_rows = false) {
  const auto text = to_text(*optimised(query, {.late_rows = late_rows}));
  std::string lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    const auto line = text.substr(begin, end - begin);
    lines += line.substr(0, line.find("  [")) + "\n";
    begin = end + 1;
  }
  return lines;
}

}  // namespace

TEST_CASE("An inner join asks of both sides what its condition asks") {
  CHECK(shape(side("l").join(side("r"), std::string(range) + " AND l.v > 1").select("r.v")) ==
        "inner join on k = k AND r.ts >= l.ts AND r.ts <= l.ts + INTERVAL 10 SECONDS\n"
        "  project k, ts\n"
        "    filter ts IS NOT NULL\n"
        "      watermark ts delay 10 seconds\n"
        "        filter k IS NOT NULL\n"
        "          filter l.v > 1\n"
        "            source json in/l\n"
        "  filter ts IS NOT NULL\n"
        "    watermark ts delay 10 seconds\n"
        "      filter k IS NOT NULL\n"
        "        source json in/r\n");
}

TEST_CASE("The side that is kept whole keeps its conditions at the join") {
  const auto condition = std::string(range) + " AND l.v > 1 AND r.v > 2";
  CHECK(shape(side("l").join(side("r"), condition, JoinType::left_outer).select("l.k", "r.v")) ==
        "left outer join on k = k AND l.v > 1 AND r.ts >= l.ts AND r.ts <= l.ts + INTERVAL 10 "
        "SECONDS\n"
        "  watermark ts delay 10 seconds\n"
        "    source json in/l\n"
        "  filter ts IS NOT NULL\n"
        "    watermark ts delay 10 seconds\n"
        "      filter k IS NOT NULL\n"
        "        filter r.v > 2\n"
        "          source json in/r\n");
  CHECK(shape(side("l").join(side("r"), condition, JoinType::full_outer).select("l.k", "r.v")) ==
        "full outer join on k = k AND l.v > 1 AND r.v > 2 AND r.ts >= l.ts AND r.ts <= l.ts + "
        "INTERVAL 10 SECONDS\n"
        "  watermark ts delay 10 seconds\n"
        "    source json in/l\n"
        "  watermark ts delay 10 seconds\n"
        "    source json in/r\n");
}

TEST_CASE("Filters go below the side that a join keeps whole, not below the other one") {
  const auto query = side("l")
                         .where("k <> 'c'")
                         .join(side("r"), range, JoinType::left_outer)
                         .where("l.v > 1 AND coalesce(r.v, 3) > 2")
                         .select("l.k");
  CHECK(shape(query) ==
        "project k\n"
        "  filter coalesce(r.v, 3) > 2\n"
        "    left outer join on k = k AND r.ts >= l.ts AND r.ts <= l.ts + INTERVAL 10 SECONDS\n"
        "      project k, ts\n"
        "        watermark ts delay 10 seconds\n"
        "          filter l.v > 1\n"
        "            filter k <> 'c'\n"
        "              source json in/l\n"
        "      filter ts IS NOT NULL\n"
        "        watermark ts delay 10 seconds\n"
        "          filter k IS NOT NULL\n"
        "            filter k <> 'c'\n"
        "              source json in/r\n");
}

TEST_CASE("A filter above an inner join becomes part of its condition and bounds its state") {
  const auto query =
      side("l").join(side("r"), "l.k = r.k").where("l.ts > r.ts AND r.k = 'a'").select("l.k");
  CHECK(shape(query) ==
        "inner join on k = k AND l.ts > r.ts\n"
        "  project k, ts\n"
        "    filter ts IS NOT NULL\n"
        "      watermark ts delay 10 seconds\n"
        "        filter r.k = 'a'\n"
        "          filter k IS NOT NULL\n"
        "            source json in/l\n"
        "  project k, ts\n"
        "    filter ts IS NOT NULL\n"
        "      watermark ts delay 10 seconds\n"
        "        filter r.k = 'a'\n"
        "          filter k IS NOT NULL\n"
        "            source json in/r\n");
  const auto plan = optimised(query);
  CHECK(plan->join->left.retention.column);
  CHECK(plan->join->left.retention.bound == 0);
  CHECK_FALSE(plan->join->right.retention.bounded());
}

TEST_CASE("Where late rows are wanted the join gets all rows and columns") {
  const auto condition = std::string(range) + " AND l.v > 1";
  CHECK(shape(side("l").join(side("r"), condition).where("l.v > 1 AND r.v > 2").select("l.k"),
              true) ==
        "project k\n"
        "  filter r.v > 2\n"
        "    filter l.v > 1\n"
        "      inner join on k = k AND l.v > 1 AND r.ts >= l.ts AND r.ts <= l.ts + INTERVAL 10 "
        "SECONDS\n"
        "        watermark ts delay 10 seconds\n"
        "          source json in/l\n"
        "        watermark ts delay 10 seconds\n"
        "          source json in/r\n");
}

TEST_CASE("Only columns that are read are kept, also of static data") {
  const auto table = reader(false).schema("k string, w bigint, x bigint").json("static/").as("s");
  const auto plan = optimised(side("l").join(table, "l.k = s.k").select("l.v", "s.w"));
  CHECK(plan->schema.to_string() == "v bigint, w bigint");
  CHECK(plan->inputs[1]->schema.to_string() == "k string, w bigint");
  const auto counted = optimised(side("l").join(side("r"), range).agg(count()));
  CHECK(counted->inputs[0]->schema.size() == 1);
  CHECK(counted->inputs[0]->inputs[0]->schema.to_string() == "k string, ts timestamp");
}

TEST_CASE("By the recorded rules a number above a constant is a bound in seconds") {
  const auto left_fixed = [](JoinType type, const std::string& more, bool recorded) {
    const auto query = side("l").join(side("r"), std::string(range) + " AND " + more, type);
    const auto plan = optimised(query.select("l.v"), {.recorded_rules = recorded});
    const auto& join = plan->kind == ResolvedPlan::Kind::join ? plan : plan->inputs[0];
    REQUIRE(join->kind == ResolvedPlan::Kind::join);
    return join->join->left.retention.fixed;
  };
  using Fixed = std::optional<std::int64_t>;
  CHECK(left_fixed(JoinType::left_outer, "l.v > 5", true) == Fixed(5'000'000));
  CHECK(left_fixed(JoinType::left_outer, "l.v >= 5", true) == Fixed(4'999'000));
  CHECK(left_fixed(JoinType::full_outer, "-3 < l.v - 1", true) == Fixed(-2'000'000));
  CHECK(left_fixed(JoinType::left_outer, "l.v > 5 AND l.v > 2", true) == Fixed(2'000'000));
  CHECK(left_fixed(JoinType::left_outer, "l.v > 5", false) == Fixed());
  CHECK(left_fixed(JoinType::left_outer, "l.v < 5", true) == Fixed());
  CHECK(left_fixed(JoinType::left_outer, "l.v * 2 > 5", true) == Fixed());
  CHECK(left_fixed(JoinType::left_outer, "l.v > r.v", true) == Fixed());
  CHECK(left_fixed(JoinType::right_outer, "l.v > 5", true) == Fixed());  // a filter below
}

TEST_CASE("Conditions above an outer join make it as narrow as it can be") {
  const auto narrowed = [](JoinType type, std::string_view condition) {
    const auto lines = shape(side("l").join(side("r"), range, type).where(condition).select("l.v"));
    const auto place = lines.find("join on");
    const auto begin = lines.rfind('\n', place) + 1;
    const auto line = lines.substr(lines.find_first_not_of(' ', begin == 0 ? 0 : begin));
    return line.substr(0, line.find(" join on"));
  };
  CHECK(narrowed(JoinType::full_outer, "l.v > 1") == "left outer");
  CHECK(narrowed(JoinType::full_outer, "r.v > 1") == "right outer");
  CHECK(narrowed(JoinType::full_outer, "l.v > r.v") == "inner");
  CHECK(narrowed(JoinType::full_outer, "l.v IS NULL") == "full outer");
  CHECK(narrowed(JoinType::left_outer, "r.v > 1") == "inner");
  CHECK(narrowed(JoinType::left_outer, "coalesce(r.v, 2) > 1") == "left outer");
  CHECK(narrowed(JoinType::right_outer, "l.v IS NOT NULL") == "inner");
  const auto windowed = shape(side("l")
                                  .join(side("r"), range, JoinType::full_outer)
                                  .select(col("l.ts").as("t"), col("r.v"))
                                  .group_by(window("t", 10s))
                                  .count());
  CHECK(windowed.find("left outer join") != std::string::npos);
}
