#pragma once

#include "block_arena.hpp"

#include <libstream/column.hpp>

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace libstream {

/// First word of a group's row.
struct GroupHeader {
  static constexpr std::uint64_t live = 1;     ///< in the table
  static constexpr std::uint64_t touched = 2;  ///< since the mark was last cleared
  static constexpr std::uint64_t stored = 4;   ///< the state store has an entry
  static constexpr int rows_shift = 3;         ///< above: input rows that went into the group
};

/// Maps keys to groups: dense numbers, each with a row [header | key | state…] that never moves.
///
/// Open addressing, linear probing; a slot is 32 bits of hash and the group's number, so that
/// growing and deleting read neither keys nor rows. Slot positions come from the low bits of the
/// hash; its top bits choose the key group. Rows are looked up a block at a time: while one block's
/// slots are read and its group rows fetched, the next block's slots are on their way.
class GroupTable {
 public:
  using Group = std::uint32_t;
  static constexpr Group none = std::numeric_limits<Group>::max();

  /// `state_bytes`: a multiple of 8, behind the key in each row.
  GroupTable(std::vector<Field> key_fields, std::size_t state_bytes);
  ~GroupTable();
  GroupTable(const GroupTable&) = delete;
  GroupTable& operator=(const GroupTable&) = delete;

  /// Finds the group of each row, makes those that are missing. Results stay until the next call.
  void find(std::span<const ColumnPtr> keys, std::size_t rows, const std::uint64_t* hashes);
  std::span<const Group> groups() const { return groups_; }
  std::span<std::byte* const> rows() const { return rows_; }
  /// The new groups, and the input row that made each.
  std::span<const Group> created() const { return created_; }
  std::span<const std::uint32_t> created_by() const { return created_by_; }

  std::byte* row(Group group) const {
    return chunks_[group >> chunk_shift] + (group & (chunk_rows - 1)) * row_bytes_;
  }
  std::uint64_t& header(Group group) const { return *reinterpret_cast<std::uint64_t*>(row(group)); }
  std::size_t state_offset() const { return state_offset_; }

  std::size_t size() const { return next_ - free_.size(); }
  /// All groups have smaller numbers; not all numbers are live.
  Group end() const { return next_; }
  std::size_t bytes() const;

  /// The keys of groups as columns, in their order.
  std::vector<ColumnPtr> keys(std::span<const Group> groups) const;
  /// The key as encode_value writes its columns.
  void encode_key(Group group, std::string& bytes) const;
  /// Removes groups. `hashes`: of their keys.
  void erase(std::span<const Group> groups, const std::uint64_t* hashes);
  void clear();

 private:
  enum class Kind { none, word, text, encoded };
  static constexpr int chunk_shift = 9;
  static constexpr std::size_t chunk_rows = std::size_t{1} << chunk_shift;
  static constexpr std::size_t key_offset = sizeof(std::uint64_t);

  template <class Key>
  void probe(const Key* keys, const std::uint64_t* validity, std::size_t rows,
             const std::uint64_t* hashes);
  template <class Key>
  void probe_one(const Key& key, std::uint64_t hash, std::size_t row_number);
  template <class Key>
  Group create(const Key& key, std::uint32_t by);
  Group allocate_group();
  Group null_group(std::uint32_t by);
  void place(std::uint64_t hash, Group group, std::size_t position);
  void grow();
  void erase_slot(std::uint64_t hash, Group group);
  const std::uint64_t* words_of(const Column& column, std::size_t rows);
  static bool same_key(const std::byte* row, std::uint64_t key);
  static bool same_key(const std::byte* row, const StringView& key);
  /// Of texts too long to be inline, so at least 8 bytes.
  static bool same_text(const char* a, const char* b, std::size_t size);
  void store_key(std::byte* row, std::uint64_t key);
  void store_key(std::byte* row, StringView key);
  void release_key(Group group);
  ColumnPtr word_keys(std::span<const Group> groups) const;
  ColumnPtr text_keys(std::span<const Group> groups) const;
  std::vector<ColumnPtr> encoded_keys(std::span<const Group> groups) const;

  std::vector<Field> fields_;
  Kind kind_;
  std::size_t state_offset_;
  std::size_t row_bytes_;

  std::shared_ptr<std::uint64_t[]> slots_;
  std::size_t capacity_;
  std::size_t used_ = 0;
  std::size_t limit_ = 0;

  BlockArena row_arena_;
  std::vector<std::byte*> chunks_;
  TextArena texts_;
  Group next_ = 0;
  std::vector<Group> free_;
  Group null_group_ = none;

  std::vector<Group> groups_;
  std::vector<std::byte*> rows_;
  std::vector<Group> created_;
  std::vector<std::uint32_t> created_by_;
  std::vector<std::uint64_t> words_;
  std::string encoded_;
  std::vector<StringView> encoded_views_;
};

// In the header for the probe loop, which calls them for every row.
inline bool GroupTable::same_key(const std::byte* row, std::uint64_t key) {
  std::uint64_t mine;
  std::memcpy(&mine, row + key_offset, sizeof mine);
  return mine == key;
}

inline bool GroupTable::same_key(const std::byte* row, const StringView& key) {
  // Two words each: length and prefix, then the rest or a pointer.
  std::uint64_t mine[2];
  std::uint64_t theirs[2];
  std::memcpy(mine, row + key_offset, sizeof mine);
  std::memcpy(theirs, &key, sizeof theirs);
  if (mine[0] != theirs[0]) return false;
  if (mine[1] == theirs[1]) return true;
  if (key.is_inline()) return false;
  const char* text;
  std::memcpy(&text, &mine[1], sizeof text);
  return same_text(text, key.pointer, key.length);
}

inline bool GroupTable::same_text(const char* a, const char* b, std::size_t size) {
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

}  // namespace libstream
