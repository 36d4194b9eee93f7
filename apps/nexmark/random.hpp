#pragma once

#include <libstream/hash.hpp>

#include <cstdint>

namespace libstream::apps {

/// Seeded chance (splitmix64). One per event, so that any event can be made again by its number.
class SeededDraws final {
 public:
  SeededDraws(std::uint64_t seed, std::uint64_t number)
      : state_(mix(seed + 0x9e3779b97f4a7c15ULL, number ^ 0xd1b54a32d192ed03ULL)) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, limit).
  std::uint64_t below(std::uint64_t limit) {
    __extension__ using wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<wide>(next()) * limit) >> 64);
  }
  std::int64_t below_signed(std::int64_t limit) {
    return static_cast<std::int64_t>(below(static_cast<std::uint64_t>(limit)));
  }
  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace libstream::apps
