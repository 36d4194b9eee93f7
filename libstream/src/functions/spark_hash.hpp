#pragma once

#include <libstream/column.hpp>

#include <cstdint>
#include <string_view>

namespace libstream {

// Hashes that agree with those of Spark SQL, so that results can be compared across systems.

/// xxHash64 of a value that is not null, chained by the seed.
std::uint64_t spark_xxhash64(const Column& column, std::size_t row, std::uint64_t seed);
/// Murmur3 (x86, 32 bits); tail bytes one by one, as Spark has them.
std::uint32_t spark_murmur3(const Column& column, std::size_t row, std::uint32_t seed);
std::uint32_t spark_murmur3_bytes(std::string_view bytes, std::uint32_t seed);

}  // namespace libstream
