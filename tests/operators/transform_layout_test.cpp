// What init may make and what a restart may change.
#include "transform_script.hpp"

#include <functional>
#include <limits>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

namespace transform_layout_test {

struct Small {
  std::int64_t n = 0;
};
BOOST_DESCRIBE_STRUCT(Small, (), (n))
struct Grown {
  std::int64_t n = 0;
  std::string city = "none";
};
BOOST_DESCRIBE_STRUCT(Grown, (), (n, city))
struct Changed {
  std::string n;
};
BOOST_DESCRIBE_STRUCT(Changed, (), (n))

struct Place {
  std::optional<double> x;
  std::vector<std::string> names;
};
BOOST_DESCRIBE_STRUCT(Place, (), (x, names))

/// A processor of functions.
template <class I, class R>
struct Free {
  I make;
  R rows;
  ProcessorHandle handle{};
  void init(ProcessorHandle made, OutputMode, TimeMode) {
    handle = made;
    make(*this);
  }
  std::vector<Answer> handle_input_rows(const std::string& user, std::span<const Command> given,
                                        const TimerValues&) {
    const std::string text = rows(*this, given);
    return text.empty() ? std::vector<Answer>() : std::vector<Answer>{{user, text}};
  }
  ValueState<std::int64_t> last{};
};

/// Counts in a state of S; each variable adds the rows' n.
template <class S>
struct Counting {
  ValueState<S> value{};
  ListState<S> list{};
  libstream::MapState<std::string, S> map{};
  void init(ProcessorHandle handle, OutputMode, TimeMode) {
    value = handle.value_state<S>("value");
    list = handle.list_state<S>("list");
    map = handle.map_state<std::string, S>("map");
  }
  std::vector<Answer> handle_input_rows(const std::string& user, std::span<const Command> rows,
                                        const TimerValues&) {
    S state = value.get_or_default();
    std::string text;
    if constexpr (std::is_same_v<decltype(state.n), std::int64_t>) {
      for (const Command& row : rows) state.n += row.n;
      text = std::to_string(state.n);
      for (const S& one : list.get()) text += " " + std::to_string(one.n);
      for (const auto& [name, one] : map) text += " " + name + std::to_string(one.n);
    }
    if constexpr (requires { state.city; }) {
      text += " " + state.city;
      for (const S& one : list.get()) text += one.city;
      for (const auto& one : map.values()) text += one.city;
    }
    value.update(state);
    list.append_value(state);
    map.update_value("k", state);
    return {{user, text}};
  }
};

}  // namespace transform_layout_test

using namespace transform_layout_test;

namespace {

/// Lives of a query: each with another processor, over the state of the one before.
class Lives {
 public:
  template <class P>
  std::string live(P processor, const std::vector<Row>& rows, TimeMode mode = TimeMode::none,
                   std::uint32_t partitions = 2) {
    TransformTest test(mode, std::move(processor), {.partitions = partitions});
    test.test->load(0, store_);
    auto answer = test.epoch(0, rows);
    store_ = test.test->state(0);
    deleted_ = test.count("numDeletedStateVars");
    rows_ = test.test->metrics().state_rows;
    return answer;
  }
  std::size_t entries() const { return store_.entries().size(); }
  std::uint64_t deleted() const { return deleted_; }
  std::uint64_t rows() const { return rows_; }

 private:
  test::MapState store_;
  std::uint64_t deleted_ = 0;
  std::uint64_t rows_ = 0;
};

/// A processor with one variable, of a name, which adds up.
auto summing(const std::string& name, const std::string& removed = {}) {
  return Free{[name, removed](auto& p) {
                if (!removed.empty()) p.handle.delete_if_exists(removed);
                p.last = p.handle.template value_state<std::int64_t>(name);
              },
              [](auto& p, std::span<const Command> rows) {
                std::int64_t sum = p.last.get_or_default();
                for (const Command& row : rows) sum += row.n;
                p.last.update(sum);
                return std::to_string(sum);
              },
              {}};
}

template <class M>
std::string refusal(M make, TimeMode mode = TimeMode::none) {
  return error_of([&] {
    commands()
        .transform_with_state(OutputMode::append, mode,
                              Free{make, [](auto&, std::span<const Command>) { return ""; }, {}})
        .to_stream();
    TransformTest(mode, Free{make, [](auto&, std::span<const Command>) { return ""; }, {}});
  });
}

const auto a1 = command("a", "", 1);

}  // namespace

