#include "expression_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using namespace libstream;
using test::CaseTable;
using test::evaluated;

static const CaseTable table_1(
    "Arithmetic follows ANSI SQL",
    {{"1 + 2", "3"},
     {"1 + 2L", "3"},
     {"7 - 10", "-3"},
     {"6 * 7", "42"},
     {"7 / 2", "3.5"},
     {"7 div 2", "3"},
     {"-7 div 2", "-3"},
     {"-7 % 3", "-1"},
     {"mod(7, -3)", "1"},
     {"pmod(-7, 3)", "2"},
     {"pmod(-7.5D, 2D)", "0.5"},
     {"1 + NULL", "null"},
     {"2147483647 + 1", "error: overflow of int: 2147483647 + 1 in 2147483647 + 1, row 0"},
     {"2147483647L + 1", "2147483648"},
     {"9223372036854775807 + 1", "error: overflow of bigint"},
     {"-9223372036854775808 - 1", "error: overflow of bigint"},
     {"9223372036854775807 * 2", "error: overflow of bigint"},
     {"cast(32767 AS smallint) + cast(1 AS smallint)", "error: overflow of smallint"},
     {"cast(300 AS smallint) * cast(300 AS smallint)", "error: overflow of smallint"},
     {"100000 * 100000", "error: overflow of int"},
     {"-(-9223372036854775808)", "error: overflow of bigint"},
     {"1 / 0", "error: division by zero: 1.0 / 0.0 in 1 / 0, row 0; use try_divide"},
     {"1 % 0", "error: division by zero"},
     {"1 div 0", "error: division by zero"},
     {"1.5D / 0", "error: division by zero"},
     {"(-9223372036854775808) div -1", "error: overflow of bigint"},
     {"-9223372036854775808 % -1", "0"},
     {"try_add(2147483647, 1)", "null"},
     {"try_add(1, 1)", "2"},
     {"try_subtract(-2147483648, 1)", "null"},
     {"try_multiply(9223372036854775807, 2)", "null"},
     {"try_divide(1, 0)", "null"},
     {"try_divide(1, 4)", "0.25"},
     {"try_mod(5, 0)", "null"},
     {"2 + 3 * 4 - 1", "13"},
     {"(2 + 3) * 4", "20"},
     {"1e3 + 1", "1001.0"},
     {"'3' + 4", "7"},
     {"abs(-5)", "5"},
     {"abs(-2147483648)", "error: overflow of int"},
     {"abs(-1.25)", "1.25"},
     {"+5", "5"}});

static const CaseTable table_2(
    "Decimals keep the digits that Spark keeps",
    {{"1.5 + 2.25", "3.75"},
     {"1.5 * 1.5", "2.25"},
     {"1.0 / 3.0", "0.333333"},
     {"10.5 % 3", "1.5"},
     {"1.5 + 1", "2.5"},
     {"1.5 + 1D", "2.5"},
     {"0.1 + 0.2", "0.3"},
     {"-0.05", "-0.05"},
     {"1.0 / 0", "error: division by zero"},
     {"try_divide(1.0, 0.0)", "null"},
     {"99999999999999999999999999999999999999BD + 1", "error: overflow of decimal(38,0)"},
     {"99999999999999999999.5 * 99999999999999999999.5", "error: overflow of decimal"},
     // 61 digits between, rounded to the scale that 38 leave.
     {"1.000000000000000000000000000001 * 3.000000000000000000000000000001",
      "3.00000000000000000000000000000400000"},
     {"1234567890123456789.123 * 9876543210987654321.5", "error: overflow of decimal(38,4)"},
     {"cast(12.345 AS decimal(4,2))", "12.35"},
     {"cast(-12.345 AS decimal(4,2))", "-12.35"},
     {"cast(123.45 AS decimal(4,2))", "error: bad cast: 123.45 (decimal(5,2)) is no decimal(4,2)"},
     {"cast(0.1D AS decimal(10,3))", "0.100"},
     {"cast('1e2' AS decimal(5,1))", "100.0"},
     {"cast(7 AS decimal(10,2))", "7.00"},
     {"cast(12.99 AS int)", "12"},
     {"cast(12.5 AS double)", "12.5"},
     {"1.10 = 1.1", "true"},
     {"1.5 > 1", "true"},
     {"round(2.675, 2)", "2.68"},
     {"round(-2.5)", "-3"},
     {"floor(-2.5)", "-3"},
     {"ceil(2.1)", "3"}});

