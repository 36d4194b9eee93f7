#include "join_rows.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <algorithm>
#include <optional>

// The rows of one side in memory; join_state.cpp is their way to the state store and back.
namespace libstream {

JoinRows::JoinRows(Spec spec, JoinLog& log) : spec_(std::move(spec)), log_(log) {
  const JoinRetention& retention = spec_.retention;
  if (retention.key) {
    due_column_ = spec_.keys[*retention.key];
  } else if (retention.column) {
    due_column_ = *retention.column;
  }
}

EventTime JoinRows::limit(const JoinRetention& retention, Watermark watermark) {
  constexpr EventTime most = JoinChunk::never - 1;
  EventTime limit = 0;
  if (__builtin_mul_overflow(watermark.milliseconds, std::int64_t{1000}, &limit)) limit = most;
  if (retention.key) return std::min(limit, most);
  if (__builtin_add_overflow(limit, retention.bound, &limit)) {
    limit = retention.bound > 0 ? most : JoinChunk::always;
  }
  if (retention.fixed) limit = std::min(limit, *retention.fixed);
  return std::min(limit, most);
}

void JoinRows::start(Epoch epoch) {
  epoch_ = number(epoch);
  number_ = 0;
  evicted_ = {};
  for (JoinGeneration& generation : generations_) generation.fresh_from_ = generation.rows_;
}

bool JoinRows::mute_rows(const Batch& batch, std::vector<std::uint8_t>& mute) const {
  bool any = false;
  for (std::size_t k = 0; k < spec_.keys.size(); ++k) {
    const Column& key = *batch.columns[spec_.keys[k]];
    if (spec_.null_safe[k] || !key.has_validity()) continue;
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      if (!key.is_null(i)) continue;
      if (!any) mute.assign(batch.rows, 0);
      any = true;
      mute[i] = 1;
    }
  }
  return any;
}

JoinGeneration& JoinRows::current() {
  // A third of the live rows: few tables to search, and not too many dead rows in the oldest one.
  const std::uint64_t third = std::max(live_, expected_) / 3;
  const auto is_full = [&](const JoinGeneration& generation) {
    const bool large = generation.rows_ >= spec_.tuning.generation_rows ||
                       generation.bytes_ >= spec_.tuning.generation_bytes;
    return large && generation.rows_ >= third;
  };
  if (generations_.empty()) {
    generations_.emplace_back();
  } else if (due_column_ && is_full(generations_.back())) {
    const std::size_t hashes = generations_.back().table_.hashes();
    generations_.emplace_back().table_.reserve(std::min<std::uint64_t>(
        hashes, std::max<std::uint64_t>(spec_.tuning.generation_rows, third)));
  }
  return generations_.back();
}

void JoinGeneration::add_to_index(std::size_t chunk) {
  const std::uint32_t end = chunks_[chunk].first + chunks_[chunk].rows;
  index_.resize((chunks_[chunk].first + (1U << index_shift) - 1) >> index_shift);
  while (index_.size() << index_shift < end) index_.push_back(static_cast<std::uint32_t>(chunk));
}

void JoinRows::append_chunk(JoinGeneration& generation, BatchPtr batch, EventTime limit) {
  JoinChunk chunk;
  chunk.first = generation.rows_;
  chunk.rows = chunk.live = static_cast<std::uint32_t>(batch->rows);
  chunk.limit = limit;
  if (due_column_) {
    const KeyTime time(*batch->columns[*due_column_]);
    const bool nulls = time.has_nulls();
    EventTime last = JoinChunk::always;
    std::uint32_t dead = 0;
    for (std::uint32_t i = 0; i < batch->rows; ++i) {
      const EventTime at = nulls && !time.has(i) ? JoinChunk::never : time.at(i);
      const bool gone = limit != JoinChunk::always && at <= limit;
      dead += gone ? 1 : 0;
      chunk.next_due = std::min(chunk.next_due, gone ? JoinChunk::never : at);
      last = std::max(last, at);
    }
    chunk.last_due = last;
    chunk.live -= dead;
    generation.next_due_ = std::min(generation.next_due_, chunk.next_due);
  }
  generation.rows_ += chunk.rows;
  generation.live_ += chunk.live;
  live_ += chunk.live;
  const std::size_t bytes = owned_bytes(*batch);
  generation.bytes_ += bytes;
  if (chunk.live > 0) {
    chunk_bytes_ += bytes;
    chunk.batch = std::move(batch);
  }
  generation.chunks_.push_back(std::move(chunk));
  generation.add_to_index(generation.chunks_.size() - 1);
}

void JoinRows::add(const Batch& batch, const std::uint64_t* hashes, const std::uint8_t* mute,
                   const std::uint8_t* matched) {
  JoinGeneration& generation = current();
  append_chunk(generation, own_rows(spec_.schema, batch, heaps_), JoinChunk::always);
  if (spec_.indexed) generation.table_.insert(hashes, batch.rows, mute);
  for (std::size_t i = 0; i < batch.rows; ++i) {
    generation.groups_.push_back(
        static_cast<std::uint16_t>(key_group(hashes[i], spec_.key_groups)));
  }
  if (spec_.flagged) {
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      generation.place_.push_back(static_cast<std::uint32_t>(generation.place_.size()));
      generation.flags_.push_back(matched != nullptr ? matched[i] : std::uint8_t{0});
    }
  }
  if (generation.rows_ - generation.logged_ >= spec_.tuning.segment_rows) log(generation);
}

