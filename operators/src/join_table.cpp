#include "join_table.hpp"

#include "block_arena.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <bit>
#include <utility>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace libstream {
namespace {

constexpr std::size_t block = 64;

/// Never 0, which marks an empty slot; two hashes in four thousand million share a chain for it.
std::uint32_t short_hash(std::uint64_t hash) {
  const auto low = static_cast<std::uint32_t>(hash);
  return low + (low == 0 ? 1 : 0);
}

}  // namespace

JoinTable::JoinTable() {
  segments_.push_back(make_segment(first_buckets, 0));
  directory_.resize(1);
  show(0, 0);
}

JoinTable::Segment JoinTable::make_segment(std::uint32_t buckets, int depth) {
  const auto slots = allocate_slots(std::size_t{buckets} * sizeof(Bucket) / sizeof(std::uint64_t));
  return {{slots, reinterpret_cast<Bucket*>(slots.get())}, buckets, 0, depth};
}

/// The entries of the directory that share the segment's leading bits with the hash.
void JoinTable::show(std::uint32_t segment, std::uint32_t hash) {
  const Segment& shown = segments_[segment];
  const std::size_t span = std::size_t{1} << (depth_ - shown.depth);
  const std::size_t first =
      static_cast<std::size_t>(std::uint64_t{hash} >> (32 - shown.depth)) * span;
  for (std::size_t i = first; i < first + span; ++i) {
    directory_[i] = {shown.buckets.get(), shown.count, segment};
  }
}

void JoinTable::reserve(std::size_t rows) {
  LIBSTREAM_ASSERT(size_ == 0, "a table reserves before it has rows");
  const std::size_t buckets = rows / 5 + first_buckets;
  depth_ = buckets > most_buckets
               ? std::countr_zero(std::bit_ceil((buckets + most_buckets - 1) / most_buckets))
               : 0;
  shift_ = 32 - depth_;
  const std::size_t count = std::size_t{1} << depth_;
  const auto each = static_cast<std::uint32_t>((buckets + count - 1) / count);
  // One piece of memory, large enough for huge pages.
  const Segment all = make_segment(static_cast<std::uint32_t>(each * count), 0);
  segments_.clear();
  directory_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    segments_.push_back({{all.buckets, all.buckets.get() + i * each}, each, 0, depth_});
    directory_[i] = {segments_[i].buckets.get(), each, static_cast<std::uint32_t>(i)};
  }
}

/// Slots with that hash, as bits.
[[gnu::always_inline]] inline std::uint32_t JoinTable::equal(const Bucket& bucket,
                                                             std::uint32_t hash) {
#ifdef __AVX2__
  const __m256i hashes = _mm256_load_si256(reinterpret_cast<const __m256i*>(bucket.hashes));
  const __m256i same = _mm256_cmpeq_epi32(hashes, _mm256_set1_epi32(static_cast<int>(hash)));
  return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(same)));
#else
  std::uint32_t bits = 0;
  for (std::uint32_t i = 0; i < 8; ++i) bits |= std::uint32_t{bucket.hashes[i] == hash} << i;
  return bits;
#endif
}

