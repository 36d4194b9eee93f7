#include "query_support.hpp"

#include <libstream/checkpoint/checkpoint_reader.hpp>
#include <libstream/operators/state_columns.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

using namespace libstream;
using namespace libstream::test;

namespace {

/// A directory that goes with the object.
struct Directory {
  std::string path = (std::filesystem::temp_directory_path() / "libstream-state-XXXXXX").string();
  Directory() { LIBSTREAM_ASSERT(::mkdtemp(path.data()) != nullptr, "tests need a place"); }
  ~Directory() { std::filesystem::remove_all(path); }
};

/// Runs a query over one epoch of rows and shows the state of its one operator, sorted.
std::string state_of(std::string_view schema, const std::vector<Row>& rows, const Build& build,
                     OutputMode mode = OutputMode::append, LineFormat format = LineFormat::json) {
  const Directory directory;
  {
    Session session({.threads = 2, .io_threads = 1, .partitions = 3});
    MemoryStream input(schema);
    MemoryTable output;
    auto query = build(session.read_stream().memory(input))
                     .write_stream()
                     .output_mode(mode)
                     .checkpoint(directory.path)
                     .memory(output)
                     .start();
    input.add(rows);
    query.process_all_available();
    query.stop();
  }
  const auto reader = CheckpointReader::open(directory.path, local_file_system());
  CHECK(reader->verify().problems.empty());
  const auto meta = reader->meta();
  REQUIRE(meta.operators.size() == 1);
  const auto epochs = reader->entries();
  const auto newest = std::find_if(epochs.rbegin(), epochs.rend(), [](const auto& entry) {
    return std::holds_alternative<EpochEntry>(entry.entry);
  });
  const auto shown = state_rows(StateColumns::parse(meta.operators[0].columns));
  const auto lines = state_lines(shown->schema(), format);
  std::string text;
  shown->read(*reader->state(std::get<EpochEntry>(newest->entry).epoch, meta.operators[0].id, 0,
                             meta.key_groups),
              [&](const Batch& batch) { lines->write(batch, text); });
  std::vector<std::string> sorted;
  for (std::size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1) {
    sorted.push_back(text.substr(begin, text.find('\n', begin) - begin));
  }
  std::sort(sorted.begin(), sorted.end());
  auto all = lines->header();
  for (const auto& line : sorted) all += line + "\n";
  return all;
}

constexpr std::int64_t second = 1'000'000;

TEST_CASE("State of an aggregation shows its keys and results, of every kind of aggregate") {
  const auto state = state_of(
      "k string, v bigint, d double", {{"a", 1, 1.5}, {"a", 3, 2.5}, {nullptr, 7, nullptr}},
      [](const DataStream& rows) {
        return rows.group_by("k").agg(
            expr("count(*) AS n"), expr("count(*) FILTER (WHERE v > 2) AS large"),
            expr("sum(v) AS total"), expr("avg(d) AS mean"), expr("count(DISTINCT v) AS different"),
            expr("collect_list(v) AS all"), expr("max(k) AS top"));
      },
      OutputMode::update);
  CHECK(state ==
        R"({"k":"a","n":2,"large":1,"total":4,"mean":2.0,"different":2,"all":[1,3],"top":"a"})"
        "\n"
        R"({"n":1,"large":1,"total":7,"different":1,"all":[7]})"
        "\n");
}

TEST_CASE("State of an aggregation over all rows, and as CSV") {
  const auto all = [](const DataStream& rows) {
    return rows.agg(expr("count(*) AS n"), expr("collect_list(v) AS `all`"));
  };
  const std::vector<Row> rows{{1}, {2}};
  CHECK(state_of("v bigint", rows, all, OutputMode::update) == R"({"n":2,"all":[1,2]})"
                                                               "\n");
  CHECK(state_of("v bigint", rows, all, OutputMode::update, LineFormat::csv) ==
        "n,all\n2,\"[1, 2]\"\n");
}

TEST_CASE("State by windows and sessions shows their times") {
  const std::vector<Row> rows{{"a", 1 * second}, {"a", 3 * second}, {"b", 20 * second}};
  const auto windows = [](const DataStream& input) {
    return input.with_watermark("t", "1 minute")
        .group_by("k", window("t", "10 seconds"))
        .agg(expr("count(*) AS n"));
  };
  CHECK(state_of("k string, t timestamp", rows, windows, OutputMode::append, LineFormat::csv) ==
        "k,window.start,window.end,n\n"
        "a,1970-01-01T00:00:00Z,1970-01-01T00:00:10Z,2\n"
        "b,1970-01-01T00:00:20Z,1970-01-01T00:00:30Z,1\n");
  const auto sessions = [](const DataStream& input) {
    return input.with_watermark("t", "1 minute")
        .group_by("k", session_window("t", "5 seconds"))
        .agg(expr("count(*) AS n"));
  };
  CHECK(state_of("k string, t timestamp", rows, sessions) ==
        R"({"k":"a","start":"1970-01-01T00:00:01Z","n":2,"end":"1970-01-01T00:00:08Z"})"
        "\n"
        R"({"k":"b","start":"1970-01-01T00:00:20Z","n":1,"end":"1970-01-01T00:00:25Z"})"
        "\n");
}

TEST_CASE("Where only the keys are described, the rest is hexadecimal") {
  const std::vector<Row> rows{{"a", 1 * second}, {"a", 1 * second}, {"b", 20 * second}};
  const std::string_view schema = "k string, t timestamp";
  CHECK(state_of(schema, rows, [](const DataStream& input) {
          return input.drop_duplicates({"k"});
        }) == "{\"k\":\"a\"}\n{\"k\":\"b\"}\n");
  const auto best = state_of(
      schema, rows,
      [](const DataStream& input) { return input.top_n(1, {col("t").desc()}, {"k"}); },
      OutputMode::update);
  CHECK(best.starts_with("{\"k\":\"a\",\"keyRest\":\"00000000\",\"valueBytes\":\""));
  CHECK(std::count(best.begin(), best.end(), '\n') == 2);
  const auto panes = state_of(schema, rows, [](const DataStream& input) {
    return input.with_watermark("t", "1 minute")
        .group_by("k", window("t", "10 seconds", "5 seconds"))
        .agg(expr("count(*) AS n"));
  });
  CHECK(panes.starts_with("{\"keyBytes\":\""));
  // A constant behind the arguments is not recorded.
  const auto median = state_of(
      "k string, v bigint", {{"a", 1}},
      [](const DataStream& input) {
        return input.group_by("k").agg(expr("percentile(v, 0.5) AS m"));
      },
      OutputMode::update);
  CHECK(median.starts_with("{\"k\":\"a\",\"valueBytes\":\""));
}

TEST_CASE("State that nothing describes is hexadecimal, whole") {
  const auto limited =
      state_of("v bigint", {{1}, {2}, {3}}, [](const DataStream& input) { return input.limit(2); });
  CHECK(limited == "{\"valueBytes\":\"0200000000000000\"}\n");
}

TEST_CASE(
    "What a checkpoint records of a state's columns reads back, and anything else is refused") {
  StateColumns columns;
  columns.keys = {{"a b", DataType::parse("struct<x: string>"), true}, {"a b", TypeId::date, true}};
  columns.aggregates = {{"n", "count", {TypeId::bigint}, true, false, true}};
  const auto again = StateColumns::parse(columns.to_string());
  CHECK(again.keys == columns.keys);
  CHECK(again.to_string() == columns.to_string());
  CHECK(StateColumns::parse("").keys.empty());
  for (const std::string text :
       {"{", "[]", "{\"keys\":[]}", "{\"keys\":[{\"name\":\"a\"}]}",
        "{\"keys\":[{\"name\":\"a\",\"type\":\"none\"}],\"aggregates\":[]}"}) {
    CAPTURE(text);
    try {
      StateColumns::parse(text);
      FAIL_CHECK("no Error was thrown");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::corrupt);
    }
  }
}

}  // namespace
