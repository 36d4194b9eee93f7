#include <libstream/data_stream.hpp>

#include <doctest/doctest.h>

#include <support/plan_fixture.hpp>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

TEST_CASE("A stream describes what was asked for, without looking anything up") {
  const auto query = stream("k string, t timestamp, v bigint")
                         .where("v > 1")
                         .with_watermark("t", "10 minutes")
                         .group_by("k", window("t", 1h))
                         .agg(sum("v").as("total"), count());
  CHECK(query.explain() ==
        "aggregate by [k, window(t, INTERVAL 1 HOUR)] sum(v) AS total, count(*)\n"
        "  watermark t delay 600000 ms\n"
        "    filter v > 1\n"
        "      stream json in/\n");
}

TEST_CASE("Streams are values: a longer one leaves the shorter one as it is") {
  const auto base = stream("k string, v bigint");
  const auto before = base.explain();
  const auto longer = base.select("k").named("x");
  CHECK(base.explain() == before);
  CHECK(longer.explain() != before);
}

TEST_CASE("Columns come out under the names that Structured Streaming gives them") {
  const auto rows = stream("k string, t timestamp, v bigint, s struct<a: int, b: string>");
  CHECK(columns(rows.group_by("k").count()) == "k string, count bigint NOT NULL");
  CHECK(columns(rows.group_by("k").sum("v")) == "k string, `sum(v)` bigint");
  CHECK(columns(rows.group_by("k").mean("v")) == "k string, `avg(v)` double");
  CHECK(columns(rows.group_by("k").avg("v")) == "k string, `avg(v)` double");
  CHECK(columns(rows.group_by("k").min("v")) == "k string, `min(v)` bigint");
  CHECK(columns(rows.group_by("k").max("t")) == "k string, `max(t)` timestamp");
  CHECK(columns(rows.agg({count(), mean("v")})) == "`count(1)` bigint NOT NULL, `avg(v)` double");
  CHECK(columns(rows.select("s.a", col("s").field("b").as("c"), "K")) ==
        "a int, c string, K string");
  CHECK(columns(rows.select("s.*")) == "a int, b string");
}

TEST_CASE("A window key becomes a structure named by its alias or window") {
  const auto rows = stream("k string, t timestamp");
  CHECK(columns(rows.group_by(window("t", 10min, 5min)).count()) ==
        "window struct<start: timestamp, end: timestamp> NOT NULL, "
        "count bigint NOT NULL");
  CHECK(columns(rows.group_by(window("t", "10 minutes").as("w"), "k")
                    .agg(count().as("n"))
                    .select("w.end", "k", "n")) == "end timestamp, k string, n bigint NOT NULL");
}

TEST_CASE("Columns are added, replaced, renamed, dropped and exploded") {
  const auto rows = stream("a int, b string, c array<string>");
  CHECK(columns(rows.with_column("d", col("a") + 1)) == "a int, b string, c array<string>, d int");
  CHECK(columns(rows.with_column("B", col("a"))) == "a int, B int, c array<string>");
  CHECK(columns(rows.with_column_renamed("b", "x")) == "a int, x string, c array<string>");
  CHECK(columns(rows.drop({"a", "C"})) == "b string");
  CHECK(columns(rows.explode("c", "word")) == "a int, b string, word string");
  CHECK(columns(rows.select(explode("c").as("word"), col("a"))) == "word string, a int");
  CHECK(columns(rows.select(explode("c"))) == "col string");
  CHECK(columns(rows.select("*", expr("a * 2 AS d")).drop({"b"})) ==
        "a int, c array<string>, d int");
}

TEST_CASE("Readers hand on format, path, schema and options") {
  const auto source = [](const DataStream& rows) { return rows.plan()->source; };
  const auto json = source(reader().schema("a int").option("maxFilesPerTrigger", 2).json("d/"));
  CHECK(json.format == "json");
  CHECK(json.path == "d/");
  CHECK(json.streaming);
  CHECK(json.options.get("maxfilespertrigger", "") == "2");
  CHECK_FALSE(source(reader(false).schema("a int").csv("d/")).streaming);
  CHECK(source(reader().rate()).options.get("rowsPerSecond", "") == "1");
  CHECK(source(reader().rate(5)).options.get("rowsPerSecond", "") == "5");
  CHECK(source(reader().option("rowsPerSecond", 7).rate()).options.get("rowsPerSecond", "") == "7");
  const auto socket = source(reader().socket("localhost", 9999));
  CHECK(socket.options.get("host", "") == "localhost");
  CHECK(socket.options.get("port", "") == "9999");
  const MemoryStream memory("a int");
  CHECK(source(reader().memory(memory)).memory == memory.shared());
}

TEST_CASE("A writer hands over sinks, mode, trigger, checkpoint and options") {
  const auto runtime = std::make_shared<RecordingRuntime>();
  const auto rows = DataStreamReader(runtime, true).schema("a int").json("in/");
  const MemoryTable table;
  rows.write_stream()
      .output_mode(OutputMode::update)
      .trigger(Trigger::available_now())
      .checkpoint("c/")
      .query_name("q")
      .scheduler_pool("p")
      .option("watermarkPolicy", "max")
      .option("header", true)
      .csv("out/")
      .memory(table)
      .late_rows(json_sink("late/"))
      .start();
  const auto& spec = runtime->started;
  CHECK(spec.output_mode == OutputMode::update);
  CHECK(spec.trigger.kind == Trigger::Kind::available_now);
  CHECK(spec.checkpoint == "c/");
  CHECK(spec.name == "q");
  CHECK(spec.scheduler_pool == "p");
  CHECK(spec.options.get("watermarkPolicy", "") == "max");
  REQUIRE(spec.sinks.size() == 2);
  CHECK(spec.sinks[0].format == "csv");
  CHECK(spec.sinks[0].path == "out/");
  CHECK(spec.sinks[0].options.boolean("header", false));
  CHECK(spec.sinks[1].memory == table.shared());
  CHECK_FALSE(spec.sinks[1].options.find("header"));
  REQUIRE(spec.late_sink);
  CHECK(spec.late_sink->path == "late/");
}

TEST_CASE("A writer refuses to start without a sink, or with an option that no sink takes") {
  const auto rows = stream("a int");
  CHECK(error_of([&] { rows.write_stream().start(); }).find("no sink") != std::string::npos);
  CHECK(error_of([&] {
          rows.write_stream().none().option("header", true).start();
        }).find("\"header\" belongs to no sink") != std::string::npos);
}