bool JoinRows::set_matched(JoinGeneration& generation, JoinTable::Row row) {
  const std::uint32_t place = generation.place_[row];
  if (generation.flags_[place] != 0) return false;
  generation.flags_[place] = 1;
  if (row < generation.logged_) {
    if (generation.dirty_.size() <= place >> 8) generation.dirty_.resize((place >> 8) + 1);
    generation.dirty_[place >> 8] = 1;
    generation.any_dirty_ = true;
  }
  return true;
}

bool JoinRows::evict(Watermark watermark, RowList& padded) {
  released_.clear();
  if (!due_column_) return false;
  limit_ = limit(spec_.retention, watermark);
  for (; evict_generation_ < generations_.size(); ++evict_generation_, evict_chunk_ = 0) {
    JoinGeneration& generation = generations_[evict_generation_];
    if (evict_chunk_ == 0 && generation.next_due_ > limit_) continue;
    for (; evict_chunk_ < generation.chunks_.size(); ++evict_chunk_) {
      if (padded.size() >= spec_.tuning.pair_rows) return true;
      if (evict_chunk_ == 0) generation.next_due_ = JoinChunk::never;
      JoinChunk& chunk = generation.chunks_[evict_chunk_];
      if (chunk.next_due <= limit_) evict_chunk(generation, chunk, limit_, padded);
      generation.next_due_ = std::min(generation.next_due_, chunk.next_due);
    }
  }
  evict_generation_ = evict_chunk_ = 0;
  return false;
}

void JoinRows::evict_chunk(JoinGeneration& generation, JoinChunk& chunk, EventTime limit,
                           RowList& padded) {
  std::uint32_t gone = 0;
  const bool fresh = generation.is_fresh(chunk.first);
  if (chunk.last_due <= limit && !spec_.padded) {
    gone = chunk.live;
    chunk.next_due = JoinChunk::never;
    if (fresh) evicted_.settled_fresh += gone;
  } else {
    const KeyTime time(*chunk.batch->columns[*due_column_]);
    const bool nulls = time.has_nulls();
    EventTime next = JoinChunk::never;
    for (std::uint32_t i = 0; i < chunk.rows; ++i) {
      const EventTime at = nulls && !time.has(i) ? JoinChunk::never : time.at(i);
      if (at > limit) {
        next = std::min(next, at);
        continue;
      }
      if (at <= chunk.limit && chunk.limit != JoinChunk::always) continue;
      ++gone;
      if (spec_.padded && !(spec_.flagged && generation.matched(chunk.first + i))) {
        padded.push_back(chunk.batch.get(), i);
      } else if (fresh) {
        ++evicted_.settled_fresh;
      }
    }
    chunk.next_due = next;
  }
  chunk.limit = limit;
  chunk.live -= gone;
  generation.live_ -= gone;
  live_ -= gone;
  evicted_.rows += gone;
  if (chunk.live == 0) {
    chunk_bytes_ -= owned_bytes(*chunk.batch);
    released_.push_back(std::move(chunk.batch));
    chunk.batch = nullptr;
  }
}

void JoinRows::finish_eviction() {
  released_.clear();
  std::vector<JoinGeneration> moving;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < generations_.size(); ++i) {
    JoinGeneration& generation = generations_[i];
    // Three quarters dead: what a move costs is paid for by rows that went. While the next one is
    // mostly alive, the rest may just be about to go as well.
    const bool moves = generation.live_ <= generation.rows_ / 4 && i + 1 < generations_.size() &&
                       generations_[i + 1].live_ <= generations_[i + 1].rows_ / 2;
    if (generation.live_ > 0 && !moves) {
      if (kept != i) generations_[kept] = std::move(generation);
      ++kept;
      continue;
    }
    drop_blocks(generation);
    live_ -= generation.live_;
    if (generation.live_ > 0) moving.push_back(std::move(generation));
  }
  generations_.erase(generations_.begin() + static_cast<std::ptrdiff_t>(kept), generations_.end());
  for (const JoinGeneration& generation : moving) move_rows(generation);
}

void JoinRows::move_rows(const JoinGeneration& from) {
  KeyHashes hashes;
  std::vector<std::uint8_t> mute;
  std::vector<std::uint8_t> matched;
  std::vector<std::uint32_t> live;
  for (const JoinChunk& chunk : from.chunks_) {
    if (chunk.batch == nullptr) continue;
    live.clear();
    matched.clear();
    for (std::uint32_t i = 0; i < chunk.rows; ++i) {
      if (!is_live(chunk, chunk.first + i)) continue;
      live.push_back(i);
      if (spec_.flagged) matched.push_back(from.matched(chunk.first + i) ? 1 : 0);
    }
    chunk_bytes_ -= owned_bytes(*chunk.batch);
    const BatchPtr rows = gather(*chunk.batch, live);
    const bool any_mute = mute_rows(*rows, mute);
    add(*rows, hashes.compute(*rows, spec_.keys), any_mute ? mute.data() : nullptr,
        spec_.flagged ? matched.data() : nullptr);
  }
}

