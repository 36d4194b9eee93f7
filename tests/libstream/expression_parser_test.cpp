#include "expression_support.hpp"

#include <libstream/error.hpp>
#include <libstream/expression.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace libstream;
using namespace std::chrono_literals;

namespace {

std::string parse_error(const std::string& text) {
  try {
    expr(text);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::analysis);
    return error.what();
  }
  return "no error";
}

std::string bind_error(const std::string& text, const Schema& schema) {
  try {
    bind(expr(text), schema);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::analysis);
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("Text of an expression reads back as the same expression") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"a+b*c", "a + b * c"},
      {"(a+b)*c", "(a + b) * c"},
      {"a-(b-c)", "a - (b - c)"},
      {"a - b - c", "a - b - c"},
      {"a - -5", "a - -5"},
      {"-(-x)", "-(-x)"},
      {"-(5)", "-(5)"},
      {"- -0.0[a]", "-(0.0[a])"},
      {"-'5'", "-'5'"},
      {"not a and b", "NOT a AND b"},
      {"not (a and b)", "NOT (a AND b)"},
      {"a and b or c and d", "a AND b OR c AND d"},
      {"a and (b or c)", "a AND (b OR c)"},
      {"x is not null and y is null", "x IS NOT NULL AND y IS NULL"},
      {"(a = b) = c", "(a = b) = c"},
      {"x between 1 and 2 and y", "x BETWEEN 1 AND 2 AND y"},
      {"x not in (1,2)", "NOT x IN (1, 2)"},
      {"x like 'a%' escape '!'", "x LIKE 'a%' ESCAPE '!'"},
      {"case when a then b else c end", "CASE WHEN a THEN b ELSE c END"},
      {"case x when 1 then 'a' end", "CASE WHEN x = 1 THEN 'a' END"},
      {"cast(a as decimal(10,2))", "CAST(a AS decimal(10,2))"},
      {"try_cast(a as array<int>)", "TRY_CAST(a AS array<int>)"},
      {"w.start", "w.start"},
      {"`a.b`.c", "`a.b`.c"},
      {"f(x).y[0]", "f(x).y[0]"},
      {"a[i + 1].b", "a[i + 1].b"},
      {"10L", "10L"},
      {"1.50", "1.50"},
      {"1e3", "1000D"},
      {"1.5D", "1.5D"},
      {"'it''s'", "'it\\'s'"},
      {"\"text\"", "'text'"},
      {"TIMESTAMP '2013-01-01 10:00:00'", "TIMESTAMP '2013-01-01T10:00:00Z'"},
      {"DATE '2013-01-01'", "DATE '2013-01-01'"},
      {"INTERVAL 1 HOUR", "INTERVAL 1 HOUR"},
      {"INTERVAL '90' MINUTE", "INTERVAL 90 MINUTES"},
      {"interval '10 minutes'", "INTERVAL 10 MINUTES"},
      {"INTERVAL -5 SECONDS", "INTERVAL -5 SECONDS"},
      {"INTERVAL 2 MONTHS", "INTERVAL 2 MONTHS"},
      {"extract(HOUR from t)", "date_part('hour', t)"},
      {"COUNT(*) filter (where a > 1)", "count(*) FILTER (WHERE a > 1)"},
      {"count(distinct a, b)", "count(DISTINCT a, b)"},
      {"window(ts, '10 seconds', '5 seconds')", "window(ts, '10 seconds', '5 seconds')"},
      {"sum(v) AS total", "sum(v) AS total"},
      {"sum(v) `a total`", "sum(v) AS `a total`"},
      {"a desc", "a DESC"},
      {"interval", "interval"},
      {"interval - 1", "interval - 1"},
      {"interval - 1 day", "INTERVAL -1 DAYS"},
      {"INTERVAL 100000 YEARS", "INTERVAL 1200000 MONTHS"},
      {"`extract`(a)", "`extract`(a)"},
      {"*", "*"},
      {"`in`(*, 1)", "in(*, 1)"},
      {"negate(*)", "negate(*)"},
      {"X'00ff'", "X'00FF'"},
      {"null", "NULL"},
      {"a || 'x'", "concat(a, 'x')"}};
  for (const auto& [text, printed] : cases) {
    CAPTURE(text);
    CHECK(expr(text).to_string() == printed);
    CHECK(expr(printed).to_string() == printed);
  }
}

