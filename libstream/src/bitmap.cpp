#include "bitmap.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace libstream {
namespace {

/// For every byte the numbers of its set bits.
constexpr auto set_bits = [] {
  std::array<std::array<std::uint8_t, 8>, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::size_t count = 0;
    for (unsigned bit = 0; bit < 8; ++bit) {
      if ((byte >> bit) & 1) table[byte][count++] = static_cast<std::uint8_t>(bit);
    }
  }
  return table;
}();

}  // namespace

BufferPtr combine_validity(const BufferPtr& a, const BufferPtr& b, std::size_t rows) {
  if (!a || a == b) return b;
  if (!b) return a;
  const auto combined = allocate_bitmap(rows);
  const auto* x = a->as<std::uint64_t>();
  const auto* y = b->as<std::uint64_t>();
  auto* words = combined->as<std::uint64_t>();
  for (std::size_t i = 0; i < bitmap_words(rows); ++i) words[i] = x[i] & y[i];
  return combined;
}

std::shared_ptr<Buffer> copy_validity(const std::uint64_t* words, std::size_t rows) {
  auto copy = allocate_bitmap(rows);
  const std::size_t bytes = bitmap_words(rows) * sizeof(std::uint64_t);
  if (words != nullptr) {
    std::memcpy(copy->data(), words, bytes);
  } else {
    std::memset(copy->data(), 0xFF, bytes);
  }
  return copy;
}

std::size_t append_rows(std::uint64_t word, std::uint32_t base, std::uint32_t* rows) {
  std::size_t count = 0;
  // Few bits: walk them; many: a table a byte.
  if (std::popcount(word) < 12) {
    while (word != 0) {
      rows[count++] = base + static_cast<std::uint32_t>(std::countr_zero(word));
      word &= word - 1;
    }
    return count;
  }
  for (std::uint32_t i = 0; i < 64; i += 8) {
    const auto byte = static_cast<std::uint8_t>(word >> i);
    const auto& bits = set_bits[byte];
    for (std::size_t j = 0; j < 8; ++j) rows[count + j] = base + i + bits[j];
    count += static_cast<std::size_t>(std::popcount(byte));
  }
  return count;
}

void true_rows(const std::uint8_t* values, const std::uint64_t* validity, std::size_t rows,
               std::vector<std::uint32_t>& selected) {
  if (selected.size() < rows + 8) selected.resize(rows + 8);
  std::uint32_t* out = selected.data();
  std::size_t count = 0;
  for (std::size_t i = 0; i < bitmap_words(rows); ++i) {
    std::uint64_t word = pack_word(values, i, rows);
    if (validity != nullptr) word &= validity[i];
    count += append_rows(word, static_cast<std::uint32_t>(i * 64), out + count);
  }
  selected.resize(count);
}

}  // namespace libstream
