#include "join_rows.hpp"
#include "row_block.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <algorithm>
#include <numeric>
#include <tuple>

// A join's rows on their way to the state store and back. Rows that came in one epoch go out as
// blocks, one a key group, so that another number of tasks can share them; beside a block there may
// be an entry with its matched flags, a bit a row. Keys: the side's tag, then big-endian epoch (8)
// and number (4), then 'f' for flags.
namespace libstream {
namespace {

constexpr std::size_t key_size = 13;

template <class T>
void append_big_endian(std::string& bytes, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(value >> shift & 0xff));
  }
}

template <class T>
T big_endian(std::string_view bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value << 8 | static_cast<std::uint8_t>(bytes[i]));
  }
  return value;
}

[[noreturn]] void corrupt(const char* what) {
  throw Error(ErrorCode::corrupt, std::string("state of a join is damaged: ") + what +
                                      "; restart from an older checkpoint");
}

}  // namespace

std::string JoinRows::block_key(const Block& block, bool flags) const {
  std::string key(1, spec_.tag);
  append_big_endian(key, block.epoch);
  append_big_endian(key, block.number);
  if (flags) key.push_back('f');
  return key;
}

void JoinRows::load(std::uint32_t group, std::string_view key, std::string_view value) {
  const bool flags = key.size() == key_size + 1 && key.back() == 'f';
  if (key.size() != key_size && !flags) corrupt("the length of a key");
  const auto epoch = big_endian<std::uint64_t>(key.substr(1));
  const auto number = big_endian<std::uint32_t>(key.substr(9));
  if (!flags) {
    Loaded loaded;
    loaded.batch = decode_row_block(spec_.schema, value);
    loaded.block = {epoch, number, static_cast<std::uint16_t>(group),
                    false, 0,      static_cast<std::uint32_t>(loaded.batch->rows)};
    loaded_.push_back(std::move(loaded));
    return;
  }
  // Keys are sorted: a block comes right before its flags.
  if (loaded_.empty()) corrupt("flags without rows");
  Loaded& rows = loaded_.back();
  if (rows.block.epoch != epoch || rows.block.number != number || rows.block.group != group ||
      value.size() != (rows.block.rows + 7) / 8) {
    corrupt("flags that belong to other rows");
  }
  rows.flags = value;
  rows.block.has_flags = true;
}

void JoinRows::finish_load(Watermark late) {
  limit_ = due_column_ ? limit(spec_.retention, late) : JoinChunk::always;
  // The order in which rows came, so that generations hold rows of one time.
  std::sort(loaded_.begin(), loaded_.end(), [](const Loaded& a, const Loaded& b) {
    return std::tie(a.block.epoch, a.block.number, a.block.group) <
           std::tie(b.block.epoch, b.block.number, b.block.group);
  });
  for (const Loaded& loaded : loaded_) expected_ += loaded.batch->rows;
  KeyHashes hashes;
  std::vector<std::uint8_t> mute;
  for (Loaded& loaded : loaded_) {
    const Batch& batch = *loaded.batch;
    if (batch.rows == 0) corrupt("a block without rows");
    JoinGeneration& generation = current();
    Block block = loaded.block;
    block.first = generation.rows_;
    generation.blocks_.push_back(block);
    append_chunk(generation, loaded.batch, limit_);
    if (spec_.indexed) {
      const bool any_mute = mute_rows(batch, mute);
      generation.table_.insert(hashes.compute(batch, spec_.keys), batch.rows,
                               any_mute ? mute.data() : nullptr);
    }
    generation.logged_ = generation.fresh_from_ = generation.rows_;
    if (!spec_.flagged) continue;
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      generation.place_.push_back(block.first + i);
      const bool matched = !loaded.flags.empty() && (loaded.flags[i / 8] >> (i % 8) & 1) != 0;
      generation.flags_.push_back(matched ? 1 : 0);
    }
  }
  loaded_ = {};
  expected_ = 0;
}

