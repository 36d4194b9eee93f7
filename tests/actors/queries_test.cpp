// Queries through the fluent API and the whole engine: aggregates, keys, row operators, errors.
#include "naive_aggregate.hpp"
#include "query_support.hpp"

#include <limits>

using namespace libstream;
using namespace libstream::test;

namespace {

constexpr auto not_a_number = std::numeric_limits<double>::quiet_NaN();

int128 digits(std::int64_t value) { return value; }

/// Every type with an order, and values of it: extremes, nulls, NaN, long strings.
struct Typed {
  std::string type;
  std::vector<Value> values;
};
const std::vector<Typed>& typed_values() {
  static const std::vector<Typed> list{
      {"boolean", {true, nullptr, false}},
      {"smallint", {3, -32768, nullptr, 32767}},
      {"int", {-7, nullptr, 2147483647, std::int64_t{-2147483648LL}}},
      {"bigint", {5, nullptr, std::numeric_limits<std::int64_t>::min(), -1}},
      {"float", {1.5, not_a_number, nullptr, -2.25}},
      {"double", {nullptr, 2.5, not_a_number, -1e300}},
      {"decimal(9,2)", {digits(-125), nullptr, digits(99999)}},
      {"decimal(30,4)", {digits(7) << 80, nullptr, -(digits(3) << 80), digits(0)}},
      {"string", {"b", nullptr, "", "twelve bytes", "thirteen byte", "a much longer string"}},
      {"binary", {std::string("\xff\x00\x01", 3), nullptr, std::string("\x00", 1), "abc"}},
      {"date", {19000, nullptr, -3}},
      {"timestamp", {std::int64_t{1'000'000}, nullptr, std::int64_t{-1}}},
  };
  return list;
}

std::vector<Row> rows_of_column(const std::vector<Value>& values) {
  std::vector<Row> rows;
  for (const Value& value : values) {
    rows.push_back({"some", value});
    rows.push_back({"none", nullptr});
  }
  return rows;
}

}  // namespace

TEST_CASE("min, max and count of every type with an order, beside groups of nulls alone") {
  for (const Typed& typed : typed_values()) {
    for (const std::uint32_t partitions : {1U, 3U, 8U}) {
      CAPTURE(typed.type);
      CAPTURE(partitions);
      QueryTest test(
          "k string, x " + typed.type,
          [](const DataStream& stream) {
            return stream.group_by("k").agg(min("x"), max("x"), count("x"), count(),
                                            min("x").filter(col("x").is_null()).as("none"));
          },
          OutputMode::complete, partitions);
      test.epoch(rows_of_column(typed.values));
      auto rows = test.rows();
      std::sort(rows.begin(), rows.end());
      const auto size = static_cast<std::int64_t>(typed.values.size());
      const auto& values = typed.values;
      CHECK(rows == std::vector<Row>{{"none", nullptr, nullptr, 0, size, nullptr},
                                     {"some", naive::aggregate("min", values, false),
                                      naive::aggregate("max", values, false),
                                      naive::aggregate("count", values, false), size, nullptr}});
    }
  }
}

TEST_CASE("first, last and any_value of every type, with nulls and without, over epochs") {
  for (const Typed& typed : typed_values()) {
    CAPTURE(typed.type);
    QueryTest test(
        "k string, x " + typed.type,
        [](const DataStream& stream) {
          return stream.agg(first("x"), last("x"), first("x", true), last("x", true),
                            expr("any_value(x)"), expr("any_value(x, true)"),
                            last("x", true).filter(col("k") == "none").as("never"));
        },
        OutputMode::update);
    std::vector<Value> seen;
    for (const Value& value : typed.values) {
      test.epoch({{"some", value}});
      seen.push_back(value);
      const auto pick = [&](const char* name, bool ignore) {
        return naive::aggregate(name, seen, ignore);
      };
      CHECK(test.rows() == std::vector<Row>{{pick("first", false), pick("last", false),
                                             pick("first", true), pick("last", true),
                                             pick("first", false), pick("first", true), nullptr}});
    }
  }
}

