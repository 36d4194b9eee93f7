#include "group_table.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <cstring>

namespace libstream {
namespace {

constexpr std::size_t first_capacity = 1024;
constexpr std::size_t block_rows = 64;

std::uint64_t make_slot(std::uint64_t hash, GroupTable::Group group) {
  return (std::uint64_t{group} + 1) << 32 | (hash & 0xffffffffU);
}
GroupTable::Group group_of(std::uint64_t slot) {
  return static_cast<GroupTable::Group>((slot >> 32) - 1);
}

/// Groups up to which a table of that many slots is filled: a third while it may fit the cache,
/// where probe lengths are what counts; beyond, memory is.
std::size_t fill_limit(std::size_t capacity) {
  return capacity <= (std::size_t{1} << 17) ? capacity / 3 : capacity * 11 / 20;
}

/// Rows of two sizes just below divisors of a cache line are padded, so that none lies across two.
std::size_t padded(std::size_t row_bytes) {
  return row_bytes == 24 || row_bytes == 56 ? row_bytes + 8 : row_bytes;
}

/// Of texts too long to be inline, so at least 8 bytes.
bool same_text(const char* a, const char* b, std::size_t size) {
  const auto differ = [a, b](std::size_t at) {
    std::uint64_t mine;
    std::uint64_t theirs;
    std::memcpy(&mine, a + at, sizeof mine);
    std::memcpy(&theirs, b + at, sizeof theirs);
    return mine != theirs;
  };
  for (std::size_t at = 0; at + 8 < size; at += 8) {
    if (differ(at)) return false;
  }
  return !differ(size - 8);
}

}  // namespace

GroupTable::GroupTable(std::vector<Field> key_fields, std::size_t state_bytes)
    : columns_(key_fields),
      keys_(key_fields.size()),
      state_offset_(key_offset + columns_.words() * sizeof(std::uint64_t)),
      row_bytes_(padded(state_offset_ + state_bytes)),
      slots_(allocate_slots(first_capacity)),
      capacity_(first_capacity),
      limit_(fill_limit(first_capacity)) {}

GroupTable::~GroupTable() = default;

std::size_t GroupTable::bytes() const {
  return row_arena_.bytes() + texts_.bytes() + capacity_ * sizeof(std::uint64_t) +
         chunks_.capacity() * sizeof(std::byte*) + free_.capacity() * sizeof(Group);
}

void GroupTable::find(std::span<const ColumnPtr> keys, std::size_t rows,
                      const std::uint64_t* hashes) {
  LIBSTREAM_ASSERT(keys.size() == keys_, "one column a key");
  groups_.resize(rows);
  rows_.resize(rows);
  created_.clear();
  created_by_.clear();
  if (keys_ == 0) return find_single(rows);
  const auto packed = columns_.pack(keys, rows);
  switch (columns_.words()) {
    case 1:
      return probe<1>(packed, rows, hashes);
    case 2:
      return probe<2>(packed, rows, hashes);
    case 3:
      return probe<3>(packed, rows, hashes);
    default:
      return probe<KeyColumns::max_words>(packed, rows, hashes);
  }
}

/// Without keys there is one group.
void GroupTable::find_single(std::size_t rows) {
  if (rows > 0 && next_ == 0) create({nullptr, 0}, 0);
  std::fill(groups_.begin(), groups_.end(), Group{0});
  if (rows > 0) std::fill(rows_.begin(), rows_.end(), row(0));
}

template <std::size_t words>
void GroupTable::probe(const KeyColumns::Packed& keys, std::size_t rows,
                       const std::uint64_t* hashes) {
  for (std::size_t i = 0; i < std::min(rows, block_rows); ++i) {
    __builtin_prefetch(&slots_[hashes[i] & (capacity_ - 1)]);
  }
  // Members that the loops use, for the compiler: it must take stores for changes of any of them.
  Group* const groups = groups_.data();
  std::byte** const found = rows_.data();
  const std::size_t row_bytes = row_bytes_;
  Group candidates[block_rows];
  std::byte* candidate_rows[block_rows];
  for (std::size_t begin = 0; begin < rows; begin += block_rows) {
    const std::size_t count = std::min(block_rows, rows - begin);
    const std::size_t following = std::min(block_rows, rows - begin - count);
    const std::uint64_t* const slots = slots_.get();
    std::byte* const* const chunks = chunks_.data();
    const std::size_t mask = capacity_ - 1;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t hash = hashes[begin + i];
      std::size_t position = hash & mask;
      std::uint64_t slot = slots[position];
      while (slot != 0 && static_cast<std::uint32_t>(slot) != static_cast<std::uint32_t>(hash)) {
        position = (position + 1) & mask;
        slot = slots[position];
      }
      candidate_rows[i] = nullptr;
      if (slot != 0) {
        const Group group = group_of(slot);
        std::byte* candidate =
            chunks[group >> chunk_shift] + (group & (chunk_rows - 1)) * row_bytes;
        candidates[i] = group;
        candidate_rows[i] = candidate;
        // A row may lie across two cache lines.
        __builtin_prefetch(candidate, 1);
        __builtin_prefetch(candidate + row_bytes - 1, 1);
      }
      if (i < following) __builtin_prefetch(&slots[hashes[begin + count + i] & mask]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = begin + i;
      const Key key{keys.words + at * words,
                    keys.nulls == nullptr ? std::uint8_t{0} : keys.nulls[at]};
      if (candidate_rows[i] != nullptr && same_key<words>(candidate_rows[i], key)) {
        groups[at] = candidates[i];
        found[at] = candidate_rows[i];
      } else {
        // New, made by a row of this very block, or behind another key with the same 32 bits.
        probe_one<words>(key, hashes[at], at);
      }
    }
  }
}

template <std::size_t words>
void GroupTable::probe_one(const Key& key, std::uint64_t hash, std::size_t row_number) {
  const std::size_t mask = capacity_ - 1;
  for (std::size_t position = hash & mask;; position = (position + 1) & mask) {
    const std::uint64_t slot = slots_[position];
    Group group = none;
    if (slot == 0) {
      group = create(key, static_cast<std::uint32_t>(row_number));
      place(hash, group, position);
    } else if (static_cast<std::uint32_t>(slot) == static_cast<std::uint32_t>(hash) &&
               same_key<words>(row(group_of(slot)), key)) {
      group = group_of(slot);
    } else {
      continue;
    }
    groups_[row_number] = group;
    rows_[row_number] = row(group);
    return;
  }
}

template <std::size_t words>
bool GroupTable::same_key(const std::byte* row, const Key& key) const {
  std::uint64_t mine[words];
  std::memcpy(mine, row + key_offset, sizeof mine);
  std::uint64_t difference = nulls_in(row) ^ key.nulls;
  for (std::size_t w = 0; w < words; ++w) difference |= mine[w] ^ key.words[w];
  return difference == 0 || (!columns_.texts().empty() && same_texts(row, key));
}

/// Where the words differ: whether only the places of long texts do.
bool GroupTable::same_texts(const std::byte* row, const Key& key) const {
  if (nulls_in(row) != key.nulls) return false;
  const auto* mine = reinterpret_cast<const std::uint64_t*>(row + key_offset);
  std::uint64_t difference = 0;
  std::size_t word = 0;
  for (const std::uint8_t at : columns_.texts()) {
    // The first word of a view holds length and prefix, the second the rest or a pointer.
    for (; word <= at; ++word) difference |= mine[word] ^ key.words[word];
    if (difference != 0) return false;
    const auto& text = *reinterpret_cast<const StringView*>(mine + at);
    const auto& other = *reinterpret_cast<const StringView*>(key.words + at);
    if (text.is_inline()) continue;
    if (!same_text(text.pointer, other.pointer, text.length)) return false;
    ++word;
  }
  for (; word < columns_.words(); ++word) difference |= mine[word] ^ key.words[word];
  return difference == 0;
}

GroupTable::Group GroupTable::create(const Key& key, std::uint32_t by) {
  const Group group = allocate_group();
  std::byte* to = row(group) + key_offset;
  if (key.words != nullptr) {
    std::memcpy(to, key.words, columns_.words() * sizeof(std::uint64_t));
  }
  for (const std::uint8_t at : columns_.texts()) {
    auto& text = *reinterpret_cast<StringView*>(to + at * sizeof(std::uint64_t));
    if (text.is_inline()) continue;
    char* copy = texts_.allocate(text.length);
    std::memcpy(copy, text.pointer, text.length);
    text.pointer = copy;
  }
  header(group) |= std::uint64_t{key.nulls} << GroupHeader::nulls_shift;
  created_.push_back(group);
  created_by_.push_back(by);
  return group;
}

void GroupTable::release_key(Group group) {
  for (const std::uint8_t at : columns_.texts()) {
    const auto& text =
        *reinterpret_cast<const StringView*>(row(group) + key_offset + at * sizeof(std::uint64_t));
    if (!text.is_inline()) texts_.release(const_cast<char*>(text.pointer), text.length);
  }
}

GroupTable::Group GroupTable::allocate_group() {
  Group group;
  if (!free_.empty()) {
    group = free_.back();
    free_.pop_back();
  } else {
    LIBSTREAM_ASSERT(next_ < none, "a table holds fewer than 2^32 - 1 groups");
    group = next_++;
    if ((group >> chunk_shift) == chunks_.size()) {
      chunks_.push_back(row_arena_.allocate(chunk_rows * row_bytes_));
    }
  }
  header(group) = GroupHeader::live;
  return group;
}

void GroupTable::place(std::uint64_t hash, Group group, std::size_t position) {
  slots_[position] = make_slot(hash, group);
  if (++used_ > limit_) grow();
}

void GroupTable::grow() {
  const std::size_t capacity = capacity_ * 2;
  auto slots = allocate_slots(capacity);
  const std::size_t mask = capacity - 1;
  for (std::size_t i = 0; i < capacity_; ++i) {
    const std::uint64_t slot = slots_[i];
    if (slot == 0) continue;
    // The 32 bits of hash in the slot are enough to place it anew.
    std::size_t position = slot & 0xffffffffU & mask;
    while (slots[position] != 0) position = (position + 1) & mask;
    slots[position] = slot;
  }
  slots_ = std::move(slots);
  capacity_ = capacity;
  limit_ = fill_limit(capacity);
}

void GroupTable::erase(std::span<const Group> groups, const std::uint64_t* hashes) {
  constexpr std::size_t ahead = 16;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i + ahead < groups.size()) {
      __builtin_prefetch(&slots_[hashes[i + ahead] & (capacity_ - 1)], 1);
      __builtin_prefetch(row(groups[i + ahead]), 1);
    }
    const Group group = groups[i];
    erase_slot(hashes[i], group);
    release_key(group);
    header(group) = 0;
    free_.push_back(group);
  }
}