TEST_CASE("Result types of decimal operators are Spark's") {
  const Schema schema = Schema::parse("a decimal(10,2), b decimal(7,4), w decimal(38,10)");
  const auto type = [&](const char* text) { return bind(expr(text), schema)->type.to_string(); };
  CHECK(type("a + b") == "decimal(13,4)");
  CHECK(type("a * b") == "decimal(18,6)");
  CHECK(type("a / b") == "decimal(22,10)");
  CHECK(type("a % b") == "decimal(7,4)");
  CHECK(type("w * w") == "decimal(38,6)");
  CHECK(type("w + w") == "decimal(38,9)");
  CHECK(type("a + 1") == "decimal(11,2)");
  CHECK(type("a + 1D") == "double");
}

static const CaseTable table_3("Three-valued logic",
                               {{"true AND NULL", "null"},
                                {"false AND NULL", "false"},
                                {"NULL AND false", "false"},
                                {"true OR NULL", "true"},
                                {"NULL OR false", "null"},
                                {"NOT NULL", "null"},
                                {"NOT true", "false"},
                                {"!false", "true"},
                                {"NULL = NULL", "null"},
                                {"NULL <=> NULL", "true"},
                                {"1 <=> NULL", "false"},
                                {"1 <=> 1", "true"},
                                {"NULL IS NULL", "true"},
                                {"1 IS NOT NULL", "true"},
                                {"(1 = 1) IS TRUE", "true"},
                                {"1 IN (1, 2)", "true"},
                                {"3 IN (1, 2)", "false"},
                                {"3 IN (1, NULL)", "null"},
                                {"1 IN (1, NULL)", "true"},
                                {"NULL IN (1)", "null"},
                                {"3 NOT IN (1, 2)", "true"},
                                {"2 BETWEEN 1 AND 3", "true"},
                                {"2 NOT BETWEEN 1 AND 3", "false"},
                                {"NULL BETWEEN 1 AND 3", "null"},
                                {"if(1 > 2, 'a', 'b')", "b"},
                                {"if(NULL, 1, 2)", "2"},
                                {"CASE WHEN false THEN 1 END", "null"},
                                {"CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'c' END", "b"},
                                {"CASE WHEN true THEN 1 ELSE 1 / 0 END", "1.0"},
                                {"coalesce(NULL, NULL, 3)", "3"},
                                {"coalesce(1, 1 / 0)", "1.0"},
                                {"nullif(1, 1)", "null"},
                                {"nullif(1, 2)", "1"},
                                {"nvl(NULL, 5)", "5"},
                                {"nvl2(NULL, 1, 2)", "2"},
                                {"false AND 1 / 0 > 1", "false"},
                                {"true OR 1 / 0 > 1", "true"},
                                {"isnull(NULL)", "true"},
                                {"isnotnull(NULL)", "false"}});

