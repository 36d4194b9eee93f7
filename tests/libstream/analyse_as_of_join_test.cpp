#include <doctest/doctest.h>

#include <functional>
#include <support/plan_fixture.hpp>

using namespace libstream;
using test::error_of;
using test::reader;
using test::stream;
using namespace std::chrono_literals;

namespace {

using Kind = ResolvedPlan::Kind;

ResolvedPtr analysed(const DataStream& query) {
  return analyse(
      query.plan(), [](const SourceSpec& spec) { return spec.schema; }, false);
}

DataStream trades() {
  return stream("symbol string, time timestamp, size bigint, other timestamp", "trades")
      .with_watermark("time", 10s)
      .as("t");
}
DataStream quotes(const char* key = "string") {
  return stream("bid double, symbol " + std::string(key) + ", time timestamp, made date", "quotes")
      .with_watermark("time", 20s)
      .as("q");
}

}  // namespace

TEST_CASE("An as-of join has the left columns, then the right ones without the keys") {
  const auto plan = analysed(trades().as_of_join(quotes(), {"symbol"}, "time", "time", "1 minute"));
  REQUIRE(plan->kind == Kind::as_of_join);
  CHECK(plan->schema.to_string() ==
        "symbol string, time timestamp, size bigint, other timestamp, bid double, time timestamp, "
        "made date");
  CHECK(plan->schema[4].nullable);
  CHECK(plan->as_of->type == JoinType::left_outer);
  CHECK(plan->as_of->tolerance == 60'000'000);
  CHECK(plan->as_of->left_time == 1);
  CHECK(plan->as_of->right_time == 2);
  // Rows come out as the watermark reaches the left time; right times may be behind it.
  CHECK(plan->event_times == std::vector<std::uint32_t>{1});
  CHECK(plan->watermarked);
  CHECK(
      to_text(*plan).find("left outer as-of join on symbol = symbol and time from 1 minute before "
                          "time to it") == 0);
  const auto above =
      analysed(trades()
                   .as_of_join(quotes(), {"symbol"}, "time", "time", 5s, JoinType::inner)
                   .select("t.time", "q.time", "bid"));
  CHECK(above->inputs[0]->as_of->type == JoinType::inner);
}

TEST_CASE("Keys of an as-of join meet in their common type") {
  const auto left = stream("k int, a timestamp", "l").with_watermark("a", 1s);
  const auto right = stream("k bigint, b timestamp, v string", "r").with_watermark("b", 1s);
  const auto plan = analysed(left.as_of_join(right, {"k"}, "a", "b", "0 seconds"));
  CHECK(plan->inputs[0]->schema[plan->as_of->left_keys[0]].type == TypeId::bigint);
  CHECK(plan->schema.to_string() ==
        Schema::parse("k int, a timestamp, b timestamp, v string").to_string());
}

TEST_CASE("As-of joins that cannot work are refused at start with the reason and a way out") {
  struct Wrong {
    const char* name;
    std::function<DataStream()> query;
    std::string error_class;
    std::vector<std::string> parts;
  };
  const auto join = [](const DataStream& left, const DataStream& right,
                       std::vector<std::string> keys = {"symbol"}, const char* left_time = "time",
                       const char* right_time = "time") {
    return left.as_of_join(right, std::move(keys), left_time, right_time, "1 minute");
  };
  const auto typed = [](JoinType type) {
    return trades().as_of_join(quotes(), {"symbol"}, "time", "time", 1s, type);
  };
  const auto table =
      reader(false).schema("symbol string, time timestamp, bid double").json("static/");
  const std::vector<Wrong> wrong{
      {"right outer",
       [&] { return typed(JoinType::right_outer); },
       "UNSUPPORTED_JOIN_TYPE",
       {"as_of_join: right outer", "left_outer"}},
      {"full outer", [&] { return typed(JoinType::full_outer); }, "UNSUPPORTED_JOIN_TYPE", {}},
      {"left semi", [&] { return typed(JoinType::left_semi); }, "UNSUPPORTED_JOIN_TYPE", {}},
      {"left anti", [&] { return typed(JoinType::left_anti); }, "UNSUPPORTED_JOIN_TYPE", {}},
      {"no keys",
       [&] { return join(trades(), quotes(), {}); },
       "AS_OF_JOIN_WITHOUT_KEYS",
       {"at least one column"}},
      {"before the future",
       [&] { return trades().as_of_join(quotes(), {"symbol"}, "time", "time", -5s); },
       "INVALID_TOLERANCE",
       {"-5 seconds", "0 or more"}},
      {"bounded right side",
       [&] { return join(trades(), table); },
       "AS_OF_JOIN_OF_BOUNDED_DATA",
       {"right side", "read_stream"}},
      {"bounded left side",
       [&] { return join(table, quotes()); },
       "AS_OF_JOIN_OF_BOUNDED_DATA",
       {"left side"}},
      {"time of another type",
       [&] { return join(trades(), quotes(), {"symbol"}, "time", "made"); },
       "DATATYPE_MISMATCH",
       {"right time made is date", "timestamp"}},
      {"time without a watermark",
       [&] { return join(trades(), quotes(), {"symbol"}, "other", "time"); },
       "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
       {"left time other", "with_watermark(\"other\""}},
      {"right side without a watermark",
       [&] { return join(trades(), stream("symbol string, time timestamp", "plain")); },
       "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK",
       {"right time time"}},
      {"keys that do not compare",
       [&] { return join(trades(), quotes("array<int>")); },
       "DATATYPE_MISMATCH",
       {"column symbol is string", "array<int>"}},
      {"unknown key",
       [&] { return join(trades(), quotes(), {"simbol"}); },
       "UNRESOLVED_COLUMN",
       {"simbol", "symbol"}},
  };
  for (const auto& one : wrong) {
    CAPTURE(one.name);
    const auto error = error_of([&] { analysed(one.query()); });
    CAPTURE(error);
    CHECK(error.substr(0, error.find(": ")) == one.error_class);
    for (const auto& part : one.parts) {
      CAPTURE(part);
      CHECK(error.find(part) != std::string::npos);
    }
  }
  for (const auto mode : {OutputMode::update, OutputMode::complete}) {
    const auto plan = analysed(join(trades(), quotes()).group_by("symbol").count());
    const auto error = error_of([&] { check_output_mode(*plan, mode); });
    CHECK(error.find("as_of_join is supported in output mode append only") != std::string::npos);
  }
}
