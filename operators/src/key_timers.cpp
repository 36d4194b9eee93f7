#include "key_timers.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

namespace libstream {
namespace {

std::string suffix_of(std::int64_t time) {
  return std::string(reinterpret_cast<const char*>(&time), sizeof time);
}

}  // namespace

auto KeyTimers::cells() {
  return [this](Group group) {
    Cell* cell = cells_.find(group);
    return cell == nullptr ? nullptr : &cell->index;
  };
}

KeyTimers::Timer* KeyTimers::find(Group group, std::int64_t time) const {
  Cell* cell = cells_.find(group);
  if (cell == nullptr) return nullptr;
  const auto place =
      std::lower_bound(cell->timers.begin(), cell->timers.end(), time,
                       [](const Timer& timer, std::int64_t wanted) { return timer.time < wanted; });
  return place != cell->timers.end() && place->time == time ? &*place : nullptr;
}

void KeyTimers::mark(Group group, Timer& timer) {
  timer.dirty = true;
  if (!std::exchange(cells_[group].dirty, true)) changed_.push_back(group);
}

/// Into the index, by the key's earliest timer. Times before 1970 are due as those of 1970 are.
void KeyTimers::place(Group group) {
  Cell& cell = cells_[group];
  const auto first = std::find_if(cell.timers.begin(), cell.timers.end(),
                                  [](const Timer& timer) { return timer.alive; });
  cell.index.timeout =
      first == cell.timers.end() ? GroupTimes::never : std::max<std::int64_t>(first->time, 0);
  index_.set(group, cell.index);
}

void KeyTimers::add(Group group, std::int64_t time, bool fresh) {
  Timer* timer = find(group, time);
  if (timer == nullptr) {
    auto& timers = cells_[group].timers;
    const auto after = std::find_if(timers.begin(), timers.end(),
                                    [&](const Timer& other) { return other.time > time; });
    timer = &*timers.insert(after, Timer{time});
  }
  if (timer->alive) return;
  timer->alive = true;
  timer->fresh = fresh;
  ++counts_.registered;
  mark(group, *timer);
  place(group);
}

void KeyTimers::remove(Group group, std::int64_t time) {
  Timer* timer = find(group, time);
  if (timer == nullptr || !timer->alive) return;
  timer->alive = false;
  ++counts_.deleted;
  mark(group, *timer);
  place(group);
}

std::vector<std::int64_t> KeyTimers::of(Group group) const {
  std::vector<std::int64_t> times;
  const Cell* cell = cells_.find(group);
  if (cell == nullptr) return times;
  for (const Timer& timer : cell->timers) {
    if (timer.alive) times.push_back(timer.time);
  }
  return times;
}

bool KeyTimers::holds(Group group) const {
  const Cell* cell = cells_.find(group);
  return cell != nullptr && std::any_of(cell->timers.begin(), cell->timers.end(),
                                        [](const Timer& timer) { return timer.alive; });
}

std::vector<KeyTimers::Due> KeyTimers::take(std::int64_t limit) {
  std::vector<Due> due;
  const std::int64_t beyond = limit == std::numeric_limits<std::int64_t>::max() ? limit : limit + 1;
  index_.take(beyond, cells(), [&](Group group) {
    for (const Timer& timer : cells_[group].timers) {
      if (timer.alive && timer.time <= limit) due.push_back({timer.time, group});
    }
  });
  std::sort(due.begin(), due.end(), [](const Due& a, const Due& b) {
    return std::pair(a.time, a.group) < std::pair(b.time, b.group);
  });
  return due;
}

bool KeyTimers::fires(const Due& due) const {
  const Timer* timer = find(due.group, due.time);
  return timer != nullptr && timer->alive && !timer->fresh;
}

void KeyTimers::fired(const Due& due) {
  ++counts_.expired;
  Timer* timer = find(due.group, due.time);
  if (!timer->alive) return;  // the callback removed it
  timer->alive = false;
  mark(due.group, *timer);
}

void KeyTimers::settle(std::span<const Due> due) {
  for (const Due& one : due) place(one.group);
}

std::int64_t KeyTimers::earliest() { return index_.earliest(cells()); }

void KeyTimers::load(Group group, std::string_view suffix) {
  std::int64_t time = 0;
  if (suffix.size() != sizeof time) throw_short_state();
  std::memcpy(&time, suffix.data(), sizeof time);
  auto& timers = cells_[group].timers;
  const auto after = std::find_if(timers.begin(), timers.end(),
                                  [&](const Timer& other) { return other.time > time; });
  timers.insert(after, Timer{time, true, true});
  ++entries_;
  place(group);
}

void KeyTimers::collect(StateEntries& entries) {
  for (const Group group : changed_) {
    Cell& cell = cells_[group];
    cell.dirty = false;
    for (Timer& timer : cell.timers) {
      timer.fresh = false;
      if (!std::exchange(timer.dirty, false) || timer.alive == timer.stored) continue;
      if (timer.alive) {
        entries.put(group, suffix_of(timer.time), {});
        ++entries_;
      } else {
        entries.erase(group, suffix_of(timer.time));
        --entries_;
      }
      timer.stored = timer.alive;
    }
    std::erase_if(cell.timers, [](const Timer& timer) { return !timer.alive; });
    if (cell.timers.empty()) std::vector<Timer>().swap(cell.timers);
  }
  changed_.clear();
}

void KeyTimers::forget(Group group) {
  if (Cell* cell = cells_.find(group)) *cell = Cell{};
}

std::size_t KeyTimers::bytes() const {
  return cells_.bytes() + index_.bytes() + entries_ * sizeof(Timer);
}

}  // namespace libstream
