#include "checksum_sink.hpp"
#include "event_source.hpp"
#include "generator.hpp"
#include "oracle.hpp"
#include "queries.hpp"
#include "reference.hpp"
#include "supply.hpp"
#include "words.hpp"

#include <libstream/error.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

using namespace libstream;
using namespace libstream::apps;

namespace {

constexpr std::uint64_t seed = 7;

GeneratorOptions options_with_seed(std::uint64_t value) {
  GeneratorOptions options;
  options.seed = value;
  return options;
}

std::vector<Row> read_all(EventSource& source, SourceReader& reader) {
  std::vector<Row> rows;
  while (auto range = source.plan(false)) {
    reader.open(range->units);
    while (BatchPtr batch = reader.next()) {
      for (Row& row : rows_of(*batch)) rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace

TEST_CASE("Of 50 events 1 is a person, 3 are auctions and 46 bids") {
  const Generator generator(options_with_seed(seed));
  const Events events = generator.generate(0, 5000);
  CHECK(events.persons->rows == 100);
  CHECK(events.auctions->rows == 300);
  CHECK(events.bids->rows == 4600);
  CHECK(Generator::bids(0, 5000) == 4600);
  CHECK(events.bids->columns.size() == Generator::bid_schema().size());
}

TEST_CASE("An event depends on the seed and its number alone") {
  const Generator generator(options_with_seed(seed));
  const auto whole = rows_of(*generator.generate(0, 1000).bids);
  const auto first = rows_of(*generator.generate(0, 333).bids);
  const auto second = rows_of(*Generator(options_with_seed(seed)).generate(333, 667).bids);
  CHECK(first.size() == Generator::bids(0, 333));
  std::vector<Row> joined = first;
  joined.insert(joined.end(), second.begin(), second.end());
  CHECK(joined == whole);
  CHECK(rows_of(*Generator(options_with_seed(seed + 1)).generate(0, 1000).bids) != whole);
}

TEST_CASE("Bids go to auctions and people that live, prices and texts have their ranges") {
  const Generator generator(options_with_seed(seed));
  const std::uint64_t first = 1'000'000;
  const Events events = generator.generate(first, 50'000);
  const std::int64_t newest = static_cast<std::int64_t>((first + 50'002) / 50) * 3 + 2;
  std::size_t hot = 0;
  double bytes = 0;
  for (const Row& bid : rows_of(*events.bids)) {
    const std::int64_t auction = bid[0].integer() - 1000;
    REQUIRE(auction >= static_cast<std::int64_t>(first / 50 * 3) - 200);
    REQUIRE(auction <= newest + 10);
    hot += auction % 100 == 0 ? 1U : 0U;
    REQUIRE(bid[2].integer() >= 100);
    REQUIRE(bid[2].integer() <= 100'000'000);
    REQUIRE(bid[6].text().size() >= 54);
    REQUIRE(bid[6].text().size() < 82);
    bytes += static_cast<double>(32 + bid[6].text().size());
  }
  const auto rows = static_cast<double>(events.bids->rows);
  CHECK(static_cast<double>(hot) / rows == doctest::Approx(0.5).epsilon(0.03));
  CHECK(bytes / rows == doctest::Approx(100).epsilon(0.02));
  for (const Row& auction : rows_of(*events.auctions)) {
    REQUIRE(auction[6].integer() > auction[5].integer());
    REQUIRE(auction[4].integer() > auction[3].integer());
  }
}

TEST_CASE("The pool is cycled with its event time shifted on") {
  const auto supply = bid_supply(options_with_seed(seed), false);
  const std::uint64_t cycle = supply->samples();
  CHECK(cycle * supply->rows(supply->events_per_batch()) * 88 >= pool_bytes);
  const ColumnPtr original = supply->batch(1)->columns[5];
  const ColumnPtr shifted = supply->batch(cycle + 1)->columns[5];
  const auto events = static_cast<std::int64_t>(cycle * supply->events_per_batch());
  for (std::size_t row = 0; row < original->size(); ++row) {
    REQUIRE(shifted->values<std::int64_t>()[row] ==
            original->values<std::int64_t>()[row] + events);  // 1 µs an event.
  }
  CHECK(supply->batch(cycle + 1)->columns[2] == supply->batch(1)->columns[2]);
}

TEST_CASE("Generated and pooled batches agree in the first cycle") {
  const auto pooled = bid_supply(options_with_seed(seed), false);
  const auto generated = bid_supply(options_with_seed(seed), true);
  for (const std::uint64_t number : {0U, 3U}) {
    CHECK(rows_of(*pooled->batch(number)) == rows_of(*generated->batch(number)));
  }
}

TEST_CASE("Words are distinct, short and as frequent as 1 / rank") {
  const WordGenerator words(seed, 1000);
  std::map<std::string, int> counts;
  const int draws = 400'000;
  for (const Row& row : rows_of(*words.generate(0, draws))) ++counts[row[0].text()];
  std::multiset<int, std::greater<>> ranked;
  for (const auto& [word, count] : counts) {
    REQUIRE(word.size() >= 2);
    REQUIRE(word.size() <= 11);
    ranked.insert(count);
  }
  CHECK(counts.size() > 990);
  const double first = *ranked.begin();
  CHECK(first / draws == doctest::Approx(1 / 7.4855).epsilon(0.03));
  CHECK(first / *std::next(ranked.begin()) == doctest::Approx(2).epsilon(0.05));
}

TEST_CASE("The source reads the same rows whatever its epochs and tasks, also after a restart") {
  const std::shared_ptr<const Supply> supply = bid_supply(options_with_seed(seed), true);
  const auto meter = std::make_shared<Meter>();
  const StateReader& state = empty_state();
  EventSourceOptions whole{.events = 20'011, .epoch_events = 1'000'000, .tasks = 1};
  EventSource one(supply, meter, whole);
  one.restore({}, state);
  const auto expected = read_all(one, *one.reader(0, 1));
  CHECK(expected.size() == Generator::bids(0, 20'011));
  CHECK(one.planned_events() == 20'011);

  EventSourceOptions small{.events = 20'011, .epoch_events = 5000, .tasks = 3};
  EventSource first(supply, meter, small);
  first.restore({}, state);
  const auto range = first.plan(false);
  REQUIRE(range);
  const auto reader = first.reader(0, 1);
  std::vector<Row> rows;
  reader->open(range->units);
  while (BatchPtr batch = reader->next()) {
    for (Row& row : rows_of(*batch)) rows.push_back(std::move(row));
  }
  EventSource second(supply, meter, small);
  second.restore(range->end, state);
  for (Row& row : read_all(second, *second.reader(0, 1))) rows.push_back(std::move(row));
  CHECK(rows == expected);
  CHECK_THROWS_AS(second.restore("{\"files\":3}", state), Error);
}

TEST_CASE("The checksum is the same for any order of rows and counts a commit once") {
  const Schema schema = Schema::parse("a bigint, s string");
  const auto batch = batch_of(schema, {{1, "x"}, {2, "yy"}, {3, nullptr}});
  const auto swapped = batch_of(schema, {{3, nullptr}, {1, "x"}, {2, "yy"}});
  const auto other = batch_of(schema, {{1, "x"}, {2, "y"}, {3, nullptr}});
  const auto checksum_of = [&](const BatchPtr& rows) {
    ChecksumSink sink(std::make_shared<Meter>());
    sink.set_schema(schema);
    const auto writer = sink.writer({});
    writer->start(Epoch{0});
    writer->write(rows);
    const std::vector<StagedHandle> handles = {writer->stage()};
    sink.commit(Epoch{0}, handles);
    sink.commit(Epoch{0}, handles);
    CHECK(sink.rows() == 3);
    return sink.checksum();
  };
  CHECK(checksum_of(batch) == checksum_of(swapped));
  CHECK(checksum_of(batch) != checksum_of(other));
}

TEST_CASE("The oracle finds a row that is missing, too much, or another") {
  const std::shared_ptr<const Supply> bids = bid_supply(options_with_seed(seed), true);
  const std::uint64_t events = 3000;
  const auto batch = slice(*bids->batch(0), 0, bids->rows(events));
  const auto number = [&](std::size_t c, std::size_t i) {
    return batch->columns[c]->values<std::int64_t>()[i];
  };
  // q19 with every bid: the ten highest of an auction are among them.
  CollectedRows rows;
  rows.add({batch});
  CHECK(difference("q19", {{"bids", bids}}, events, rows).empty());
  // q18 takes the last row of each pair.
  CHECK(difference("q18", {{"bids", bids}}, events, rows).empty());
  std::uint32_t top = 0;
  for (std::uint32_t i = 0; i < batch->rows; ++i) {
    if (number(2, i) > number(2, top)) top = i;
  }
  std::vector<std::uint32_t> others;
  for (std::uint32_t i = 0; i < batch->rows; ++i) {
    if (i != top) others.push_back(i);
  }
  CollectedRows missing;
  missing.add({gather(*batch, others)});
  CHECK(difference("q19", {{"bids", bids}}, events, missing).find("first difference") !=
        std::string::npos);
  CollectedRows twice;
  twice.add({batch, slice(*batch, top, 1)});
  CHECK(difference("q19", {{"bids", bids}}, events, twice).find("first difference") !=
        std::string::npos);
  CollectedRows strange;
  strange.add({batch, Generator(options_with_seed(seed + 1)).generate(0, 100).bids});
  CHECK(difference("q19", {{"bids", bids}}, events, strange).find("a row that is no bid") !=
        std::string::npos);
  CHECK_FALSE(difference("q15", {{"bids", bids}}, events, CollectedRows{}).empty());
}

TEST_CASE("The oracle of joins finds a pair that is missing, too much, or another") {
  Supplies supplies;
  supplies["auctions"] = event_supply(EventKind::auction, options_with_seed(seed), true);
  supplies["bids"] = event_supply(EventKind::bid, options_with_seed(seed), true);
  const std::uint64_t events = 3000;
  const auto found = [&](const CollectedRows& rows) {
    return difference("q20", supplies, events, rows).find("first difference") != std::string::npos;
  };
  CHECK(found(CollectedRows{}));
  // Pairs as a nested loop gives them.
  const auto bids = rows_of(*supplies["bids"]->batch(0));
  const auto auctions = rows_of(*supplies["auctions"]->batch(0));
  std::vector<Row> pairs;
  for (std::size_t i = 0; i < supplies["bids"]->rows(events); ++i) {
    for (std::size_t j = 0; j < supplies["auctions"]->rows(events); ++j) {
      if (bids[i][0] != auctions[j][0] || auctions[j][8] != Value(std::int64_t{10})) continue;
      pairs.push_back(bids[i]);
      pairs.back().insert(pairs.back().end(), auctions[j].begin() + 1, auctions[j].end());
    }
  }
  const auto schema = Schema::parse(
      "a bigint, b bigint, c bigint, d string, e string, f timestamp, g string, h string, i "
      "string, "
      "j bigint, k bigint, l timestamp, m timestamp, n bigint, o bigint, p string");
  const auto all = batch_of(schema, pairs);
  CollectedRows right;
  right.add({all});
  CHECK(difference("q20", supplies, events, right) == "");
  CollectedRows missing;
  missing.add({slice(*all, 1, all->rows - 1)});
  CHECK(found(missing));
  CollectedRows twice;
  twice.add({all, slice(*all, 0, 1)});
  CHECK(found(twice));
  pairs[0][2] = Value(std::int64_t{0});
  CollectedRows other;
  other.add({batch_of(schema, pairs)});
  CHECK(found(other));
}

TEST_CASE("There is a bare loop for each query and none for others") {
  const Supplies bids{{"bids", bid_supply(options_with_seed(seed), true)}};
  CHECK(reference_rate("q2", bids, 10).value() > 0);
  CHECK(reference_rate("q7", bids, 10).value() > 0);
  CHECK_FALSE(reference_rate("q99", bids, 10));
  for (const auto* query : {"q3", "q8", "q9", "q20"}) {
    Supplies supplies;
    for (const auto& [name, kind] :
         {std::pair("persons", EventKind::person), std::pair("auctions", EventKind::auction),
          std::pair("bids", EventKind::bid)}) {
      const auto& streams = streams_of(query);
      if (std::find(streams.begin(), streams.end(), name) == streams.end()) continue;
      supplies[name] = event_supply(kind, options_with_seed(seed), true);
    }
    CHECK(supplies.size() == 2);
    CHECK(reference_rate(query, supplies, 10) > 0.0);
  }
}
