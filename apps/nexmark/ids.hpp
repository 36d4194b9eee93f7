#pragma once

#include <libstream/hash.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace libstream::apps {

/// Numbers keys in the order in which they first come.
class Ids final {
 public:
  Ids() : slots_(1U << 12) {}

  std::uint32_t count() const { return count_; }
  const std::vector<std::uint32_t>& find(const std::uint64_t* keys, std::size_t rows) {
    ids_.resize(std::max(ids_.size(), rows));
    for (std::size_t i = 0; i < rows; i += block) {
      const std::size_t n = std::min(block, rows - i);
      while ((count_ + n) * 2 > slots_.size()) grow();
      for (std::size_t j = 0; j < n; ++j) {
        places_[j] = hash_word(keys[i + j]) & (slots_.size() - 1);
        __builtin_prefetch(&slots_[places_[j]]);
      }
      for (std::size_t j = 0; j < n; ++j) ids_[i + j] = find_one(keys[i + j], places_[j]);
    }
    return ids_;
  }
  const std::vector<std::uint32_t>& find(const std::int64_t* keys, std::size_t rows) {
    return find(reinterpret_cast<const std::uint64_t*>(keys), rows);
  }

 private:
  static constexpr std::size_t block = 256;
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t id = 0;  ///< 0: free; one more than the number otherwise
  };

  std::uint32_t find_one(std::uint64_t key, std::size_t place) {
    for (;; place = (place + 1) & (slots_.size() - 1)) {
      Slot& slot = slots_[place];
      if (slot.id != 0 && slot.key == key) return slot.id - 1;
      if (slot.id != 0) continue;
      slot = {key, ++count_};
      return count_ - 1;
    }
  }
  void grow() {
    std::vector<Slot> slots(slots_.size() * 2);
    for (const Slot& slot : slots_) {
      if (slot.id == 0) continue;
      std::size_t place = hash_word(slot.key) & (slots.size() - 1);
      while (slots[place].id != 0) place = (place + 1) & (slots.size() - 1);
      slots[place] = slot;
    }
    slots_ = std::move(slots);
  }

  std::vector<Slot> slots_;
  std::uint32_t count_ = 0;
  std::vector<std::uint32_t> ids_;
  std::array<std::size_t, block> places_{};
};

template <class T>
T& at(std::vector<T>& values, std::uint32_t id) {
  if (id >= values.size()) values.resize(std::max<std::size_t>(2 * values.size(), id + 1));
  return values[id];
}

}  // namespace libstream::apps