TEST_CASE("Objects and text build the same expression") {
  CHECK((col("v") * 2 > 3).to_string() == expr("v * 2 > 3").to_string());
  CHECK((col("k") == "a").to_string() == expr("k = 'a'").to_string());
  CHECK((col("t") + 1h).to_string() == expr("t + INTERVAL 1 HOUR").to_string());
  CHECK((col("a") && !col("b")).to_string() == expr("a AND NOT b").to_string());
  CHECK(col("w").field("start").to_string() == expr("w.start").to_string());
  CHECK(col("a").in({1, 2}).to_string() == expr("a IN (1, 2)").to_string());
  CHECK(window("ts", 10s, 5s).to_string() ==
        "window(ts, INTERVAL 10 SECONDS, INTERVAL 5 SECONDS, INTERVAL 0 SECONDS)");
  CHECK(sum("v").filter(col("x") > 1).as("s").to_string() ==
        expr("sum(v) FILTER (WHERE x > 1) AS s").to_string());
  CHECK(when({{col("a") > 1, "x"}}, "y").to_string() ==
        expr("CASE WHEN a > 1 THEN 'x' ELSE 'y' END").to_string());
  CHECK((-lit(Value(5))).to_string() == expr("-5").to_string());
  CHECK(count().to_string() == expr("count(*)").to_string());
  CHECK(first("v", true).to_string() == expr("first(v, true)").to_string());
}

TEST_CASE("A mistake is shown with a caret below it") {
  CHECK(parse_error("a + 2 )") ==
        "')' does not belong here; the expression ends before it\n  a + 2 )\n        ^");
  CHECK(parse_error("a + * 2") == "'*' does not begin an expression\n  a + * 2\n      ^");
  CHECK(parse_error("a +") == "the expression is not finished\n  a +\n     ^");
  CHECK(parse_error("") == "an expression is expected\n  \n  ^");
  CHECK(parse_error("'ä' = 'open") == "the string is not closed\n  'ä' = 'open\n        ^");
  CHECK(parse_error("a # b") == "'#' does not belong here\n  a # b\n    ^");
  CHECK(parse_error("case when a then b").find("END is expected") == 0);
  CHECK(parse_error("x between 1").find("AND is expected") == 0);
  CHECK(parse_error("cast(a as wibble)").find("wibble") != std::string::npos);
  CHECK(parse_error("TIMESTAMP 'soon'").find("no timestamp") == 0);
  CHECK(parse_error("INTERVAL 5 BANANAS").find("\n  INTERVAL 5 BANANAS\n") != std::string::npos);
  CHECK(parse_error("99999999999999999999").find("does not fit into a bigint") !=
        std::string::npos);
  CHECK(parse_error("5x").find("no number") == 0);
  CHECK(parse_error("1x2.5").find("no number") == 0);
  CHECK(parse_error("0.000\x82\x82" + std::string(60, '\x82') + "0").find("no number") == 0);
  CHECK(parse_error("1.2.3") != "no error");
  CHECK(parse_error("(*) all").find("'*' does not begin an expression") == 0);
  CHECK(parse_error("-*").find("'*' does not begin an expression") == 0);
  CHECK(parse_error("1e39f").find("no number that a float can hold") == 0);
  CHECK(parse_error("INTERVAL 100000 YEARS 100000 YEARS").find("the interval is too long") == 0);
  CHECK(parse_error("INTERVAL 1.5 MONTHS").find("a whole number of months") == 0);
}

