#include <libstream/operators/physical_planner.hpp>

#include <doctest/doctest.h>

#include <support/plan_fixture.hpp>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace {

QuerySpec spec_of(const DataStream& stream, OutputMode mode = OutputMode::append) {
  QuerySpec spec;
  spec.plan = stream.plan();
  spec.output_mode = mode;
  spec.sinks = {none_sink()};
  return spec;
}

std::string plan(const QuerySpec& spec, PlannerOptions options = {}) {
  return plan_query(spec, options, Environment{}).explain();
}
std::string plan(const DataStream& stream, OutputMode mode = OutputMode::append,
                 PlannerOptions options = {}) {
  return plan(spec_of(stream, mode), options);
}

DataStream memory(std::string_view schema) { return reader().memory(MemoryStream(schema)); }
DataStream rows() { return memory("k string, t timestamp, v bigint"); }
DataStream windowed() {
  return rows().with_watermark("t", 2h).group_by(window("t", 1h), "k").agg(count().as("n"));
}

const TopologyNode& node_named(const Topology& topology, std::string_view name) {
  for (const auto& node : topology.nodes) {
    if (node.name == name) return node;
  }
  FAIL("no node " << name);
  return topology.nodes[0];
}

Topology topology(const DataStream& stream, OutputMode mode = OutputMode::append,
                  PlannerOptions options = {}) {
  return plan_query(spec_of(stream, mode), options, Environment{});
}

}  // namespace

TEST_CASE("A windowed aggregation is split in two with an exchange by key between") {
  CHECK(plan(windowed()) ==
        "#0 memory source × 4\n"
        "     MemorySource\n"
        "#1 watermark × 4 <- #0 forward\n"
        "     column t, delay 2 hours\n"
        "#2 windows × 4 <- #1 forward\n"
        "     over t, size 1 hour, slide 1 hour\n"
        "#3 partial aggregate × 4 <- #2 forward\n"
        "     key [window, k]\n"
        "#4 aggregate × 4 <- #3 hash [window, k]\n"
        "     key [window, k], event time window, append\n"
        "     keeps groups until the watermark passes window.end\n"
        "#5 none sink × 4 <- #4 forward\n"
        "     NoneSink\n");
}

TEST_CASE("One partition needs one stage and no exchange") {
  CHECK(plan(windowed(), OutputMode::update, {.partitions = 1}) ==
        "#0 memory source × 1\n"
        "     MemorySource\n"
        "#1 watermark × 1 <- #0 forward\n"
        "     column t, delay 2 hours\n"
        "#2 windows × 1 <- #1 forward\n"
        "     over t, size 1 hour, slide 1 hour\n"
        "#3 aggregate × 1 <- #2 forward\n"
        "     key [window, k], event time window, update\n"
        "     keeps groups until the watermark passes window.end\n"
        "#4 none sink × 1 <- #3 forward\n"
        "     NoneSink\n");
}

TEST_CASE("An aggregation over all rows gathers partial results in one task") {
  CHECK(plan(rows().agg(count(), sum("v")), OutputMode::complete) ==
        "#0 memory source × 4\n"
        "     MemorySource\n"
        "#1 partial aggregate × 4 <- #0 forward\n"
        "     key []\n"
        "#2 aggregate × 1 <- #1 gather\n"
        "     key [], complete\n"
        "     keeps all groups (output mode complete)\n"
        "#3 none sink × 1 <- #2 forward\n"
        "     NoneSink\n");
}

TEST_CASE("Adjacent filters and projections become one operator") {
  CHECK(plan(rows()
                 .where("v > 1")
                 .select("k", expr("v * 2 AS w"))
                 .where("w < 10")
                 .select(expr("w + 1 AS x"), col("k"))) ==
        "#0 memory source × 4\n"
        "     MemorySource\n"
        "#1 filter + project × 4 <- #0 forward\n"
        "     where v > 1 AND w < 10; columns w + 1, k\n"
        "#2 none sink × 4 <- #1 forward\n"
        "     NoneSink\n");
}

TEST_CASE("Renaming alone needs no operator") {
  const auto plan = topology(rows().with_column_renamed("v", "w"));
  CHECK(plan.nodes.size() == 2);
  CHECK(plan.nodes[1].schema.to_string() == "k string, t timestamp, w bigint");
}

TEST_CASE("A dear expression that is read twice is computed once, in an operator of its own") {
  const auto dear = rows().select(expr("((v * 3 + 1) * 5 + 2) * 7 AS w"));
  CHECK(topology(dear.select(expr("w + 1 AS a"))).nodes.size() == 3);
  CHECK(topology(dear.select(expr("w + w AS a"))).nodes.size() == 4);
}

TEST_CASE("Chance is not drawn twice: a filter over it stays above it") {
  CHECK(topology(rows().select(expr("rand() AS r")).where("r < 0.5")).nodes.size() == 4);
}

