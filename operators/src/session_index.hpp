#pragma once

#include "group_table.hpp"

#include <libstream/time.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace libstream {

/// The sessions of each key as intervals that neither overlap nor touch, and when they are due.
///
/// A key's row in the table heads a list of its sessions by start: mostly one or two. Each live
/// session is in the heap once, at an end it had; a session that has grown since goes back in when
/// it comes up, so that growing costs nothing.
class SessionIndex {
 public:
  using Id = std::uint32_t;
  using Key = GroupTable::Group;
  static constexpr Id none = std::numeric_limits<Id>::max();

  struct Session {
    EventTime start = 0;
    EventTime end = 0;
    GroupTable::Group group = GroupTable::none;  ///< its accumulators
    Key key = GroupTable::none;
    Id next = none;
    std::int64_t due = never;  ///< where it is in the heap, ms
    bool live = false;
  };
  /// A session that ended up in another, which starts earlier.
  struct Absorbed {
    GroupTable::Group group;
    Id into;
  };

  /// `evicts`: someone asks for the sessions that are due.
  SessionIndex(std::vector<Field> key_fields, bool evicts);

  /// The keys of rows, in order; new ones get no session yet.
  std::span<const Key> find(std::span<const ColumnPtr> keys, std::size_t rows,
                            const std::uint64_t* hashes);
  /// Merges each row's piece [start, end) into the sessions of its key; `sessions()[i]` is the one
  /// it went into. New and absorbing sessions have no valid group until `set_groups`.
  void add(std::span<const Key> keys, const EventTime* starts, const EventTime* ends);
  std::span<const Id> sessions() const { return row_sessions_; }
  std::span<const Absorbed> absorbed() const { return absorbed_; }
  void set_groups(std::span<const GroupTable::Group> groups);

  /// A session of the state, at a restart.
  void load(Key key, EventTime start, EventTime end, GroupTable::Group group);

  const Session& session(Id id) const { return pool_[id]; }
  /// Live sessions, by their place in memory.
  std::vector<Id> all() const;
  /// The sessions that `watermark` covers, the earliest first; they stay until `erase`.
  std::vector<Id> take_due(Watermark watermark);
  /// Forgets sessions, and keys that have none left.
  void erase(std::span<const Id> ids);

  /// Sessions of the keys found since the last `start`.
  std::uint64_t touched() const;
  void start();
  std::size_t bytes() const;

 private:
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
  /// Behind the key in its row.
  struct Head {
    Id first;
    std::uint32_t count;
    std::uint64_t touched;  ///< the round it was found in
  };
  struct Due {
    std::int64_t milliseconds;
    Id id;
  };
  static bool later(const Due& a, const Due& b) {
    return a.milliseconds != b.milliseconds ? a.milliseconds > b.milliseconds : a.id > b.id;
  }

  Head& head(Key key) const;
  void order_rows(std::span<const Key> keys, const EventTime* starts);
  Id merge(Key key, EventTime start, EventTime end, Id from);
  Id insert(Key key, Id behind, EventTime start, EventTime end);
  void absorb_next(Id id);
  void release(Id id);
  void queue(Id id);

  bool evicts_;
  GroupTable table_;
  std::vector<Session> pool_;
  std::vector<Id> free_;
  std::vector<Due> heap_;
  std::vector<Key> touched_;
  std::uint64_t round_ = 1;

  std::vector<std::uint32_t> order_;
  std::vector<Id> row_sessions_;
  std::vector<Absorbed> absorbed_;
};

}  // namespace libstream