TEST_CASE("Depth and size of an expression have limits") {
  const std::string deep = std::string(300, '(') + "a" + std::string(300, ')');
  CHECK(parse_error(deep).find("nested more than 200 deep") != std::string::npos);
  CHECK(parse_error(std::string(199, '(') + "a" + std::string(199, ')')) == "no error");
  std::string wide = "f(a";
  for (int i = 0; i < 10'000; ++i) wide += ",a";
  CHECK(parse_error(wide + ")").find("more than 10000 parts") != std::string::npos);
  // The subject of CASE stands in the tree once for each WHEN: 20 levels would be 2^20 times.
  std::string twice = "a";
  for (int i = 0; i < 20; ++i) twice = "case " + twice + " when b then c when d then e end";
  CHECK(parse_error(twice).find("more than 10000 parts") != std::string::npos);
  std::string chain = "a";
  for (int i = 0; i < 1'100; ++i) chain += "+a";
  CHECK(parse_error(chain).find("nested more than 1000 deep") != std::string::npos);
}

TEST_CASE("The binder names what is wrong and what there is") {
  const Schema schema = Schema::parse("price double, name string, w struct<start: timestamp>");
  CHECK(bind_error("prise > 1", schema).find("there is no column prise; did you mean: price") == 0);
  CHECK(bind_error("uper(name)", schema).find("there is no function uper; did you mean: upper") ==
        0);
  CHECK(bind_error("w.begin", schema).find("w has no field begin") == 0);
  CHECK(bind_error("price.x", schema).find("price is double, not a structure") == 0);
  CHECK(bind_error("upper(w)", schema).find("upper does not take (struct<") == 0);
  CHECK(bind_error("upper()", schema).find("it is used as upper(string)") != std::string::npos);
  CHECK(bind_error("price AND true", schema).find("and does not take (double, boolean)") == 0);
  CHECK(bind_error("sum(price)", schema).find("is an aggregate") != std::string::npos);
  CHECK(bind_error("explode(name)", schema).find("makes rows") != std::string::npos);
  CHECK(bind_error("window(w.start, '1 hour')", schema).find("group_by") != std::string::npos);
  CHECK(bind_error("cast(w AS int)", schema).find("does not convert to int") != std::string::npos);
  CHECK(bind_error("PRICE > 1 AND W.START IS NULL", schema) == "no error");
}

TEST_CASE("Folding leaves errors where they are and takes the rest away") {
  const Schema schema = Schema::parse("a int");
  CHECK(fold_constants(bind(expr("1 + 2 * 3"), schema))->kind == BoundExpression::Kind::literal);
  CHECK(fold_constants(bind(expr("1 / 0"), schema))->kind == BoundExpression::Kind::call);
  CHECK(fold_constants(bind(expr("current_timestamp()"), schema))->kind ==
        BoundExpression::Kind::call);
  CHECK(!is_deterministic(*bind(expr("a + rand()"), schema)));
  CHECK(is_deterministic(*bind(expr("a + 1"), schema)));
}

TEST_CASE("Columns of an expression can be listed, renumbered and replaced") {
  const Schema schema = Schema::parse("a int, b int, c int");
  const BoundPtr sum = bind(expr("c + a"), schema);
  CHECK(input_columns(*sum) == std::vector<std::uint32_t>{0, 2});
  const std::vector<std::uint32_t> mapping{1, 0, 0};
  const BoundPtr moved = remap_columns(sum, mapping);
  CHECK(input_columns(*moved) == std::vector<std::uint32_t>{0, 1});
  const std::vector<BoundPtr> replacements{bind(expr("b * 2"), schema), sum,
                                           bind(expr("b"), schema)};
  const BoundPtr fused = substitute_columns(sum, replacements);
  CHECK(input_columns(*fused) == std::vector<std::uint32_t>{1});
  const BatchPtr batch = batch_of(schema, {{1, 10, 100}});
  CHECK(Evaluator({fused}).evaluate(*batch, {})[0]->value(0) == Value(30));
}

TEST_CASE("Columns asked for as they are come back by reference") {
  const Schema schema = Schema::parse("a int, b string");
  const BatchPtr batch = batch_of(schema, {{1, "x"}, {2, "y"}});
  Evaluator evaluator({bind(expr("b"), schema), bind(expr("a"), schema)});
  const auto columns = evaluator.evaluate(*batch, {});
  CHECK(columns[0] == batch->columns[1]);
  CHECK(columns[1] == batch->columns[0]);
}

TEST_CASE("Values are only computed for rows that need them") {
  const Schema schema = Schema::parse("x int, s string");
  const std::vector<Row> rows{{0, "1"}, {2, "x"}, {Value(), "3"}};
  const auto value = [&](const char* text) { return test::evaluated(text, schema, rows); };
  CHECK(value("CASE WHEN x <> 0 THEN 10 / x END") == "null 5.0 null");
  CHECK(value("if(x = 0, 0, 10 / x)") == "0.0 5.0 null");
  CHECK(value("x <> 0 AND 10 / x > 1") == "false true null");
  CHECK(value("x = 0 OR 10 / x > 1") == "true true null");
  CHECK(value("coalesce(x, cast(s AS int))") == "0 2 3");
  CHECK(value("CASE WHEN x = 2 THEN 0 ELSE cast(s AS int) END") == "1 0 3");
  CHECK(value("10 / x") ==
        "error: division by zero: 10.0 / 0.0 in 10 / x, row 0; use try_divide, or nullif on the "
        "divisor");
  // The row is that of the batch, not of the part that was evaluated.
  CHECK(value("CASE WHEN x = 0 THEN 0 ELSE cast(s AS int) END").find("row 1") != std::string::npos);
}

TEST_CASE("Selecting finds exactly the rows that are true") {
  const Schema schema = Schema::parse("a bigint");
  std::vector<Row> rows;
  for (std::int64_t i = 0; i < 300; ++i) rows.push_back({i % 11 == 0 ? Value() : Value(i)});
  const BatchPtr batch = batch_of(schema, rows);
  Evaluator evaluator({bind(expr("a % 3 = 0"), schema), bind(expr("a > 10"), schema),
                       bind(expr("true"), schema), bind(expr("NULL"), schema)});
  Selection selection;
  Selection expected;
  for (std::uint32_t i = 0; i < 300; ++i) {
    if (i % 11 != 0 && i % 3 == 0) expected.push_back(i);
  }
  evaluator.select(0, *batch, {}, selection);
  CHECK(selection == expected);
  evaluator.select(1, *batch, {}, selection);
  CHECK(selection.size() == 289 - 27);
  evaluator.select(2, *batch, {}, selection);
  CHECK(selection.size() == 300);
  evaluator.select(3, *batch, {}, selection);
  CHECK(selection.empty());
}
