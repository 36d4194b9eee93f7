// What top_n becomes on its way to the operator, and where it is refused.
#include <libstream/operators/physical_planner.hpp>

#include <doctest/doctest.h>

#include <support/plan_fixture.hpp>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace {

DataStream rows() {
  return reader().memory(MemoryStream("k string, t timestamp, v bigint, note string"));
}
DataStream timed() { return rows().with_watermark("t", 2h); }
DataStream counts() { return timed().group_by(window("t", 1h), "k").agg(count().as("n")); }

QuerySpec spec_of(const DataStream& stream, OutputMode mode) {
  QuerySpec spec;
  spec.plan = stream.plan();
  spec.output_mode = mode;
  spec.sinks = {none_sink()};
  return spec;
}
std::string plan(const DataStream& stream, OutputMode mode, PlannerOptions options = {}) {
  return plan_query(spec_of(stream, mode), options, Environment{}).explain();
}
std::string refusal(const DataStream& stream, OutputMode mode, PlannerOptions options = {}) {
  return error_of([&] { plan(stream, mode, options); });
}
bool starts_with(const std::string& text, const std::string& begin) {
  return text.rfind(begin, 0) == 0;
}

}  // namespace

TEST_CASE("explain tells the key, the order, and how long rows are kept") {
  const auto windowed = timed().top_n(3, {col("v").desc(), "k"}, {window("t", 1h)}, Ties::keep);
  CHECK(plan(windowed, OutputMode::append, {.partitions = 2}) ==
        "#0 memory source × 2\n"
        "     MemorySource\n"
        "#1 watermark × 2 <- #0 forward\n"
        "     column t, delay 2 hours\n"
        "#2 windows × 2 <- #1 forward\n"
        "     over t, size 1 hour, slide 1 hour\n"
        "#3 top n × 2 <- #2 hash [window]\n"
        "     3 with ties, key [window], order v DESC, k ASC, event time window\n"
        "     keeps 3 rows and their ties a key until the watermark passes window.end\n"
        "#4 none sink × 2 <- #3 forward\n"
        "     NoneSink\n");
  const auto global = plan(rows().top_n(5, {"v"}).named("best"), OutputMode::update);
  CHECK(global.find("#1 top n × 1 <- #0 gather\n     5, key [], order v ASC\n"
                    "     keeps 5 rows a key for ever: no key carries a watermark\n"
                    "     named \"best\"\n") != std::string::npos);
  CHECK(windowed.explain().find("top 3 with ties by [window(") != std::string::npos);
}

TEST_CASE("Columns that nobody reads are not kept") {
  const auto text =
      plan(timed().top_n(1, {col("v").desc()}, {window("t", 1h)}).select("k"), OutputMode::append);
  CHECK(text.find("columns k, t, v, window") == std::string::npos);
  CHECK(text.find("columns k, v, window") != std::string::npos);
}

TEST_CASE("Late rows go out whole, so that all columns are kept") {
  auto spec = spec_of(timed().top_n(1, {"v"}, {window("t", 1h)}).select("k"), OutputMode::append);
  spec.late_sink = none_sink();
  const auto text = plan_query(spec, {}, Environment{}).explain();
  CHECK(text.find("project × 4 <- #2") == std::string::npos);
  CHECK(text.find("late rows") != std::string::npos);
}

TEST_CASE("A condition on the key goes below, any other stays above") {
  const auto ranked = stream("k string, v bigint").top_n(1, {"v"}, {"k"});
  const auto pushed = to_text(*optimised(ranked.where("k = 'a'")));
  CHECK(pushed.find("top 1") < pushed.find("filter"));
  for (const char* condition : {"v = 1", "k = 'a' OR v = 1"}) {
    const auto kept = to_text(*optimised(ranked.where(condition)));
    CHECK(kept.find("filter") < kept.find("top 1"));
  }
}

TEST_CASE("Append needs an event time among the keys") {
  const auto text = refusal(timed().top_n(1, {"v"}, {"k"}), OutputMode::append);
  CHECK(starts_with(text, "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK: top_n by [k] cannot"));
  CHECK(text.find("use update") != std::string::npos);
  CHECK(refusal(timed().top_n(1, {"v"}, {"k", "t"}), OutputMode::append).empty());
  CHECK(refusal(timed().top_n(1, {"v"}, {"k"}), OutputMode::update).empty());
  CHECK(refusal(counts().top_n(1, {"n"}, {"window"}), OutputMode::append).empty());
}

TEST_CASE("Update ranks no rows that change, and nothing counts rows that are displaced") {
  const auto unsupported = "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION: ";
  const auto mode = OutputMode::update;
  CHECK(starts_with(refusal(counts().top_n(1, {"n"}, {"window"}), mode),
                    unsupported + std::string("top_n by [window] stands above an aggregation")));
  const auto ranked = timed().top_n(1, {"v"}, {window("t", 1h), "k"});
  CHECK(starts_with(refusal(ranked.group_by("window").count(), mode),
                    unsupported + std::string("an aggregation stands above top_n")));
  CHECK(starts_with(refusal(ranked.top_n(1, {"v"}, {"window"}), mode),
                    unsupported + std::string("another top_n stands above top_n")));
  CHECK(starts_with(refusal(ranked.drop_duplicates({"k"}), mode),
                    unsupported + std::string("drop_duplicates stands above top_n")));
  CHECK(refusal(ranked.group_by("window").count(), OutputMode::append).empty());
  CHECK(refusal(ranked.top_n(1, {"v"}, {"window"}), OutputMode::append).empty());
}

TEST_CASE("Complete ranks the whole result, but nothing below the aggregation") {
  const auto mode = OutputMode::complete;
  CHECK(refusal(counts().top_n(1, {"n"}, {"window"}), mode).empty());
  CHECK(starts_with(refusal(rows().top_n(1, {"v"}, {"k"}).group_by("k").count(), mode),
                    "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION: top_n by [k] stands below"));
  CHECK(starts_with(refusal(rows().top_n(1, {"v"}, {"k"}), mode),
                    "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION: output mode complete needs"));
}

TEST_CASE("Wrong arguments are refused with the way out") {
  const auto of = [](const DataStream& stream) { return refusal(stream, OutputMode::update); };
  CHECK(of(rows().top_n(0, {"v"})) ==
        "INVALID_LIMIT: top_n: 0 rows is below one; give the number of rows to keep of each key");
  CHECK(starts_with(of(rows().top_n(1, {})), "INVALID_EXPRESSION: top_n: without an order"));
  CHECK(of(rows().top_n(1, {"w"})).find("there is no column w") != std::string::npos);
  CHECK(starts_with(of(rows().top_n(1, {"v"}, {session_window("t", 1h)})),
                    "UNSUPPORTED_STREAMING_OPERATOR: top_n: session_window"));
  CHECK(starts_with(of(rows().top_n(1, {expr("rand()")})), "NONDETERMINISTIC_ORDER: top_n: "));
  CHECK(starts_with(of(rows().top_n(1, {"v"}, {window("k", 1h)})),
                    "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE: top_n: "));
  CHECK(starts_with(refusal(rows().top_n(1, {"v"}), OutputMode::update, {.strict = true}),
                    "EXTENSION_IN_STRICT_MODE: strict mode: top_n is an extension"));
}
