#include "join_table.hpp"

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
  segments_.push_back(std::make_unique<Segment>(make_segment(first_buckets, 0)));
  directory_.push_back(segments_.back().get());
}

JoinTable::Segment JoinTable::make_segment(std::uint32_t buckets, int depth) {
  return {std::make_unique<Bucket[]>(buckets), buckets - 1, 0, depth};
}

void JoinTable::reserve(std::size_t rows) {
  LIBSTREAM_ASSERT(size_ == 0, "a table reserves before it has rows");
  const std::size_t buckets = std::bit_ceil(rows / 6 + 1);
  depth_ = buckets > most_buckets ? std::countr_zero(buckets / most_buckets) : 0;
  shift_ = 32 - depth_;
  segments_.clear();
  directory_.clear();
  for (std::size_t i = 0; i < std::size_t{1} << depth_; ++i) {
    const auto each = static_cast<std::uint32_t>(buckets >> depth_);
    segments_.push_back(
        std::make_unique<Segment>(make_segment(std::max(each, first_buckets), depth_)));
    directory_.push_back(segments_.back().get());
  }
}

std::uint32_t JoinTable::equal(const Bucket& bucket, std::uint32_t hash) {
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

JoinTable::Place JoinTable::place_of(Segment& segment, std::uint32_t hash) {
  for (std::uint32_t at = hash & segment.mask;; at = (at + 1) & segment.mask) {
    Bucket& bucket = segment.buckets[at];
    const std::uint32_t same = equal(bucket, hash);
    if (same != 0) return {&bucket, static_cast<std::uint32_t>(std::countr_zero(same)), true};
    if (bucket.hashes[7] != 0) continue;
    const std::uint32_t empty = equal(bucket, 0);
    return {&bucket, static_cast<std::uint32_t>(std::countr_zero(empty)), false};
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
      const Segment& segment = segment_of(hash);
      __builtin_prefetch(&segment.buckets[hash & segment.mask], 1);
    }
    for (std::size_t i = begin; i < end; ++i) {
      if (mute != nullptr && mute[i] != 0) continue;
      const std::uint32_t hash = short_hash(hashes[i]);
      const Row row = first + static_cast<Row>(i);
      Segment& segment = segment_of(hash);
      const Place place = place_of(segment, hash);
      if (place.found) next(row) = place.bucket->rows[place.slot];
      place.bucket->hashes[place.slot] = hash;
      place.bucket->rows[place.slot] = row;
      segment.used += place.found ? 0 : 1;
      if (is_full(segment)) make_room(hash, segment);
    }
  }
}

/// Entries whose hash has that bit set, or not.
void JoinTable::copy(const Segment& from, Segment& to, std::uint32_t bit, bool set) {
  for (std::uint32_t at = 0; at <= from.mask; ++at) {
    const Bucket& bucket = from.buckets[at];
    for (std::uint32_t i = 0; i < 8 && bucket.hashes[i] != 0; ++i) {
      if (((bucket.hashes[i] & bit) != 0) != set) continue;
      const Place place = place_of(to, bucket.hashes[i]);
      place.bucket->hashes[place.slot] = bucket.hashes[i];
      place.bucket->rows[place.slot] = bucket.rows[i];
      ++to.used;
    }
  }
}

void JoinTable::make_room(std::uint32_t hash, Segment& segment) {
  const std::uint32_t buckets = segment.mask + 1;
  // Past 32 bits for the directory and the bucket, only doubling is left.
  if (buckets >= most_buckets && segment.depth < 20) {
    split(hash, segment);
    return;
  }
  Segment larger = make_segment(buckets * 2, segment.depth);
  copy(segment, larger, 0, false);
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
  const int depth = segment.depth + 1;
  const std::uint32_t bit = std::uint32_t{1} << (32 - depth);
  Segment low = make_segment(segment.mask + 1, depth);
  auto high = std::make_unique<Segment>(make_segment(segment.mask + 1, depth));
  copy(segment, low, bit, false);
  copy(segment, *high, bit, true);
  segment = std::move(low);
  // The directory's entries that share the leading bits and have the next one set.
  const std::size_t span = std::size_t{1} << (depth_ - depth);
  const std::size_t prefix = static_cast<std::size_t>((std::uint64_t{hash} | bit) >> (32 - depth));
  for (std::size_t i = prefix * span; i < (prefix + 1) * span; ++i) directory_[i] = high.get();
  segments_.push_back(std::move(high));
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
      const Segment& segment = segment_of(hash);
      firsts[i] = &segment.buckets[hash & segment.mask];
      __builtin_prefetch(firsts[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t hash = short_hash(hashes[probes[begin + i]]);
      const Bucket* bucket = firsts[i];
      std::uint32_t same = equal(*bucket, hash);
      if (same == 0 && bucket->hashes[7] != 0) {
        const Place place = place_of(segment_of(hash), hash);
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
  for (const auto& segment : newer.segments_) {
    for (std::uint32_t at = 0; at <= segment->mask; ++at) {
      const Bucket& bucket = segment->buckets[at];
      for (std::uint32_t i = 0; i < 8 && bucket.hashes[i] != 0; ++i) {
        const std::uint32_t hash = bucket.hashes[i];
        const Row head = bucket.rows[i] + base;
        Segment& mine = segment_of(hash);
        const Place place = place_of(mine, hash);
        // The newer chain goes in front: its end points to what was there.
        if (place.found) {
          Row last = head;
          while (next(last) != none) last = next(last);
          next(last) = place.bucket->rows[place.slot];
        }
        place.bucket->hashes[place.slot] = hash;
        place.bucket->rows[place.slot] = head;
        mine.used += place.found ? 0 : 1;
        if (is_full(mine)) make_room(hash, mine);
      }
    }
  }
}

std::size_t JoinTable::hashes() const {
  std::size_t hashes = 0;
  for (const auto& segment : segments_) hashes += segment->used;
  return hashes;
}

std::size_t JoinTable::bytes() const {
  std::size_t bytes = next_.size() * piece_rows * sizeof(Row) + directory_.size() * sizeof(void*);
  for (const auto& segment : segments_) {
    bytes += (segment->mask + std::size_t{1}) * sizeof(Bucket) + sizeof(Segment);
  }
  return bytes;
}

}  // namespace libstream
