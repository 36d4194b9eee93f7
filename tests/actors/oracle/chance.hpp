#pragma once

#include <libstream/environment.hpp>

#include <cstdint>
#include <iterator>
#include <memory>

namespace libstream::oracle {

/// The choices of a random case: the same seed makes the same ones.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_(seeded_random(seed)) {}

  std::uint64_t next() { return random_->next(); }
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(random_->next() % static_cast<std::uint64_t>(limit));
  }
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + below(most - least + 1);
  }
  bool one_in(std::int64_t n) { return below(n) == 0; }
  template <class List>
  const auto& of(const List& list) {
    return list[static_cast<std::size_t>(below(static_cast<std::int64_t>(std::size(list))))];
  }

 private:
  std::shared_ptr<Random> random_;
};

}  // namespace libstream::oracle