static const CaseTable table_4(
    "Comparison", {{"1 < 2", "true"},
                   {"2 <= 1", "false"},
                   {"'a' < 'b'", "true"},
                   {"'a longer string than twelve' = 'a longer string than twelve'", "true"},
                   {"'a longer string than twelve' < 'a longer string than twelvf'", "true"},
                   {"'abc' <> 'abd'", "true"},
                   {"'abc' != 'abc'", "false"},
                   {"1 == 1.0", "true"},
                   {"'5' = 5", "true"},
                   {"'x' = 5", "error: bad cast: 'x' (string) is no bigint"},
                   {"cast('NaN' AS double) = cast('NaN' AS double)", "true"},
                   {"cast('NaN' AS double) > 1e300", "true"},
                   {"-0.0D = 0.0D", "true"},
                   {"TIMESTAMP '2013-01-01T10:00:00Z' > '2013-01-01'", "true"},
                   {"DATE '2013-01-01' < TIMESTAMP '2013-01-01T00:00:01Z'", "true"},
                   {"greatest(1, 3, NULL, 2)", "3"},
                   {"least(2, 1.5)", "1.5"},
                   {"greatest('b', 'a')", "b"},
                   {"array(1, 2) = array(1, 2)", "true"},
                   {"struct(1, 'a') < struct(1, 'b')", "true"},
                   {"true = 'yes'", "true"}});

static const CaseTable table_5(
    "Casts",
    {{"cast('12' AS int)", "12"},
     {"cast(' 12 ' AS bigint)", "12"},
     {"cast('1x' AS int)",
      "error: bad cast: '1x' (string) is no int in CAST('1x' AS int), row 0; use TRY_CAST"},
     {"try_cast('1x' AS int)", "null"},
     {"cast(300 AS smallint)", "300"},
     {"cast(70000 AS smallint)", "error: bad cast: 70000 (int) is no smallint"},
     {"try_cast(70000 AS smallint)", "null"},
     {"cast(1.9D AS int)", "1"},
     {"cast(-1.9D AS bigint)", "-1"},
     {"cast(1e19 AS bigint)", "error: bad cast"},
     {"cast(cast('NaN' AS double) AS int)", "error: bad cast"},
     {"cast(1 AS boolean)", "true"},
     {"cast('no' AS boolean)", "false"},
     {"cast('maybe' AS boolean)", "error: bad cast"},
     {"cast(true AS int)", "1"},
     {"cast(12 AS string)", "12"},
     {"cast(1.50 AS string)", "1.50"},
     {"cast(2.0D AS string)", "2.0"},
     {"cast('1.25' AS double)", "1.25"},
     {"cast('2013-01-31' AS date)", "2013-01-31"},
     {"cast('2013-02-31' AS date)", "error: bad cast"},
     {"cast('2013-01-01T10:00:00Z' AS timestamp)", "2013-01-01T10:00:00Z"},
     {"cast(DATE '2013-01-01' AS timestamp)", "2013-01-01T00:00:00Z"},
     {"cast(TIMESTAMP '1969-12-31T23:59:59Z' AS date)", "1969-12-31"},
     {"cast(TIMESTAMP '2013-01-01T10:00:00Z' AS bigint)", "1357034400"},
     {"cast(1357034400 AS timestamp)", "2013-01-01T10:00:00Z"},
     {"cast(NULL AS int)", "null"},
     {"cast(array('1', '2') AS array<int>)", "[1, 2]"},
     {"cast('abc' AS binary) = X'616263'", "true"}});

