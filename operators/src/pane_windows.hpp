#pragma once

#include "pane_grid.hpp"
#include "pane_table.hpp"

#include <map>
#include <span>
#include <vector>

namespace libstream {

/// Adds panes up to windows. Windows of many panes share sums over runs of 8, 64, … panes that
/// begin at multiples of their length; they are made when a window first asks for them, kept until
/// no window can, and of keys that change made anew. So a window costs a key some 14 additions for
/// 60 panes, and not 60, with an eighth more memory.
class PaneWindows {
 public:
  using Key = PaneTable::Key;

  PaneWindows(PaneTable& table, const PaneGrid& grid) : table_(table), grid_(grid) {}
  ~PaneWindows();
  PaneWindows(const PaneWindows&) = delete;
  PaneWindows& operator=(const PaneWindows&) = delete;

  /// Follows the touched entries; before the first window of a barrier.
  void refresh();
  /// Forgets sums of panes before this one: no later window holds all of them.
  void forget_before(std::int64_t pane);

  /// Begins a window.
  void open(std::int64_t window);
  /// Adds up the next keys of the open window, all that have an entry; false at the end.
  /// Up to batch_rows of them; they stay until the next call.
  bool next_keys();
  /// Adds up these keys, at most batch_rows; all have an entry in the open window.
  void add(std::span<const Key> keys);

  std::span<const Key> keys() const { return keys_; }
  std::vector<ColumnPtr> results();
  std::size_t bytes() const;

 private:
  using Level = std::map<std::int64_t, StatePages>;  // by the number of the run
  static constexpr std::int64_t fan = 8;
  /// Shorter windows are added up pane by pane.
  static constexpr std::int64_t least_panes = 2 * fan;

  const StatePages* run(std::size_t level, std::int64_t index);
  void refresh_run(std::size_t level, std::int64_t index, StatePages& states);
  std::vector<Key> touched_in(std::int64_t begin, std::int64_t end) const;
  void begin_sums();
  void add_entry(std::byte* sum, const std::byte* entry);
  void flush();
  void forget_sums();

  PaneTable& table_;
  PaneGrid grid_;
  std::vector<Level> levels_;  // [0]: runs of 8 panes

  std::vector<const StatePages*> sources_;  // that make up the open window
  std::size_t pages_ = 0;
  std::size_t next_page_ = 0;

  std::vector<Key> keys_;
  std::vector<const std::byte*> sums_;
  std::vector<std::byte> scratch_;
  std::vector<std::byte*> to_;
  std::vector<const std::byte*> from_;
};

}  // namespace libstream
