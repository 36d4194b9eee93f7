#include <libstream/environment.hpp>
#include <libstream/error.hpp>
#include <libstream/wire.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>

using namespace libstream;

namespace {

Schema wide_schema() {
  return Schema::parse(
      "b boolean, s smallint NOT NULL, i int, l bigint, f float, d double, n decimal(10,2), "
      "w decimal(38,5), t string, x binary, y date, z timestamp, a array<string>, "
      "`odd ``name` struct<p: bigint, q: array<struct<r: string>>>");
}

std::vector<Row> random_rows(std::mt19937& random, std::size_t count) {
  const auto text = [&] { return Value(std::string(random() % 30, static_cast<char>(random()))); };
  std::vector<Row> rows;
  for (std::size_t n = 0; n < count; ++n) {
    const auto number = static_cast<std::int64_t>(random());
    ValueList list;
    ValueList structs;
    for (auto k = random() % 4; k > 0; --k) {
      list.push_back(random() % 5 == 0 ? Value() : text());
      structs.push_back(Value(ValueList{text()}));
    }
    Row row{Value(n % 2 == 0),
            Value(number % 30'000),
            Value(number % 2'000'000'000),
            Value(number * 1'000'000'007),
            Value(0.5),
            Value(n == 3 ? std::nan("") : 1e300),
            Value(int128{number}),
            Value(int128{number} * number * 1'000'000'000'000),
            text(),
            text(),
            Value(number % 100'000),
            Value(number),
            Value(list),
            Value(ValueList{Value(number), Value(structs)})};
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i != 1 && random() % 6 == 0) row[i] = nullptr;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

ErrorCode decode_error(const std::string& bytes) {
  Schema schema;
  try {
    decode_batches(bytes, schema);
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("decoded " << bytes.size() << " damaged bytes");
  return {};
}

}  // namespace

TEST_CASE("Batches of every type survive the wire, also slices and gathered rows") {
  for (const std::uint32_t seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const Schema schema = wide_schema();
    const BatchPtr whole = batch_of(schema, random_rows(random, 200));
    const std::vector<std::uint32_t> chosen{199, 0, 7, 7, 64};
    const std::vector<BatchPtr> batches{whole, slice(*whole, 3, 70), slice(*whole, 65, 1),
                                        slice(*whole, 5, 0), gather(*whole, chosen)};
    Schema found;
    const auto decoded = decode_batches(encode_batches(schema, batches), found);
    CHECK(found == schema);
    REQUIRE(decoded.size() == batches.size());
    for (std::size_t i = 0; i < batches.size(); ++i) {
      CAPTURE(i);
      CHECK(decoded[i]->rows == batches[i]->rows);
      CHECK(rows_of(*decoded[i]) == rows_of(*batches[i]));
    }
  }
}

TEST_CASE("Kind, event times, batches without columns and null columns survive the wire") {
  auto batch = std::make_shared<Batch>();
  batch->rows = 5;
  batch->kind = Batch::Kind::late_keys;
  batch->event_time = EventTimeRange{-7, 9};
  Schema schema;
  auto decoded = decode_batches(encode_batches({}, std::vector<BatchPtr>{batch}), schema);
  REQUIRE(decoded.size() == 1);
  CHECK(decoded[0]->rows == 5);
  CHECK(decoded[0]->kind == Batch::Kind::late_keys);
  REQUIRE(decoded[0]->event_time);
  CHECK(decoded[0]->event_time->min == -7);
  CHECK(decoded[0]->event_time->max == 9);

  const Schema nulls{{"n", TypeId::null}};
  decoded = decode_batches(
      encode_batches(nulls, std::vector<BatchPtr>{make_batch({Column::nulls(TypeId::null, 3)})}),
      schema);
  CHECK(schema == nulls);
  CHECK(rows_of(*decoded[0]) == std::vector<Row>{{nullptr}, {nullptr}, {nullptr}});
  CHECK(decode_batches(encode_batches(nulls, {}), schema).empty());
}

TEST_CASE("Equal batches have equal bytes, whatever memory they lie in") {
  std::mt19937 random(5);
  const Schema schema = wide_schema();
  const std::vector<Row> rows = random_rows(random, 100);
  const BatchPtr whole = batch_of(schema, rows);
  const BatchPtr part = batch_of(schema, {rows.begin() + 10, rows.begin() + 47});
  CHECK(encode_batches(schema, std::vector<BatchPtr>{slice(*whole, 10, 37)}) ==
        encode_batches(schema, std::vector<BatchPtr>{part}));
}

TEST_CASE("Every truncation, every flipped bit and every extension is found") {
  std::mt19937 random(9);
  const Schema schema = Schema::parse("k bigint, t string, a array<int>");
  const std::string good = encode_batches(
      schema,
      std::vector<BatchPtr>{batch_of(
          schema, {{1, "a string beyond twelve", ValueList{1, 2}}, {nullptr, "", nullptr}})});
  Schema found;
  CHECK(decode_batches(good, found).size() == 1);
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK(decode_error(good.substr(0, size)) == ErrorCode::corrupt);
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    CHECK(decode_error(bad) == ErrorCode::corrupt);
  }
  CHECK(decode_error(good + std::string(8, '\0')) == ErrorCode::corrupt);
}

TEST_CASE("Bodies that are wrong under a right checksum are refused, not followed") {
  // What a writer with a bug could store: the checksum is made anew after each change.
  std::mt19937 random(21);
  const Schema schema = wide_schema();
  const std::string good =
      encode_batches(schema, std::vector<BatchPtr>{batch_of(schema, random_rows(random, 3))});
  int refused = 0;
  for (int n = 0; n < 20'000; ++n) {
    std::string bad = good;
    for (auto k = random() % 3 + 1; k > 0; --k) {
      bad[24 + random() % (bad.size() - 24)] = static_cast<char>(random() % 4 ? 0xff : random());
    }
    const auto bytes = std::as_bytes(std::span<const char>(bad.data(), bad.size()));
    const std::uint32_t crc = crc32c(bytes.subspan(24), crc32c(bytes.first(16)));
    std::memcpy(bad.data() + 16, &crc, sizeof(crc));
    Schema found;
    try {
      for (const BatchPtr& batch : decode_batches(bad, found)) {
        CHECK(batch->columns.size() == found.size());
      }
    } catch (const Error& error) {
      ++refused;
      CHECK(error.code() == ErrorCode::corrupt);
    }
  }
  CHECK(refused > 1000);
}