TEST_CASE("variables may come and go; those that are gone wait in the store for their return") {
  Lives lives;
  CHECK(lives.live(summing("one"), {a1, command("b", "", 5)}) == "a 1 | b 5");
  CHECK(lives.live(summing("two"), {a1}) == "a 1");
  CHECK(lives.rows() == 1);
  CHECK(lives.live(summing("one"), {a1}) == "a 2");
  CHECK(lives.live(summing("two"), {a1}, TimeMode::none, 5) == "a 2");
}

TEST_CASE("delete_if_exists drops a variable, whose name may then be another's") {
  Lives lives;
  lives.live(summing("one"), {a1, command("b", "", 5)});
  const auto before = lives.entries();
  lives.live(summing("two", "one"), {});
  CHECK(lives.entries() == before - 2);
  CHECK(lives.deleted() == 1);
  CHECK(lives.live(summing("one"), {a1}) == "a 1");
  Lives others;
  others.live(summing("value"), {a1});
  others.live(summing("two", "value"), {});
  CHECK(others.live(Counting<Small>{}, {a1}) == "a 1");
}

TEST_CASE("a struct in a variable may gain fields, and no more than that") {
  Lives lives;
  CHECK(lives.live(Counting<Small>{}, {a1, command("b", "", 7)}) == "a 1 | b 7");
  CHECK(lives.live(Counting<Small>{}, {a1}) == "a 2 1 k1");
  const Lives before = lives;
  CHECK(lives.live(Counting<Grown>{}, {a1}) == "a 3 1 2 k2 nonenonenonenone");
  CHECK(lives.live(Counting<Grown>{}, {command("b", "", 1)}) == "b 8 7 k7 nonenonenone");
  CHECK(lives.live(Counting<Grown>{}, {a1}, TimeMode::none, 3) ==
        "a 4 1 2 3 k3 nonenonenonenonenone");
  for (const bool lost : {true, false}) {
    Lives other = lost ? lives : before;
    const auto text = error_of([&] {
      if (lost) {
        other.live(Counting<Small>{}, {a1});
      } else {
        other.live(Counting<Changed>{}, {a1});
      }
    });
    CAPTURE(text);
    CHECK(text.find("value state \"value\"") != std::string::npos);
    CHECK(text.find(lost ? "field city is gone" : "field n has another type") != std::string::npos);
    CHECK(text.find(lost ? "stored as [n bigint NOT NULL, city string NOT NULL] and is "
                           "now [n bigint NOT NULL]"
                         : "stored as [n bigint NOT NULL] and is now [n string NOT NULL]") !=
          std::string::npos);
  }
}

TEST_CASE("another kind of variable, or another type, is refused with both layouts") {
  const auto lived = [](auto make) {
    Lives lives;
    lives.live(summing("last"), {a1});
    return error_of([&] {
      lives.live(Free{make, [](auto&, std::span<const Command>) { return ""; }, {}}, {a1});
    });
  };
  CHECK(lived([](auto& p) { p.handle.template list_state<std::int64_t>("last"); })
            .find("stored as [value: value bigint NOT NULL] and is now [list: value bigint NOT "
                  "NULL]") != std::string::npos);
  CHECK(lived([](auto& p) {
          p.handle.template value_state<std::string>("last");
        }).find("stored as [value bigint NOT NULL] and is now [value string NOT NULL]") !=
        std::string::npos);
  Lives maps;
  maps.live(Counting<Small>{}, {a1});
  const auto text = error_of([&] {
    maps.live(Free{[](auto& p) { p.handle.template map_state<std::int64_t, Small>("map"); },
                   [](auto&, std::span<const Command>) { return ""; },
                   {}},
              {a1});
  });
  CHECK(text.find("stored as [value string NOT NULL -> n bigint NOT NULL] and is now [value bigint "
                  "NOT NULL -> n bigint NOT NULL]: its keys are of another type") !=
        std::string::npos);
}

