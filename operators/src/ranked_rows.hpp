#pragma once

#include "group_table.hpp"
#include "key_time.hpp"
#include "rank_keys.hpp"

#include <libstream/batch.hpp>
#include <libstream/schema.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace libstream {

/// The best rows of each key, in their order, as bytes of their own: a row that stays keeps no
/// batch alive.
///
/// A group knows the word of its worst row, the bar. Rows above it are turned away a column at a
/// time, before they are looked at one by one; where a batch has a single key, as mostly where the
/// key is a window, even before the table is asked for more than that key.
class RankedRows final {
 public:
  using Group = GroupTable::Group;

  /// A row in the state: this, then the bytes that order it, then its columns' (value_codec.hpp).
  struct Stored {
    static constexpr std::uint32_t fresh = 1;   ///< entered since the marks were last cleared
    static constexpr std::uint32_t stored = 2;  ///< the state store has an entry under this id
    std::uint32_t id;                           ///< among the rows of the group
    std::uint32_t marks;
    std::uint32_t order_bytes;
    std::uint32_t row_bytes;

    const char* begin() const { return reinterpret_cast<const char*>(this + 1); }
    std::string_view order() const { return {begin(), order_bytes}; }
    std::string_view row() const { return {begin() + order_bytes, row_bytes}; }
  };
  struct Entry {
    std::uint64_t word;
    Stored* row;
  };

  struct Counts {
    std::uint64_t entered = 0;
    std::uint64_t left_fresh = 0;   ///< displaced by better rows before anyone saw them
    std::uint64_t left_stored = 0;  ///< displaced, of an earlier epoch
  };

  RankedRows(const Schema& schema, std::vector<std::uint32_t> key_columns, std::uint64_t count,
             bool keep_ties);

  /// Takes the rows that are among the best so far. `ranks`: of the same batch.
  void offer(const Batch& batch, const RankKeys& ranks);
  /// Adds rows of the state, all of which are among the best. `ids`: theirs among their groups'.
  void load(const Batch& batch, const RankKeys& ranks, std::span<const std::uint32_t> ids);

  const GroupTable& table() const { return table_; }
  std::span<const Entry> rows(Group group) const {
    const Ranked& ranked = of(group);
    return {ranked.entries, ranked.count};
  }
  /// Groups that took a row since the marks were last cleared.
  const std::vector<Group>& touched() const { return touched_; }
  void clear_marks();
  /// Entries of rows that are gone without another in their place; of groups that are still here.
  std::vector<std::pair<Group, std::uint32_t>> take_dropped() {
    return std::exchange(dropped_, {});
  }
  /// Removes groups with all their rows. `hashes`: of their keys.
  void erase(std::span<const Group> groups, const std::uint64_t* hashes);

  std::uint64_t size() const { return size_; }
  std::size_t bytes() const { return table_.bytes() + arena_.bytes(); }
  const Counts& counts() const { return counts_; }
  void reset_counts() { counts_ = {}; }

 private:
  struct Ranked {
    std::uint64_t bar;  ///< rows with a larger word are not among the best
    Entry* entries;
    std::uint32_t count;
    std::uint32_t capacity;
    std::uint64_t next_id;
  };
  struct Candidate {
    std::uint64_t word;
    std::string_view order;
    std::string_view row;
  };

  Ranked& of(Group group) const {
    return *reinterpret_cast<Ranked*>(table_.row(group) + table_.state_offset());
  }
  void start_groups();
  void encode(const Batch& batch);
  bool find_candidates(const Batch& batch, const RankKeys& ranks);
  bool find_in_one_group(const std::vector<ColumnPtr>& keys, std::span<const std::uint64_t> words);
  void find_in_many(std::span<const std::uint64_t> words);
  void insert(Group group, const Candidate& candidate);
  int compare(const Candidate& candidate, const Entry& entry) const;
  std::size_t place_of(const Ranked& ranked, const Candidate& candidate) const;
  void put(Ranked& ranked, std::size_t place, const Entry& entry);
  void displace(Group group, Stored& successor);
  void set_bar(Ranked& ranked) const;
  Stored* make(const Candidate& candidate);
  void release(Stored* row);

  std::vector<std::uint32_t> key_columns_;
  std::uint64_t count_;
  bool keep_ties_;
  GroupTable table_;
  TextArena arena_;
  KeyHashes hashes_;
  std::vector<Group> touched_;
  std::vector<std::pair<Group, std::uint32_t>> dropped_;
  std::uint64_t size_ = 0;
  Counts counts_;

  std::vector<std::uint32_t> candidates_;  ///< rows of the batch
  std::vector<Group> candidate_groups_;
  std::string order_;  ///< of the candidate being looked at
  std::string encoded_;
  std::vector<StringView> encoded_rows_;
};

}  // namespace libstream