static const CaseTable table_6("Strings",
                               {{"upper('aBc9')", "ABC9"},
                                {"upper('a long string with ä and ß')",
                                 "A LONG STRING WITH Ä AND SS"},
                                {"lower('ÄÖ')", "äö"},
                                {"length('äöü')", "3"},
                                {"length('')", "0"},
                                {"substring('hello', 2, 3)", "ell"},
                                {"substr('hello', -3)", "llo"},
                                {"substring('hello', 0, 2)", "he"},
                                {"substring('héllo wörld and more', 2, 10)", "éllo wörld"},
                                {"left('hello', 2)", "he"},
                                {"right('hello', 2)", "lo"},
                                {"trim('  a b ')", "a b"},
                                {"ltrim('  a')", "a"},
                                {"rtrim('a  ')", "a"},
                                {"concat('a', NULL)", "null"},
                                {"concat('ab', 1, 'cd')", "ab1cd"},
                                {"'a' || 'b' || 'c'", "abc"},
                                {"concat_ws('-', 'a', NULL, 'b')", "a-b"},
                                {"concat_ws('-', '', 'a', '')", "-a-"},
                                {"replace('banana', 'an', 'x')", "bxxa"},
                                {"replace('banana', 'na')", "ba"},
                                {"starts_with('hello', 'he')", "true"},
                                {"ends_with('hello', 'lo')", "true"},
                                {"contains('hello', 'ell')", "true"},
                                {"instr('hello', 'l')", "3"},
                                {"locate('z', 'hello')", "0"},
                                {"split('a b  c', ' ')", "[a, b, , c]"},
                                {"split('a1b22c', '[0-9]+')", "[a, b, c]"},
                                {"split('a|b', '\\\\|')", "[a, b]"},
                                {"split('abc', '')", "[a, b, c]"},
                                {"split('a,b,c', ',', 2)[1]", "b,c"},
                                {"size(split('a,b,c', ',', 2))", "2"},
                                {"split(NULL, ' ')", "null"},
                                {"split('', ' ')", "[]"},
                                {"size(split('', ' '))", "1"},
                                {"split('a', '(')", "error: bad pattern '('"},
                                {"'hello' LIKE 'h%o'", "true"},
                                {"'hello' LIKE 'h_llo'", "true"},
                                {"'hello' LIKE 'h_o'", "false"},
                                {"'hällo' LIKE 'h_llo'", "true"},
                                {"'a%b' LIKE 'a\\%b'", "true"},
                                {"'axb' LIKE 'a\\%b'", "false"},
                                {"'a%b' LIKE 'a!%b' ESCAPE '!'", "true"},
                                {"'x' NOT LIKE '%y%'", "true"},
                                {"'aXbXc' LIKE '%X%c'", "true"},
                                {"'x' LIKE '!x' ESCAPE '!'", "error: the escape character"},
                                {"NULL LIKE 'a'", "null"},
                                {"'a1' RLIKE '[0-9]'", "true"},
                                {"regexp_replace('a1b2', '([0-9])', '<$1>')", "a<1>b<2>"},
                                {"regexp_extract('k=42', '([a-z])=([0-9]+)', 2)", "42"}});

static const CaseTable table_7("Numbers", {{"sqrt(16)", "4.0"},
                                           {"power(2, 10)", "1024.0"},
                                           {"floor(1.7D)", "1"},
                                           {"ceil(-1.2D)", "-1"},
                                           {"floor(1e30)", "9223372036854775807"},
                                           {"round(2.5D)", "3.0"},
                                           {"round(2.675D, 2)", "2.68"},
                                           {"round(1250, -2)", "1300"},
                                           {"isnan(cast('NaN' AS double))", "true"},
                                           {"isnan(NULL)", "false"},
                                           {"ln(0)", "null"},
                                           {"log10(1000)", "3.0"},
                                           {"sign(-3)", "-1.0"},
                                           {"rand(1) < 1", "true"}});