TEST_CASE("first and last of arrays and structures keep the whole value") {
  QueryTest test(
      "a array<string>, i bigint",
      [](const DataStream& stream) {
        return stream.select("a", expr("struct(i, a) AS s"))
            .agg(first("a").as("fa"), last("a").as("la"), last("s").as("ls"));
      },
      OutputMode::complete);
  CHECK(test.epoch({{ValueList{"one", "a string beyond the inline twelve"}, 1},
                    {ValueList{}, 2},
                    {nullptr, 3}}) == "[one, a string beyond the inline twelve] null {3, null}");
  CHECK(test.epoch({{ValueList{"x"}, 4}}) ==
        "[one, a string beyond the inline twelve] [x] {4, [x]}");
}

TEST_CASE("sums and means: integers, floats, decimals, NaN, filters, several at once") {
  const std::vector<Row> rows{
      {"a", 1, 1.5, 0.25, digits(105)},          {"a", nullptr, 2.5, nullptr, nullptr},
      {"b", 7, not_a_number, 1.0, digits(-201)}, {"a", 4, nullptr, 0.5, digits(100)},
      {"b", -9, 1.0, 2.0, digits(-1)},           {"a", 2, -1.0, 4.0, digits(1)},
      {"c", nullptr, nullptr, nullptr, nullptr}};
  const auto text = answer(
      "k string, i int, d double, f float, m decimal(5,2)", rows, [](const DataStream& stream) {
        return stream.group_by("k").agg(
            sum("i"), avg("i"), sum("d"), mean("d"), sum("f"), avg("f"), sum("m"), avg("m"),
            sum("i").filter(col("i") > 1).as("big"), avg("m").filter(expr("m < 0")).as("low"),
            count_if(expr("d > 0")), count(expr("i + 1")).as("present"));
      });
  CHECK(text ==
        "a 7 2.3333333333333335 3.0 1.0 4.75 1.5833333333333333 2.06 0.686667 6 null 2 3 | "
        "b -2 -1.0 NaN NaN 3.0 1.5 -2.02 -1.010000 7 -1.010000 2 2 | "
        "c null null null null null null null null null null 0 0");
}

TEST_CASE("the mean of decimals rounds half away from zero") {
  const auto mean_of = [](const std::vector<Row>& rows) {
    return answer("m decimal(4,0)", rows,
                  [](const DataStream& stream) { return stream.agg(avg("m")); });
  };
  CHECK(mean_of({{digits(1)}, {digits(1)}, {digits(0)}}) == "0.6667");
  CHECK(mean_of({{digits(-1)}, {digits(-1)}, {digits(0)}}) == "-0.6667");
  std::vector<Row> rows(31, {digits(0)});  // 1 / 32 = 0.03125
  rows.push_back({digits(1)});
  CHECK(mean_of(rows) == "0.0313");
  rows.back() = {digits(-1)};
  CHECK(mean_of(rows) == "-0.0313");
}

TEST_CASE("a sum that overflows stops the query and names the aggregate") {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  const Build sums = [](const DataStream& stream) { return stream.group_by("k").agg(sum("v")); };
  const auto whole =
      failure("k string, v bigint", {{"a", most}, {"a", 1}}, sums, OutputMode::update);
  CHECK_MESSAGE(whole.find("sum") != std::string::npos, whole);
  CHECK_MESSAGE(whole.find("bigint") != std::string::npos, whole);
  int128 nines = 1;
  for (int i = 0; i < 38; ++i) nines *= 10;
  nines -= 1;
  const auto wide = failure("k string, v decimal(38,0)", {{"a", nines}, {"a", digits(1)}}, sums,
                            OutputMode::update);
  CHECK_MESSAGE(wide.find("sum") != std::string::npos, wide);
  CHECK_MESSAGE(wide.find("decimal(38,0)") != std::string::npos, wide);
  // Back below the limit before it is asked for: no failure.
  CHECK(answer("k string, v bigint", {{"a", most}, {"a", -1}, {"b", 1}}, sums) ==
        "a 9223372036854775806 | b 1");
}

