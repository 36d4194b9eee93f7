#include "group_table.hpp"

#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

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

bool fits_word(const DataType& type) {
  const std::size_t width = type.width();
  return width > 0 && width <= 8 && type.id() != TypeId::array;
}

}  // namespace

GroupTable::GroupTable(std::vector<Field> key_fields, std::size_t state_bytes)
    : fields_(std::move(key_fields)), capacity_(first_capacity) {
  if (fields_.empty()) {
    kind_ = Kind::none;
  } else if (fields_.size() == 1 && fits_word(fields_[0].type)) {
    kind_ = Kind::word;
  } else if (fields_.size() == 1 && fields_[0].type.is_string_like()) {
    kind_ = Kind::text;
  } else {
    kind_ = Kind::encoded;
  }
  const std::size_t key_bytes = kind_ == Kind::none ? 0 : kind_ == Kind::word ? 8 : 16;
  state_offset_ = key_offset + key_bytes;
  row_bytes_ = state_offset_ + state_bytes;
  slots_ = allocate_slots(capacity_);
  limit_ = fill_limit(capacity_);
}

GroupTable::~GroupTable() = default;

std::size_t GroupTable::bytes() const {
  return row_arena_.bytes() + texts_.bytes() + capacity_ * sizeof(std::uint64_t) +
         chunks_.capacity() * sizeof(std::byte*) + free_.capacity() * sizeof(Group);
}

void GroupTable::find(std::span<const ColumnPtr> keys, std::size_t rows,
                      const std::uint64_t* hashes) {
  LIBSTREAM_ASSERT(keys.size() == fields_.size(), "one column a key");
  groups_.resize(rows);
  rows_.resize(rows);
  created_.clear();
  created_by_.clear();
  switch (kind_) {
    case Kind::none:
      for (std::size_t i = 0; i < rows; ++i) {
        groups_[i] = null_group(static_cast<std::uint32_t>(i));
        rows_[i] = row(groups_[i]);
      }
      return;
    case Kind::word:
      return probe(words_of(*keys[0], rows), keys[0]->validity(), rows, hashes);
    case Kind::text:
      return probe(keys[0]->values<StringView>(), keys[0]->validity(), rows, hashes);
    case Kind::encoded: {
      std::vector<const Column*> columns;
      for (const ColumnPtr& key : keys) columns.push_back(key.get());
      encode_rows(columns, rows, encoded_, encoded_views_);
      return probe(encoded_views_.data(), nullptr, rows, hashes);
    }
  }
}

template <class Key>
void GroupTable::probe(const Key* keys, const std::uint64_t* validity, std::size_t rows,
                       const std::uint64_t* hashes) {
  for (std::size_t i = 0; i < std::min(rows, block_rows); ++i) {
    __builtin_prefetch(&slots_[hashes[i] & (capacity_ - 1)]);
  }
  Group candidates[block_rows];
  for (std::size_t begin = 0; begin < rows; begin += block_rows) {
    const std::size_t count = std::min(block_rows, rows - begin);
    const std::size_t following = std::min(block_rows, rows - begin - count);
    const std::uint64_t* slots = slots_.get();
    const std::size_t mask = capacity_ - 1;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t hash = hashes[begin + i];
      std::size_t position = hash & mask;
      std::uint64_t slot = slots[position];
      while (slot != 0 && static_cast<std::uint32_t>(slot) != static_cast<std::uint32_t>(hash)) {
        position = (position + 1) & mask;
        slot = slots[position];
      }
      candidates[i] = slot == 0 ? none : group_of(slot);
      if (slot != 0) {
        // A row may lie across two cache lines.
        const std::byte* candidate = row(candidates[i]);
        __builtin_prefetch(candidate, 1);
        __builtin_prefetch(candidate + row_bytes_ - 8, 1);
      }
      if (i < following) __builtin_prefetch(&slots[hashes[begin + count + i] & mask]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = begin + i;
      if (validity != nullptr && !((validity[at >> 6] >> (at & 63)) & 1)) {
        groups_[at] = null_group(static_cast<std::uint32_t>(at));
        rows_[at] = row(groups_[at]);
        continue;
      }
      if (candidates[i] != none) {
        std::byte* candidate = row(candidates[i]);
        if (same_key(candidate, keys[at])) {
          groups_[at] = candidates[i];
          rows_[at] = candidate;
          continue;
        }
      }
      // New, made by a row of this very block, or behind another key with the same 32 bits.
      probe_one(keys[at], hashes[at], at);
    }
  }
}

template <class Key>
void GroupTable::probe_one(const Key& key, std::uint64_t hash, std::size_t row_number) {
  const std::size_t mask = capacity_ - 1;
  for (std::size_t position = hash & mask;; position = (position + 1) & mask) {
    const std::uint64_t slot = slots_[position];
    Group group = none;
    if (slot == 0) {
      group = create(key, static_cast<std::uint32_t>(row_number));
      place(hash, group, position);
    } else if (static_cast<std::uint32_t>(slot) == static_cast<std::uint32_t>(hash) &&
               same_key(row(group_of(slot)), key)) {
      group = group_of(slot);
    } else {
      continue;
    }
    groups_[row_number] = group;
    rows_[row_number] = row(group);
    return;
  }
}

template <class Key>
GroupTable::Group GroupTable::create(const Key& key, std::uint32_t by) {
  const Group group = allocate_group();
  store_key(row(group), key);
  created_.push_back(group);
  created_by_.push_back(by);
  return group;
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

GroupTable::Group GroupTable::null_group(std::uint32_t by) {
  if (null_group_ == none) {
    null_group_ = allocate_group();
    if (kind_ == Kind::word) store_key(row(null_group_), 0);
    if (kind_ == Kind::text) store_key(row(null_group_), StringView());
    created_.push_back(null_group_);
    created_by_.push_back(by);
  }
  return null_group_;
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
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Group group = groups[i];
    if (group == null_group_) {
      null_group_ = none;
    } else {
      erase_slot(hashes[i], group);
      release_key(group);
    }
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
  if (kind_ == Kind::text || kind_ == Kind::encoded) {
    for (Group group = 0; group < next_; ++group) {
      if (header(group) & GroupHeader::live) release_key(group);
    }
  }
  std::memset(slots_.get(), 0, capacity_ * sizeof(std::uint64_t));
  used_ = 0;
  next_ = 0;
  free_.clear();
  null_group_ = none;
}

}  // namespace libstream
