#include <libstream/operators/physical_planner.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <support/plan_fixture.hpp>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace {

QuerySpec spec_of(const DataStream& stream) {
  QuerySpec spec;
  spec.plan = stream.plan();
  spec.sinks = {none_sink()};
  return spec;
}

Topology topology(const QuerySpec& spec) { return plan_query(spec, {}, Environment{}); }
Topology topology(const DataStream& stream) { return topology(spec_of(stream)); }

const TopologyNode& join_of(const Topology& topology) {
  for (const auto& node : topology.nodes) {
    if (node.name == "join") return node;
  }
  FAIL("no join");
  return topology.nodes[0];
}

DataStream memory(std::string_view schema) { return reader().memory(MemoryStream(schema)); }

DataStream impressions(bool marked = true) {
  const auto rows = memory("ad string, impressionTime timestamp");
  return (marked ? rows.with_watermark("impressionTime", 2h) : rows).as("impressions");
}
DataStream clicks(bool marked = true) {
  const auto rows = memory("clickAd string, clickTime timestamp");
  return (marked ? rows.with_watermark("clickTime", 3h) : rows).as("clicks");
}
constexpr auto within_an_hour =
    "clickAd = ad AND clickTime >= impressionTime AND clickTime <= impressionTime + INTERVAL 1 "
    "HOUR";

}  // namespace

TEST_CASE("A join of streams meets by key, and explain derives what each side keeps") {
  const auto plan = topology(impressions().join(clicks(), within_an_hour, JoinType::left_outer));
  const auto& join = join_of(plan);
  CHECK(join.explain ==
        "left outer, key ad = clickAd\n"
        "where clickTime >= impressionTime AND clickTime <= impressionTime + INTERVAL 1 HOUR\n"
        "rows of impressions are kept until the watermark passes impressionTime + 1 hour, because "
        "clickTime <= impressionTime + INTERVAL 1 HOUR; late by impressionTime\n"
        "rows of clicks are kept until the watermark passes clickTime, because clickTime >= "
        "impressionTime; late by clickTime");
  CHECK(join.stateful);
  CHECK(join.wants_no_data_epoch);
  CHECK(join.state_name == "symmetricHashJoin");
  CHECK(join.state_signature ==
        "left outer join keys(string) left(string, timestamp) by column 1 + -3600001000 "
        "right(string, timestamp) by column 1 + -1000");
  const auto text = plan.explain();
  CHECK(text.find("join × 4 <- #1 hash [ad], #") != std::string::npos);
  CHECK(text.find("hash [clickAd]") != std::string::npos);
}

TEST_CASE("explain warns where a side is never dropped") {
  const auto half =
      join_of(topology(impressions(false).join(clicks(), within_an_hour, JoinType::left_outer)));
  CHECK(half.explain.find("rows of impressions are kept for ever: this side has no watermark\n"
                          "WARNING: rows of impressions are never dropped, so that those without a "
                          "match never come out\n"
                          "rows of clicks are kept for ever: the left side has no watermark; late "
                          "by clickTime\nWARNING: rows of clicks are never dropped") !=
        std::string::npos);
  CHECK_FALSE(half.wants_no_data_epoch);
  const auto pinned = join_of(topology(impressions().join(
      clicks(), std::string(within_an_hour) + " AND impressionTime > TIMESTAMP '2020-01-01'",
      JoinType::left_outer)));
  CHECK(pinned.explain.find("kept for ever from the constant in impressionTime > ") !=
        std::string::npos);
  CHECK(pinned.explain.find("WARNING: rows of impressions are never dropped") != std::string::npos);
  const auto keyed = join_of(topology(impressions().join(clicks(), "impressionTime = clickTime")));
  CHECK(keyed.explain.find("WARNING") == std::string::npos);
  CHECK(keyed.explain.find("rows of clicks are kept until the watermark reaches clickTime, because "
                           "it equals impressionTime of the other side") != std::string::npos);
}