TEST_CASE("Sorting gathers all rows in one task") {
  CHECK(
      plan(rows().group_by("k").count().order_by(col("count").desc(), "k"), OutputMode::complete) ==
      "#0 memory source × 4\n"
      "     MemorySource\n"
      "#1 partial aggregate × 4 <- #0 forward\n"
      "     key [k]\n"
      "#2 aggregate × 4 <- #1 hash [k]\n"
      "     key [k], complete\n"
      "     keeps all groups (output mode complete)\n"
      "#3 sort × 1 <- #2 gather\n"
      "     by count DESC, k ASC\n"
      "#4 none sink × 1 <- #3 forward\n"
      "     NoneSink\n");
}

TEST_CASE("Late rows leave the first stage that sees rows, under the columns of its input") {
  auto spec = spec_of(windowed());
  spec.late_sink = none_sink();
  CHECK(plan(spec) ==
        "#0 memory source × 4\n"
        "     MemorySource\n"
        "#1 watermark × 4 <- #0 forward\n"
        "     column t, delay 2 hours\n"
        "#2 windows × 4 <- #1 forward\n"
        "     over t, size 1 hour, slide 1 hour\n"
        "#3 partial aggregate × 4 <- #2 forward\n"
        "     key [window, k]\n"
        "#4 aggregate × 4 <- #3 hash [window, k]\n"
        "     key [window, k], event time window, append\n"
        "     keeps groups until the watermark passes window.end\n"
        "#5 none sink × 4 <- #4 forward\n"
        "     NoneSink\n"
        "#6 late rows none sink × 4 <- #3 forward late rows\n"
        "     NoneSink\n");
  spec.output_mode = OutputMode::complete;
  CHECK(plan_query(spec, {}, Environment{}).nodes.back().late_sink);
}

TEST_CASE("Late rows need an operator that drops some, and one schema") {
  auto spec = spec_of(rows().select("k"));
  spec.late_sink = none_sink();
  CHECK(error_of([&] { plan(spec); }).find("LATE_ROWS_WITHOUT_WATERMARK") == 0);

  const auto other = memory("t timestamp").with_watermark("t", 1s).group_by(window("t", 1h));
  spec.plan = windowed().select("n").union_all(other.agg(count().as("n")).select("n")).plan();
  CHECK(error_of([&] { plan(spec); }).find("LATE_ROWS_OF_SEVERAL_SCHEMAS") == 0);
}

TEST_CASE("The second of two chained aggregations hands out no late rows") {
  auto spec = spec_of(windowed().group_by(window("window", 2h)).agg(sum("n")));
  spec.late_sink = none_sink();
  const auto plan = plan_query(spec, {}, Environment{});
  std::size_t late_edges = 0;
  for (const auto& edge : plan.edges) late_edges += edge.port == Output::late_port ? 1 : 0;
  CHECK(late_edges == 1);
}

TEST_CASE("No-data epochs are wanted where a watermark can end groups") {
  const auto wants = [](const DataStream& stream, OutputMode mode) {
    return node_named(topology(stream, mode), "aggregate").wants_no_data_epoch;
  };
  CHECK(wants(windowed(), OutputMode::append));
  CHECK(wants(windowed(), OutputMode::update));
  CHECK_FALSE(wants(windowed(), OutputMode::complete));
  CHECK_FALSE(wants(rows().group_by("k").count(), OutputMode::update));
}

TEST_CASE("State is told apart by its types, and found again with other partitions") {
  const auto signature = [](const DataStream& stream, std::uint32_t partitions) {
    return node_named(topology(stream, OutputMode::update, {.partitions = partitions}), "aggregate")
        .state_signature;
  };
  const auto counted = rows().group_by("k").count();
  CHECK(signature(counted, 1) == "aggregate keys(string) values(count(bigint))");
  CHECK(signature(counted, 4) == signature(counted, 1));
  CHECK(signature(rows().group_by(col("k").as("key")).count(), 1) == signature(counted, 1));
  CHECK(signature(rows().group_by("v").count(), 1) != signature(counted, 1));
  CHECK(signature(rows().group_by("k").sum("v"), 1) != signature(counted, 1));
  const auto complete = topology(counted, OutputMode::complete, {.partitions = 1});
  CHECK(node_named(complete, "aggregate").state_signature != signature(counted, 1));
}

TEST_CASE("A stream used twice is one source; its branches meet again without an exchange") {
  const auto source = rows();
  const auto both = source.where("v > 1").union_all(source.where("v < 1"));
  CHECK(plan(both) ==
        "#0 memory source × 4\n"
        "     MemorySource\n"
        "#1 filter × 4 <- #0 forward\n"
        "     where v > 1\n"
        "#2 filter × 4 <- #0 forward\n"
        "     where v < 1\n"
        "#3 union × 4 <- #1 forward, #2 forward\n"
        "#4 none sink × 4 <- #3 forward\n"
        "     NoneSink\n");
}

