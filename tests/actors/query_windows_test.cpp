// Queries over event time through the fluent API and the whole engine: windows in all modes, late
// rows, unions. Numbers are seconds.
#include "query_support.hpp"

#include <filesystem>
#include <fstream>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t second = 1'000'000;

std::vector<Row> at(const std::vector<std::int64_t>& times) {
  std::vector<Row> rows;
  for (const auto time : times) rows.push_back({"x", time * second});
  return rows;
}

/// Counts per window, as columns of seconds: start, end, count.
Build counts(std::chrono::seconds delay, std::chrono::seconds size, std::chrono::seconds slide,
             std::chrono::seconds start = 0s) {
  return [=](const DataStream& stream) {
    return stream.with_watermark("ts", delay)
        .group_by(window("ts", size, slide, start).as("w"))
        .agg(count().as("n"))
        .select(expr("CAST(unix_micros(w.start) / 1000000 AS bigint) AS s"),
                expr("CAST(unix_micros(w.end) / 1000000 AS bigint) AS e"), col("n"));
  };
}

constexpr std::string_view schema = "k string, ts timestamp";
constexpr std::uint32_t partition_counts[] = {1, 3, 8};

std::uint64_t dropped_groups(QueryTest& test) {
  std::uint64_t groups = 0;
  for (const auto& progress : test.query().recent_progress()) {
    for (const auto& op : progress.state_operators) groups += op.rows_dropped_by_watermark;
  }
  return groups;
}

}  // namespace

TEST_CASE("append: windows appear once when the watermark has passed them, late rows go aside") {
  for (const auto partitions : partition_counts) {
    QueryTest test(schema, counts(10s, 5s, 5s), OutputMode::append, partitions, true);
    CHECK(test.epoch(at({10, 11, 12, 13, 14, 15})).empty());
    CHECK(test.epoch(at({25})) == "10 15 5");
    CHECK(test.epoch(at({10, 15, 24})).empty());
    CHECK(test.late() == "x 1970-01-01T00:00:10Z {1970-01-01T00:00:10Z, 1970-01-01T00:00:15Z}");
    CHECK(test.epoch(at({40})) == "15 20 2 | 20 25 1 | 25 30 1");
    CHECK(dropped_groups(test) == 1);
  }
}

TEST_CASE("update: windows that changed, those behind the watermark never again") {
  for (const auto partitions : partition_counts) {
    QueryTest test(schema, counts(10s, 5s, 5s), OutputMode::update, partitions, true);
    CHECK(test.epoch(at({10, 11, 12, 13, 14, 15})) == "10 15 5 | 15 20 1");
    CHECK(test.epoch(at({25})) == "25 30 1");
    CHECK(test.epoch(at({10, 25})) == "25 30 2");
    CHECK(!test.late().empty());
    CHECK(test.epoch(at({10})).empty());
    CHECK(dropped_groups(test) == 2);
  }
}

TEST_CASE("complete: nothing is late and nothing goes") {
  for (const auto partitions : partition_counts) {
    QueryTest test(schema, counts(10s, 10s, 10s), OutputMode::complete, partitions);
    CHECK(test.epoch(at({10, 11, 12})) == "10 20 3");
    CHECK(test.epoch(at({25})) == "10 20 3 | 20 30 1");
    CHECK(test.epoch(at({10})) == "10 20 4 | 20 30 1");
    CHECK(dropped_groups(test) == 0);
  }
}

TEST_CASE("sliding windows, start offsets, and slides that do not divide the size") {
  QueryTest sliding(schema, counts(5s, 10s, 5s), OutputMode::append, 3);
  CHECK(sliding.epoch(at({3, 7, 12})) == "-5 5 1");
  CHECK(sliding.epoch(at({21})) == "0 10 2 | 5 15 2");
  CHECK(answer(schema, at({0, 1, 2, 6, 7, 11}), counts(0s, 5s, 5s, 2s)) ==
        "-3 2 2 | 2 7 2 | 7 12 2");
  CHECK(answer(schema, at({0, 1, 2, 6, 7, 11}), counts(0s, 5s, 5s, -3s)) ==
        "-3 2 2 | 2 7 2 | 7 12 2");
  CHECK(answer(schema, at({-1, 4}), counts(0s, 5s, 2s)) ==
        "-4 1 1 | -2 3 1 | 0 5 1 | 2 7 1 | 4 9 1");
}

