// Aggregates of the user's own, through the fluent API and the whole engine.
#include "query_support.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>

using namespace libstream;
using namespace libstream::test;

namespace {

/// As the built-in sum: a buffer of plain bytes.
struct Total {
  std::int64_t zero() const { return 0; }
  void reduce(std::int64_t& sum, std::int64_t value) const { sum += value; }
  void merge(std::int64_t& sum, std::int64_t other) const { sum += other; }
  std::int64_t finish(std::int64_t sum) const { return sum; }
};

struct Range {
  std::optional<double> low;
  std::optional<double> high;
};
BOOST_DESCRIBE_STRUCT(Range, (), (low, high))

/// A struct that is no plain bytes, in the spelling that returns buffers.
struct Spread {
  Range zero() const { return {}; }
  Range reduce(Range r, double value) const {
    return {std::min(r.low.value_or(value), value), std::max(r.high.value_or(value), value)};
  }
  Range merge(Range a, const Range& b) const {
    if (b.low) a = reduce(a, *b.low);
    return b.high ? reduce(a, *b.high) : a;
  }
  std::optional<double> finish(const Range& r) const {
    return r.low ? std::optional(*r.high - *r.low) : std::nullopt;
  }
};

struct Sale {
  std::string product;
  double price = 0;
  std::optional<std::int64_t> count;
};
BOOST_DESCRIBE_STRUCT(Sale, (), (product, price, count))
struct Best {
  std::string product;
  double revenue = -1;
};
BOOST_DESCRIBE_STRUCT(Best, (), (product, revenue))

/// Inputs as a struct, a buffer on the heap, a struct as the result.
struct BestSale {
  Best zero() const { return {}; }
  void reduce(Best& best, const Sale& sale) const {
    merge(best, {sale.product, sale.price * static_cast<double>(sale.count.value_or(1))});
  }
  void merge(Best& best, const Best& other) const {
    if (std::tie(other.revenue, other.product) > std::tie(best.revenue, best.product)) best = other;
  }
  Best finish(const Best& best) const { return best; }
};

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK((error.code() == ErrorCode::user_function || error.code() == ErrorCode::analysis ||
           error.code() == ErrorCode::incompatible));
    return error.what();
  }
  return "no error";
}

const UserAggregate total = udaf("total", Total{});
const UserAggregate spread = udaf("spread", Spread{});
const UserAggregate best_sale = udaf("best_sale", BestSale{});

/// One epoch after the other over one checkpoint, a session each.
struct Restarted {
  MemoryStream input{"k string, v bigint"};
  MemoryTable output;
  std::shared_ptr<CheckpointRoot> root = memory_root();
  OutputMode mode = OutputMode::update;

  std::string epoch(const std::vector<Row>& rows, std::uint32_t partitions,
                    const std::vector<Expression>& aggregates) {
    input.add(rows);
    output.clear();
    Session session({.threads = 1, .partitions = partitions});
    Query query = session.read_stream()
                      .memory(input)
                      .group_by("k")
                      .agg(aggregates)
                      .write_stream()
                      .output_mode(mode)
                      .checkpoint(root)
                      .trigger(Trigger::available_now())
                      .memory(output)
                      .start();
    query.await_termination();
    return output.text();
  }
};

}  // namespace

TEST_CASE("A user's aggregates beside built-in ones, filtered, with nulls") {
  const std::vector<Row> rows{{"a", 1}, {"a", 4}, {"b", nullptr}, {"b", 3}, {"c", nullptr}};
  CHECK(answer("k string, v bigint", rows, [](const DataStream& s) {
          return s.group_by("k").agg(count(), total("v").as("t"), sum("v"), spread("v"),
                                     total("v").filter(col("v") > 1).as("f"),
                                     (total("v") + sum("v")).as("both"));
        }) == "a 2 5 5 3.0 4 10 | b 2 3 3 0.0 3 6 | c 1 0 null null 0 null");
  CHECK(answer("k string, v bigint", rows, [](const DataStream& s) {
          return s.agg(total("v"), spread("v"), count());
        }) == "8 3.0 5");
}

