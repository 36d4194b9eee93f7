#pragma once

#include "block_arena.hpp"
#include "key_columns.hpp"

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
  static constexpr int nulls_shift = 3;  ///< above: 8 bits, which of the key's values are null
  static constexpr int rows_shift = 11;  ///< above: input rows that went into the group

  static std::uint8_t nulls(std::uint64_t header) {
    return static_cast<std::uint8_t>(header >> nulls_shift);
  }
};

/// Maps keys to groups: dense numbers, each with a row [header | key | state…] that never moves.
///
/// Keys lie in the rows as words (KeyColumns). A row of up to 64 bytes whose size divides 64 lies
/// in one cache line.
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

  /// The rows of groups, on their way into the cache.
  void fetch(std::span<const Group> groups, std::vector<std::byte*>& rows) const;
  /// The keys of groups as columns, in their order.
  std::vector<ColumnPtr> keys(std::span<const Group> groups) const;
  std::vector<ColumnPtr> keys_of(std::span<const std::byte* const> rows) const;
  /// The key in a row as encode_value writes its columns: so many bytes, and the end of what was
  /// written.
  std::size_t encoded_size(const std::byte* row) const {
    return columns_.encoded_size(row + key_offset, nulls_in(row));
  }
  char* encode_key(const std::byte* row, char* to) const {
    return columns_.encode(row + key_offset, nulls_in(row), to);
  }
  void encode_key(Group group, std::string& bytes) const;
  /// Removes groups. `hashes`: of their keys.
  void erase(std::span<const Group> groups, const std::uint64_t* hashes);
  void clear();

 private:
  static constexpr int chunk_shift = 9;
  static constexpr std::size_t chunk_rows = std::size_t{1} << chunk_shift;
  static constexpr std::size_t key_offset = sizeof(std::uint64_t);

  /// A key on its way in: its words and its nulls.
  struct Key {
    const std::uint64_t* words;
    std::uint8_t nulls;
  };

  template <std::size_t words>
  void probe(const KeyColumns::Packed& keys, std::size_t rows, const std::uint64_t* hashes);
  template <std::size_t words>
  void probe_one(const Key& key, std::uint64_t hash, std::size_t row_number);
  void find_single(std::size_t rows);
  Group create(const Key& key, std::uint32_t by);
  Group allocate_group();
  void place(std::uint64_t hash, Group group, std::size_t position);
  void grow();
  void erase_slot(std::uint64_t hash, Group group);
  template <std::size_t words>
  bool same_key(const std::byte* row, const Key& key) const;
  bool same_texts(const std::byte* row, const Key& key) const;
  void release_key(Group group);
  static std::uint8_t nulls_in(const std::byte* row) {
    return GroupHeader::nulls(*reinterpret_cast<const std::uint64_t*>(row));
  }

  KeyColumns columns_;
  std::size_t keys_;  // columns
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

  std::vector<Group> groups_;
  std::vector<std::byte*> rows_;
  std::vector<Group> created_;
  std::vector<std::uint32_t> created_by_;
};

}  // namespace libstream