static const CaseTable table_8(
    "Dates and times",
    {{"date_trunc('hour', TIMESTAMP '2013-01-01T10:59:59.5Z')", "2013-01-01T10:00:00Z"},
     {"date_trunc('HOUR', TIMESTAMP '1969-12-31T23:30:00Z')", "1969-12-31T23:00:00Z"},
     {"date_trunc('week', TIMESTAMP '2013-01-03T10:00:00Z')", "2012-12-31T00:00:00Z"},
     {"date_trunc('month', '2013-05-17')", "2013-05-01T00:00:00Z"},
     {"date_trunc('quarter', DATE '2013-05-17')", "2013-04-01T00:00:00Z"},
     {"date_trunc('year', DATE '2013-05-17')", "2013-01-01T00:00:00Z"},
     {"date_trunc('fortnight', DATE '2013-05-17')", "null"},
     {"trunc(DATE '2013-05-17', 'month')", "2013-05-01"},
     {"extract(year FROM DATE '2013-05-17')", "2013"},
     {"extract(MONTH FROM TIMESTAMP '2013-05-17T10:20:30Z')", "5"},
     {"extract(second FROM TIMESTAMP '2013-05-17T10:20:30.25Z')", "30.250000"},
     {"date_part('dow', DATE '2013-05-17')", "6"},
     {"extract(eon FROM DATE '2013-05-17')", "error: 'eon' is no part of a time"},
     {"year('2013-05-17')", "2013"},
     {"day(DATE '2012-02-29')", "29"},
     {"dayofyear(DATE '2012-12-31')", "366"},
     {"weekofyear(DATE '2012-12-31')", "1"},
     {"quarter(DATE '2013-05-17')", "2"},
     {"dayofweek(DATE '2013-05-19')", "1"},
     {"weekday(DATE '2013-05-19')", "6"},
     {"hour(TIMESTAMP '1969-12-31T23:30:15Z')", "23"},
     {"minute(TIMESTAMP '1969-12-31T23:30:15Z')", "30"},
     {"second(TIMESTAMP '1969-12-31T23:30:15.9Z')", "15"},
     {"unix_timestamp(TIMESTAMP '2013-01-01T10:00:00Z')", "1357034400"},
     {"unix_millis(TIMESTAMP '2013-01-01T10:00:00.123456Z')", "1357034400123"},
     {"unix_micros(TIMESTAMP '1969-12-31T23:59:59.999999Z')", "-1"},
     {"timestamp_seconds(1357034400)", "2013-01-01T10:00:00Z"},
     {"timestamp_seconds(0.5)", "1970-01-01T00:00:00.500Z"},
     {"timestamp_millis(1357034400123)", "2013-01-01T10:00:00.123Z"},
     {"timestamp_micros(1)", "1970-01-01T00:00:00.000001Z"},
     {"timestamp_seconds(9223372036854775807)", "error: overflow of timestamp"},
     {"to_timestamp('2013-01-01 10:00:00')", "2013-01-01T10:00:00Z"},
     {"to_date('2013-01-31')", "2013-01-31"},
     {"to_date('x')", "error: bad cast"},
     {"date_add(DATE '2013-01-31', 1)", "2013-02-01"},
     {"date_sub('2013-01-01', 1)", "2012-12-31"},
     {"datediff('2013-01-31', '2013-01-01')", "30"},
     {"add_months(DATE '2013-01-31', 1)", "2013-02-28"},
     {"last_day(DATE '2012-02-01')", "2012-02-29"},
     {"current_timestamp()", "2013-01-01T10:00:00.123Z"},
     {"current_date()", "2013-01-01"},
     {"TIMESTAMP '2013-01-01T10:00:00Z' + INTERVAL 1 HOUR", "2013-01-01T11:00:00Z"},
     {"TIMESTAMP '2013-01-01T10:00:00Z' - INTERVAL '5' MINUTE", "2013-01-01T09:55:00Z"},
     {"TIMESTAMP '2013-01-01T10:00:00Z' + interval '10 minutes'", "2013-01-01T10:10:00Z"},
     {"TIMESTAMP '2013-01-01T10:00:00Z' + INTERVAL 1 HOUR 30 MINUTES", "2013-01-01T11:30:00Z"},
     {"TIMESTAMP '2013-01-31T10:00:00Z' + INTERVAL 1 MONTH", "2013-02-28T10:00:00Z"},
     {"DATE '2012-02-29' + INTERVAL 1 YEAR", "2013-02-28"},
     {"DATE '2013-01-01' + INTERVAL 2 DAYS", "2013-01-03"},
     {"DATE '2013-01-01' + 5", "2013-01-06"},
     {"DATE '2013-01-01' + INTERVAL 1 HOUR", "2013-01-01T01:00:00Z"},
     {"(TIMESTAMP '2013-01-01T10:00:00Z' - TIMESTAMP '2013-01-01T09:00:00Z') = INTERVAL 1 HOUR",
      "true"},
     {"INTERVAL 1 HOUR * 2 = INTERVAL 120 MINUTES", "true"},
     {"INTERVAL -1 HOUR < INTERVAL 0 SECONDS", "true"}});

