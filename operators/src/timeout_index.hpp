#pragma once

#include <libstream/group_state.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

namespace libstream {

/// Groups by when they time out, for many groups whose timeouts keep moving: costs nothing for
/// those that are not due. An entry stands in the bucket of a span of time, or, of those that have
/// begun, in a heap by its exact time. A timeout that moves back leaves its entry where it is: when
/// that comes up the entry moves to the timeout's present place. Entries of earlier lives of a
/// group, and of timeouts that moved forward, are skipped, and swept out once they are many.
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
    begun_ = std::max(begun_, limit);
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
      if (!buckets_.empty() &&
          (near_.empty() || buckets_.begin()->first * span <= near_.front().time)) {
        open(buckets_.begin()->first * span + 1);
      }
      if (near_.empty()) return GroupTimes::never;
      Cell* cell = cell_of(near_.front().group);
      if (cell != nullptr && cell->indexed == near_.front().time &&
          cell->timeout == near_.front().time) {
        return cell->timeout;
      }
      const Entry entry = pop();
      if (cell == nullptr || cell->indexed != entry.time) continue;
      cell->indexed = GroupTimes::never;
      if (cell->timeout != GroupTimes::never) insert(entry.group, *cell);
    }
  }

  /// Drops the entries that stand for nothing where they are most. `groups`: how many there are.
  template <class CellOf>
  void tidy(std::size_t groups, CellOf&& cell_of) {
    if (entries() <= 3 * groups + 1024) return;
    const auto idle = [&](std::int64_t time, Group group) {
      const Cell* cell = cell_of(group);
      return cell == nullptr || cell->indexed != time;
    };
    std::erase_if(near_, [&](const Entry& entry) { return idle(entry.time, entry.group); });
    std::make_heap(near_.begin(), near_.end(), later);
    waiting_ = 0;
    for (auto& [number, bucket] : buckets_) {
      const auto begin = number * span;
      std::erase_if(bucket, [&](const Waiting& w) { return idle(begin + w.offset, w.group); });
      bucket.shrink_to_fit();
      waiting_ += bucket.size();
    }
    std::erase_if(buckets_, [](const auto& bucket) { return bucket.second.empty(); });
  }

  std::size_t entries() const { return near_.size() + waiting_; }
  std::size_t bytes() const {
    return near_.capacity() * sizeof(Entry) + waiting_ * sizeof(Waiting) +
           buckets_.size() * bucket_bytes;
  }

 private:
  static constexpr std::int64_t span = 8192;       ///< ms of a bucket
  static constexpr std::size_t bucket_bytes = 80;  ///< of a map's node
  struct Entry {
    std::int64_t time;
    Group group;
  };
  struct Waiting {
    std::uint32_t offset;  ///< ms within the span
    Group group;
  };
  static bool later(const Entry& a, const Entry& b) {
    return a.time > b.time || (a.time == b.time && a.group > b.group);
  }

  void insert(Group group, Cell& cell) {
    cell.indexed = cell.timeout;
    const auto bucket = cell.timeout / span;
    if (bucket * span < begun_) {
      push({cell.timeout, group});
    } else {
      ++waiting_;
      buckets_[bucket].push_back({static_cast<std::uint32_t>(cell.timeout % span), group});
    }
  }

  /// Moves the buckets that begin before `limit` to the heap.
  void open(std::int64_t limit) {
    while (!buckets_.empty() && buckets_.begin()->first * span < limit) {
      const auto first = buckets_.begin();
      const auto begin = first->first * span;
      if (first->second.size() < near_.size() / 32) {
        for (const Waiting& w : first->second) push({begin + w.offset, w.group});
      } else {
        for (const Waiting& w : first->second) near_.push_back({begin + w.offset, w.group});
        std::make_heap(near_.begin(), near_.end(), later);
      }
      waiting_ -= first->second.size();
      buckets_.erase(first);
    }
  }

  void push(const Entry& entry) {
    near_.push_back(entry);
    std::push_heap(near_.begin(), near_.end(), later);
  }
  Entry pop() {
    std::pop_heap(near_.begin(), near_.end(), later);
    const Entry entry = near_.back();
    near_.pop_back();
    if (near_.empty()) near_.shrink_to_fit();
    return entry;
  }

  std::vector<Entry> near_;
  std::map<std::int64_t, std::vector<Waiting>> buckets_;
  std::int64_t begun_ = 0;  ///< buckets that begin before this are in the heap
  std::size_t waiting_ = 0;
};

}  // namespace libstream
