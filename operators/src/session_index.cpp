#include "session_index.hpp"

#include "key_time.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <numeric>

namespace libstream {

SessionIndex::SessionIndex(std::vector<Field> key_fields, bool evicts)
    : evicts_(evicts), table_(std::move(key_fields), sizeof(Head)) {}

SessionIndex::Head& SessionIndex::head(Key key) const {
  return *reinterpret_cast<Head*>(table_.row(key) + table_.state_offset());
}

std::span<const SessionIndex::Key> SessionIndex::find(std::span<const ColumnPtr> keys,
                                                      std::size_t rows,
                                                      const std::uint64_t* hashes) {
  table_.find(keys, rows, hashes);
  for (const Key key : table_.created()) head(key) = {none, 0, 0};
  return table_.groups();
}

void SessionIndex::order_rows(std::span<const Key> keys, const EventTime* starts) {
  order_.resize(keys.size());
  std::iota(order_.begin(), order_.end(), 0);
  std::sort(order_.begin(), order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (keys[a] != keys[b]) return keys[a] < keys[b];
    return starts[a] != starts[b] ? starts[a] < starts[b] : a < b;
  });
}

void SessionIndex::add(std::span<const Key> keys, const EventTime* starts, const EventTime* ends) {
  order_rows(keys, starts);
  row_sessions_.resize(keys.size());
  absorbed_.clear();
  Id last = none;
  for (std::size_t i = 0; i < order_.size();) {
    const Key key = keys[order_[i]];
    if (i == 0 || key != keys[order_[i - 1]]) {
      last = none;
      if (head(key).touched != round_) {
        head(key).touched = round_;
        touched_.push_back(key);
      }
    }
    // Rows that touch each other go in as one piece.
    const EventTime start = starts[order_[i]];
    EventTime end = ends[order_[i]];
    std::size_t behind = i + 1;
    for (; behind < order_.size() && keys[order_[behind]] == key; ++behind) {
      if (starts[order_[behind]] > end) break;
      end = std::max(end, ends[order_[behind]]);
    }
    last = merge(key, start, end, last);
    for (; i < behind; ++i) row_sessions_[order_[i]] = last;
  }
}

/// Pieces of one key come by start, so each looks from the session of the one before (`from`) on.
SessionIndex::Id SessionIndex::merge(Key key, EventTime start, EventTime end, Id from) {
  Id before = none;
  Id id = from == none ? head(key).first : from;
  while (id != none && pool_[id].end < start) {
    before = id;
    id = pool_[id].next;
  }
  if (id == none || pool_[id].start > end) return insert(key, before, start, end);
  if (start < pool_[id].start) {
    // The start is part of the state's key: the accumulators move to the new one.
    absorbed_.push_back({pool_[id].group, id});
    pool_[id].start = start;
  }
  pool_[id].end = std::max(pool_[id].end, end);
  while (pool_[id].next != none && pool_[pool_[id].next].start <= pool_[id].end) absorb_next(id);
  return id;
}

SessionIndex::Id SessionIndex::insert(Key key, Id behind, EventTime start, EventTime end) {
  Id id;
  if (free_.empty()) {
    id = static_cast<Id>(pool_.size());
    pool_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Id& link = behind == none ? head(key).first : pool_[behind].next;
  pool_[id] = {start, end, GroupTable::none, key, link, never, true};
  link = id;
  ++head(key).count;
  queue(id);
  return id;
}

void SessionIndex::absorb_next(Id id) {
  const Id other = pool_[id].next;
  absorbed_.push_back({pool_[other].group, id});
  pool_[id].end = std::max(pool_[id].end, pool_[other].end);
  pool_[id].next = pool_[other].next;
  --head(pool_[id].key).count;
  release(other);
}

void SessionIndex::release(Id id) {
  pool_[id] = {};
  free_.push_back(id);
}

void SessionIndex::queue(Id id) {
  if (!evicts_) return;
  // Rounds up: the watermark covers the end from there on.
  auto& session = pool_[id];
  session.due = floor_to_milliseconds(session.end) + (session.end % 1000 != 0 ? 1 : 0);
  heap_.push_back({session.due, id});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

void SessionIndex::set_groups(std::span<const GroupTable::Group> groups) {
  for (std::size_t i = 0; i < row_sessions_.size(); ++i) {
    pool_[row_sessions_[i]].group = groups[i];
  }
}

void SessionIndex::load(Key key, EventTime start, EventTime end, GroupTable::Group group) {
  Id before = none;
  for (Id id = head(key).first; id != none && pool_[id].start < start; id = pool_[id].next) {
    before = id;
  }
  pool_[insert(key, before, start, end)].group = group;
}

std::vector<SessionIndex::Id> SessionIndex::all() const {
  std::vector<Id> ids;
  for (Id id = 0; id < pool_.size(); ++id) {
    if (pool_[id].live) ids.push_back(id);
  }
  return ids;
}

std::vector<SessionIndex::Id> SessionIndex::take_due(Watermark watermark) {
  std::vector<Id> due;
  while (!heap_.empty() && heap_.front().milliseconds <= watermark.milliseconds) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Due entry = heap_.back();
    heap_.pop_back();
    auto& session = pool_[entry.id];
    if (!session.live || session.due != entry.milliseconds) continue;  // absorbed since
    if (watermark.covers(session.end)) {
      session.due = never;
      due.push_back(entry.id);
    } else {
      queue(entry.id);
    }
  }
  return due;
}

void SessionIndex::erase(std::span<const Id> ids) {
  std::vector<Key> empty;
  for (const Id id : ids) {
    const Key key = pool_[id].key;
    Id* link = &head(key).first;
    while (*link != id) link = &pool_[*link].next;
    *link = pool_[id].next;
    if (--head(key).count == 0) empty.push_back(key);
    release(id);
  }
  if (empty.empty()) return;
  const BufferPtr hashes = hash_columns(table_.keys(empty), empty.size());
  table_.erase(empty, hashes->as<std::uint64_t>());
}

std::uint64_t SessionIndex::touched() const {
  std::uint64_t sessions = 0;
  for (const Key key : touched_) sessions += head(key).count;
  return sessions;
}

void SessionIndex::start() {
  touched_.clear();
  ++round_;
}

std::size_t SessionIndex::bytes() const {
  return table_.bytes() + pool_.capacity() * sizeof(Session) + heap_.capacity() * sizeof(Due);
}

}  // namespace libstream