/// Sorts the live rows that the state store lacks by key group.
JoinRows::Fresh JoinRows::sort_by_group(JoinGeneration& generation) {
  const Row first = generation.logged_;
  const std::uint32_t rows = generation.rows_ - first;
  std::vector<std::uint8_t> live(rows, 1);
  Fresh fresh;
  fresh.ends.resize(spec_.key_groups + 1);
  const auto each_chunk = [&](auto&& visit) {
    for (Row row = first; row < generation.rows_;) {
      const JoinChunk& chunk = generation.chunk_of(row);
      visit(chunk, row - chunk.first);
      row = chunk.first + chunk.rows;
    }
  };
  each_chunk([&](const JoinChunk& chunk, std::uint32_t from) {
    if (chunk.live == chunk.rows) return;
    for (std::uint32_t i = from; i < chunk.rows; ++i) {
      live[chunk.first + i - first] = is_live(chunk, chunk.first + i) ? 1 : 0;
    }
  });
  for (std::uint32_t i = 0; i < rows; ++i) fresh.ends[generation.groups_[i] + 1U] += live[i];
  std::partial_sum(fresh.ends.begin(), fresh.ends.end(), fresh.ends.begin());
  std::uint32_t dead = fresh.ends.back();
  fresh.from.resize(dead);
  fresh.rows.resize(dead);
  const std::vector<std::uint8_t> flags(
      generation.flags_.begin() + static_cast<std::ptrdiff_t>(spec_.flagged ? first : 0),
      generation.flags_.end());
  each_chunk([&](const JoinChunk& chunk, std::uint32_t from) {
    if (chunk.batch != nullptr) fresh.batches.push_back(chunk.batch.get());
    const auto batch = static_cast<std::uint32_t>(fresh.batches.size() - 1);
    for (std::uint32_t i = from; i < chunk.rows; ++i) {
      const std::uint32_t at = chunk.first + i - first;
      const std::uint32_t place = live[at] != 0 ? fresh.ends[generation.groups_[at]]++ : dead++;
      if (live[at] != 0) {
        fresh.from[place] = batch;
        fresh.rows[place] = i;
      }
      if (!spec_.flagged) continue;
      generation.place_[first + at] = first + place;
      generation.flags_[first + place] = flags[at];
    }
  });
  return fresh;
}

void JoinRows::log(JoinGeneration& generation) {
  if (generation.logged_ == generation.rows_) return;
  const Fresh fresh = sort_by_group(generation);
  RowBlockEncoder encoder(spec_.schema, fresh.batches, fresh.from, fresh.rows);
  const std::uint32_t number = number_++;
  std::uint32_t begin = 0;
  for (std::uint32_t group = 0; group < spec_.key_groups; ++group) {
    const std::uint32_t end = fresh.ends[group];
    if (begin == end) continue;
    Block block{
        epoch_,     number, static_cast<std::uint16_t>(group), false, generation.logged_ + begin,
        end - begin};
    bytes_.clear();
    encoder.encode(begin, end, bytes_);
    log_.put(group, block_key(block, false), bytes_);
    if (spec_.flagged) {
      const auto first = generation.flags_.begin() + block.first;
      if (std::find(first, first + block.rows, 1) != first + block.rows) {
        put_flags(generation, block);
      }
    }
    generation.blocks_.push_back(block);
    begin = end;
  }
  generation.logged_ = generation.rows_;
  generation.groups_.clear();
}

void JoinRows::put_flags(const JoinGeneration& generation, Block& block) {
  block.has_flags = true;
  std::string bits((block.rows + 7) / 8, '\0');
  const std::uint8_t* flags = generation.flags_.data() + block.first;
  for (std::uint32_t i = 0; i < block.rows; ++i) {
    bits[i / 8] = static_cast<char>(bits[i / 8] | flags[i] << (i % 8));
  }
  log_.put(block.group, block_key(block, true), bits);
}

void JoinRows::log_flags(JoinGeneration& generation) {
  if (!generation.any_dirty_) return;
  for (Block& block : generation.blocks_) {
    const std::size_t from = block.first >> 8;
    const std::size_t to =
        std::min<std::size_t>((block.first + block.rows - 1) >> 8, generation.dirty_.size() - 1);
    bool dirty = false;
    for (std::size_t i = from; i <= to && !dirty; ++i) dirty = generation.dirty_[i] != 0;
    if (dirty) put_flags(generation, block);
  }
  generation.dirty_.clear();
  generation.any_dirty_ = false;
}

void JoinRows::finish_log() {
  for (JoinGeneration& generation : generations_) {
    log(generation);
    log_flags(generation);
  }
  for (const Block& block : erased_) {
    log_.erase(block.group, block_key(block, false));
    if (block.has_flags) log_.erase(block.group, block_key(block, true));
  }
  erased_.clear();
  merge_generations();
  for (std::size_t i = 0; i < generations_.size(); ++i) {
    put_together(generations_[i], i + 1 == generations_.size());
  }
}

}  // namespace libstream