TEST_CASE("Every edge goes forward in the order of nodes") {
  auto spec = spec_of(windowed().union_all(windowed()));
  spec.late_sink = none_sink();
  for (const auto& edge : plan_query(spec, {}, Environment{}).edges) CHECK(edge.from < edge.to);
}

TEST_CASE("Wrong options are refused by name") {
  CHECK(error_of([] {
          plan(rows(), OutputMode::append, {.partitions = 0});
        }).find("partitions is 0") != std::string::npos);
  CHECK(error_of([] {
          plan(rows(), OutputMode::append, {.partitions = 200});
        }).find("key groups, 128") != std::string::npos);
  auto spec = spec_of(rows());
  spec.options.set("watermarkPolicy", "middle");
  CHECK(error_of([&] { plan(spec); }).find("\"middle\"") != std::string::npos);
  spec.options.set("watermarkPolicy", "max");
  CHECK(plan_query(spec, {}, Environment{}).watermark_policy == WatermarkPolicy::max);
  spec.sinks.clear();
  CHECK(error_of([&] { plan(spec); }).find("no sink") != std::string::npos);
  spec.sinks = {none_sink(), none_sink()};
  CHECK(error_of([&] { plan(spec, {.strict = true}); }).find("EXTENSION_IN_STRICT_MODE") == 0);
}

TEST_CASE("Sliding windows are added up in panes, exchanged by the other keys") {
  const auto sliding = [](std::string_view size, std::string_view slide) {
    return rows().with_watermark("t", 2h).group_by(window("t", size, slide), "k");
  };
  CHECK(plan(sliding("10 seconds", "2 seconds").agg(count().as("n"))) ==
        "#0 memory source × 4\n"
        "     MemorySource\n"
        "#1 watermark × 4 <- #0 forward\n"
        "     column t, delay 2 hours\n"
        "#2 project × 4 <- #1 forward\n"
        "     columns k, t\n"
        "#3 partial aggregate × 4 <- #2 forward\n"
        "     key [window, k]\n"
        "     windows over t, size 10 seconds, slide 2 seconds, panes of 2 seconds\n"
        "#4 aggregate × 4 <- #3 hash [k]\n"
        "     key [window, k], event time window, append\n"
        "     keeps groups until the watermark passes window.end\n"
        "     windows over t, size 10 seconds, slide 2 seconds, panes of 2 seconds\n"
        "#5 none sink × 4 <- #4 forward\n"
        "     NoneSink\n");
  const auto uneven = plan(sliding("10 seconds", "3 seconds").agg(count().as("n")),
                           OutputMode::update, {.partitions = 1});
  CHECK(uneven.find("panes of 1 second and 2 seconds") != std::string::npos);
  CHECK(uneven.find("partial") == std::string::npos);
}

TEST_CASE("Windows are expanded where panes would not do") {
  const auto expands = [](const DataStream& stream, OutputMode mode = OutputMode::update,
                          PlannerOptions options = {}) {
    return plan(stream, mode, options).find("panes") == std::string::npos;
  };
  const auto sliding = [](const DataStream& stream) {
    return stream.group_by(window("t", "10 seconds", "2 seconds").as("w"), "t");
  };
  const auto watermarked = rows().with_watermark("t", 2h);
  CHECK_FALSE(expands(sliding(rows()).agg(count().as("n"))));
  // Structured Streaming counts an entry a window.
  CHECK(expands(sliding(rows()).agg(count().as("n")), OutputMode::update, {.strict = true}));
  // Panes do not keep the order of arrival.
  CHECK(expands(sliding(rows()).agg(expr("last(v) AS l"))));
  CHECK(expands(sliding(rows()).agg(count().as("n"), expr("collect_set(v) AS s"))));
  // Rows are late by their own time here, not by their window.
  CHECK(expands(
      watermarked.group_by("t", window("t", "10 seconds", "2 seconds")).agg(count().as("n"))));
  CHECK(expands(windowed()));
}

TEST_CASE("explain shows every stage, and works before a stream is written") {
  auto spec = spec_of(rows().group_by("k").count());
  spec.sinks.clear();
  const auto text = explain_query(spec, {}, Environment{});
  for (const auto* part : {"== Logical plan ==\naggregate by [k]", "== Analysed plan ==",
                           "== Optimised plan ==", "== Physical plan, output mode update ==",
                           "keeps all groups: no key carries a watermark"}) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("DISTINCT aggregates are an extension that strict mode refuses") {
  const auto spec =
      spec_of(rows().group_by("k").agg(expr("count(DISTINCT v) AS n")), OutputMode::update);
  CHECK(plan(spec).find("aggregate") != std::string::npos);
  CHECK_THROWS_AS(plan(spec, {.strict = true}), Error);
  try {
    plan(spec, {.strict = true});
  } catch (const Error& error) {
    CHECK(error.error_class() == "DISTINCT_AGGREGATE_NOT_SUPPORTED_IN_STREAMING");
    CHECK(std::string(error.what()).find("collect_set") != std::string::npos);
  }
}