JoinTable::Place JoinTable::place_of(const View& view, std::uint32_t hash) {
  for (Bucket* bucket = view.bucket(hash);;) {
    const std::uint32_t same = equal(*bucket, hash);
    if (same != 0) return {bucket, static_cast<std::uint32_t>(std::countr_zero(same)), true};
    if (bucket->hashes[7] == 0) {
      const std::uint32_t empty = equal(*bucket, 0);
      return {bucket, static_cast<std::uint32_t>(std::countr_zero(empty)), false};
    }
    if (++bucket == view.buckets + view.count) bucket = view.buckets;
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

void JoinTable::insert(const std::uint64_t* hashes, std::size_t count, const std::uint8_t* mute) {
  const Row first = size();
  number_rows(count);
  for (std::size_t begin = 0; begin < count; begin += block) {
    const std::size_t end = std::min(count, begin + block);
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint32_t hash = short_hash(hashes[i]);
      __builtin_prefetch(view_of(hash).bucket(hash), 1);
    }
    for (std::size_t i = begin; i < end; ++i) {
      if (mute != nullptr && mute[i] != 0) continue;
      put(short_hash(hashes[i]), first + static_cast<Row>(i));
    }
  }
}

void JoinTable::put(std::uint32_t hash, Row row) {
  const View& view = view_of(hash);
  const Place place = place_of(view, hash);
  if (place.found) next(row) = place.bucket->rows[place.slot];
  place.bucket->hashes[place.slot] = hash;
  place.bucket->rows[place.slot] = row;
  if (place.found) return;
  Segment& segment = segments_[view.segment];
  if (++segment.used > segment.count * 6) make_room(hash);
}

/// Entries whose hash has that bit set, or not.
void JoinTable::copy(const Segment& from, Segment& to, std::uint32_t bit, bool set) {
  const View view{to.buckets.get(), to.count, 0};
  for (std::uint32_t at = 0; at < from.count; ++at) {
    const Bucket& bucket = from.buckets[at];
    for (std::uint32_t i = 0; i < 8 && bucket.hashes[i] != 0; ++i) {
      if (((bucket.hashes[i] & bit) != 0) != set) continue;
      const Place place = place_of(view, bucket.hashes[i]);
      place.bucket->hashes[place.slot] = bucket.hashes[i];
      place.bucket->rows[place.slot] = bucket.rows[i];
      ++to.used;
    }
  }
}

void JoinTable::make_room(std::uint32_t hash) {
  const std::uint32_t number = view_of(hash).segment;
  Segment& segment = segments_[number];
  // Past all bits of the hash for the directory, only growing is left.
  if (segment.count >= most_buckets && segment.depth < 20) {
    split(hash);
    return;
  }
  Segment larger = make_segment(segment.count + segment.count / 2, segment.depth);
  copy(segment, larger, 0, false);
  segment = std::move(larger);
  show(number, hash);
}

void JoinTable::split(std::uint32_t hash) {
  const std::uint32_t number = view_of(hash).segment;
  if (segments_[number].depth == depth_) {
    std::vector<View> wider(directory_.size() * 2);
    for (std::size_t i = 0; i < wider.size(); ++i) wider[i] = directory_[i / 2];
    directory_ = std::move(wider);
    ++depth_;
    --shift_;
  }
  const int depth = segments_[number].depth + 1;
  const std::uint32_t bit = std::uint32_t{1} << (32 - depth);
  const std::uint32_t count = segments_[number].count / 4 * 3;
  Segment low = make_segment(count, depth);
  Segment high = make_segment(count, depth);
  copy(segments_[number], low, bit, false);
  copy(segments_[number], high, bit, true);
  segments_[number] = std::move(low);
  segments_.push_back(std::move(high));
  show(number, hash & ~bit);
  show(static_cast<std::uint32_t>(segments_.size() - 1), hash | bit);
}

void JoinTable::find(const std::uint64_t* hashes, std::span<const std::uint32_t> probes,
                     std::vector<std::uint32_t>& found_probes, std::vector<Row>& heads) const {
  const Bucket* firsts[block];
  std::size_t out = heads.size();
  found_probes.resize(out + probes.size());
  heads.resize(out + probes.size());
  for (std::size_t begin = 0; begin < probes.size(); begin += block) {
    const std::size_t count = std::min(block, probes.size() - begin);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t hash = short_hash(hashes[probes[begin + i]]);
      firsts[i] = view_of(hash).bucket(hash);
      __builtin_prefetch(firsts[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t hash = short_hash(hashes[probes[begin + i]]);
      const Bucket* bucket = firsts[i];
      std::uint32_t same = equal(*bucket, hash);
      if (same == 0 && bucket->hashes[7] != 0) {
        const Place place = place_of(view_of(hash), hash);
        bucket = place.bucket;
        same = std::uint32_t{place.found} << place.slot;
      }
      // What is not found is overwritten by the next: no branch for it.
      found_probes[out] = probes[begin + i];
      heads[out] = bucket->rows[std::countr_zero(same | 0x80U)];
      out += same != 0 ? 1 : 0;
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
  for (const Segment& segment : newer.segments_) {
    for (std::uint32_t at = 0; at < segment.count; ++at) {
      const Bucket& bucket = segment.buckets[at];
      for (std::uint32_t i = 0; i < 8 && bucket.hashes[i] != 0; ++i) {
        // The newer chain goes in front: its end points to what was there.
        const Row head = bucket.rows[i] + base;
        const Place place = place_of(view_of(bucket.hashes[i]), bucket.hashes[i]);
        const Row older = place.found ? place.bucket->rows[place.slot] : none;
        Row last = head;
        while (place.found && next(last) != none) last = next(last);
        if (last != head) {
          next(last) = older;
          place.bucket->rows[place.slot] = head;
        } else {
          put(bucket.hashes[i], head);
        }
      }
    }
  }
}

std::size_t JoinTable::hashes() const {
  std::size_t hashes = 0;
  for (const Segment& segment : segments_) hashes += segment.used;
  return hashes;
}

std::size_t JoinTable::bytes() const {
  std::size_t bytes = next_.size() * piece_rows * sizeof(Row) + directory_.size() * sizeof(View);
  for (const Segment& segment : segments_) {
    bytes += segment.count * sizeof(Bucket) + sizeof(Segment);
  }
  return bytes;
}

}  // namespace libstream
