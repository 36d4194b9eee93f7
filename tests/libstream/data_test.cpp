#include <libstream/batch.hpp>
#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/options.hpp>
#include <libstream/state.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

using namespace libstream;

TEST_CASE("a schema reads back what it prints") {
  const char* text =
      "id bigint NOT NULL, `a name` string, w struct<start: timestamp, `end`: timestamp>, "
      "tags array<struct<k: string, v: decimal(12,2)>>";
  const auto schema = Schema::parse(text);
  CHECK(schema.size() == 4);
  CHECK_FALSE(schema[0].nullable);
  CHECK(Schema::parse(schema.to_string()) == schema);
  CHECK(schema.find("ID") == 0U);
}

TEST_CASE("a wrong schema is refused with its place and a hint") {
  CHECK_THROWS_WITH_AS(Schema::parse("a bigit"), doctest::Contains("did you mean \"bigint\""),
                       Error);
  CHECK_THROWS_WITH_AS(Schema::parse("a int, A string"), doctest::Contains("occurs twice"), Error);
  CHECK_THROWS_WITH_AS(Schema::parse("a decimal(39,2)"), doctest::Contains("1 to 38"), Error);
  CHECK_THROWS_WITH_AS(Schema::parse("a array<int"), doctest::Contains("expected '>'"), Error);
}

namespace {

const Schema mixed = Schema::parse(
    "i int, b boolean, d double, s string, t timestamp, x decimal(30,4), a array<string>, "
    "r struct<p: bigint, q: string>");

std::vector<Row> random_rows(std::mt19937_64& random, std::size_t count) {
  std::vector<Row> rows;
  const auto maybe = [&](Value value) { return random() % 4 == 0 ? Value() : value; };
  const auto text = [&] {
    return std::string(random() % 30, static_cast<char>('a' + random() % 26));
  };
  for (std::size_t i = 0; i < count; ++i) {
    ValueList list;
    for (std::size_t n = random() % 4; n > 0; --n) list.push_back(maybe(text()));
    rows.push_back({maybe(static_cast<int>(random() % 100)), maybe(random() % 2 == 0),
                    maybe(static_cast<double>(random() % 1000) / 8), maybe(text()),
                    maybe(static_cast<std::int64_t>(random() % 1'000'000)),
                    maybe(static_cast<int128>(random()) * 1000), maybe(list),
                    maybe(ValueList{maybe(std::int64_t{7}), maybe(text())})});
  }
  return rows;
}

}  // namespace

TEST_CASE("batches give back their rows, also sliced, gathered and joined") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto rows = random_rows(random, 1 + random() % 200);
    const auto batch = batch_of(mixed, rows);
    REQUIRE(rows_of(*batch) == rows);

    const std::size_t begin = random() % rows.size();
    const std::size_t count = random() % (rows.size() - begin + 1);
    const auto part = slice(*batch, begin, count);
    REQUIRE(rows_of(*part) ==
            std::vector<Row>(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                             rows.begin() + static_cast<std::ptrdiff_t>(begin + count)));

    std::vector<std::uint32_t> chosen;
    std::vector<Row> expected;
    for (std::size_t i = 0; i < 50; ++i) {
      chosen.push_back(static_cast<std::uint32_t>(random() % rows.size()));
      expected.push_back(rows[chosen.back()]);
    }
    REQUIRE(rows_of(*gather(*batch, chosen)) == expected);
    if (count > 0) {
      std::vector<ColumnPtr> joined;
      for (std::size_t c = 0; c < mixed.size(); ++c) {
        const std::vector<ColumnPtr> parts{part->columns[c], batch->columns[c]};
        joined.push_back(concatenate(mixed[c].type, parts));
      }
      auto both = rows_of(*part);
      both.insert(both.end(), rows.begin(), rows.end());
      REQUIRE(rows_of(*make_batch(joined)) == both);
    }
  }
}

