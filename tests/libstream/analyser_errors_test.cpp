#include <libstream/analyser.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <support/plan_fixture.hpp>
#include <vector>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace {

struct Wrong {
  const char* name;
  std::function<DataStream()> query;
  std::string error_class;
  std::vector<std::string> parts;  // of the message
  OutputMode mode = OutputMode::append;
};

DataStream rows() {
  return stream("k string, v bigint, t timestamp, a array<int>, s struct<x: int>");
}
DataStream marked() { return rows().with_watermark("t", 10min); }

void check(const Wrong& wrong) {
  CAPTURE(wrong.name);
  const auto error = error_of([&] { check_output_mode(*analysed(wrong.query()), wrong.mode); });
  CAPTURE(error);
  CHECK(error.substr(0, error.find(": ")) == wrong.error_class);
  for (const auto& part : wrong.parts) {
    CAPTURE(part);
    CHECK(error.find(part) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("Wrong names and types are refused with the place and a way out") {
  const std::vector<Wrong> table{
      {"column in select",
       [] { return rows().select("vv"); },
       "UNRESOLVED_COLUMN",
       {"select", "vv"}},
      {"column in where",
       [] { return rows().where("vw > 1"); },
       "UNRESOLVED_COLUMN",
       {"where", "vw"}},
      {"column in drop",
       [] { return rows().drop({"kk"}); },
       "UNRESOLVED_COLUMN",
       {"drop", "\"kk\"", "did you mean k"}},
      {"column in rename",
       [] { return rows().with_column_renamed("zzz", "y"); },
       "UNRESOLVED_COLUMN",
       {"with_column_renamed", "known columns: k, v, t, a, s"}},
      {"column of a watermark",
       [] { return rows().with_watermark("tt", 1s); },
       "UNRESOLVED_COLUMN",
       {"with_watermark", "\"tt\"", "did you mean t"}},
      {"key", [] { return rows().group_by("nokey").count(); }, "UNRESOLVED_COLUMN", {"group_by"}},
      {"argument of an aggregate",
       [] { return rows().group_by("k").sum("w"); },
       "UNRESOLVED_COLUMN",
       {"agg", "w"}},
      {"column of order_by",
       [] { return rows().group_by("k").count().order_by("n"); },
       "UNRESOLVED_COLUMN",
       {"order_by"},
       OutputMode::complete},
      {"field", [] { return rows().select("s.y"); }, "UNRESOLVED_FIELD", {"y", "x"}},
      {"function",
       [] { return rows().select(expr("uper(k)")); },
       "UNRESOLVED_FUNCTION",
       {"uper", "upper"}},
      {"star of what is no structure",
       [] { return rows().select("v.*"); },
       "INVALID_EXPRESSION",
       {"v.*", "bigint"}},
      {"condition",
       [] { return rows().where(col("v") + 1); },
       "DATATYPE_MISMATCH",
       {"where", "must be boolean", "bigint"}},
      {"filter of an aggregate",
       [] { return rows().group_by("k").agg(count().filter(col("v"))); },
       "DATATYPE_MISMATCH",
       {"FILTER", "bigint"},
       OutputMode::update},
      {"explode of a string",
       [] { return rows().explode("k", "x"); },
       "DATATYPE_MISMATCH",
       {"explode", "string", "array"}},
      {"two columns of one name, read",
       [] { return rows().select("k", col("v").as("k")).select("k"); },
       "AMBIGUOUS_REFERENCE",
       {"\"k\"", "rename"}},
      {"two columns of one name, written",
       [] { return rows().select("k", col("v").as("K")); },
       "COLUMN_ALREADY_EXISTS",
       {"\"K\"", "rename"}},
      {"aggregate in where",
       [] { return rows().where("sum(v) > 1"); },
       "AGGREGATE_NOT_ALLOWED",
       {"where", "sum(v)", "group_by"}},
      {"aggregate in select",
       [] { return rows().select(sum("v")); },
       "AGGREGATE_NOT_ALLOWED",
       {"select", "sum(v)"}},
      {"window in where",
       [] { return rows().where(window("t", 1h).is_not_null()); },
       "WINDOW_NOT_ALLOWED",
       {"where", "group_by"}},
      {"window inside an expression",
       [] { return rows().select(window("t", 1h).is_null()); },
       "WINDOW_NOT_ALLOWED",
       {"select", "column of its own"}},
      {"two windows in select",
       [] { return rows().select(window("t", 1h).as("a"), window("t", 2h).as("b")); },
       "INVALID_WINDOW",
       {"select", "second window"}},
      {"explode in where",
       [] { return rows().where(explode("a") == 1); },
       "GENERATOR_NOT_ALLOWED",
       {"where", "explode(a)"}},
      {"two explodes",
       [] { return rows().select(explode("a").as("x"), explode("a").as("y")); },
       "GENERATOR_NOT_ALLOWED",
       {"second", "another select"}},
      {"star in an expression",
       [] { return rows().select(col("*") + 1); },
       "INVALID_EXPRESSION",
       {"*"}},
      {"no aggregate",
       [] { return rows().agg(std::vector<Expression>{}); },
       "MISSING_AGGREGATION",
       {"count()"}},
      {"column beside the keys",
       [] { return rows().group_by("k").agg(sum("v"), col("t")); },
       "MISSING_AGGREGATION",
       {"\"t\"", "group_by", "first(t)"},
       OutputMode::update},
      {"aggregate in an aggregate",
       [] { return rows().group_by("k").agg(sum(avg("v"))); },
       "NESTED_AGGREGATE_FUNCTION",
       {"sum(avg(v))"},
       OutputMode::update},
      {"sum of everything",
       [] { return rows().group_by("k").agg(expr("sum(*)")); },
       "INVALID_EXPRESSION",
       {"count(*)"},
       OutputMode::update},
      {"union of unequal widths",
       [] { return rows().union_all(rows().select("k")); },
       "NUM_COLUMNS_MISMATCH",
       {"5 columns", "1 (k string)"}},
      {"union of unequal types",
       [] { return rows().select("k").union_all(rows().select("a")); },
       "INCOMPATIBLE_COLUMN_TYPE",
       {"column 1", "string", "array<int>", "by position"}},
  };
  for (const auto& wrong : table) check(wrong);
}

TEST_CASE("Every rule of streams is refused with the operator, the rule and a way out") {
  const auto mode = "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION";
  const auto no_watermark = "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK";
  const std::vector<Wrong> table{
      {"no stream", [] { return reader(false).rate(1); }, "UNBOUNDED_SOURCE", {"read_stream()"}},
      {"append without watermark",
       [] { return rows().group_by("k").count(); },
       no_watermark,
       {"the aggregation by [k]", "append", "with_watermark", "update"}},
      {"append, watermark not in the key",
       [] { return marked().group_by("k").count(); },
       no_watermark,
       {"by [k]", "no key carries the event time"}},
      {"append, window without watermark",
       [] { return rows().group_by(window("t", 1h)).count(); },
       no_watermark,
       {"[window]"}},
      {"append, event time changed by arithmetic",
       [] {
         return marked()
             .with_column("t", expr("t + INTERVAL 1 HOUR"))
             .group_by(window("t", 1h))
             .count();
       },
       no_watermark,
       {"[window]"}},
      {"append, key is the end of a window",
       [] {
         return marked().group_by(window("t", 1h), "k").count().group_by("window.end").count();
       },
       no_watermark,
       {"[end]"}},
      {"append, over all rows",
       [] { return marked().agg({count()}); },
       no_watermark,
       {"the aggregation over all rows"}},
      {"complete without aggregation",
       [] { return rows().select("k"); },
       mode,
       {"complete", "aggregation", "append"},
       OutputMode::complete},
      {"aggregation above aggregation, update",
       [] { return rows().group_by("k").sum("v").group_by("sum(v)").count(); },
       mode,
       {"above another aggregation", "update", "append"},
       OutputMode::update},
      {"complete without an aggregation of the stream",
       [] {
         const auto counted = reader(false).schema("k string").json("d/").group_by("k").count();
         return rows().join(counted, std::vector<std::string>{"k"});
       },
       "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       {"complete", "aggregation", "append"},
       OutputMode::complete},
      {"aggregation above aggregation, complete",
       [] { return rows().group_by("k").sum("v").agg({count()}); },
       mode,
       {"above another aggregation", "complete"},
       OutputMode::complete},
      {"sort in append", [] { return rows().order_by("k"); }, mode, {"order_by", "complete"}},
      {"sort in update",
       [] { return rows().group_by("k").count().order_by("k"); },
       mode,
       {"order_by", "update", "complete"},
       OutputMode::update},
      {"sort below its aggregation",
       [] { return rows().order_by("k").group_by("k").count(); },
       mode,
       {"order_by", "sort above it"},
       OutputMode::complete},
      {"setting of an aggregate that is no constant",
       [] { return rows().group_by("k").agg(expr("percentile(v, v / 2)")); },
       "NON_FOLDABLE_ARGUMENT",
       {"percentile", "constant"},
       OutputMode::update},
  };
  for (const auto& wrong : table) check(wrong);
}

TEST_CASE("Watermarks, unions and stateful operators are refused where the rules forbid them") {
  const auto missing = "UNSUPPORTED_STREAMING_OPERATOR";
  const auto not_time = "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE";
  const std::vector<Wrong> table{
      {"negative delay",
       [] { return rows().with_watermark("t", -5s); },
       "NEGATIVE_WATERMARK_DELAY",
       {"\"t\"", "-5000 ms"}},
      {"event time of a wrong type",
       [] { return rows().with_watermark("v", 5s); },
       not_time,
       {"\"v\"", "bigint", "cast"}},
      {"window over a wrong type",
       [] { return rows().group_by(window("v", 1h)).count(); },
       not_time,
       {"group_by", "bigint", "cast"}},
      {"second watermark",
       [] { return marked().where("v > 1").with_watermark("t", 1s); },
       "MULTIPLE_WATERMARKS",
       {"one branch"}},
      {"second watermark above a union",
       [] { return marked().union_all(rows()).with_watermark("t", 1s); },
       "MULTIPLE_WATERMARKS",
       {"one branch"}},
      {"union of stream and static",
       [] { return stream("k string").union_all(reader(false).schema("k string").json("d/")); },
       "UNION_MIXES_STREAM_AND_STATIC",
       {"read_stream()"}},
      {"union of two event times",
       [] {
         return stream("a timestamp, b timestamp")
             .with_watermark("a", 1s)
             .union_all(stream("a timestamp, b timestamp").with_watermark("b", 1s));
       },
       "MULTIPLE_EVENT_TIME_COLUMNS",
       {"\"a\"", "\"b\"", "same position"}},
      {"session window",
       [] { return rows().group_by(expr("session_window(t, '5 minutes')")).count(); },
       missing,
       {"session_window", "another key"}},
      {"session window in update",
       [] { return marked().group_by("k", session_window("t", 300s)).count(); },
       "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       {"session_window", "update"},
       OutputMode::update},
      {"session gap zero",
       [] { return marked().group_by("k", session_window("t", 0s)).count(); },
       "INVALID_WINDOW",
       {"gap", "above zero"}},
      {"session gap of another type",
       [] { return marked().group_by("k", session_window("t", expr("1 + 1"))).count(); },
       "INVALID_WINDOW",
       {"gap", "interval"}},
      {"negative limit", [] { return rows().limit(-1); }, "INVALID_LIMIT", {"limit", "-1"}},
      {"limit in update",
       [] { return rows().limit(1); },
       "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       {"limit", "update"},
       OutputMode::update},
      {"deduplication within no watermark",
       [] { return rows().drop_duplicates_within_watermark({"k"}); },
       "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
       {"drop_duplicates_within_watermark", "with_watermark"}},
      {"deduplication within the watermark of two event times",
       [] { return marked().with_column("u", col("t")).drop_duplicates_within_watermark({"k"}); },
       "MULTIPLE_EVENT_TIME_COLUMNS",
       {"drop_duplicates", "\"t\"", "\"u\""}},
      {"deduplication by event time above a changing result",
       [] { return marked().group_by("t", "k").count().drop_duplicates({"k"}); },
       "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION",
       {"drop_duplicates", "update"},
       OutputMode::update},
      {"name without state",
       [] { return rows().select("k").named("x"); },
       "OPERATOR_WITHOUT_STATE",
       {"\"x\"", "aggregation"}},
      {"one name twice",
       [] {
         return rows().group_by("k").count().named("x").union_all(
             rows().group_by("k").count().named("x"));
       },
       "DUPLICATE_OPERATOR_NAME",
       {"\"x\"", "another name"},
       OutputMode::update},
  };
  for (const auto& wrong : table) check(wrong);
}

TEST_CASE("Windows that cannot be are refused, with what is wrong about them") {
  const auto grouped = [](const Expression& window) {
    return [window] { return marked().group_by(window).count(); };
  };
  const auto invalid = "INVALID_WINDOW";
  const std::vector<Wrong> table{
      {"size zero", grouped(window("t", 0s)), invalid, {"size must be above zero"}},
      {"negative size", grouped(window("t", -1s)), invalid, {"size must be above zero"}},
      {"slide zero", grouped(window("t", 10s, 0s)), invalid, {"slide", "at most the size"}},
      {"slide above size", grouped(window("t", 10s, 11s)), invalid, {"slide", "at most the size"}},
      {"start at slide", grouped(window("t", 10s, 5s, 5s)), invalid, {"start", "slide"}},
      {"start at -slide", grouped(window("t", 10s, 5s, -5s)), invalid, {"start", "slide"}},
      {"months", grouped(window("t", "1 month")), invalid, {"size", "month"}},
      {"interval of months", grouped(expr("window(t, INTERVAL 1 MONTH)")), invalid, {"months"}},
      {"no text of a duration", grouped(window("t", "soon")), invalid, {"size", "soon"}},
      {"size from a column", grouped(expr("window(t, k)")), invalid, {"constant"}},
      {"too few arguments", grouped(expr("window(t)")), invalid, {"a size"}},
      {"two windows",
       [] { return marked().group_by(window("t", 1h), window("t", 2h).as("w")).count(); },
       invalid,
       {"second window"}},
  };
  for (const auto& wrong : table) check(wrong);
}

TEST_CASE("What the rules allow passes in each mode") {
  const auto passes = [](const DataStream& query, OutputMode mode) {
    return error_of([&] { check_output_mode(*analysed(query), mode); });
  };
  const auto windowed = marked().group_by(window("t", 1h, 30min), "k").count();
  for (const auto mode : {OutputMode::append, OutputMode::update, OutputMode::complete}) {
    CHECK(passes(windowed, mode) == "");
  }
  CHECK(passes(marked().group_by("t").count(), OutputMode::append) == "");
  CHECK(passes(marked().select(col("t").as("u")).group_by("u").count(), OutputMode::append) == "");
  CHECK(passes(rows().group_by("k").count(), OutputMode::update) == "");
  CHECK(passes(rows().group_by("k").count().order_by(col("count").desc()).where("count > 1"),
               OutputMode::complete) == "");
  CHECK(passes(rows().select("k"), OutputMode::update) == "");
  const auto chained = marked()
                           .group_by(window("t", 5s).as("w"))
                           .agg(count().as("n"))
                           .group_by(window("w", 10s))
                           .agg(sum("n").as("n"));
  CHECK(passes(chained, OutputMode::append) == "");
  const auto by_time = marked()
                           .group_by(window("t", 5s).as("w"))
                           .agg(count().as("n"))
                           .select(expr("window_time(w)").as("at"), col("n"))
                           .group_by(window("at", 10s))
                           .count();
  CHECK(passes(by_time, OutputMode::append) == "");
  const auto both_marked = marked().union_all(marked()).group_by(window("t", 1h)).count();
  CHECK(passes(both_marked, OutputMode::append) == "");
}