static const CaseTable table_9(
    "Arrays and structures",
    {{"array(1, 2, 3)[1]", "2"},
     {"array(1, 2)[2]",
      "error: index 2 is outside of an array of 2 elements in array(1, 2)[2], row 0; use get"},
     {"array(1, 2)[-1]", "error: index -1"},
     {"get(array(1, 2), 5)", "null"},
     {"element_at(array(1, 2), -1)", "2"},
     {"try_element_at(array(1, 2), 3)", "null"},
     {"size(array(1, NULL))", "2"},
     {"array_contains(array(1, 2), 2)", "true"},
     {"array_contains(array(1, NULL), 2)", "null"},
     {"named_struct('a', 1, 'b', 'x').b", "x"},
     {"named_struct('w', named_struct('start', 7)).w.start", "7"},
     {"struct(1, 2).col2", "2"},
     {"array('a', 'b')[NULL]", "null"}});

TEST_CASE("Functions over columns with nulls") {
  const Schema schema = Schema::parse(
      "a int, b int, s string, t timestamp, v array<int>, w struct<x: int, y: string>");
  const std::vector<Row> rows{
      {1, 10, "ab", 0, ValueList{1, 2}, ValueList{1, "p"}},
      {Value(), 20, "a string of more than twelve bytes", 1'000'000, ValueList{}, Value()},
      {3, Value(), Value(), Value(), Value(), ValueList{Value(), "q"}}};
  const auto value = [&](const char* text) { return evaluated(text, schema, rows); };
  CHECK(value("a + b") == "11 null null");
  CHECK(value("a + 1") == "2 null 4");
  CHECK(value("1 - a") == "0 null -2");
  CHECK(value("a < b") == "true null null");
  CHECK(value("a <=> b") == "false false false");
  CHECK(value("a IN (1, b)") == "true null null");
  CHECK(value("upper(s)") == "AB A STRING OF MORE THAN TWELVE BYTES null");
  CHECK(value("substring(s, 3)") == " string of more than twelve bytes null");
  CHECK(value("coalesce(a, b)") == "1 20 3");
  CHECK(value("coalesce(a, 0)") == "1 0 3");
  CHECK(value("coalesce(s, 'none')") == "ab a string of more than twelve bytes none");
  CHECK(value("CASE WHEN a = 1 THEN s ELSE 'x' END") == "ab x x");
  CHECK(value("CASE WHEN a = 1 THEN v WHEN b = 20 THEN array(9) END") == "[1, 2] [9] null");
  CHECK(value("w.x") == "1 null null");
  CHECK(value("w.y") == "p null q");
  CHECK(value("size(v)") == "2 0 null");
  CHECK(value("get(v, 1)") == "2 null null");
  CHECK(value("t + INTERVAL 1 SECOND") == "1970-01-01T00:00:01Z 1970-01-01T00:00:02Z null");
  CHECK(value("array(a, 7)") == "[1, 7] [null, 7] [3, 7]");
  CHECK(value("struct(a, s).a") == "1 null 3");
  CHECK(value("greatest(a, b)") == "10 20 3");
  CHECK(value("a % 2 = 1") == "true null true");
  CHECK(value("true") == "true true true");
}

TEST_CASE("The table lists its functions sorted, operators left out") {
  const auto names = function_names();
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(std::find(names.begin(), names.end(), "date_trunc") != names.end());
  CHECK(std::find(names.begin(), names.end(), "+") == names.end());
}
