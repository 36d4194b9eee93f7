#pragma once

#include <libstream/batch.hpp>

#include <cstdint>
#include <span>

namespace libstream {

/// Name of the key hash below; recorded in the checkpoint, never changed under that name.
inline constexpr const char* key_hash_id = "ls-mum-2";
/// Key groups unless the session says otherwise; recorded in the checkpoint.
inline constexpr std::uint32_t default_key_groups = 128;

/// Mixes 128 bits to 64: the high and low half of the product, folded.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using wide = unsigned __int128;
  const wide product = static_cast<wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
inline std::uint64_t hash_word(std::uint64_t word) {
  return mix(word ^ 0xe7037ed1a0b428dbULL, 0x8ebc6af09c88c6e3ULL);
}
std::uint64_t hash_bytes(std::string_view bytes);

/// Hashes the exact key values of each row: equal keys (null = null, -0.0 = 0.0, NaN = NaN) have
/// equal hashes on every machine. With no key columns every row hashes alike.
/// Shape: `hashes` has batch.rows values.
void hash_keys(const Batch& batch, std::span<const std::uint32_t> key_columns,
               std::span<std::uint64_t> hashes);

/// Key group of a hash: its top bits, so that tables can use the low ones.
inline std::uint32_t key_group(std::uint64_t hash, std::uint32_t groups) {
  __extension__ using wide = unsigned __int128;
  return static_cast<std::uint32_t>((static_cast<wide>(hash) * groups) >> 64);
}
/// Partition that owns a key group, and the first group of a partition: contiguous ranges.
inline std::uint32_t owner(std::uint32_t group, std::uint32_t groups, std::uint32_t partitions) {
  return static_cast<std::uint32_t>(std::uint64_t{group} * partitions / groups);
}
inline std::uint32_t first_group(std::uint32_t partition, std::uint32_t groups,
                                 std::uint32_t partitions) {
  return static_cast<std::uint32_t>((std::uint64_t{partition} * groups + partitions - 1) /
                                    partitions);
}

}  // namespace libstream