void JoinRows::drop_blocks(const JoinGeneration& generation) {
  erased_.insert(erased_.end(), generation.blocks_.begin(), generation.blocks_.end());
}

void JoinRows::merge_generations() {
  while (generations_.size() > spec_.tuning.generations) {
    std::size_t best = 0;
    const auto rows = [&](std::size_t i) {
      return std::uint64_t{generations_[i].rows_} + generations_[i + 1].rows_;
    };
    for (std::size_t i = 1; i + 1 < generations_.size(); ++i) {
      if (rows(i) < rows(best)) best = i;
    }
    JoinGeneration& older = generations_[best];
    JoinGeneration& newer = generations_[best + 1];
    LIBSTREAM_ASSERT(older.logged_ == older.rows_ && newer.logged_ == newer.rows_ &&
                         !older.any_dirty_ && !newer.any_dirty_,
                     "generations merge when the state store has their rows");
    const std::uint32_t base = older.rows_;
    for (JoinChunk& chunk : newer.chunks_) {
      chunk.first += base;
      older.chunks_.push_back(std::move(chunk));
      older.add_to_index(older.chunks_.size() - 1);
    }
    older.table_.append(newer.table_);
    for (const std::uint32_t place : newer.place_) older.place_.push_back(place + base);
    older.flags_.insert(older.flags_.end(), newer.flags_.begin(), newer.flags_.end());
    for (Block block : newer.blocks_) {
      block.first += base;
      older.blocks_.push_back(block);
    }
    older.rows_ = older.logged_ = base + newer.rows_;
    older.live_ += newer.live_;
    older.next_due_ = std::min(older.next_due_, newer.next_due_);
    generations_.erase(generations_.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

void JoinRows::put_together(JoinGeneration& generation, bool is_current) {
  const std::size_t wanted = spec_.tuning.chunk_rows;
  auto& chunks = generation.chunks_;
  std::size_t rows = 0;
  for (std::size_t i = generation.settled_; i < chunks.size(); ++i) rows += chunks[i].rows;
  if (generation.settled_ == chunks.size() || (is_current && rows < wanted)) return;
  std::vector<JoinChunk> small(
      std::make_move_iterator(chunks.begin() + static_cast<std::ptrdiff_t>(generation.settled_)),
      std::make_move_iterator(chunks.end()));
  chunks.resize(generation.settled_);
  for (std::size_t begin = 0; begin < small.size();) {
    std::size_t end = begin + 1;
    const bool dead = small[begin].batch == nullptr;
    rows = small[begin].rows;
    // Large ones stay as they are, dead ones become one without a batch.
    while (end < small.size() && (small[end].batch == nullptr) == dead &&
           (dead || (rows < wanted / 4 * 3 && rows + small[end].rows <= wanted * 2))) {
      rows += small[end++].rows;
    }
    JoinChunk chunk = small[begin];
    for (std::size_t i = begin + 1; i < end; ++i) {
      chunk.rows += small[i].rows;
      chunk.live += small[i].live;
      chunk.next_due = std::min(chunk.next_due, small[i].next_due);
      chunk.last_due = std::max(chunk.last_due, small[i].last_due);
    }
    if (!dead && end > begin + 1) {
      std::vector<ColumnPtr> columns;
      for (std::size_t c = 0; c < spec_.schema.size(); ++c) {
        std::vector<ColumnPtr> parts;
        for (std::size_t i = begin; i < end; ++i) parts.push_back(small[i].batch->columns[c]);
        columns.push_back(concatenate(spec_.schema[c].type, parts));
      }
      for (std::size_t i = begin; i < end; ++i) chunk_bytes_ -= owned_bytes(*small[i].batch);
      chunk.batch = make_batch(std::move(columns), chunk.rows);
      chunk_bytes_ += owned_bytes(*chunk.batch);
    }
    // The barrier's limit has been applied to all of them.
    chunk.limit = limit_;
    chunks.push_back(std::move(chunk));
    generation.add_to_index(chunks.size() - 1);
    begin = end;
  }
  generation.settled_ = chunks.size();
}

std::size_t JoinRows::bytes() const {
  std::size_t bytes = chunk_bytes_;
  for (const JoinGeneration& generation : generations_) {
    bytes += generation.table_.bytes() + generation.chunks_.capacity() * sizeof(JoinChunk) +
             generation.index_.capacity() * sizeof(std::uint32_t) +
             generation.groups_.capacity() * sizeof(std::uint16_t) +
             generation.place_.capacity() * sizeof(std::uint32_t) + generation.flags_.capacity() +
             generation.blocks_.capacity() * sizeof(Block);
  }
  return bytes;
}

}  // namespace libstream
