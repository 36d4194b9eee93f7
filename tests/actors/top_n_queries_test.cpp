// top_n through the whole engine.
#include "query_support.hpp"

#include <algorithm>

using namespace libstream;
using namespace libstream::test;

namespace {

constexpr const char* bids = "auction bigint, price bigint, time timestamp";
constexpr std::int64_t second = 1'000'000;

Row bid(std::int64_t auction, Value price, std::int64_t seconds) {
  return {auction, std::move(price), seconds * second};
}

DataStream highest(const DataStream& in) {
  return in.with_watermark("time", "0 seconds")
      .top_n(1, {col("price").desc()}, {window("time", "10 seconds")}, Ties::keep)
      .select("auction", "price");
}

DataStream hottest(const DataStream& in) {
  return in.with_watermark("time", "0 seconds")
      .group_by(window("time", "10 seconds", "5 seconds"), "auction")
      .agg(count().as("num"))
      .top_n(1, {col("num").desc()}, {"window"}, Ties::keep)
      .select(expr("cast(window.end AS bigint)").as("end"), col("auction"), col("num"));
}

}  // namespace

TEST_CASE("the highest bids of each window, ties and all, when the watermark passes it") {
  for (const std::uint32_t partitions : {1U, 3U, 8U}) {
    CAPTURE(partitions);
    QueryTest test(bids, highest, OutputMode::append, partitions, true);
    CHECK(test.epoch({bid(1, 5, 1), bid(2, 7, 2), bid(3, nullptr, 3)}).empty());
    CHECK(test.epoch({bid(4, 7, 4), bid(5, 6, 5), bid(6, 1, 12)}) == "2 7 | 4 7");
    CHECK(test.epoch({bid(7, 100, 9), bid(8, 2, 13)}).empty());
    CHECK(test.late() == "7 100 1970-01-01T00:00:09Z {1970-01-01T00:00:00Z, 1970-01-01T00:00:10Z}");
    CHECK(test.epoch({bid(9, 0, 30)}) == "8 2");
  }
}

TEST_CASE("the hottest auctions of sliding windows: top_n over an aggregation, in one epoch") {
  for (const std::uint32_t partitions : {1U, 3U}) {
    CAPTURE(partitions);
    QueryTest test(bids, hottest, OutputMode::append, partitions);
    CHECK(test.epoch({bid(1, 1, 1), bid(1, 1, 2), bid(2, 1, 3), bid(2, 1, 7), bid(3, 1, 8)})
              .substr(0, 5) == "5 1 2");
    CHECK(test.epoch({bid(3, 1, 16)}) == "10 1 2 | 10 2 2 | 15 2 1 | 15 3 1");
  }
}

TEST_CASE("over the whole stream: update mode tells the rows that entered") {
  const auto best = [](const DataStream& in) {
    return in.top_n(2, {col("price").desc(), "time"}, {"auction"});
  };
  for (const std::uint32_t partitions : {1U, 3U}) {
    CAPTURE(partitions);
    QueryTest test("auction bigint, price bigint, time bigint", best, OutputMode::update,
                   partitions);
    CHECK(test.epoch({{1, 5, 1}, {1, 7, 2}, {1, 6, 3}, {2, nullptr, 4}}) ==
          "1 6 3 | 1 7 2 | 2 null 4");
    CHECK(test.epoch({{1, 6, 4}, {2, 1, 5}}) == "2 1 5");
    CHECK(test.epoch({{1, 8, 6}, {2, 3, 7}, {2, 2, 8}}) == "1 8 6 | 2 2 8 | 2 3 7");
  }
}

TEST_CASE("over all rows, and above a complete result") {
  const auto best = [](const DataStream& in) { return in.top_n(2, {col("v").desc()}); };
  CHECK(answer("v bigint", {{3}, {1}, {4}, {1}, {5}}, best, OutputMode::update) == "4 | 5");
  const auto words = [](const DataStream& in) {
    return in.group_by("v").count().top_n(1, {col("count").desc()}, {}, Ties::keep);
  };
  QueryTest test("v string", words, OutputMode::complete, 3);
  CHECK(test.epoch({{"a"}, {"b"}, {"b"}}) == "b 2");
  CHECK(test.epoch({{"a"}, {"c"}}) == "a 2 | b 2");
}

TEST_CASE("a restarted query ranks on, with another number of partitions") {
  const auto root = memory_root();
  MemoryStream input("k bigint, v bigint");
  MemoryTable output;
  std::string seen;
  for (const std::uint32_t partitions : {3U, 1U, 8U, 2U}) {
    Session session({.threads = 2, .partitions = partitions});
    auto query = session.read_stream()
                     .memory(input)
                     .top_n(2, {col("v").desc()}, {"k"})
                     .named("best")
                     .write_stream()
                     .output_mode(OutputMode::update)
                     .checkpoint(root)
                     .memory(output)
                     .start();
    output.clear();
    const auto v = static_cast<std::int64_t>(10 - partitions);
    input.add({{1, v}, {2, -v}});
    query.process_all_available();
    seen += output.text() + "; ";
    query.stop();
  }
  CHECK(seen == "1 7 | 2 -7; 1 9 | 2 -9; 2 -2; 1 8; ");
}

TEST_CASE("state of another number of rows is refused") {
  const auto root = memory_root();
  MemoryStream input("k bigint, v bigint");
  MemoryTable output;
  const auto run = [&](std::int64_t count) {
    Session session({.threads = 1});
    auto query = session.read_stream()
                     .memory(input)
                     .top_n(count, {col("v").desc()}, {"k"})
                     .write_stream()
                     .output_mode(OutputMode::update)
                     .checkpoint(root)
                     .memory(output)
                     .start();
    query.process_all_available();
    query.stop();
  };
  input.add({{1, 2}});
  run(2);
  CHECK_THROWS_WITH_AS(run(3), doctest::Contains("top 3"), Error);
}
