// What queries with state by key may not be: each rule and its message.
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <functional>

using namespace libstream;

namespace groups_rules_test {
struct Click {
  std::string user;
  std::int64_t price;
};
BOOST_DESCRIBE_STRUCT(Click, (), (user, price))
}  // namespace groups_rules_test

using namespace groups_rules_test;

namespace {

using Count = GroupState<std::int64_t>;
using Clicks = std::span<const Click>;

/// Rows (user, price, time), with a watermark.
struct Rules {
  Session session{{.threads = 1, .partitions = 2}};
  MemoryStream input{"user string, price bigint, time timestamp"};
  MemoryTable output;

  DataStream clicks() {
    return session.read_stream().memory(input).with_watermark("time", std::chrono::seconds(5));
  }
  static DataStream flat_map(const DataStream& rows, OutputMode mode,
                             GroupTimeout timeout = GroupTimeout::none) {
    return rows.as<Click>()
        .group_by_key<std::string>("user")
        .flat_map_groups_with_state<std::int64_t>(
            mode, timeout, [](const std::string&, Clicks, Count&) { return std::vector<Click>{}; })
        .to_stream();
  }
  static DataStream map(const DataStream& rows) {
    return rows.as<Click>()
        .group_by_key<std::string>("user")
        .map_groups_with_state<std::int64_t>(
            GroupTimeout::none, [](const std::string&, Clicks, Count&) { return Click{}; })
        .to_stream();
  }
  /// The message that refuses a query, or "runs".
  std::string start(const DataStream& stream, OutputMode mode) {
    try {
      auto query = stream.write_stream().output_mode(mode).memory(output).start();
      query.process_all_available();
      query.stop();
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::analysis);
      CHECK(!error.error_class().empty());
      return error.what();
    }
    return "runs";
  }
};

constexpr auto append = OutputMode::append;
constexpr auto update = OutputMode::update;
constexpr auto complete = OutputMode::complete;

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("the mode of flat_map_groups_with_state and the query's are the same") {
  Rules rules;
  CHECK(rules.start(rules.flat_map(rules.clicks(), append), append) == "runs");
  CHECK(rules.start(rules.flat_map(rules.clicks(), update), update) == "runs");
  CHECK(has(rules.start(rules.flat_map(rules.clicks(), append), update),
            "flat_map_groups_with_state in mode append needs output mode append, this query runs "
            "in update"));
  CHECK(has(rules.start(rules.flat_map(rules.clicks(), update), append),
            "flat_map_groups_with_state in mode update needs output mode update, this query runs "
            "in append"));
  CHECK(has(rules.start(rules.flat_map(rules.clicks(), update), complete),
            "output mode complete needs an aggregation"));
}

TEST_CASE("above flat_map_groups_with_state in mode append any aggregation may stand") {
  Rules rules;
  const auto counted = [&](OutputMode mode) {
    return rules.flat_map(rules.clicks(), mode).group_by("user").count();
  };
  CHECK(rules.start(counted(append), update) == "runs");
  CHECK(rules.start(counted(append), complete) == "runs");
  CHECK(has(rules.start(counted(update), update),
            "flat_map_groups_with_state in mode update does not go with an aggregation"));
  CHECK(has(rules.start(counted(update), complete),
            "flat_map_groups_with_state in mode update does not go with an aggregation"));
}

TEST_CASE("map_groups_with_state stands alone, in output mode update") {
  Rules rules;
  CHECK(rules.start(rules.map(rules.clicks()), update) == "runs");
  CHECK(has(rules.start(rules.map(rules.clicks()), append),
            "map_groups_with_state needs output mode update, this query runs in append"));
  CHECK(has(rules.start(rules.map(rules.clicks()).group_by("user").count(), update),
            "map_groups_with_state does not go with an aggregation"));
  CHECK(has(rules.start(rules.map(rules.map(rules.clicks())), update),
            "map_groups_with_state can stand only once in a query"));
}

TEST_CASE("several flat_map_groups_with_state are all in mode append") {
  Rules rules;
  const auto twice = [&](OutputMode first, OutputMode second) {
    return rules.flat_map(rules.flat_map(rules.clicks(), first), second);
  };
  CHECK(rules.start(twice(append, append), append) == "runs");
  CHECK(has(rules.start(twice(update, update), update), "can stand several times in a query only"));
  CHECK(rules.start(twice(append, update), update) != "runs");
}

TEST_CASE("timeouts by event time need a watermark, one event time, and nothing with state above") {
  Rules rules;
  const auto by_time = GroupTimeout::event_time;
  CHECK(rules.start(rules.flat_map(rules.clicks(), append, by_time), append) == "runs");
  CHECK(has(
      rules.start(rules.flat_map(rules.session.read_stream().memory(rules.input), append, by_time),
                  append),
      "flat_map_groups_with_state with GroupTimeout::event_time needs a watermark"));
  const auto below = rules.flat_map(rules.clicks(), append, by_time);
  const std::string refused = "with GroupTimeout::event_time cannot be followed by";
  CHECK(has(rules.start(rules.flat_map(below, append), append), refused));
  CHECK(has(rules.start(below.drop_duplicates({"user"}), append), refused));
  CHECK(has(rules.start(below.limit(3), append), refused));
  CHECK(has(rules.start(below.group_by("user").count(), update), refused));
  // The other way round the upper one has no event time left.
  CHECK(has(
      rules.start(rules.flat_map(rules.flat_map(rules.clicks(), append), append, by_time), append),
      "needs a watermark"));
}

TEST_CASE("a key's column is there, and of the key's type") {
  Rules rules;
  const auto keyed = [&](auto key, const char* column) {
    using Key = decltype(key);
    return rules.clicks()
        .as<Click>()
        .group_by_key<Key>(column)
        .template flat_map_groups_with_state<std::int64_t>(
            append, GroupTimeout::none,
            [](const Key&, Clicks, Count&) { return std::vector<Click>{}; })
        .to_stream();
  };
  CHECK(has(rules.start(keyed(std::string(), "nobody"), append),
            "there is no key column \"nobody\""));
  CHECK(has(rules.start(keyed(std::int64_t{}, "user"), append), "string"));
}

TEST_CASE("of bounded data each key has one call, no state before and no timeout") {
  Rules rules;
  rules.input.add({{"a", 1, 1}, {"b", 1, 1}, {"a", 2, 1}});
  int timeouts = 0;
  auto query = rules.session.read()
                   .memory(rules.input)
                   .as<Click>()
                   .group_by_key<std::string>("user")
                   .flat_map_groups_with_state<std::int64_t>(
                       append, GroupTimeout::event_time,
                       [&](const std::string& user, Clicks clicks, Count& state) {
                         CHECK(!state.exists());
                         timeouts += state.has_timed_out() ? 1 : 0;
                         return std::vector<Click>{{user, std::ssize(clicks)}};
                       })
                   .to_stream()
                   .write_stream()
                   .trigger(Trigger::available_now())
                   .memory(rules.output)
                   .start();
  query.await_termination();
  CHECK(rules.output.text() == "a 2 | b 1");
  CHECK(timeouts == 0);
}
