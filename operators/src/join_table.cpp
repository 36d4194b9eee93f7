#include "join_table.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <utility>

namespace libstream {
namespace {

constexpr std::size_t block = 64;

std::uint32_t hash_of(std::uint64_t slot) { return static_cast<std::uint32_t>(slot >> 32); }
std::uint64_t slot_of(std::uint32_t hash, JoinTable::Row row) {
  return std::uint64_t{hash} << 32 | (row + 1);
}
JoinTable::Row row_of(std::uint64_t slot) { return static_cast<std::uint32_t>(slot) - 1; }

}  // namespace

JoinTable::JoinTable() {
  segments_.push_back(std::make_unique<Segment>(make_segment(first_slots, 0)));
  directory_.push_back(segments_.back().get());
}

JoinTable::Segment JoinTable::make_segment(std::uint32_t slots, int depth) {
  return {std::make_unique<std::uint64_t[]>(slots), slots - 1, 0, depth};
}

void JoinTable::insert(const std::uint64_t* hashes, std::size_t count, const std::uint8_t* mute) {
  const Row first = size();
  number_rows(count);
  for (std::size_t begin = 0; begin < count; begin += block) {
    const std::size_t end = std::min(count, begin + block);
    for (std::size_t i = begin; i < end; ++i) {
      const auto hash = static_cast<std::uint32_t>(hashes[i]);
      const Segment& segment = segment_of(hash);
      __builtin_prefetch(&segment.slots[hash & segment.mask], 1);
    }
    for (std::size_t i = begin; i < end; ++i) {
      if (mute != nullptr && mute[i] != 0) continue;
      put(static_cast<std::uint32_t>(hashes[i]), first + static_cast<Row>(i));
    }
  }
}

void JoinTable::number_rows(std::size_t count) {
  LIBSTREAM_ASSERT(count < none - size_, "a join table's rows fit 32 bits");
  size_ += static_cast<Row>(count);
  while (next_.size() * piece_rows < size_) {
    next_.emplace_back(new Row[piece_rows]);
    std::fill_n(next_.back().get(), piece_rows, none);
  }
}

void JoinTable::put(std::uint32_t hash, Row row) {
  Segment& segment = segment_of(hash);
  for (std::uint32_t at = hash & segment.mask;; at = (at + 1) & segment.mask) {
    std::uint64_t& slot = segment.slots[at];
    if (slot == 0) {
      slot = slot_of(hash, row);
      if (++segment.used * 8 > (segment.mask + 1) * 5) make_room(hash, segment);
      return;
    }
    if (hash_of(slot) == hash) {
      next(row) = row_of(slot);
      slot = slot_of(hash, row);
      return;
    }
  }
}

void JoinTable::set(Segment& segment, std::uint64_t slot) {
  std::uint32_t at = hash_of(slot) & segment.mask;
  while (segment.slots[at] != 0) at = (at + 1) & segment.mask;
  segment.slots[at] = slot;
  ++segment.used;
}

void JoinTable::make_room(std::uint32_t hash, Segment& segment) {
  const std::uint32_t slots = segment.mask + 1;
  // The directory's bits and the slot's are different ones; past 32 bits in all, only doubling is
  // left.
  if (slots >= most_slots && segment.depth < 16) {
    split(hash, segment);
    return;
  }
  Segment larger = make_segment(slots * 2, segment.depth);
  for (std::uint32_t i = 0; i < slots; ++i) {
    if (segment.slots[i] != 0) set(larger, segment.slots[i]);
  }
  segment = std::move(larger);
}

void JoinTable::split(std::uint32_t hash, Segment& segment) {
  if (segment.depth == depth_) {
    std::vector<Segment*> wider(directory_.size() * 2);
    for (std::size_t i = 0; i < wider.size(); ++i) wider[i] = directory_[i / 2];
    directory_ = std::move(wider);
    ++depth_;
    --shift_;
  }
  const std::uint32_t slots = segment.mask + 1;
  const int depth = segment.depth + 1;
  Segment low = make_segment(slots, depth);
  auto high = std::make_unique<Segment>(make_segment(slots, depth));
  const std::uint32_t bit = std::uint32_t{1} << (32 - depth);
  for (std::uint32_t i = 0; i < slots; ++i) {
    const std::uint64_t slot = segment.slots[i];
    if (slot != 0) set((hash_of(slot) & bit) != 0 ? *high : low, slot);
  }
  segment = std::move(low);
  // The directory's entries that share the leading bits and have the next one set.
  const std::size_t span = std::size_t{1} << (depth_ - depth);
  const std::size_t prefix = static_cast<std::size_t>((std::uint64_t{hash} | bit) >> (32 - depth));
  for (std::size_t i = prefix * span; i < (prefix + 1) * span; ++i) directory_[i] = high.get();
  segments_.push_back(std::move(high));
}

void JoinTable::find(const std::uint64_t* hashes, std::span<const std::uint32_t> probes,
                     std::vector<std::uint32_t>& found_probes, std::vector<Row>& heads) const {
  const std::uint64_t* slots[block];
  std::uint32_t masks[block];
  std::size_t out = heads.size();
  found_probes.resize(out + probes.size());
  heads.resize(out + probes.size());
  for (std::size_t begin = 0; begin < probes.size(); begin += block) {
    const std::size_t count = std::min(block, probes.size() - begin);
    for (std::size_t i = 0; i < count; ++i) {
      const auto hash = static_cast<std::uint32_t>(hashes[probes[begin + i]]);
      const Segment& segment = segment_of(hash);
      slots[i] = segment.slots.get();
      masks[i] = segment.mask;
      __builtin_prefetch(&slots[i][hash & segment.mask]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto hash = static_cast<std::uint32_t>(hashes[probes[begin + i]]);
      std::uint32_t at = hash & masks[i];
      while (slots[i][at] != 0 && hash_of(slots[i][at]) != hash) at = (at + 1) & masks[i];
      const std::uint64_t slot = slots[i][at];
      found_probes[out] = probes[begin + i];
      heads[out] = row_of(slot);
      out += slot != 0 ? 1 : 0;
    }
  }
  found_probes.resize(out);
  heads.resize(out);
}

void JoinTable::append(const JoinTable& newer) {
  const Row base = size();
  number_rows(newer.size());
  for (Row row = 0; row < newer.size(); ++row) {
    const Row behind = newer.next(row);
    if (behind != none) next(base + row) = base + behind;
  }
  for (const auto& segment : newer.segments_) {
    for (std::uint32_t i = 0; i <= segment->mask; ++i) {
      const std::uint64_t slot = segment->slots[i];
      if (slot == 0) continue;
      // The newer chain goes in front: its end points to what was there.
      const std::uint32_t hash = hash_of(slot);
      const Row head = row_of(slot) + base;
      Segment& mine = segment_of(hash);
      std::uint32_t at = hash & mine.mask;
      while (mine.slots[at] != 0 && hash_of(mine.slots[at]) != hash) at = (at + 1) & mine.mask;
      if (mine.slots[at] == 0) {
        mine.slots[at] = slot_of(hash, head);
        if (++mine.used * 8 > (mine.mask + 1) * 5) make_room(hash, mine);
        continue;
      }
      Row last = head;
      while (next(last) != none) last = next(last);
      next(last) = row_of(mine.slots[at]);
      mine.slots[at] = slot_of(hash, head);
    }
  }
}

std::size_t JoinTable::bytes() const {
  std::size_t bytes =
      next_.size() * piece_rows * sizeof(Row) + directory_.capacity() * sizeof(Segment*);
  for (const auto& segment : segments_) {
    bytes += (segment->mask + 1) * sizeof(std::uint64_t) + sizeof(Segment);
  }
  return bytes;
}

}  // namespace libstream
