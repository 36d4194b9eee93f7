#include "group_fold.hpp"

#include <libstream/hash.hpp>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace libstream::checkpoint {
namespace {

constexpr std::size_t first_slots = 1024;

/// The first bytes of a key as numbers that compare like them: most comparisons end here, without
/// a look at the key.
struct Begin {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint32_t number = 0;
};

std::uint64_t eight_bytes(std::string_view bytes) {
  std::uint64_t word = 0;
  if (bytes.size() >= 8) {
    std::memcpy(&word, bytes.data(), 8);
  } else if (!bytes.empty()) {
    std::memcpy(&word, bytes.data(), bytes.size());
  }
  return __builtin_bswap64(word);
}

}  // namespace

void GroupFold::clear() {
  entries_.clear();
  floor_ = {};
  if (indexed_ > 0) std::fill(slots_.begin(), slots_.end(), 0);
  indexed_ = 0;
}

void GroupFold::add(std::string_view section, bool distinct) {
  index_rest();
  const std::size_t older_than = entries_.size();
  const bool first = older_than == 0 && floor_.empty();
  std::string_view floor = floor_;
  Change change;
  for (ChangelogReader reader(section); reader.next(change);) {
    if (change.kind == ChangeKind::floor) {
      floor = std::max(floor, change.key);  // for what is older
      continue;
    }
    if (!floor_.empty() && change.key < floor_) continue;
    const Entry entry{change.bytes.data(), static_cast<std::uint32_t>(change.key.size()),
                      static_cast<std::uint32_t>(change.bytes.size())};
    if (first && distinct) {
      entries_.push_back(entry);
      continue;
    }
    const std::uint64_t hash = hash_bytes(change.key);
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
    waiting_[waiting_count_++] = {entry, hash};
    if (waiting_count_ == waiting_limit) take_waiting(distinct, older_than);
  }
  take_waiting(distinct, older_than);
  floor_ = floor;
}

void GroupFold::take_waiting(bool distinct, std::size_t older_than) {
  const auto waiting = std::span(waiting_).first(std::exchange(waiting_count_, 0));
  const auto guess = [this](std::uint64_t hash) -> const Entry* {
    const std::uint64_t slot = slots_.empty() ? 0 : slots_[hash & (slots_.size() - 1)];
    const bool likely =
        slot != 0 && static_cast<std::uint32_t>(slot) == static_cast<std::uint32_t>(hash);
    return likely ? &entries_[(slot >> 32) - 1] : nullptr;
  };
  for (const auto& [entry, hash] : waiting) __builtin_prefetch(guess(hash));
  for (const auto& [entry, hash] : waiting) {
    if (const Entry* likely = guess(hash)) __builtin_prefetch(likely->begin);
  }
  for (const auto& [entry, hash] : waiting) {
    if (Entry* known = find(entry.key(), hash)) {
      if (static_cast<std::size_t>(known - entries_.data()) >= older_than) *known = entry;
      continue;
    }
    entries_.push_back(entry);
    // Of a section without repetitions only older ones need to find it, if there are any.
    if (!distinct) index(static_cast<std::uint32_t>(entries_.size() - 1), hash);
  }
}

GroupFold::Entry* GroupFold::find(std::string_view key, std::uint64_t hash) {
  if (indexed_ == 0) return nullptr;
  const std::size_t mask = slots_.size() - 1;
  const auto mark = static_cast<std::uint32_t>(hash);
  for (std::size_t place = hash & mask; slots_[place] != 0; place = (place + 1) & mask) {
    if (static_cast<std::uint32_t>(slots_[place]) != mark) continue;
    Entry& known = entries_[(slots_[place] >> 32) - 1];
    if (known.key() == key) return &known;
  }
  return nullptr;
}

void GroupFold::index(std::uint32_t number, std::uint64_t hash) {
  grow(indexed_ + 1);
  const std::size_t mask = slots_.size() - 1;
  std::size_t place = hash & mask;
  while (slots_[place] != 0) place = (place + 1) & mask;
  slots_[place] = std::uint64_t{number + 1} << 32 | static_cast<std::uint32_t>(hash);
  ++indexed_;
}

/// Entries come without a slot as long as nothing older asks for them.
void GroupFold::index_rest() {
  if (indexed_ == entries_.size()) return;
  grow(entries_.size());
  for (std::size_t i = indexed_; i < entries_.size(); ++i) {
    index(static_cast<std::uint32_t>(i), hash_bytes(entries_[i].key()));
  }
}

void GroupFold::grow(std::size_t entries) {
  std::size_t slots = std::max(slots_.size(), first_slots);
  while (entries * 2 > slots) slots *= 2;
  if (slots == slots_.size()) return;
  std::vector<std::uint64_t> larger(slots);
  const std::size_t mask = slots - 1;
  for (const std::uint64_t slot : slots_) {
    if (slot == 0) continue;
    std::size_t place = slot & 0xffffffffU & mask;
    while (larger[place] != 0) place = (place + 1) & mask;
    larger[place] = slot;
  }
  slots_ = std::move(larger);
}

void GroupFold::sort() {
  std::vector<Begin> begins(entries_.size());
  for (std::uint32_t i = 0; i < begins.size(); ++i) {
    const auto key = entries_[i].key();
    begins[i] = {eight_bytes(key), key.size() > 8 ? eight_bytes(key.substr(8)) : 0, i};
  }
  std::sort(begins.begin(), begins.end(), [this](const Begin& a, const Begin& b) {
    if (a.high != b.high) return a.high < b.high;
    if (a.low != b.low) return a.low < b.low;
    return entries_[a.number].key() < entries_[b.number].key();
  });
  std::vector<Entry> sorted(entries_.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = entries_[begins[i].number];
  entries_.swap(sorted);
  indexed_ = entries_.size();  // slots no longer fit; the next thing is `clear`
}

}  // namespace libstream::checkpoint
