#pragma once

#include <libstream/buffer.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace libstream {

// Bitmaps of 64-bit words: bit i of word i / 64.

inline std::size_t bitmap_words(std::size_t rows) { return (rows + 63) / 64; }
inline std::shared_ptr<Buffer> allocate_bitmap(std::size_t rows) {
  return Buffer::allocate(bitmap_words(rows) * sizeof(std::uint64_t));
}
inline bool bit_at(const std::uint64_t* words, std::size_t row) {
  return ((words[row >> 6] >> (row & 63)) & 1) != 0;
}
inline void clear_bit(std::uint64_t* words, std::size_t row) {
  words[row >> 6] &= ~(std::uint64_t{1} << (row & 63));
}
inline void set_bit(std::uint64_t* words, std::size_t row) {
  words[row >> 6] |= std::uint64_t{1} << (row & 63);
}

/// One bit a byte (0 or 1): 8 bytes are gathered by one multiply. Over-reads up to 7 bytes.
inline std::uint64_t pack_eight(const std::uint8_t* bytes) {
  std::uint64_t eight;
  std::memcpy(&eight, bytes, sizeof eight);
  return ((eight & 0x0101010101010101ULL) * 0x0102040810204080ULL) >> 56;
}
/// Word `index` of the bitmap of boolean bytes; bits behind `rows` are zero.
inline std::uint64_t pack_word(const std::uint8_t* bytes, std::size_t index, std::size_t rows) {
  std::uint64_t word = 0;
  const std::size_t begin = index * 64;
  const std::size_t count = rows - begin < 64 ? rows - begin : 64;
  for (std::size_t i = 0; i < count; i += 8) word |= pack_eight(bytes + begin + i) << i;
  if (count < 64) word &= (std::uint64_t{1} << count) - 1;
  return word;
}

/// AND of two bitmaps, either may be absent.
BufferPtr combine_validity(const BufferPtr& a, const BufferPtr& b, std::size_t rows);
/// A copy to change, all valid where there is none.
std::shared_ptr<Buffer> copy_validity(const std::uint64_t* words, std::size_t rows);

/// Appends the numbers of the set bits of `word`, which begin at row `base`; branch-free for dense
/// words. Writes up to 8 entries behind the last one. Returns how many there are.
std::size_t append_rows(std::uint64_t word, std::uint32_t base, std::uint32_t* rows);

/// Rows whose boolean byte is 1 (and, with `validity`, which are not null).
void true_rows(const std::uint8_t* values, const std::uint64_t* validity, std::size_t rows,
               std::vector<std::uint32_t>& selected);

}  // namespace libstream