TEST_CASE("keys: -0.0 is 0.0 and NaN is NaN, null is a key, alone and with others") {
  const std::vector<Row> rows{{0.0, "x"},           {-0.0, "x"},    {not_a_number, "x"},
                              {-not_a_number, "x"}, {nullptr, "x"}, {1.5, "x"},
                              {nullptr, "x"}};
  for (const char* type : {"double", "float"}) {
    CAPTURE(type);
    for (const bool two : {false, true}) {
      const auto text =
          answer(std::string("g ") + type + ", k string", rows, [&](const DataStream& stream) {
            return (two ? stream.group_by("g", "k") : stream.group_by("g"))
                .agg(count().as("n"))
                .select(expr("CASE WHEN g = 0 THEN 'zero' ELSE CAST(g AS string) END AS g"),
                        col("n"));
          });
      CHECK(text == "null 2 | 1.5 1 | NaN 2 | zero 2");
    }
  }
}

TEST_CASE("keys: strings around the twelve inline bytes, wide decimals, structures, arrays") {
  const std::vector<Row> rows{{"twelve bytes", digits(1) << 90, ValueList{1, nullptr}},
                              {"twelve bytes!", digits(1) << 90, ValueList{1, nullptr}},
                              {"twelve bytes?", -(digits(1) << 90), ValueList{}},
                              {"twelve bytes!", digits(1) << 90, ValueList{1, nullptr}},
                              {"twelve bytes", digits(1) << 90, nullptr},
                              {nullptr, nullptr, nullptr}};
  const auto counts = [&](const std::vector<ColumnArgument>& keys) {
    return answer("s string, w decimal(38,0), a array<bigint>", rows,
                  [&](const DataStream& stream) {
                    return stream.group_by(keys).agg(count().as("n")).select("n");
                  });
  };
  CHECK(counts({"s"}) == "1 | 1 | 2 | 2");
  CHECK(counts({"w"}) == "1 | 1 | 4");
  CHECK(counts({"a"}) == "1 | 2 | 3");
  CHECK(counts({"s", "w"}) == "1 | 1 | 2 | 2");
  CHECK(counts({"s", "a"}) == "1 | 1 | 1 | 1 | 2");
  CHECK(counts({expr("struct(s, a) AS both")}) == "1 | 1 | 1 | 1 | 2");
  CHECK(counts({expr("length(s) % 2 AS odd")}) == "1 | 2 | 3");
  CHECK(counts({expr("upper(s) AS u"), expr("w > 0 AS p")}) == "1 | 1 | 2 | 2");
}

TEST_CASE("words are counted: split, explode, and rows without words disappear") {
  const std::vector<Row> lines{{"to be or not to be"}, {nullptr}, {"be"}, {"a  gap"}};
  CHECK(answer("line string", lines, [](const DataStream& stream) {
          return stream.select(explode(split("line", " ")).as("word")).group_by("word").count();
        }) == " 1 | a 1 | be 3 | gap 1 | not 1 | or 1 | to 2");
}

TEST_CASE("explode keeps the other columns; empty and null arrays leave no row") {
  const std::vector<Row> rows{
      {1, ValueList{"x", nullptr}}, {2, ValueList{}}, {3, nullptr}, {4, ValueList{"y"}}};
  CHECK(answer(
            "i bigint, a array<string>", rows,
            [](const DataStream& stream) {
              return stream.explode("a", "e").with_column("j", col("i") * 10);
            },
            OutputMode::append) == "1 null 10 | 1 x 10 | 4 y 40");
}

TEST_CASE("with_column replaces, renames and drops; having filters what is emitted") {
  CHECK(answer("k string, v bigint", {{"a", 1}, {"b", 5}, {"a", 3}}, [](const DataStream& stream) {
          return stream.with_column("v", col("v") + 1)
              .with_column_renamed("v", "w")
              .with_column("k2", upper("k"))
              .drop({"k"})
              .group_by("k2")
              .agg(sum("w").as("s"), count().as("n"))
              .where("n > 1")
              .with_column_renamed("s", "total");
        }) == "A 6 2");
}

TEST_CASE("order_by above a complete aggregation: nulls first ascending, last descending") {
  const std::vector<Row> rows{
      {"b", 2.0}, {"a", not_a_number}, {nullptr, 1.0}, {"c", nullptr}, {"b", 1.0}};
  const auto order = [&](const std::vector<ColumnArgument>& keys) {
    QueryTest test(
        "k string, v double",
        [&](const DataStream& stream) {
          return stream.group_by("k").agg(sum("v").as("s"), count().as("n")).order_by(keys);
        },
        OutputMode::complete, 3);
    test.epoch(rows);
    std::string text;
    for (const Row& row : test.rows()) text += row[0].is_null() ? "-" : row[0].text();
    return text;
  };
  CHECK(order({"k"}) == "-abc");
  CHECK(order({col("k").desc()}) == "cba-");
  CHECK(order({"s"}) == "c-ba");
  CHECK(order({col("s").desc()}) == "ab-c");
  CHECK(order({col("n").desc(), col("k").asc()}) == "b-ac");
}

