#pragma once

#include <libstream/group_state.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

namespace libstream {

/// Groups by when they time out, for many groups whose timeouts keep moving: costs nothing for
/// those that are not due. An entry stands in the bucket of a second, or, of the seconds that have
/// begun, in a heap by its exact time. A timeout that moves back leaves its entry where it is: when
/// that comes up the entry moves to the timeout's present place, so that each group has one entry,
/// or two after its timeout moved forward.
class TimeoutIndex {
 public:
  using Group = std::uint32_t;
  /// Of a group, kept by the caller.
  struct Cell {
    std::int64_t timeout = GroupTimes::never;  ///< ms since 1970
    std::int64_t indexed = GroupTimes::never;  ///< place of its earliest entry
  };

  /// Call when the timeout of a group was set.
  void set(Group group, Cell& cell) {
    if (cell.timeout == GroupTimes::never || cell.indexed <= cell.timeout) return;
    insert(group, cell);
  }

  /// Calls `due(group)` for each group whose timeout lies before `limit`, earliest first. `cell_of`
  /// gives a group's cell, or null where there is no such group any more. Takes the entries; the
  /// timeouts are the caller's to clear.
  template <class CellOf, class Due>
  void take(std::int64_t limit, CellOf&& cell_of, Due&& due) {
    open(limit);
    while (!near_.empty() && near_.front().time < limit) {
      const Entry entry = pop();
      Cell* cell = cell_of(entry.group);
      if (cell == nullptr || cell->indexed != entry.time) continue;  // of an older life
      cell->indexed = GroupTimes::never;
      if (cell->timeout == GroupTimes::never) continue;
      if (cell->timeout < limit && cell->timeout == entry.time) {
        due(entry.group);
      } else {
        insert(entry.group, *cell);
        open(limit);
      }
    }
  }

  /// The earliest timeout there is; `never` without any.
  template <class CellOf>
  std::int64_t earliest(CellOf&& cell_of) {
    while (true) {
      if (near_.empty()) {
        if (seconds_.empty()) return GroupTimes::never;
        open(seconds_.begin()->first * second + 1);
        continue;
      }
      Cell* cell = cell_of(near_.front().group);
      if (cell != nullptr && cell->indexed == near_.front().time &&
          cell->timeout == near_.front().time && !sooner_second(cell->timeout)) {
        return cell->timeout;
      }
      if (sooner_second(near_.front().time)) {
        open(seconds_.begin()->first * second + 1);
        continue;
      }
      const Entry entry = pop();
      if (cell == nullptr || cell->indexed != entry.time) continue;
      cell->indexed = GroupTimes::never;
      if (cell->timeout != GroupTimes::never) insert(entry.group, *cell);
    }
  }

  std::size_t bytes() const { return near_.size() * sizeof(Entry) + waiting_ * sizeof(Waiting); }

 private:
  static constexpr std::int64_t second = 1000;
  struct Entry {
    std::int64_t time;
    Group group;
  };
  struct Waiting {
    std::uint32_t milliseconds;  ///< within the second
    Group group;
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.time > b.time || (a.time == b.time && a.group > b.group);
  }
  static std::int64_t second_of(std::int64_t time) { return time / second; }

  bool sooner_second(std::int64_t time) const {
    return !seconds_.empty() && seconds_.begin()->first < second_of(time);
  }

  void insert(Group group, Cell& cell) {
    cell.indexed = cell.timeout;
    const Entry entry{cell.timeout, group};
    if (second_of(entry.time) <= opened_) {
      near_.push_back(entry);
      std::push_heap(near_.begin(), near_.end(), later);
    } else {
      ++waiting_;
      seconds_[second_of(entry.time)].push_back(
          {static_cast<std::uint32_t>(entry.time % second), entry.group});
    }
  }

  /// Moves the seconds that begin before `limit` to the heap.
  void open(std::int64_t limit) {
    while (!seconds_.empty() && seconds_.begin()->first * second < limit) {
      const auto first = seconds_.begin();
      opened_ = std::max(opened_, first->first);
      for (const Waiting& waiting : first->second) {
        near_.push_back({first->first * second + waiting.milliseconds, waiting.group});
      }
      std::make_heap(near_.begin(), near_.end(), later);
      waiting_ -= first->second.size();
      seconds_.erase(first);
    }
  }

  Entry pop() {
    std::pop_heap(near_.begin(), near_.end(), later);
    const Entry entry = near_.back();
    near_.pop_back();
    return entry;
  }

  std::vector<Entry> near_;
  std::map<std::int64_t, std::vector<Waiting>> seconds_;
  std::int64_t opened_ = -1;
  std::size_t waiting_ = 0;
};

}  // namespace libstream
