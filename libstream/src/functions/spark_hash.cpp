#include "spark_hash.hpp"

#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

#include <xxhash.h>

#include <array>
#include <bit>
#include <cstring>

namespace libstream {
namespace {

std::uint32_t scramble(std::uint32_t word) {
  word *= 0xcc9e2d51U;
  return std::rotl(word, 15) * 0x1b873593U;
}
std::uint32_t mixed(std::uint32_t hash, std::uint32_t word) {
  return std::rotl(hash ^ scramble(word), 13) * 5 + 0xe6546b64U;
}
std::uint32_t finished(std::uint32_t hash, std::uint32_t length) {
  hash ^= length;
  hash = (hash ^ (hash >> 16)) * 0x85ebca6bU;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35U;
  return hash ^ (hash >> 16);
}

struct Xxhash64 {
  using Hash = std::uint64_t;
  static Hash word(std::uint32_t value, Hash seed) { return XXH64(&value, sizeof value, seed); }
  static Hash word(std::uint64_t value, Hash seed) { return XXH64(&value, sizeof value, seed); }
  static Hash bytes(std::string_view text, Hash seed) {
    return XXH64(text.data(), text.size(), seed);
  }
};
struct Murmur3 {
  using Hash = std::uint32_t;
  static Hash word(std::uint32_t value, Hash seed) { return finished(mixed(seed, value), 4); }
  static Hash word(std::uint64_t value, Hash seed) {
    const Hash low = mixed(seed, static_cast<std::uint32_t>(value));
    return finished(mixed(low, static_cast<std::uint32_t>(value >> 32)), 8);
  }
  static Hash bytes(std::string_view text, Hash seed) { return spark_murmur3_bytes(text, seed); }
};

/// The fewest bytes of two's complement, highest first, as Java writes a BigInteger.
std::string_view big_endian(int128 value, std::array<char, 16>& buffer) {
  for (std::size_t i = 0; i < 16; ++i) {
    buffer[i] = static_cast<char>(static_cast<std::uint8_t>(value >> (8 * (15 - i))));
  }
  std::size_t begin = 0;
  const char sign = value < 0 ? '\xff' : '\0';
  while (begin < 15 && buffer[begin] == sign && ((buffer[begin + 1] ^ sign) & 0x80) == 0) ++begin;
  return {buffer.data() + begin, 16 - begin};
}

template <class Function>
typename Function::Hash hash_value(const Column& column, std::size_t row,
                                   typename Function::Hash seed) {
  const auto narrow = [&](std::int64_t value) {
    return Function::word(static_cast<std::uint32_t>(value), seed);
  };
  const auto wide = [&](std::int64_t value) {
    return Function::word(static_cast<std::uint64_t>(value), seed);
  };
  switch (column.type().id()) {
    case TypeId::null:
      return seed;
    case TypeId::boolean:
      return narrow(column.values<std::uint8_t>()[row]);
    case TypeId::smallint:
      return narrow(column.values<std::int16_t>()[row]);
    case TypeId::integer:
    case TypeId::date:
    case TypeId::month_interval:
      return narrow(column.values<std::int32_t>()[row]);
    case TypeId::bigint:
    case TypeId::timestamp:
    case TypeId::day_interval:
      return wide(column.values<std::int64_t>()[row]);
    case TypeId::float32:
      return Function::word(canonical_bits(column.values<float>()[row]), seed);
    case TypeId::float64:
      return Function::word(canonical_bits(column.values<double>()[row]), seed);
    case TypeId::decimal: {
      if (!column.type().is_wide_decimal()) return wide(column.values<std::int64_t>()[row]);
      std::array<char, 16> buffer;
      return Function::bytes(big_endian(column.values<int128>()[row], buffer), seed);
    }
    case TypeId::string:
    case TypeId::binary:
      return Function::bytes(column.string(row), seed);
    case TypeId::array: {
      const Column& elements = *column.child(0);
      const auto end = static_cast<std::size_t>(column.offsets()[row + 1]);
      for (auto i = static_cast<std::size_t>(column.offsets()[row]); i < end; ++i) {
        if (!elements.is_null(i)) seed = hash_value<Function>(elements, i, seed);
      }
      return seed;
    }
    case TypeId::structure:
      for (std::size_t f = 0; f < column.children(); ++f) {
        const Column& field = *column.child(f);
        if (!field.is_null(row)) seed = hash_value<Function>(field, row, seed);
      }
      return seed;
  }
  LIBSTREAM_ASSERT(false, "a type that cannot be hashed");
  return seed;
}

}  // namespace

std::uint64_t spark_xxhash64(const Column& column, std::size_t row, std::uint64_t seed) {
  return hash_value<Xxhash64>(column, row, seed);
}
std::uint32_t spark_murmur3(const Column& column, std::size_t row, std::uint32_t seed) {
  return hash_value<Murmur3>(column, row, seed);
}

std::uint32_t spark_murmur3_bytes(std::string_view bytes, std::uint32_t seed) {
  std::uint32_t hash = seed;
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t word;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    hash = mixed(hash, word);
  }
  for (; at < bytes.size(); ++at) {
    hash = mixed(hash, static_cast<std::uint32_t>(static_cast<signed char>(bytes[at])));
  }
  return finished(hash, static_cast<std::uint32_t>(bytes.size()));
}

}  // namespace libstream
