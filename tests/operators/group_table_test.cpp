// The table of groups against std::unordered_map over random keys, with growth and removal; the
// partial stage against a plain recount where it passes rows on and flushes within an epoch.
#include "group_table.hpp"

#include "../support/aggregation.hpp"

#include <libstream/hash.hpp>
#include <libstream/value_codec.hpp>

#include <map>
#include <random>
#include <string>
#include <unordered_map>

using namespace libstream;
using namespace libstream::test;

namespace {

struct Keys {
  std::vector<ColumnPtr> columns;
  std::vector<std::string> names;  ///< of each row's key
  std::vector<std::uint64_t> hashes;
};

Keys make_keys(const Schema& schema, const std::vector<std::uint64_t>& numbers) {
  std::vector<Row> rows;
  Keys keys;
  for (const std::uint64_t number : numbers) {
    Row row;
    for (const Field& field : schema.fields()) {
      // Every 101st is null; the strings are short and long.
      if (number % 101 == 0) {
        row.emplace_back();
      } else if (field.type.id() == TypeId::string) {
        row.emplace_back(std::string(number % 3 * 9, 'x') + std::to_string(number));
      } else {
        row.emplace_back(static_cast<std::int64_t>(number));
      }
    }
    keys.names.push_back(number % 101 == 0 ? "null" : std::to_string(number));
    rows.push_back(std::move(row));
  }
  const BatchPtr batch = batch_of(schema, rows);
  keys.columns = batch->columns;
  std::vector<std::uint32_t> all(schema.size());
  std::iota(all.begin(), all.end(), 0);
  keys.hashes.resize(numbers.size());
  hash_keys(*batch, all, keys.hashes);
  return keys;
}

/// What the table should hold: group by name of the key.
using Model = std::unordered_map<std::string, GroupTable::Group>;

void add(GroupTable& table, Model& model, const Keys& keys) {
  table.find(keys.columns, keys.names.size(), keys.hashes.data());
  std::size_t created = 0;
  for (std::size_t i = 0; i < keys.names.size(); ++i) {
    const auto group = table.groups()[i];
    REQUIRE(table.rows()[i] == table.row(group));
    const auto [known, fresh] = model.try_emplace(keys.names[i], group);
    if (fresh) {
      REQUIRE(created < table.created().size());
      REQUIRE(table.created()[created] == group);
      REQUIRE(table.created_by()[created] == i);
      ++created;
    }
    REQUIRE(known->second == group);
  }
  REQUIRE(created == table.created().size());
  REQUIRE(table.size() == model.size());
}

void remove(GroupTable& table, Model& model, const Keys& keys) {
  std::vector<GroupTable::Group> groups;
  std::vector<std::uint64_t> hashes;
  for (std::size_t i = 0; i < keys.names.size(); ++i) {
    const auto found = model.find(keys.names[i]);
    if (found == model.end()) continue;
    groups.push_back(found->second);
    hashes.push_back(keys.hashes[i]);
    model.erase(found);
  }
  table.erase(groups, hashes.data());
  REQUIRE(table.size() == model.size());
}

void compare_with_model(const Schema& schema, std::uint64_t seed) {
  CAPTURE(schema.to_string());
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  GroupTable table(schema.fields(), 8);
  Model model;
  std::size_t most = 0;
  for (int round = 0; round < 60; ++round) {
    // Grows to tens of thousands, then shrinks and comes again.
    const std::uint64_t range = round % 20 < 12 ? 60'000 : 3'000;
    std::vector<std::uint64_t> numbers(1 + random() % 4096);
    for (auto& number : numbers) number = random() % range;
    const Keys keys = make_keys(schema, numbers);
    if (round % 3 == 2) {
      remove(table, model, keys);
    } else {
      add(table, model, keys);
    }
    most = std::max(most, model.size());
  }
  CHECK(most > 10'000);
  table.clear();
  CHECK(table.size() == 0);
  model.clear();
  add(table, model, make_keys(schema, {1, 2, 1, 101, 202}));
}

std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> recount(
    const std::vector<Row>& rows) {
  std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>> counts;
  for (const Row& row : rows) {
    auto& [count, sum] = counts[row[0].integer()];
    ++count;
    sum += row[1].integer();
  }
  return counts;
}

/// Rows of keys below `range` through both stages; returns rows that crossed between them.
std::uint64_t check_two_stages(std::uint64_t range, std::size_t rows, bool refuse) {
  const Schema schema = Schema::parse("k bigint, v bigint");
  AggregateSpec spec;
  spec.mode = OutputMode::complete;
  spec.keys = {0};
  spec.key_fields = {schema[0]};
  spec.aggregates = {aggregate_call(schema, "count", {"v"}), aggregate_call(schema, "sum", {"v"})};
  std::vector<OperatorTest::Step> steps;
  add_aggregation(steps, spec, Plan::two_stages);
  OperatorTest::Options options;
  options.partitions = 2;
  options.refuse = refuse;
  OperatorTest test(std::move(steps), schema, options);
  std::mt19937_64 random(range);
  std::vector<Row> all;
  while (all.size() < rows) {
    std::vector<Row> batch;
    for (int i = 0; i < 4096; ++i) {
      Row& row = batch.emplace_back();
      row.emplace_back(static_cast<std::int64_t>(random() % range));
      row.emplace_back(static_cast<std::int64_t>(random() % 1000));
    }
    test.process(batch);
    all.insert(all.end(), batch.begin(), batch.end());
  }
  const auto answer = test.barrier();
  CHECK((test.refusals() > 0) == refuse);
  const auto expected = recount(all);
  REQUIRE(answer.size() == expected.size());
  REQUIRE(answer.size() > batch_rows);
  for (const Row& row : answer) {
    const auto& [count, sum] = expected.at(row[0].integer());
    REQUIRE(row[1].integer() == count);
    REQUIRE(row[2].integer() == sum);
  }
  return test.rows_out(0);
}

}  // namespace

TEST_CASE("The table of groups agrees with a map, also when it grows and loses groups") {
  for (const char* schema : {"k bigint", "k string", "k bigint, s string", "a string, b string"}) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      compare_with_model(Schema::parse(schema), seed);
    }
  }
}

TEST_CASE("The partial stage flushes within an epoch and loses no row") {
  // Each of the 2 tasks sees all keys several times: more groups than it keeps.
  const std::size_t rows = 40 * 4096;
  const auto crossed = check_two_stages(20'000, rows, true);
  CHECK(crossed < rows);
  CHECK(crossed > 2 * 20'000);
}

TEST_CASE("The partial stage passes rows on where grouping saves little") {
  const std::size_t rows = 40 * 4096;
  CHECK(check_two_stages(10'000'000, rows, false) > rows * 9 / 10);
}
