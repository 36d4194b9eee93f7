#include "digest.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace libstream {
namespace {

constexpr std::array<std::uint64_t, 80> sha512_rounds{
    0x428a2f98d728ae22ULL, 0x7137449123ef65cdULL, 0xb5c0fbcfec4d3b2fULL, 0xe9b5dba58189dbbcULL,
    0x3956c25bf348b538ULL, 0x59f111f1b605d019ULL, 0x923f82a4af194f9bULL, 0xab1c5ed5da6d8118ULL,
    0xd807aa98a3030242ULL, 0x12835b0145706fbeULL, 0x243185be4ee4b28cULL, 0x550c7dc3d5ffb4e2ULL,
    0x72be5d74f27b896fULL, 0x80deb1fe3b1696b1ULL, 0x9bdc06a725c71235ULL, 0xc19bf174cf692694ULL,
    0xe49b69c19ef14ad2ULL, 0xefbe4786384f25e3ULL, 0x0fc19dc68b8cd5b5ULL, 0x240ca1cc77ac9c65ULL,
    0x2de92c6f592b0275ULL, 0x4a7484aa6ea6e483ULL, 0x5cb0a9dcbd41fbd4ULL, 0x76f988da831153b5ULL,
    0x983e5152ee66dfabULL, 0xa831c66d2db43210ULL, 0xb00327c898fb213fULL, 0xbf597fc7beef0ee4ULL,
    0xc6e00bf33da88fc2ULL, 0xd5a79147930aa725ULL, 0x06ca6351e003826fULL, 0x142929670a0e6e70ULL,
    0x27b70a8546d22ffcULL, 0x2e1b21385c26c926ULL, 0x4d2c6dfc5ac42aedULL, 0x53380d139d95b3dfULL,
    0x650a73548baf63deULL, 0x766a0abb3c77b2a8ULL, 0x81c2c92e47edaee6ULL, 0x92722c851482353bULL,
    0xa2bfe8a14cf10364ULL, 0xa81a664bbc423001ULL, 0xc24b8b70d0f89791ULL, 0xc76c51a30654be30ULL,
    0xd192e819d6ef5218ULL, 0xd69906245565a910ULL, 0xf40e35855771202aULL, 0x106aa07032bbd1b8ULL,
    0x19a4c116b8d2d0c8ULL, 0x1e376c085141ab53ULL, 0x2748774cdf8eeb99ULL, 0x34b0bcb5e19b48a8ULL,
    0x391c0cb3c5c95a63ULL, 0x4ed8aa4ae3418acbULL, 0x5b9cca4f7763e373ULL, 0x682e6ff3d6b2b8a3ULL,
    0x748f82ee5defb2fcULL, 0x78a5636f43172f60ULL, 0x84c87814a1f0ab72ULL, 0x8cc702081a6439ecULL,
    0x90befffa23631e28ULL, 0xa4506cebde82bde9ULL, 0xbef9a3f7b2c67915ULL, 0xc67178f2e372532bULL,
    0xca273eceea26619cULL, 0xd186b8c721c0c207ULL, 0xeada7dd6cde0eb1eULL, 0xf57d4f7fee6ed178ULL,
    0x06f067aa72176fbaULL, 0x0a637dc5a2c898a6ULL, 0x113f9804bef90daeULL, 0x1b710b35131c471bULL,
    0x28db77f523047d84ULL, 0x32caab7b40c72493ULL, 0x3c9ebe0a15c9bebcULL, 0x431d67c49c100d4cULL,
    0x4cc5d4becb3e42b6ULL, 0x597f299cfc657e2aULL, 0x5fcb6fab3ad6faecULL, 0x6c44198c4a475817ULL};

constexpr std::array<std::uint64_t, 8> sha512_start{
    0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
    0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL};

constexpr std::array<std::uint64_t, 8> sha384_start{
    0xcbbb9d5dc1059ed8ULL, 0x629a292a367cd507ULL, 0x9159015a3070dd17ULL, 0x152fecd8f70e5939ULL,
    0x67332667ffc00b31ULL, 0x8eb44a8768581511ULL, 0xdb0c2e0d64f98fa7ULL, 0x47b5481dbefa4fa4ULL};

constexpr std::array<std::uint32_t, 64> md5_rounds{
    0xd76aa478U, 0xe8c7b756U, 0x242070dbU, 0xc1bdceeeU, 0xf57c0fafU, 0x4787c62aU, 0xa8304613U,
    0xfd469501U, 0x698098d8U, 0x8b44f7afU, 0xffff5bb1U, 0x895cd7beU, 0x6b901122U, 0xfd987193U,
    0xa679438eU, 0x49b40821U, 0xf61e2562U, 0xc040b340U, 0x265e5a51U, 0xe9b6c7aaU, 0xd62f105dU,
    0x02441453U, 0xd8a1e681U, 0xe7d3fbc8U, 0x21e1cde6U, 0xc33707d6U, 0xf4d50d87U, 0x455a14edU,
    0xa9e3e905U, 0xfcefa3f8U, 0x676f02d9U, 0x8d2a4c8aU, 0xfffa3942U, 0x8771f681U, 0x6d9d6122U,
    0xfde5380cU, 0xa4beea44U, 0x4bdecfa9U, 0xf6bb4b60U, 0xbebfbc70U, 0x289b7ec6U, 0xeaa127faU,
    0xd4ef3085U, 0x04881d05U, 0xd9d4d039U, 0xe6db99e5U, 0x1fa27cf8U, 0xc4ac5665U, 0xf4292244U,
    0x432aff97U, 0xab9423a7U, 0xfc93a039U, 0x655b59c3U, 0x8f0ccc92U, 0xffeff47dU, 0x85845dd1U,
    0x6fa87e4fU, 0xfe2ce6e0U, 0xa3014314U, 0x4e0811a1U, 0xf7537e82U, 0xbd3af235U, 0x2ad7d2bbU,
    0xeb86d391U};
/// Cuts a message into blocks of `size` bytes with the padding that MD5 and SHA share: a bit 1,
/// zeros, the length in bits in the last `length_size` bytes.
template <std::size_t size, class F>
void for_blocks(std::string_view message, bool big_endian, F&& f) {
  constexpr std::size_t length_size = size / 8;
  std::size_t at = 0;
  for (; at + size <= message.size(); at += size) f(message.data() + at);
  std::array<char, 2 * size> tail{};
  const std::size_t rest = message.size() - at;
  if (rest > 0) std::memcpy(tail.data(), message.data() + at, rest);
  tail[rest] = '\x80';
  const std::size_t total = rest + 1 + length_size <= size ? size : 2 * size;
  const std::uint64_t bits = std::uint64_t{message.size()} * 8;
  for (std::size_t i = 0; i < 8; ++i) {
    const std::size_t place = big_endian ? total - 1 - i : total - 8 + i;
    tail[place] = static_cast<char>(bits >> (8 * i));
  }
  for (std::size_t i = 0; i < total; i += size) f(tail.data() + i);
}

template <class T>
T big_endian_at(const char* bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value << 8 | static_cast<unsigned char>(bytes[i]));
  }
  return value;
}
template <class Words>
std::string big_endian_bytes(const Words& words) {
  std::string bytes;
  for (const auto word : words) {
    for (int shift = static_cast<int>(sizeof word) * 8 - 8; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<char>(word >> shift));
    }
  }
  return bytes;
}