TEST_CASE("Inputs as a struct: columns by position, or by the names of the fields") {
  const std::vector<Row> rows{
      {"x", 2.0, 3}, {"y", 5.0, nullptr}, {nullptr, 99.0, 1}, {"z", 6.0, 1}};
  const char* schema = "product string, price double, count bigint";
  CHECK(answer(schema, rows, [](const DataStream& s) { return s.agg(best_sale().as("b")); }) ==
        "{z, 6.0}");
  CHECK(answer(schema, rows, [](const DataStream& s) {
          return s.group_by("count").agg(
              best_sale(upper("product"), col("price"), col("count")).as("b"));
        }) == "null {Y, 5.0} | 1 {Z, 6.0} | 3 {X, 6.0}");
}

TEST_CASE("Windows, sessions and many keys agree with the built-in aggregates") {
  const std::uint64_t seed = 7;
  std::mt19937_64 random(seed);
  CAPTURE(seed);
  std::vector<Row> rows;
  for (int i = 0; i < 20'000; ++i) {
    rows.push_back(
        {static_cast<std::int64_t>(random() % 9'000),
         static_cast<std::int64_t>(random() % 1'000'000) * 100'000,
         random() % 7 == 0 ? Value() : Value(static_cast<std::int64_t>(random() % 100))});
  }
  const auto differs = (coalesce({total("v"), lit(0)}) - coalesce({sum("v"), lit(0)})).as("d");
  const auto width = (spread("v") - (max("v") - min("v"))).as("w");
  const auto check = [&](const std::function<GroupedStream(const DataStream&)>& grouped) {
    for (const std::uint32_t partitions : {1U, 3U}) {
      QueryTest test(
          "k bigint, t timestamp, v bigint",
          [&](const DataStream& s) {
            return grouped(s).agg(differs, width).where("d <> 0 or w <> 0.0");
          },
          OutputMode::complete, partitions);
      if (partitions == 1) {
        CHECK(test.epoch(rows) == "");
      } else {
        CHECK(test.epoch({rows.begin(), rows.begin() + 300}) == "");
      }
    }
  };
  check([](const DataStream& s) { return s.group_by("k"); });
  check([](const DataStream& s) {
    return s.group_by(window("t", std::chrono::minutes(10), std::chrono::minutes(5)));
  });
  check([](const DataStream& s) {
    return s.group_by((col("k") % 50).as("g"), session_window("t", std::chrono::minutes(2)));
  });
}

TEST_CASE("By registered name in text") {
  Session session({.threads = 1, .partitions = 3});
  session.register_function(total);
  CHECK(message_of([&] {
          try {
            session.register_function(udf("TOTAL", [](std::int64_t x) { return x; }));
          } catch (const Error& error) {
            throw Error(ErrorCode::analysis, error.what());
          }
        }).starts_with("register_function: \"TOTAL\" is registered already"));
  MemoryStream input("k string, v bigint");
  input.add({{"a", 1}, {"a", 5}, {"b", 2}});
  MemoryTable output;
  const auto run = [&](const char* text) {
    output.clear();
    session.read_stream()
        .memory(input)
        .group_by("k")
        .agg(expr(text).as("r"))
        .write_stream()
        .output_mode(OutputMode::complete)
        .trigger(Trigger::available_now())
        .memory(output)
        .start()
        .await_termination();
    return output.text();
  };
  CHECK(run("total(v) FILTER (WHERE v > 1) * 2") == "a 10 | b 4");
  CHECK(run("Total(v)") == "a 6 | b 2");
  CHECK(message_of([&] { run("total(DISTINCT v)"); }).find("DISTINCT is for the engine's own") !=
        std::string::npos);
  CHECK(message_of([&] { run("total(k)"); }) ==
        "total does not take (string): argument 1 is string where bigint is needed; write a cast; "
        "it is used as total(bigint)");
  CHECK(message_of([&] { run("total(v, v)"); }) ==
        "total takes 1 argument(s), not 2; it is used as total(bigint)");
  CHECK(message_of([&] { run("total(sum(v))"); }).find("cannot stand inside another") !=
        std::string::npos);
  CHECK(
      message_of([&] {
        session.read_stream()
            .memory(input)
            .select(total("v"))
            .write_stream()
            .memory(output)
            .start();
      }) ==
      "select: the aggregate total(v) stands in no aggregation; use group_by(…).agg(total(v)) and "
      "a filter above it");
}

TEST_CASE("Buffers are state: they go on after restarts with other numbers of partitions") {
  Restarted test;
  const std::vector<Expression> aggregates{total("v").as("t"), spread("v").as("s"),
                                           best_sale("k", col("v").cast("double"), "v").as("b"),
                                           count().as("n")};
  CHECK(test.epoch({{"a", 1}, {"b", 2}}, 1, aggregates) ==
        "a 1 0.0 {a, 1.0} 1 | b 2 0.0 {b, 4.0} 1");
  CHECK(test.epoch({{"a", 7}}, 3, aggregates) == "a 8 6.0 {a, 49.0} 2");
  CHECK(test.epoch({{"b", nullptr}, {"a", -1}}, 8, aggregates) ==
        "a 7 8.0 {a, 49.0} 3 | b 2 0.0 {b, 4.0} 2");
}

TEST_CASE("A buffer of another layout is refused at a restart") {
  struct Wider : Total {
    double zero() const { return 0; }
    void reduce(double& sum, std::int64_t value) const { sum += static_cast<double>(value); }
    void merge(double& sum, double other) const { sum += other; }
    double finish(double sum) const { return sum; }
  };
  Restarted test;
  CHECK(test.epoch({{"a", 1}}, 1, {total("v")}) == "a 1");
  const std::string message = message_of([&] {
    test.epoch({{"a", 1}}, 1, {udaf("total", Wider{})("v")});
  });
  CHECK(message.find("total(bigint)") != message.npos);
  CHECK(message.find("total(double)") != message.npos);
}

namespace {

/// Throws where it is told to.
struct Failing {
  enum class Where { zero, reduce, merge, finish, nowhere };
  Where where = Where::nowhere;

  std::int64_t zero() const {
    if (where == Where::zero) throw std::runtime_error("no zero");
    return 0;
  }
  void reduce(std::int64_t& sum, std::int64_t value) const {
    if (where == Where::reduce && value == 13) throw std::runtime_error("thirteen came");
    sum += value;
  }
  void merge(std::int64_t& sum, std::int64_t other) const {
    if (where == Where::merge && other == 13) throw std::runtime_error("merged thirteen");
    sum += other;
  }
  std::int64_t finish(std::int64_t sum) const {
    if (where == Where::finish && sum == 13) throw std::runtime_error("thirteen in the end");
    return sum;
  }
};

}  // namespace

TEST_CASE("An aggregate that throws names itself and the key; state and output stay") {
  using Where = Failing::Where;
  const std::vector<Row> bad{{"a", 2}, {"unlucky", 13}};
  const auto message = [&](Where where, std::uint32_t partitions) {
    Restarted test;
    const auto good = std::vector<Expression>{udaf("failing", Failing{})("v")};
    CHECK(test.epoch({{"a", 1}, {"unlucky", 0}}, partitions, good) == "a 1 | unlucky 0");
    const std::string text =
        message_of([&] { test.epoch(bad, partitions, {udaf("failing", Failing{where})("v")}); });
    CHECK(test.output.text() == "");
    // The same rows again, over the state of the epoch before.
    CHECK(test.epoch({}, partitions, good) == "a 3 | unlucky 13");
    return text;
  };
  const auto names = [](const std::string& text, const char* part) {
    CAPTURE(text);
    CHECK(text.find(part) != text.npos);
  };
  for (const std::uint32_t partitions : {1U, 3U}) {
    names(message(Where::reduce, partitions),
          "the aggregate failing: reduce threw: thirteen came (at key [unlucky])");
    names(message(Where::finish, partitions),
          "the aggregate failing: finish threw: thirteen in the end (at key [unlucky])");
    names(message(Where::zero, partitions), "the aggregate failing: zero threw: no zero");
  }
  names(message(Where::merge, 3),
        "the aggregate failing: merge threw: merged thirteen (at key [unlucky])");
}