TEST_CASE("maps are in the order of their keys: structs field by field, NaN last, null first") {
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  TransformTest test(TimeMode::none,
                     Free{[](auto& p) { p.handle.template map_state<Place, bool>("places"); },
                          [nan](auto&, std::span<const Command>) {
                            const StateLess less;
                            const std::vector<Place> ordered{{{}, {}},          {-1.0, {"z"}},
                                                             {2.0, {}},         {2.0, {"a"}},
                                                             {2.0, {"a", "b"}}, {nan, {}}};
                            std::string wrong;
                            for (std::size_t i = 0; i < ordered.size(); ++i) {
                              for (std::size_t j = 0; j < ordered.size(); ++j) {
                                if (less(ordered[i], ordered[j]) != (i < j))
                                  wrong += std::to_string(i * 10 + j);
                              }
                            }
                            return "wrong:" + wrong;
                          },
                          {}});
  CHECK(test.epoch(0, {a1}) == "a wrong:");
}

TEST_CASE("a map may be changed while it is read") {
  struct Shrinking {
    libstream::MapState<std::string, std::int64_t> map{};
    void init(ProcessorHandle handle, OutputMode, TimeMode) {
      map = handle.map_state<std::string, std::int64_t>("map");
    }
    std::vector<Answer> handle_input_rows(const std::string& user, std::span<const Command> rows,
                                          const TimerValues&) {
      for (const Command& row : rows) map.update_value(row.op, row.n);
      std::string text;
      for (const auto& [key, n] : map) {
        text += key;
        map.remove_key(key);
        map.update_value("z", n);
      }
      return {{user, text + (map.contains_key("z") ? "" : " empty")}};
    }
  };
  TransformTest test(TimeMode::none, Shrinking{});
  CHECK(test.epoch(0, {command("a", "x", 1), command("a", "y", 2)}) == "a xyz");
  CHECK(test.epoch(0, {command("a", "y", 2)}) == "a yz");
}

TEST_CASE("init is checked when the query is analysed") {
  const auto value = [](auto& p, const char* name, auto... ttl) {
    p.handle.template value_state<std::int64_t>(name, ttl...);
  };
  const auto starts = [](const std::string& text, const std::string& start) {
    CAPTURE(text);
    CHECK(text.starts_with(start));
  };
  starts(refusal([=](auto& p) {
           value(p, "x");
           p.handle.template list_state<std::int64_t>("x");
         }),
         "STATEFUL_PROCESSOR_DUPLICATE_STATE_VARIABLE_DEFINED: ");
  starts(refusal([=](auto& p) {
           value(p, "x");
           p.handle.delete_if_exists("x");
         }),
         "STATEFUL_PROCESSOR_DUPLICATE_STATE_VARIABLE_DEFINED: ");
  starts(refusal([=](auto& p) {
           p.handle.delete_if_exists("x");
           value(p, "x");
         }),
         "STATEFUL_PROCESSOR_DUPLICATE_STATE_VARIABLE_DEFINED: ");
  starts(refusal([=](auto& p) { value(p, "two words"); }), "INVALID_STATE_VARIABLE: ");
  starts(refusal([=](auto& p) { value(p, "x", 1s); }, TimeMode::event_time),
         "STATEFUL_PROCESSOR_INCORRECT_TIME_MODE_TO_ASSIGN_TTL: ");
  starts(refusal([=](auto& p) { value(p, "x", 0s); }, TimeMode::processing_time),
         "STATEFUL_PROCESSOR_TTL_DURATION_MUST_BE_POSITIVE: ");
  starts(refusal([](auto& p) { p.handle.list_timers(); }, TimeMode::processing_time),
         "STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE: ");
  starts(refusal([](auto& p) {
           p.last = p.handle.template value_state<std::int64_t>("x");
           p.last.update(1);
         }),
         "STATEFUL_PROCESSOR_CANNOT_PERFORM_OPERATION_WITH_INVALID_HANDLE_STATE: ");
  auto calls = std::make_shared<int>(0);
  TransformTest test(TimeMode::none, Free{[calls](auto& p) {
                                            p.last = p.handle.template value_state<std::int64_t>(
                                                "x" + std::to_string((*calls)++ / 3));
                                          },
                                          [](auto&, std::span<const Command>) { return ""; },
                                          {}});
  const auto text = error_of([&] {
    for (int i = 0; i < 4; ++i) test.epoch(0, {});
  });
  starts(text, "INVALID_STATE_VARIABLE: ");
}