/// SHA-256 and SHA-512 differ in the width of a word, the rounds and the rotations.
template <class T>
struct Sha2 {
  static constexpr bool wide = sizeof(T) == 8;
  static constexpr std::size_t rounds = wide ? 80 : 64;
  static T rotated(T x, int a, int b, int c) {
    return std::rotr(x, a) ^ std::rotr(x, b) ^ std::rotr(x, c);
  }
  static T shifted(T x, int a, int b, int c) { return std::rotr(x, a) ^ std::rotr(x, b) ^ x >> c; }
  /// Of 32-bit words: the upper half of the fractions that the 64-bit constants hold.
  static T constant(std::size_t i) { return static_cast<T>(sha512_rounds[i] >> (wide ? 0 : 32)); }

  static void block(std::array<T, 8>& state, const char* bytes) {
    std::array<T, rounds> w;
    for (std::size_t i = 0; i < 16; ++i) w[i] = big_endian_at<T>(bytes + i * sizeof(T));
    for (std::size_t i = 16; i < rounds; ++i) {
      const T low = wide ? shifted(w[i - 15], 1, 8, 7) : shifted(w[i - 15], 7, 18, 3);
      const T high = wide ? shifted(w[i - 2], 19, 61, 6) : shifted(w[i - 2], 17, 19, 10);
      w[i] = w[i - 16] + low + w[i - 7] + high;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < rounds; ++i) {
      const T one = h + (wide ? rotated(e, 14, 18, 41) : rotated(e, 6, 11, 25)) +
                    ((e & f) ^ (~e & g)) + constant(i) + w[i];
      const T two =
          (wide ? rotated(a, 28, 34, 39) : rotated(a, 2, 13, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
    }
    const std::array<T, 8> added{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state[i] += added[i];
  }
  static std::string digest(std::string_view message, std::array<T, 8> state, std::size_t size) {
    for_blocks<16 * sizeof(T)>(message, true, [&](const char* bytes) { block(state, bytes); });
    return big_endian_bytes(state).substr(0, size);
  }
};

}  // namespace

std::string sha2_digest(std::string_view bytes, std::int32_t bits) {
  std::array<std::uint32_t, 8> start;
  switch (bits) {
    case 224:  // the lower halves of what SHA-384 starts with
      for (std::size_t i = 0; i < 8; ++i) start[i] = static_cast<std::uint32_t>(sha384_start[i]);
      return Sha2<std::uint32_t>::digest(bytes, start, 28);
    case 0:
    case 256:  // the upper halves of what SHA-512 starts with
      for (std::size_t i = 0; i < 8; ++i) {
        start[i] = static_cast<std::uint32_t>(sha512_start[i] >> 32);
      }
      return Sha2<std::uint32_t>::digest(bytes, start, 32);
    case 384:
      return Sha2<std::uint64_t>::digest(bytes, sha384_start, 48);
    case 512:
      return Sha2<std::uint64_t>::digest(bytes, sha512_start, 64);
    default:
      return {};
  }
}

std::string sha1_digest(std::string_view message) {
  std::array<std::uint32_t, 5> state{0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U,
                                     0xc3d2e1f0U};
  for_blocks<64>(message, true, [&](const char* bytes) {
    std::array<std::uint32_t, 80> w;
    for (std::size_t i = 0; i < 16; ++i) w[i] = big_endian_at<std::uint32_t>(bytes + i * 4);
    for (std::size_t i = 16; i < 80; ++i) {
      w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    auto [a, b, c, d, e] = state;
    for (std::size_t i = 0; i < 80; ++i) {
      const std::uint32_t mixed = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999U
                                  : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1U
                                  : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcU
                                           : (b ^ c ^ d) + 0xca62c1d6U;
      const std::uint32_t next = std::rotl(a, 5) + mixed + e + w[i];
      e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
    }
    const std::array<std::uint32_t, 5> added{a, b, c, d, e};
    for (std::size_t i = 0; i < 5; ++i) state[i] += added[i];
  });
  return big_endian_bytes(state);
}

std::string md5_digest(std::string_view message) {
  static constexpr int rotations[4][4] = {
      {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  std::array<std::uint32_t, 4> state{0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U};
  for_blocks<64>(message, false, [&](const char* bytes) {
    std::array<std::uint32_t, 16> w;
    std::memcpy(w.data(), bytes, 64);
    auto [a, b, c, d] = state;
    for (std::size_t i = 0; i < 64; ++i) {
      const std::size_t round = i / 16;
      const std::uint32_t f = round == 0   ? (b & c) | (~b & d)
                              : round == 1 ? (d & b) | (~d & c)
                              : round == 2 ? b ^ c ^ d
                                           : c ^ (b | ~d);
      const std::size_t word = round == 0   ? i
                               : round == 1 ? (5 * i + 1) % 16
                               : round == 2 ? (3 * i + 5) % 16
                                            : (7 * i) % 16;
      const std::uint32_t sum = a + f + md5_rounds[i] + w[word];
      a = d, d = c, c = b, b += std::rotl(sum, rotations[round][i % 4]);
    }
    const std::array<std::uint32_t, 4> added{a, b, c, d};
    for (std::size_t i = 0; i < 4; ++i) state[i] += added[i];
  });
  std::string bytes(16, '\0');
  std::memcpy(bytes.data(), state.data(), 16);
  return bytes;
}

std::uint32_t crc32_checksum(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xedb88320U : 0);
      entries[i] = value;
    }
    return entries;
  }();
  std::uint32_t crc = ~0U;
  for (const char c : bytes) {
    crc = crc >> 8 ^ table[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  }
  return ~crc;
}

}  // namespace libstream
