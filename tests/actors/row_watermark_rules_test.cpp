// What event time per source partition refuses at the start, and what a restart may not change.
#include "split_source.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>
#include <libstream/operators/project.hpp>

#include <doctest/doctest.h>

#include <functional>

using namespace libstream;
using namespace libstream::fakes;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<SplitSource::Rows> rows_of(std::size_t splits) {
  auto rows = std::make_shared<SplitSource::Rows>();
  rows->schema = Schema::parse("key bigint, time timestamp, score double, gap string");
  rows->splits.resize(splits);
  return rows;
}

class Rules {
 public:
  explicit Rules(bool strict = false) : session_({.threads = 1, .strict = strict}) {}

  DataStream input(std::size_t splits = 1) {
    return session_.read_stream().source(
        std::make_shared<SplitSource>(rows_of(splits), Cut{}, seeded_random(1)));
  }

  /// The message with which a query is refused, "" where it starts.
  static std::string refusal(
      const DataStream& stream,
      const std::function<void(DataStreamWriter&)>& settings = [](DataStreamWriter&) {}) {
    auto writer = stream.write_stream();
    writer.event_time(per_source_partition).none();
    settings(writer);
    try {
      writer.start().stop();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

 private:
  Session session_;
};

DataStream counted(const DataStream& stream) {
  return stream.group_by(col("key"), window("time", "10 seconds")).agg(count().as("n"));
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("options and modes that depend on the epochs are refused") {
  Rules rules;
  const auto stream = counted(rules.input().with_watermark("time", 1s));
  CHECK(Rules::refusal(stream).empty());
  CHECK(has(Rules::refusal(stream, [](auto& w) { w.output_mode(OutputMode::update); }),
            "output mode update puts rows out in every epoch"));
  CHECK(has(Rules::refusal(stream, [](auto& w) { w.option("watermarkPolicy", "max"); }),
            "with watermarkPolicy max"));
  CHECK(has(Rules::refusal(stream, [](auto& w) { w.option("idleTimeout", "1 second"); }),
            "idleTimeout lets windows be put out"));
  CHECK(has(Rules::refusal(stream, [](auto& w) { w.option("noDataEpochs", false); }),
            "without noDataEpochs"));
  CHECK(has(Rules::refusal(stream, [](auto& w) { w.option("eventTime", "mine"); }),
            "option eventTime is \"mine\", but can be perEpoch or perSourcePartition"));
  Rules strict(true);
  CHECK(Rules::refusal(counted(strict.input().with_watermark("time", 1s))) ==
        "strict mode: event_time(per_source_partition) is an extension; leave it out, or leave "
        "strict mode");
}

TEST_CASE("operators whose result depends on the epochs are refused by name, with a way out") {
  Rules rules;
  const auto one = rules.input().with_watermark("time", 1s);
  const auto several = rules.input(3).with_watermark("time", 1s);
  const auto by_window = [](const DataStream& stream) {
    return stream.group_by(window("time", "10 seconds"));
  };
  // The order of rows is known within one source partition, and there only.
  CHECK(Rules::refusal(by_window(one).agg(first("key").as("f"), sum("score").as("s"))).empty());
  CHECK(has(Rules::refusal(by_window(several).agg(count().as("n"), sum("score").as("s"))),
            "the aggregation by [window]: the result of s depends on the order of rows, and its "
            "rows come from more than one source partition or task, in any order; use count, "));
  CHECK(has(Rules::refusal(by_window(one.union_all(several)).agg(first("key").as("f"))),
            "the result of f depends on the order"));
  CHECK(has(Rules::refusal(one.group_by(col("key"), session_window("time", "5 seconds"))
                               .agg(first("score").as("f"))),
            "sessions are put together in an order that depends on the epochs"));
  CHECK(has(Rules::refusal(
                one.group_by(col("key"), session_window("time", col("gap"))).agg(count().as("n"))),
            "a session_window whose gap differs from row to row"));
  CHECK(Rules::refusal(one.drop_duplicates({"key"})).empty());
  CHECK(has(Rules::refusal(several.drop_duplicates({"key"})),
            "drop_duplicates of [key]: which row of a key comes first is open"));
  CHECK(Rules::refusal(several.distinct()).empty());
  CHECK(has(Rules::refusal(several.drop_duplicates_within_watermark()),
            "within the watermark: when a key is forgotten depends on the order of rows"));
  CHECK(has(Rules::refusal(several.limit(5)), "limit: which rows come first is open"));
  CHECK(has(
      Rules::refusal(counted(rules.input().union_all(rules.input()).with_watermark("time", 1s))),
      "with_watermark(\"time\") stands above an operator that mixes source partitions"));
  CHECK(has(Rules::refusal(one.union_all(rules.input())), "union_all: its inputs are not alike"));
  CHECK(has(Rules::refusal(counted(one.where(expr("rand() < 0.5")))),
            "has another value in every epoch"));
  CHECK(has(Rules::refusal(one.with_column("now", expr("current_timestamp()"))),
            "has another value in every epoch"));
}

TEST_CASE("a query without a watermark, or above one without windows, runs as ever") {
  Session session{{.threads = 1}};
  MemoryStream stream("key bigint, time timestamp");
  stream.add({{1, 1'000'000}, {2, nullptr}, {3, 500'000}});
  for (const bool watermark : {false, true}) {
    MemoryTable table;
    auto rows = session.read_stream().memory(stream);
    if (watermark) rows = rows.with_watermark("time", 1s);
    auto query = rows.select("key")
                     .write_stream()
                     .event_time(per_source_partition)
                     .memory(table)
                     .trigger(Trigger::available_now())
                     .start();
    query.await_termination();
    CHECK(table.text() == "1 | 2 | 3");
  }
}

TEST_CASE("a checkpoint stays with its rule and its number of source partitions") {
  Session session{{.threads = 1}};
  const auto root = memory_root();
  const auto start = [&](std::size_t splits, EventTimeRule rule) -> std::string {
    auto source = std::make_shared<SplitSource>(rows_of(splits), Cut{}, seeded_random(1));
    try {
      counted(session.read_stream().source(source).with_watermark("time", 1s))
          .write_stream()
          .event_time(rule)
          .checkpoint(root)
          .none()
          .trigger(Trigger::available_now())
          .start()
          .await_termination();
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::incompatible);
      return error.what();
    }
    return "";
  };
  CHECK(start(2, per_source_partition).empty());
  CHECK(start(2, per_source_partition).empty());
  CHECK_FALSE(start(3, per_source_partition).empty());
  CHECK_FALSE(start(2, EventTimeRule::per_epoch).empty());
}

TEST_CASE("explain tells of which partitions a watermark is") {
  Rules rules;
  auto writer = counted(rules.input(3).with_watermark("time", 1s)).write_stream();
  writer.event_time(per_source_partition).none();
  CHECK(has(writer.explain(), "column time, delay 1 second, of each source partition (3)"));
}

TEST_CASE("a source that hands out splits beyond those it has ends its query") {
  Session session{{.threads = 1}};
  auto rows = rows_of(3);
  for (auto& split : rows->splits) split.push_back({1, 1'000'000, 1.0, "1 second"});
  Cut cut;
  cut.claims = 2;
  auto source = std::make_shared<SplitSource>(rows, cut, seeded_random(1));
  auto query = counted(session.read_stream().source(source).with_watermark("time", 1s))
                   .write_stream()
                   .event_time(per_source_partition)
                   .none()
                   .trigger(Trigger::available_now())
                   .start();
  try {
    query.await_termination();
    FAIL("split 2 of two");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_argument);
    CHECK(has(error.what(), "SplitSource hands out a unit of split 2, but has 2"));
  }
}

TEST_CASE("state of a watermark per source partition that does not fit is corrupt") {
  struct OneEntry final : StateReader {
    std::string key;
    std::string value;
    void for_each(const std::function<void(std::uint32_t, std::string_view, std::string_view)>&
                      visit) const override {
      visit(0, key, value);
    }
  };
  const auto restore = [](std::string key, std::string value) {
    OneEntry state;
    state.key = std::move(key);
    state.value = std::move(value);
    assign_row_watermarks({0, 1000, 2})({0, 1, 16})->restore(state, {});
  };
  using namespace std::string_literals;
  restore("\1\0\0\0"s, "12345678");
  CHECK_THROWS_AS(restore("\2\0\0\0"s, "12345678"), Error);  // split 2 of two
  CHECK_THROWS_AS(restore("\1\0\0"s, "12345678"), Error);
  CHECK_THROWS_AS(restore("\1\0\0\0"s, "1234567"), Error);
}
