#include "change_order.hpp"

#include <algorithm>
#include <cstring>

namespace libstream::checkpoint {
namespace {

/// The first bytes of a key as numbers that compare like them: most comparisons end here, without
/// a look at the key.
struct Begin {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint32_t number = 0;
};

std::uint64_t eight_bytes(std::string_view bytes) {
  std::uint64_t word = 0;
  if (!bytes.empty()) std::memcpy(&word, bytes.data(), std::min<std::size_t>(bytes.size(), 8));
  return __builtin_bswap64(word);
}

Begin begin_of(std::string_view key, std::uint32_t number) {
  return {eight_bytes(key), eight_bytes(key.substr(std::min<std::size_t>(key.size(), 8))), number};
}

}  // namespace

std::vector<std::uint32_t> order_of(const std::vector<Change>& changes) {
  // Key groups first, by counting: what is left to sort fits the cache.
  std::vector<std::size_t> ends;
  for (const auto& change : changes) {
    if (ends.size() <= change.key_group) ends.resize(change.key_group + std::size_t{1});
    ++ends[change.key_group];
  }
  std::size_t total = 0;
  for (auto& end : ends) {
    const std::size_t count = end;
    end = total;  // the start for now; filling makes it the end
    total += count;
  }
  std::vector<Begin> begins(changes.size());
  for (std::uint32_t i = 0; i < changes.size(); ++i) {
    begins[ends[changes[i].key_group]++] = begin_of(changes[i].key, i);
  }
  const auto less = [&changes](const Begin& a, const Begin& b) {
    if (a.high != b.high) return a.high < b.high;
    if (a.low != b.low) return a.low < b.low;
    return changes[a.number].key < changes[b.number].key;
  };
  std::size_t start = 0;
  for (const std::size_t end : ends) {
    std::sort(begins.begin() + static_cast<std::ptrdiff_t>(start),
              begins.begin() + static_cast<std::ptrdiff_t>(end), less);
    start = end;
  }
  std::vector<std::uint32_t> order(changes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = begins[i].number;
  return order;
}

}  // namespace libstream::checkpoint
