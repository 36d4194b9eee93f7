// Initial states of groups, from bounded data.
#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

using namespace libstream;

namespace groups_initial_test {

struct Fruit {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(Fruit, (), (name))

struct Count {
  std::int64_t n = 0;
};
BOOST_DESCRIBE_STRUCT(Count, (), (n))

struct Told {
  std::string name;
  std::int64_t n;
};
BOOST_DESCRIBE_STRUCT(Told, (), (name, n))

}  // namespace groups_initial_test

using namespace groups_initial_test;

namespace {

/// Counts fruits, from what a table says at first.
struct Fruits {
  std::shared_ptr<CheckpointRoot> root = memory_root();
  MemoryStream fruits{"name string"};
  MemoryStream table{"name string, n bigint"};
  MemoryTable output;
  std::unique_ptr<Session> session;
  std::optional<Query> query;

  explicit Fruits(const std::vector<Row>& initial) {
    if (!initial.empty()) table.add(initial);
  }
  ~Fruits() {
    if (query) query->stop();
  }

  void start(std::uint32_t partitions, bool streaming = false, bool grouped = false) {
    if (query) query->stop();
    query.reset();
    session = std::make_unique<Session>(SessionOptions{.threads = 2, .partitions = partitions});
    auto states = (streaming ? session->read_stream() : session->read()).memory(table);
    if (grouped) states = states.group_by("name").agg(sum("n").as("n"));
    const auto initial = states.as<Count>().group_by_key<std::string>("name");
    query =
        session->read_stream()
            .memory(fruits)
            .as<Fruit>()
            .group_by_key<std::string>("name")
            .flat_map_groups_with_state<Count>(
                OutputMode::update, GroupTimeout::none, initial,
                [](const std::string& name, std::span<const Fruit> rows, GroupState<Count>& state) {
                  const Count now{state.get_or_default().n + std::ssize(rows)};
                  state.update(now);
                  return std::vector<Told>{{name, now.n}};
                })
            .to_stream()
            .write_stream()
            .output_mode(OutputMode::update)
            .checkpoint(root)
            .memory(output)
            .start();
  }
  std::string add(const std::vector<Row>& rows) {
    output.clear();
    fruits.add(rows);
    query->process_all_available();
    return output.text();
  }
  std::string failure() {
    try {
      query->process_all_available();
    } catch (const Error& error) {
      return std::string(to_string(error.code())) + ": " + error.what();
    }
    return "no failure";
  }
};

}  // namespace

TEST_CASE("initial states are there in the first epoch, which waits for a row, and never again") {
  for (const std::uint32_t partitions : {1U, 3U, 8U}) {
    CAPTURE(partitions);
    Fruits test({{"apple", 1}, {"orange", 2}, {"mango", 5}});
    test.start(partitions);
    test.query->process_all_available();
    CHECK(test.output.epochs().empty());
    CHECK(test.add({{"apple"}, {"banana"}}) == "apple 2 | banana 1 | mango 5 | orange 2");
    test.table.add({{"kiwi", 9}});  // too late
    CHECK(test.add({{"orange"}}) == "orange 3");
    CHECK(test.query->last_progress()->state_operators.at(0).rows_total == 4);
    test.start(partitions == 3 ? 5 : 3);
    CHECK(test.add({{"mango"}, {"kiwi"}}) == "kiwi 1 | mango 6");
  }
}

TEST_CASE("initial states may be worked out by a bounded plan, an aggregation too") {
  Fruits test({{"apple", 1}, {"apple", 2}, {"mango", 5}});
  test.start(3, false, true);
  CHECK(test.add({{"apple"}}) == "apple 4 | mango 5");
}

TEST_CASE("a key with two initial states, or initial states that stream, are errors") {
  Fruits twice({{"apple", 1}, {"mango", 5}, {"apple", 2}});
  twice.start(3);
  twice.fruits.add({{"kiwi"}});
  const auto text = twice.failure();
  CAPTURE(text);
  CHECK(
      text.starts_with("data: flat_map_groups_with_state: the initial states hold the key "
                       "[apple] twice"));

  Fruits streaming({{"apple", 1}});
  CHECK_THROWS_WITH_AS(streaming.start(3, true), doctest::Contains("initial states are a stream"),
                       Error);
}

TEST_CASE("initial states' keys have the types of the rows' keys") {
  Fruits test({});
  test.table = MemoryStream("name bigint, n bigint");
  CHECK_THROWS_WITH_AS(test.start(3), doctest::Contains("name"), Error);
}
