#pragma once

#include "timeout_index.hpp"

#include <libstream/operators/state_variable.hpp>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace libstream {

/// The timers of all keys of a task. A key has one entry in the index of times, at its earliest
/// timer.
class KeyTimers {
 public:
  using Group = std::uint32_t;
  struct Due {
    std::int64_t time;
    Group group;
  };
  struct Counts {
    std::uint64_t registered = 0;
    std::uint64_t deleted = 0;
    std::uint64_t expired = 0;
  };

  /// `fresh`: does not fire in this epoch any more. False where it is there already.
  void add(Group group, std::int64_t time, bool fresh);
  void remove(Group group, std::int64_t time);
  /// Ascending.
  std::vector<std::int64_t> of(Group group) const;
  bool holds(Group group) const;

  /// Timers at or before `limit`, by time.
  std::vector<Due> take(std::int64_t limit);
  /// True where the timer is there still, and was before the timers of the epoch began to fire.
  bool fires(const Due& due) const;
  /// After the callback.
  void fired(const Due& due);
  /// After the last callback for those that `take` gave.
  void settle(std::span<const Due> due);
  std::int64_t earliest();

  void load(Group group, std::string_view suffix);
  void collect(StateEntries& entries);
  void forget(Group group);
  const std::vector<Group>& changed() const { return changed_; }
  std::uint64_t entries() const { return entries_; }
  std::size_t bytes() const;
  const Counts& counts() const { return counts_; }
  void start() { counts_ = {}; }

 private:
  struct Timer {
    std::int64_t time;
    bool alive = false;
    bool stored = false;
    bool dirty = false;
    bool fresh = false;
  };
  struct Cell {
    TimeoutIndex::Cell index;
    bool dirty = false;
    std::vector<Timer> timers;  ///< by time; those removed stay, dead, until `collect`
  };

  auto cells();
  Timer* find(Group group, std::int64_t time) const;
  void mark(Group group, Timer& timer);
  void place(Group group);

  GroupCells<Cell> cells_;
  TimeoutIndex index_;
  std::vector<Group> changed_;
  std::uint64_t entries_ = 0;
  Counts counts_;
};

}  // namespace libstream