TEST_CASE("Late rows of a join are pairs with nulls on the other side") {
  auto spec = spec_of(impressions().join(clicks(), within_an_hour).select("ad"));
  spec.late_sink = none_sink();
  const auto plan = topology(spec);
  const auto& sink = plan.nodes.back();
  REQUIRE(sink.late_sink);
  CHECK(sink.schema.to_string() ==
        "ad string, impressionTime timestamp, clickAd string, clickTime timestamp");
  auto without = spec_of(impressions(false).join(clicks(false), "ad = clickAd"));
  without.late_sink = none_sink();
  CHECK(error_of([&] { topology(without); }).starts_with("LATE_ROWS_WITHOUT_WATERMARK"));
}

TEST_CASE("A named join keeps its state under that name") {
  const auto plan =
      topology(impressions().join(clicks(), within_an_hour).named("pairs").select("ad"));
  CHECK(join_of(plan).explain.ends_with("\nnamed \"pairs\""));
  CHECK(join_of(plan).id != OperatorId{0});
}

TEST_CASE("An as-of join meets by key, and explain tells how long each side is kept") {
  const auto query = impressions().as_of_join(
      memory("ad string, bid double, since timestamp").with_watermark("since", 1h).as("bids"),
      {"ad"}, "impressionTime", "since", "10 minutes");
  const auto plan = topology(query);
  const auto node = std::find_if(plan.nodes.begin(), plan.nodes.end(),
                                 [](const auto& one) { return one.name == "as-of join"; });
  REQUIRE(node != plan.nodes.end());
  CHECK(node->explain ==
        "left outer, key ad = ad\n"
        "rows of impressions are kept until the watermark reaches impressionTime, for earlier "
        "right rows may come until then; late by impressionTime\n"
        "rows of bids are kept until the watermark reaches since, the latest one of each key until "
        "it reaches since + 10 minutes, because since >= impressionTime - 10 minutes; late by "
        "since");
  CHECK(node->stateful);
  CHECK(node->wants_no_data_epoch);
  CHECK(node->state_signature ==
        "left outer as-of join keys(string) left(string, timestamp) by 1 right(string, double, "
        "timestamp) by 2");
  const auto index = static_cast<std::uint32_t>(node - plan.nodes.begin());
  for (const auto& edge : plan.edges) {
    if (edge.to != index) continue;
    CHECK(edge.exchange.kind == Exchange::Kind::hash);
    CHECK(edge.exchange.key_columns == std::vector<std::uint32_t>{0});
  }
  auto late = spec_of(query);
  late.late_sink = none_sink();
  CHECK(topology(late).nodes.back().schema.to_string() ==
        "ad string, impressionTime timestamp, ad string, bid double, since timestamp");
  CHECK(error_of([&] {
          plan_query(spec_of(query), {.strict = true}, Environment{});
        }).starts_with("EXTENSION_IN_STRICT_MODE: strict mode: as_of_join"));
}

TEST_CASE("Option eventTimeRules chooses the bounds of a join") {
  const std::string condition =
      "l.k = r.k AND r.t >= l.t AND r.t <= l.t + INTERVAL 1 MINUTE AND l.v > 5";
  const auto query =
      stream("k string, t timestamp, v bigint", "l/")
          .with_watermark("t", 1s)
          .as("l")
          .join(stream("k string, t timestamp", "r/").with_watermark("t", 1s).as("r"), condition,
                JoinType::left_outer)
          .select("l.v");
  const auto signature = [&](const char* rules, bool strict) {
    auto spec = spec_of(query);
    if (rules != nullptr) spec.options.set("eventTimeRules", rules);
    const auto plan = plan_query(spec, {.strict = strict}, Environment{});
    const auto stateful = std::find_if(plan.nodes.begin(), plan.nodes.end(),
                                       [](const auto& node) { return node.stateful; });
    return stateful->state_signature;
  };
  const auto ours = signature(nullptr, false);
  CHECK(signature("libstream", false) == ours);
  CHECK(ours.find(" to 5000000") == std::string::npos);
  CHECK(signature("structuredStreaming", false).find(" to 5000000") != std::string::npos);
  CHECK(signature("StructuredStreaming", true) == signature(nullptr, true));
  CHECK(error_of([&] { signature("none", false); })
            .ends_with("option eventTimeRules is \"none\", but can be libstream or "
                       "structuredStreaming"));
  CHECK(error_of([&] {
          signature("libstream", true);
        }).starts_with("EXTENSION_IN_STRICT_MODE: strict mode: option eventTimeRules"));
}