TEST_CASE("times before the epoch, the boundary of lateness, null times") {
  for (const auto partitions : partition_counts) {
    // [-5, 0) ends at the watermark that every query begins with: late; null times disappear.
    QueryTest test(schema, counts(0s, 5s, 5s), OutputMode::append, partitions, true);
    auto rows = at({-1, 0, 3});
    rows.push_back({"x", nullptr});
    CHECK(test.epoch(rows).empty());
    CHECK(dropped_groups(test) == 1);
    CHECK(test.epoch(at({6})) == "0 5 2");
    CHECK(test.epoch(at({4, 5})).empty());  // a window that ends at 5 is late, 5 itself is not
    CHECK(dropped_groups(test) == 2);
    CHECK(answer(schema, at({-12, -1}), counts(0s, 5s, 5s)) == "-15 -10 1 | -5 0 1");
  }
}

TEST_CASE("a raw event time as key is emitted when the watermark reaches it") {
  QueryTest test(
      schema,
      [](const DataStream& stream) {
        return stream.with_watermark("ts", "10 seconds").group_by("k", "ts").count();
      },
      OutputMode::append, 3);
  CHECK(test.epoch(at({10, 10})).empty());
  CHECK(test.epoch(at({25})) == "x 1970-01-01T00:00:10Z 2");
}

TEST_CASE("windows of windows: counts of five seconds added up to ten") {
  for (const auto partitions : partition_counts) {
    QueryTest test(
        schema,
        [](const DataStream& stream) {
          return stream.with_watermark("ts", 0s)
              .group_by(window("ts", 5s).as("w"))
              .agg(count().as("n"))
              .group_by(window("w", 10s).as("w"))
              .agg(count().as("windows"), sum("n").as("rows"))
              .select(expr("CAST(unix_micros(w.start) / 1000000 AS bigint) AS s"), col("windows"),
                      col("rows"));
        },
        OutputMode::append, partitions);
    CHECK(test.epoch(at({10, 11, 14, 15, 21})) == "10 2 4");
    CHECK(test.epoch(at({19, 22, 29})).empty());  // 19 is late below
    CHECK(test.epoch(at({30})) == "20 2 3");
  }
}

TEST_CASE("a union waits for its slowest side, or with policy max for its fastest") {
  for (const bool max : {false, true}) {
    Session session{{.threads = 2, .partitions = 3}};
    MemoryStream left("k string, ts timestamp"), right("k string, ts timestamp");
    MemoryTable output;
    const auto side = [&](const MemoryStream& input) {
      return session.read_stream().memory(input).with_watermark("ts", 0s);
    };
    auto query = side(left)
                     .union_all(side(right))
                     .group_by(window("ts", 5s).as("w"))
                     .agg(count().as("n"))
                     .select("n", "w")
                     .write_stream()
                     .option("watermarkPolicy", max ? "max" : "min")
                     .memory(output)
                     .start();
    left.add(at({1, 20}));
    query.process_all_available();
    CHECK(output.rows().size() == (max ? 1U : 0U));
    right.add(at({7}));
    query.process_all_available();
    CHECK(output.text() == "1 {1970-01-01T00:00:00Z, 1970-01-01T00:00:05Z}");
    CHECK(query.last_progress()->totals.at("lateRows") == (max ? 1U : 0U));
    right.add(at({30}));
    query.process_all_available();
    CHECK(output.rows().size() == 2);
  }
}

TEST_CASE("a union of sources of different parallelism and different widths of numbers") {
  for (const auto partitions : partition_counts) {
    Session session{{.threads = 2, .partitions = partitions}};
    const auto directory =
        std::filesystem::temp_directory_path() / ("queries-" + system_random()->uuid());
    std::filesystem::create_directories(directory);
    std::ofstream(directory / "a.json") << "{\"k\":\"a\",\"v\":1}\n{\"k\":\"b\",\"v\":2}\n";
    MemoryStream input("k string, v double");
    input.add({{"a", 0.5}});
    input.add({{"a", 1.5}, {nullptr, nullptr}});
    MemoryTable output;
    session.read_stream()
        .schema("k string, v int")
        .json(directory.string())
        .union_all(session.read_stream().memory(input))
        .group_by("k")
        .agg(sum("v").as("s"), count().as("n"))
        .write_stream()
        .output_mode(OutputMode::complete)
        .trigger(Trigger::available_now())
        .memory(output)
        .start()
        .await_termination();
    CHECK(output.text() == "null null 1 | a 3.0 3 | b 2.0 1");
    std::filesystem::remove_all(directory);
  }
}

TEST_CASE("a stream united with itself gives each row twice") {
  QueryTest test(
      "v bigint",
      [](const DataStream& stream) {
        return stream.where("v > 1").union_all(stream.with_column("v", -col("v")));
      },
      OutputMode::append, 3);
  CHECK(test.epoch({{1}, {2}, {3}}) == "-3 | -2 | -1 | 2 | 3");
}