TEST_CASE("truncating a builder forgets rows and their nulls") {
  ColumnBuilder builder(DataType::array(TypeId::string));
  builder.child(0).append_string("kept");
  builder.append_array(1);
  builder.append_null();
  builder.child(0).append_string("dropped");
  builder.append_array(1);
  builder.truncate(1);
  builder.child(0).append_string("a text of more than twelve bytes");
  builder.append_array(1);
  const auto column = builder.finish();
  CHECK(column->value(0) == Value(ValueList{"kept"}));
  CHECK(column->value(1) == Value(ValueList{"a text of more than twelve bytes"}));
}

TEST_CASE("a builder without a row yet forgets the elements of one that was given up") {
  ColumnBuilder builder(Schema::parse("a array<struct<p: string, q: array<int>>>")[0].type);
  auto& element = builder.child(0);
  element.child(0).append_string("given up");
  element.child(1).child(0).append(std::int32_t{7});
  element.child(1).append_array(1);
  element.append_structure();
  builder.truncate(0);
  element.child(0).append_string("kept");
  element.child(1).append_array(0);
  element.append_structure();
  builder.append_array(1);
  CHECK(builder.finish()->value(0) == Value(ValueList{ValueList{"kept", ValueList{}}}));
}

TEST_CASE("equal keys have equal hashes, whatever batch they stand in") {
  const auto schema = Schema::parse("s string, d double, w struct<a: int>");
  const auto a = batch_of(schema, {{"x", 0.0, ValueList{1}}, {Value(), std::nan(""), Value()}});
  const auto b = batch_of(
      schema,
      {{"x", -0.0, ValueList{1}}, {Value(), -std::nan("1"), Value()}, {"y", 0.0, ValueList{1}}});
  const std::vector<std::uint32_t> keys{0, 1, 2};
  std::vector<std::uint64_t> first(2);
  std::vector<std::uint64_t> second(3);
  hash_keys(*a, keys, first);
  hash_keys(*b, keys, second);
  CHECK(first[0] == second[0]);
  CHECK(first[1] == second[1]);
  CHECK(second[0] != second[2]);
}

TEST_CASE("keys of the same values in other columns have other hashes") {
  const auto batch =
      batch_of(Schema::parse("a bigint, b bigint"), {{1, 2}, {2, 1}, {1, 1}, {2, 2}});
  const std::vector<std::uint32_t> keys{0, 1};
  std::vector<std::uint64_t> hashes(4);
  hash_keys(*batch, keys, hashes);
  std::sort(hashes.begin(), hashes.end());
  CHECK(std::adjacent_find(hashes.begin(), hashes.end()) == hashes.end());
}

TEST_CASE("key groups are owned by contiguous ranges of partitions") {
  for (std::uint32_t partitions = 1; partitions <= 9; ++partitions) {
    for (std::uint32_t p = 0; p < partitions; ++p) {
      for (auto g = first_group(p, 128, partitions); g < first_group(p + 1, 128, partitions); ++g) {
        CHECK(owner(g, 128, partitions) == p);
      }
    }
    CHECK(first_group(partitions, 128, partitions) == 128);
  }
}

