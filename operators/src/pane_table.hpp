#pragma once

#include "aggregate_arguments.hpp"
#include "group_table.hpp"
#include "state_pages.hpp"

#include <libstream/state.hpp>

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace libstream {

/// Accumulators by key and pane. Keys have dense numbers; each pane is an array over them. So a row
/// costs one look-up of its key, whatever the number of windows, and a pane is added to a window,
/// or dropped, from end to end.
class PaneTable {
 public:
  using Key = GroupTable::Group;
  struct Pane {
    StatePages states;
    std::uint64_t entries = 0;
    std::uint64_t rows = 0;
    std::vector<Key> touched;  ///< since the last encode_touched, in the order of the first touch
  };

  /// `key_fields`: of the keys beside the window.
  PaneTable(std::vector<Field> key_fields, const std::vector<AggregateCall>& calls);
  ~PaneTable();
  PaneTable(const PaneTable&) = delete;
  PaneTable& operator=(const PaneTable&) = delete;

  /// Adds rows; `panes` has one number a row, `hashes` may be null without keys.
  void update(std::span<const ColumnPtr> keys, const std::int64_t* panes, std::size_t rows,
              const std::uint64_t* hashes, const AggregateArguments& arguments);
  /// Adds accumulators: the columns that StateLayout::intermediates gives.
  void merge(std::span<const ColumnPtr> keys, const std::int64_t* panes, std::size_t rows,
             const std::uint64_t* hashes, std::span<const ColumnPtr> intermediates);

  const std::map<std::int64_t, Pane>& panes() const { return panes_; }
  /// Null where the pane holds nothing.
  const Pane* find(std::int64_t pane) const;
  std::vector<ColumnPtr> keys(std::span<const Key> keys) const { return keys_.keys(keys); }
  std::uint64_t hash(Key key) const { return hashes_[key]; }
  Key key_limit() const { return keys_.end(); }

  StateLayout& layout() { return layout_; }
  PagePool& pool() { return pool_; }
  const PagePool& pool() const { return pool_; }

  /// Drops the earliest pane, and the keys that were in no other; returns how many entries it had.
  std::uint64_t drop_first();
  void clear();

  /// Stored form. Key: the pane's number as 8 bytes that compare like it, the key columns as
  /// encode_value writes them. Value: u64 rows; the accumulators that are plain bytes; the encoded
  /// intermediates of the others.
  ///
  /// Writes every touched entry, which is no longer touched then: pane by pane, in the order of
  /// keys. `key_groups`: how many there are.
  void write_touched(std::uint32_t key_groups, ChangelogWriter& changes);
  /// All that write_touched would write is of panes before this one; none: it writes nothing.
  std::optional<std::int64_t> touched_end() const;
  /// Below it are the stored keys of all panes before this one.
  static std::string floor(std::int64_t pane);
  void restore(const StateReader& state);

  std::uint64_t entries() const { return entries_; }
  std::uint64_t rows() const { return rows_; }
  std::uint64_t touched() const { return touched_; }
  std::size_t bytes() const;

 private:
  struct Loading;
  void find_keys(std::span<const ColumnPtr> keys, std::size_t rows, const std::uint64_t* hashes);
  void locate(const std::int64_t* panes, std::size_t rows, const std::int64_t* rows_each);
  void touch(Pane& pane, Key key, std::byte* key_row, std::byte* entry, std::uint64_t rows);
  Pane& obtain(std::int64_t pane);
  std::span<std::byte* const> states_of(std::size_t function, const std::uint8_t* mask);
  template <class F>
  void take_touched(F&& write);
  void write_some(std::int64_t number, std::span<const Key> keys,
                  std::span<const std::byte* const> entries, std::uint32_t key_groups,
                  ChangelogWriter& changes);
  void decode(std::string_view key, std::string_view value, Loading& loading) const;
  void load(Loading& loading);

  std::vector<Field> key_fields_;
  StateLayout layout_;
  GroupTable keys_;  // where GroupTable counts rows, this counts the panes that have the key
  PagePool pool_;
  std::vector<std::uint64_t> hashes_;  // by key
  std::map<std::int64_t, Pane> panes_;
  struct Recent {
    std::int64_t number = 0;
    Pane* pane = nullptr;
  };
  std::array<Recent, 64> recent_;  // panes used last, by their number's low bits
  std::uint64_t entries_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t touched_ = 0;

  std::vector<std::byte*> located_;  // of the rows given last
  std::vector<std::byte*> scratch_;
  std::vector<std::uint32_t> groups_;  // of entries being written, and where their bytes go
  std::vector<ChangelogWriter::Part> key_parts_;
  std::vector<ChangelogWriter::Part> value_parts_;
};

}  // namespace libstream
