// Keys of all types and widths in the table of groups, against a map from their encoded form: found
// again, given back as columns and bytes, removed; also where many keys have the same hash.
#include "../support/operator_test.hpp"
#include "group_table.hpp"

#include <libstream/hash.hpp>
#include <libstream/value_codec.hpp>

#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <string>

using namespace libstream;
using namespace libstream::test;

namespace {

using Random = std::mt19937_64;

Value random_number(const DataType& type, Random& random) {
  const std::int64_t small = static_cast<std::int64_t>(random() % 4) - 1;
  if (type.id() == TypeId::decimal) return int128(small) << (type.is_wide_decimal() ? 70 : 3);
  // The same low bits in different values, and the other way round.
  const std::int64_t steps[] = {1, 0x100, 0x10000, std::int64_t{1} << 40};
  if (type.width() == 1) return random() % 2 == 0;
  return small * steps[random() % (type.width() == 2 ? 2 : type.width() == 4 ? 3 : 4)];
}

Value random_value(const DataType& type, Random& random) {
  if (random() % 6 == 0) return {};
  switch (type.id()) {
    case TypeId::float32:
    case TypeId::float64: {
      const double values[] = {0.0, -0.0, std::nan(""), -std::nan("7"), 1.5, -1.5};
      return values[random() % 6];
    }
    case TypeId::string:
    case TypeId::binary: {
      // Short, just inline, and long ones that differ at their ends only.
      const std::size_t lengths[] = {0, 3, 11, 12, 19, 40};
      return std::string(lengths[random() % 6], 'x') + static_cast<char>('a' + random() % 3);
    }
    case TypeId::array:
      return ValueList{random_value(type.fields()[0].type, random)};
    case TypeId::structure: {
      ValueList values;
      for (const Field& field : type.fields()) values.push_back(random_value(field.type, random));
      return values;
    }
    default:
      return random_number(type, random);
  }
}

struct Keys {
  std::vector<ColumnPtr> columns;
  std::vector<std::string> names;  ///< the encoded form
  std::vector<std::uint64_t> hashes;
};

std::vector<std::string> encoded(const std::vector<ColumnPtr>& columns, std::size_t rows) {
  std::vector<std::string> bytes(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    for (const ColumnPtr& column : columns) encode_value(*column, i, bytes[i]);
  }
  return bytes;
}

std::vector<std::uint64_t> hashes_of(const std::vector<ColumnPtr>& columns, std::size_t rows,
                                     std::uint64_t hash_mask) {
  std::vector<std::uint32_t> all(columns.size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<std::uint64_t> hashes(rows);
  hash_keys(*make_batch(columns, rows), all, hashes);
  for (std::uint64_t& hash : hashes) hash &= hash_mask;
  return hashes;
}

Keys random_keys(const Schema& schema, Random& random, std::uint64_t hash_mask) {
  const std::size_t rows = 1 + random() % 300;
  Keys keys;
  for (const Field& field : schema.fields()) {
    ColumnBuilder builder(field.type);
    // Now and then a column without nulls, at all or at its top.
    const bool nulls = random() % 3 != 0;
    for (std::size_t i = 0; i < rows; ++i) {
      Value value = random_value(field.type, random);
      while (value.is_null() && !nulls) value = random_value(field.type, random);
      builder.append_value(value);
    }
    keys.columns.push_back(builder.finish());
  }
  keys.names = encoded(keys.columns, rows);
  keys.hashes = hashes_of(keys.columns, rows, hash_mask);
  return keys;
}

using Model = std::map<std::string, GroupTable::Group>;

void check_contents(const GroupTable& table, const Model& model, std::uint64_t hash_mask,
                    const std::map<std::string, std::uint64_t>& hashes) {
  REQUIRE(table.size() == model.size());
  std::vector<GroupTable::Group> groups;
  std::vector<std::string> names;
  for (const auto& [name, group] : model) {
    names.push_back(name);
    groups.push_back(group);
    std::string bytes = "before";
    table.encode_key(group, bytes);
    REQUIRE(bytes == "before" + name);
  }
  const auto columns = table.keys(groups);
  REQUIRE(encoded(columns, groups.size()) == names);
  // What comes out of the table hashes like what went in: state is filed under it.
  const auto again = hashes_of(columns, groups.size(), hash_mask);
  for (std::size_t i = 0; i < names.size(); ++i) REQUIRE(again[i] == hashes.at(names[i]));
}

void compare_with_model(const char* text, std::uint64_t seed, std::uint64_t hash_mask) {
  CAPTURE(text);
  CAPTURE(seed);
  CAPTURE(hash_mask);
  const Schema schema = Schema::parse(text);
  Random random(seed);
  GroupTable table(schema.fields(), 8);
  Model model;
  std::map<std::string, std::uint64_t> hashes;
  for (int round = 0; round < 20; ++round) {
    const Keys keys = random_keys(schema, random, hash_mask);
    table.find(keys.columns, keys.names.size(), keys.hashes.data());
    for (std::size_t i = 0; i < keys.names.size(); ++i) {
      hashes[keys.names[i]] = keys.hashes[i];
      const auto group = table.groups()[i];
      REQUIRE(model.try_emplace(keys.names[i], group).first->second == group);
      // State and count of the row leave the key alone.
      *reinterpret_cast<std::uint64_t*>(table.rows()[i] + table.state_offset()) = ~seed;
      table.header(group) += std::uint64_t{1} << GroupHeader::rows_shift;
    }
    check_contents(table, model, hash_mask, hashes);
    std::vector<GroupTable::Group> gone;
    std::vector<std::uint64_t> gone_hashes;
    for (auto entry = model.begin(); entry != model.end();) {
      if (random() % 4 != 0) {
        ++entry;
        continue;
      }
      gone.push_back(entry->second);
      gone_hashes.push_back(hashes.at(entry->first));
      entry = model.erase(entry);
    }
    table.erase(gone, gone_hashes.data());
  }
}

}  // namespace

TEST_CASE("The table keeps keys of every type and width") {
  const char* schemas[] = {
      "a bigint, b bigint",
      "a bigint, w struct<start: timestamp, end: timestamp>",
      "a int, b boolean, c smallint, d date",
      "a boolean",
      "a double",
      "a float, b double",
      "a decimal(38,2), b int",
      "a string, b bigint",
      "a string, w struct<start: timestamp, end: timestamp>",
      "a boolean, b string, c smallint, d int",
      "a string, b string",
      "w struct<a: int, s: struct<b: string, c: double>>",
      "a binary, b decimal(12,3), c boolean",
      // Too wide, too many nulls, no fixed layout: encoded.
      "a bigint, b bigint, c bigint, d bigint, e bigint",
      "a boolean, b boolean, c boolean, d boolean, e boolean, f boolean, g boolean, h boolean, "
      "i boolean",
      "a array<int>, b bigint",
      "a string, b string, c string",
  };
  for (const char* schema : schemas) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      compare_with_model(schema, seed, ~std::uint64_t{0});
      compare_with_model(schema, seed, 7);  // hashes that tell nothing
    }
  }
}