void GroupTable::erase_slot(std::uint64_t hash, Group group) {
  const std::size_t mask = capacity_ - 1;
  const std::uint64_t wanted = make_slot(hash, group);
  std::size_t hole = hash & mask;
  while (slots_[hole] != wanted) {
    LIBSTREAM_ASSERT(slots_[hole] != 0, "the group is in the table under this hash");
    hole = (hole + 1) & mask;
  }
  // Moves later slots of the run back into the hole where that does not put them before their home.
  for (std::size_t next = (hole + 1) & mask; slots_[next] != 0; next = (next + 1) & mask) {
    const std::size_t home = slots_[next] & 0xffffffffU & mask;
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      slots_[hole] = slots_[next];
      hole = next;
    }
  }
  slots_[hole] = 0;
  --used_;
}

void GroupTable::clear() {
  if (next_ == 0) return;
  if (!columns_.texts().empty()) {
    for (Group group = 0; group < next_; ++group) {
      if (header(group) & GroupHeader::live) release_key(group);
    }
  }
  std::memset(slots_.get(), 0, capacity_ * sizeof(std::uint64_t));
  used_ = 0;
  next_ = 0;
  free_.clear();
}

void GroupTable::fetch(std::span<const Group> groups, std::vector<std::byte*>& rows) const {
  rows.resize(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    rows[i] = row(groups[i]);
    __builtin_prefetch(rows[i]);
    __builtin_prefetch(rows[i] + row_bytes_ - 1);
  }
}

std::vector<ColumnPtr> GroupTable::keys(std::span<const Group> groups) const {
  std::vector<std::byte*> rows;
  fetch(groups, rows);
  return keys_of(rows);
}

std::vector<ColumnPtr> GroupTable::keys_of(std::span<const std::byte* const> rows) const {
  std::vector<const std::byte*> keys(rows.size());
  std::vector<std::uint8_t> nulls(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    keys[i] = rows[i] + key_offset;
    nulls[i] = nulls_in(rows[i]);
  }
  return columns_.unpack(keys, nulls);
}

void GroupTable::encode_key(Group group, std::string& bytes) const {
  const std::size_t size = bytes.size();
  bytes.resize(size + encoded_size(row(group)));
  encode_key(row(group), bytes.data() + size);
}

}  // namespace libstream