TEST_CASE("timestamps, dates and durations read and print") {
  EventTime time = 0;
  CHECK(parse_timestamp("2013-01-01T10:15:00Z", time));
  CHECK(format_timestamp(time) == "2013-01-01T10:15:00Z");
  CHECK(parse_timestamp("1969-12-31 23:59:59.5", time));
  CHECK(time == -500'000);
  CHECK(format_timestamp(time) == "1969-12-31T23:59:59.500Z");
  CHECK(parse_timestamp("2020-02-29T00:00:00+02:00", time));
  CHECK(format_timestamp(time) == "2020-02-28T22:00:00Z");
  CHECK_FALSE(parse_timestamp("2021-02-29T00:00:00Z", time));
  CHECK_FALSE(parse_timestamp("2021-02-28T24:00:00Z", time));
  CHECK_FALSE(parse_timestamp("soon", time));
  CHECK(parse_duration("1 hour 30 minutes") == 5'400'000'000);
  CHECK(parse_duration("INTERVAL 500 ms") == 500'000);
  CHECK(parse_duration("-0.5 seconds") == -500'000);
  CHECK_THROWS_WITH_AS(parse_duration("1 month"), doctest::Contains("no fixed length"), Error);
  CHECK_THROWS_WITH_AS(parse_duration("10 secs"), doctest::Contains("unknown unit \"secs\""),
                       Error);
  CHECK_THROWS_AS(parse_duration(""), Error);
  CHECK(floor_to_milliseconds(-1) == -1);
  CHECK(floor_to_milliseconds(-1000) == -1);
  CHECK(floor_to_milliseconds(1999) == 1);
  CHECK(Watermark{10}.covers(10'000));
  CHECK_FALSE(Watermark{10}.covers(10'001));
}

TEST_CASE("entries appended in bulk are those written one by one") {
  const std::vector<std::string> keys{"", "a", "long key"};
  const std::vector<std::uint32_t> key_groups{0, 7, 127};
  ChangelogWriter one_by_one;
  ChangelogWriter bulk;
  for (const bool puts : {true, false}) {
    std::vector<ChangelogWriter::Part> key_parts;
    std::vector<ChangelogWriter::Part> value_parts;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      key_parts.push_back({static_cast<std::uint32_t>(keys[i].size()), nullptr});
      if (puts) value_parts.push_back({static_cast<std::uint32_t>(i), nullptr});
      if (puts) one_by_one.put(key_groups[i], keys[i], std::string(i, 'v'));
      if (!puts) one_by_one.erase(key_groups[i], keys[i]);
    }
    ChangelogWriter part;
    part.append(key_groups, key_parts, value_parts);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      keys[i].copy(key_parts[i].bytes, keys[i].size());
      if (puts) std::fill_n(value_parts[i].bytes, i, 'v');
    }
    bulk.append(std::move(part));
  }
  bulk.reserve(std::size_t{8} << 20);
  CHECK(bulk.entries() == 6);
  CHECK(bulk.entries() == one_by_one.entries());
  CHECK(bulk.bytes() == one_by_one.bytes());
}

TEST_CASE("a changelog reads back, and a cut one is noticed") {
  ChangelogWriter writer;
  writer.erase_below(2, 5, "floor");
  writer.put(3, "key", "value");
  writer.erase(127, std::string("\0x", 2));
  const auto bytes = writer.take();
  std::string seen;
  std::string entries;
  read_changelog(bytes, [&](const Change& change) {
    seen += std::string("-+_").substr(static_cast<std::size_t>(change.kind), 1) +
            std::to_string(change.key_group) + std::string(change.key) + std::string(change.value);
    if (change.kind == ChangeKind::floor) seen += std::to_string(change.last_group);
    seen += ";";
    entries += change.bytes;
  });
  CHECK(entries == bytes);
  CHECK(seen == "_2floor5;+3keyvalue;-127" + std::string("\0x", 2) + ";");
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    const bool boundary = cut == 14 || cut == 33;  // behind the first and the second entry
    if (boundary) continue;
    CHECK_THROWS_AS(read_changelog(std::string_view(bytes).substr(0, cut), [](const Change&) {}),
                    Error);
  }
}

TEST_CASE("a floor behind another entry, and an unknown kind, are no changelog") {
  ChangelogWriter floor;
  floor.erase_below(0, 3, "k");
  ChangelogWriter put;
  put.put(1, "k", "v");
  const auto read = [](const std::string& bytes) {
    std::size_t entries = 0;
    read_changelog(bytes, [&](const Change&) { ++entries; });
    return entries;
  };
  CHECK(read(floor.bytes() + put.bytes()) == 2);
  CHECK_THROWS_AS(read(put.bytes() + floor.bytes()), Error);
  auto unknown = put.bytes();
  unknown[0] = 3;
  CHECK_THROWS_AS(read(unknown), Error);
}

TEST_CASE("options are found without regard to case and unknown ones are refused") {
  Options options;
  options.set("maxFilesPerTrigger", "12");
  CHECK(options.integer("MAXFILESPERTRIGGER") == 12);
  CHECK_NOTHROW(options.check_known({"maxFilesPerTrigger"}, "the file source"));
  CHECK_THROWS_WITH_AS(options.check_known({"maxFilePerTrigger"}, "the file source"),
                       doctest::Contains("did you mean"), Error);
  options.set("header", "yes");
  CHECK_THROWS_AS(options.boolean("header", false), Error);
}
