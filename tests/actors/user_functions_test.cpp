// Scalar functions of the user's own, through the fluent API and the whole engine.
#include "query_support.hpp"

#include <atomic>
#include <stdexcept>

using namespace libstream;
using namespace libstream::test;

namespace {

enum class Colour { red, green };
BOOST_DESCRIBE_ENUM(Colour, red, green)
struct Point {
  std::int64_t x = 0;
  std::optional<double> y;
};
BOOST_DESCRIBE_STRUCT(Point, (), (x, y))

/// One select over rows, as text in the order of the rows' text.
std::string selected(std::string_view schema, const std::vector<Row>& rows,
                     const Expression& expression) {
  return answer(
      schema, rows, [&](const DataStream& stream) { return stream.select(expression.as("r")); },
      OutputMode::append);
}

std::string start_error(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Starts a query that selects `text` with some functions registered.
std::string text_answer(const std::string& text, const std::vector<Row>& rows) {
  Session session({.threads = 1, .partitions = 2});
  session.register_function(udf("plus_one", [](std::int64_t x) { return x + 1; }));
  session.register_function(
      udf("Describe", [](std::optional<std::int64_t> x) { return std::string(x ? "a" : "none"); }));
  MemoryStream input("x bigint, s string");
  input.add(rows);
  MemoryTable output;
  Query query = session.read_stream()
                    .memory(input)
                    .select(expr(text).as("r"))
                    .write_stream()
                    .memory(output)
                    .trigger(Trigger::available_now())
                    .start();
  query.await_termination();
  return output.text();
}

}  // namespace

TEST_CASE("A function of C++ values: types come from its signature, nulls from std::optional") {
  const std::vector<Row> rows{{1, 0.5}, {2, nullptr}, {nullptr, 2.5}, {nullptr, nullptr}};
  const auto sum = udf("weigh", [](std::int64_t a, std::optional<double> b) {
    return static_cast<double>(a) + b.value_or(100);
  });
  CHECK(selected("a bigint, b double", rows, sum("a", "b")) == "null | null | 1.5 | 102.0");
  const auto none = udf("none", [](std::optional<std::int64_t> a) {
    return a ? std::optional<std::string>() : "null came";
  });
  CHECK(selected("a bigint, b double", rows, none("a")) == "null | null | null came | null came");
  // Narrower columns serve as they are, literals are cast.
  CHECK(selected("a int, b float", rows, sum("a", "b")) == "null | null | 1.5 | 102.0");
  CHECK(selected("a smallint, b float", rows, sum("a", lit(1))) == "null | null | 2.0 | 3.0");
  CHECK(selected("a int, b float", rows, sum(lit(Value()), "b")) == "null | null | null | null");
}

TEST_CASE("Functions on text, enums, times, arrays and structs") {
  const auto join = udf("join", [](std::string_view a, const std::vector<std::string>& b) {
    std::string text(a);
    for (const auto& part : b) text += "+" + part;
    return text;
  });
  CHECK(selected("s string, t string",
                 {{"a longer text than twelve", "x y"}, {nullptr, "z"}, {"b", nullptr}},
                 join("s", split("t", " "))) == "null | null | a longer text than twelve+x+y");
  const auto paint = udf("paint", [](std::optional<Colour> c) {
    return c == Colour::red ? Colour::green : Colour::red;
  });
  CHECK(selected("c string", {{"red"}, {"green"}, {nullptr}}, paint("c")) == "green | red | red");
  const auto later = udf("later", [](std::chrono::sys_time<std::chrono::microseconds> t) {
    return t + std::chrono::seconds(1);
  });
  CHECK(selected("t timestamp", {{std::int64_t{5'000'000}}, {nullptr}}, later("t")) ==
        "null | 1970-01-01T00:00:06Z");
  const auto mirror = udf("mirror", [](const Point& p) {
    return Point{-p.x, p.y ? std::optional(-*p.y) : std::nullopt};
  });
  const auto made = call("named_struct", {lit("x"), col("x"), lit("y"), col("y")});
  CHECK(selected("x bigint, y double", {{1, 2.0}, {3, nullptr}}, mirror(made)) ==
        "{-3, null} | {-1, -2.0}");
  const auto flag = udf("flag", [](bool b) { return !b; });
  CHECK(selected("b boolean", {{true}, {false}, {nullptr}}, flag("b")) == "null | false | true");
}

TEST_CASE("A function on columns") {
  const auto twice = column_udf(
      "twice", {TypeId::bigint}, TypeId::bigint,
      [](std::span<const ColumnPtr> arguments, std::size_t rows) {
        const auto buffer = Buffer::allocate(rows * sizeof(std::int64_t));
        for (std::size_t i = 0; i < rows; ++i) {
          buffer->as<std::int64_t>()[i] = 2 * arguments[0]->values<std::int64_t>()[i];
        }
        return Column::fixed(TypeId::bigint, rows, buffer, arguments[0]->validity_buffer());
      });
  CHECK(selected("a int", {{1}, {2}, {nullptr}}, twice("a")) == "null | 2 | 4");
  const auto wrong =
      column_udf("wrong", {TypeId::bigint}, TypeId::bigint,
                 [](std::span<const ColumnPtr> arguments, std::size_t) { return arguments[0]; });
  QueryTest test(
      "a bigint, b boolean", [&](const DataStream& s) { return s.select(wrong("a").as("r")); },
      OutputMode::append);
  CHECK(test.epoch({{7, true}}) == "7");
  const auto shorter =
      column_udf("shorter", {TypeId::bigint}, TypeId::string,
                 [](std::span<const ColumnPtr> arguments, std::size_t) { return arguments[0]; });
  const std::string message = start_error([&] { selected("a bigint", {{1}}, shorter("a")); });
  CHECK(message.find("the function shorter gave 1 values of type bigint where a column of 1 values "
                     "of type string was wanted") != message.npos);
}

TEST_CASE("Registered functions stand in expression text") {
  const std::vector<Row> rows{{1, "b"}, {nullptr, "c"}};
  CHECK(text_answer("plus_one(x) + PLUS_ONE(10)", rows) == "null | 13");
  CHECK(text_answer("describe(nullif(x, 1))", rows) == "none | none");
  const auto error = [&](const char* text) {
    return start_error([&] { text_answer(text, rows); });
  };
  CHECK(error("plus_on(x)") ==
        "there is no function plus_on; did you mean: plus_one (in plus_on(x))");
  CHECK(
      error("quite_other(x)").find("one of your own must be given to Session::register_function") !=
      std::string::npos);
  CHECK(error("plus_one(x, x)") ==
        "select: plus_one takes 1 argument(s), not 2; it is used as plus_one(bigint)");
  CHECK(error("plus_one(s)") ==
        "select: plus_one does not take (string): argument 1 is string where bigint is needed; "
        "write a "
        "cast; it is used as plus_one(bigint)");
}

TEST_CASE("Names of functions") {
  const auto identity = [](std::int64_t x) { return x; };
  const auto named = [&](const char* name) { return start_error([&] { udf(name, identity); }); };
  CHECK(named("upper") == "\"upper\" is a function of the engine already; choose another name");
  CHECK(named("SUM").starts_with("\"SUM\" is a function of the engine already"));
  CHECK(named("window").starts_with("\"window\" is a function of the engine already"));
  CHECK(named("2x").starts_with("\"2x\" cannot name a function"));
  CHECK(named("a b").starts_with("\"a b\" cannot name a function"));
  CHECK(named("").starts_with("\"\" cannot name a function"));
  Session session({.threads = 1});
  session.register_function(udf("mine", identity));
  CHECK(start_error([&] { session.register_function(udf("Mine", identity)); }) ==
        "register_function: \"Mine\" is registered already; a name stands for one function in a "
        "session");
}

TEST_CASE("A function is called once a row, where it was put") {
  std::atomic<int> calls = 0;
  const auto counted = udf("counted", [&calls](std::int64_t x) {
    ++calls;
    if (x == 0) throw std::runtime_error("zero came");
    return 10 / x;
  });
  const std::vector<Row> rows{{1}, {2}, {5}, {0}};
  const auto run = [&](const Build& build) {
    calls = 0;
    return QueryTest("x bigint", build, OutputMode::append).epoch(rows);
  };
  // A filter over its result, and two columns of it, do not repeat it.
  CHECK(run([&](const DataStream& s) {
          return s.where("x > 0")
              .with_column("r", counted("x"))
              .where("r > 2")
              .select(col("r"), (col("r") + 1).as("again"));
        }) == "5 6 | 10 11");
  CHECK(calls == 3);
  // The right side of AND runs where the left one is true.
  CHECK(run([&](const DataStream& s) { return s.where(col("x") != 0 && counted("x") > 2); }) ==
        "1 | 2");
  CHECK(calls == 3);
  // A filter with it stays above the other.
  CHECK(run([&](const DataStream& s) {
          return s.where("x > 0").where(counted("x") > 2).select("x");
        }) == "1 | 2");
  CHECK(calls == 3);
}

TEST_CASE("A function that is not deterministic runs for each row, also without arguments") {
  int next = 0;
  const auto counter =
      udf("counter", [next]() mutable { return next++; }, {.deterministic = false});
  QueryTest test(
      "x bigint",
      [&](const DataStream& s) {
        return s.select(col("x"), counter().as("n")).where("n < 3").where("x > 0");
      },
      OutputMode::append);
  // "x > 0" must not go below: it would change the numbers.
  CHECK(test.epoch({{-1}, {5}, {-1}, {7}}) == "5 1");
}

TEST_CASE("A function that throws ends the query with its name, expression, row and arguments") {
  const auto fails = udf("fails", [](std::int64_t x, std::optional<std::string_view> s) {
    if (x == 3) throw std::runtime_error("three came");
    return x + (s ? 1 : 0);
  });
  MemoryTable output;
  Session session({.threads = 1, .partitions = 1});
  MemoryStream input("x bigint, s string");
  Query query = session.read_stream()
                    .memory(input)
                    .where("x > 0")
                    .select(fails("x", "s").as("r"))
                    .write_stream()
                    .memory(output)
                    .start();
  input.add({{1, "a"}, {2, nullptr}});
  query.process_all_available();
  input.add({{0, "a"}, {nullptr, "b"}, {5, "b"}, {3, "c"}});
  try {
    query.process_all_available();
    FAIL("the query went on");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::user_function);
    const std::string message = error.what();
    CAPTURE(message);
    CHECK(message.find("the function fails threw: three came (in fails(x, s), row 1, called with "
                       "(3, 'c'))") != message.npos);
  }
  CHECK(output.text() == "2 | 2");
  CHECK_FALSE(query.is_active());
}

TEST_CASE("What is thrown need not be an exception of the standard") {
  const auto odd = udf("odd", [](std::int64_t x) -> std::int64_t {
    if (x > 0) throw 7;
    return x;
  });
  const std::string message = start_error([&] { selected("x bigint", {{1}}, odd("x")); });
  CHECK(message.find("the function odd threw something that is no std::exception") != message.npos);
  const auto nested =
      udf("nested", [](const std::vector<std::int64_t>& v) { return std::int64_t(v.size()); });
  const std::string null = start_error([&] {
    selected("x bigint", {{1}}, nested(call("array", {col("x"), lit(Value())})));
  });
  CHECK(null.find("an argument of the function nested: a null came for a field that cannot hold "
                  "one") != null.npos);
}
