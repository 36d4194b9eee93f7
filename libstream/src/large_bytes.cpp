#include <libstream/large_bytes.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <mutex>
#include <sys/mman.h>
#include <utility>
#include <vector>

namespace libstream {
namespace {

constexpr std::size_t large_least = std::size_t{1} << 20;

/// In steps of an eighth to a quarter, so that what was made for one epoch is large enough for the
/// next, which differs a little. What is not written to takes no memory.
std::size_t rounded(std::size_t capacity) {
  const std::size_t step = std::bit_floor(capacity) / 8;
  return (capacity / step + 2) * step;
}

class Kept final {
 public:
  /// The smallest that is large enough and not much too large.
  std::string take(std::size_t capacity) {
    const std::lock_guard lock(mutex_);
    const auto found = std::lower_bound(
        strings_.begin(), strings_.end(), capacity,
        [](const std::string& kept, std::size_t wanted) { return kept.capacity() < wanted; });
    if (found == strings_.end() || found->capacity() / 4 > capacity) return {};
    std::string taken = std::move(*found);
    strings_.erase(found);
    bytes_ -= taken.capacity();
    return taken;
  }

  void keep(std::string&& bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes.capacity() > kept_large_bytes) return;
    // What nobody has asked for is most likely too small.
    while (bytes_ + bytes.capacity() > kept_large_bytes) {
      bytes_ -= strings_.front().capacity();
      strings_.erase(strings_.begin());
    }
    bytes.clear();
    bytes_ += bytes.capacity();
    const auto place = std::lower_bound(
        strings_.begin(), strings_.end(), bytes.capacity(),
        [](const std::string& kept, std::size_t size) { return kept.capacity() < size; });
    strings_.insert(place, std::move(bytes));
  }

  static Kept& of_process() {
    static Kept kept;
    return kept;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> strings_;  // by capacity
  std::size_t bytes_ = 0;
};

/// Filling small pages for the first time costs more than what is written there. Only advice.
void advise(const std::string& bytes) {
  constexpr std::size_t page = std::size_t{2} << 20;
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const auto begin = (address + page - 1) / page * page;
  const auto end = (address + bytes.capacity()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace

std::string large_bytes(std::size_t capacity) {
  std::string bytes;
  if (capacity >= large_least) bytes = Kept::of_process().take(capacity);
  if (bytes.capacity() < capacity) {
    bytes.reserve(capacity < large_least ? capacity : rounded(capacity));
    advise(bytes);
  }
  return bytes;
}

void give_back(std::string&& bytes) {
  if (bytes.capacity() >= large_least) Kept::of_process().keep(std::move(bytes));
}

}  // namespace libstream