TEST_CASE("a global aggregation answers in every epoch, also over no rows") {
  for (const std::uint32_t partitions : {1U, 3U}) {
    QueryTest test(
        "v bigint",
        [](const DataStream& stream) {
          return stream.where("v > 100").agg(count().as("n"), sum("v").as("s"), last("v").as("l"));
        },
        OutputMode::update, partitions);
    CHECK(test.epoch({{1}}) == "0 null null");
    CHECK(test.epoch({{200}}) == "1 200 200");
    CHECK(test.epoch({{5}}) == "1 200 200");
  }
}

TEST_CASE("expressions over aggregates and keys, the same aggregate asked for twice") {
  CHECK(answer("k bigint, v bigint", {{1, 10}, {1, 20}, {2, 7}}, [](const DataStream& stream) {
          return stream.group_by(expr("k + 1 AS k1"))
              .agg(expr("sum(v) / count(*) AS mean"), expr("sum(v) + k1 AS shifted"),
                   expr("max(v) - min(v) AS spread"), sum("v").as("s"), sum("v").as("again"));
        }) == "2 15.0 32 10 30 30 | 3 7.0 10 0 7 7");
}

TEST_CASE("an aggregate's argument is not evaluated for rows that its FILTER drops") {
  CHECK(answer("v bigint", {{0}, {4}, {5}}, [](const DataStream& stream) {
          return stream.agg(sum(expr("20 div v")).filter(expr("v <> 0")).as("s"),
                            count_if(expr("10 % v = 0")).filter(expr("v > 4")).as("c"),
                            sum(expr("1 div v")).filter(expr("v > 9")).as("none"));
        }) == "9 1 null");
}

TEST_CASE("CASE evaluates only the branch that it takes") {
  CHECK(answer(
            "v bigint, s string", {{0, "x"}, {4, "7"}, {nullptr, "y"}},
            [](const DataStream& stream) {
              return stream.select(
                  expr("CASE WHEN v = 0 THEN -1 WHEN v IS NULL THEN 0 ELSE 8 div v END AS q"),
                  expr("CASE WHEN v > 0 THEN CAST(s AS bigint) END AS n"),
                  expr("coalesce(v, CAST(length(s) AS bigint)) AS c"));
            },
            OutputMode::append) == "-1 null 0 | 0 null 1 | 2 7 4");
}

TEST_CASE("an ANSI error names expression and value; the query stays at its last decision") {
  const auto root = memory_root();
  MemoryStream input("k string, v string");
  MemoryTable output;
  const auto start = [&](Session& session, std::string_view number) {
    return session.read_stream()
        .memory(input)
        .with_column("n", expr(number))
        .group_by("k")
        .agg(sum("n").as("s"))
        .write_stream()
        .output_mode(OutputMode::update)
        .checkpoint(root)
        .memory(output)
        .start();
  };
  {
    Session session{{.threads = 2, .partitions = 3}};
    auto query = start(session, "CAST(v AS bigint)");
    input.add({{"a", "1"}, {"b", "2"}});
    query.process_all_available();
    input.add({{"a", "3"}, {"b", "twelve"}});
    try {
      query.process_all_available();
      FAIL("\"twelve\" is no bigint");
    } catch (const Error& error) {
      const std::string text = error.what();
      CHECK(error.code() == ErrorCode::data);
      CHECK_MESSAGE(text.find("twelve") != std::string::npos, text);
      CHECK_MESSAGE(text.find("CAST(v AS bigint)") != std::string::npos, text);
    }
    CHECK(output.text() == "a 1 | b 2");
  }
  Session session{{.threads = 2, .partitions = 8}};
  start(session, "TRY_CAST(v AS bigint)").process_all_available();
  CHECK(output.text() == "a 1 | a 4 | b 2 | b 2");
}
