// Timeouts that move, against a map that keeps them in order.
#include "timeout_index.hpp"

#include <doctest/doctest.h>

#include <random>
#include <set>
#include <utility>

using namespace libstream;

namespace {

using Cell = TimeoutIndex::Cell;
using Group = TimeoutIndex::Group;

/// The index with its cells, and the same in a set.
class Pair {
 public:
  explicit Pair(std::uint64_t seed) : chance_(seed), cells_(150), live_(150, false) {}

  void step() {
    const auto group = static_cast<Group>(pick(cells_.size()));
    switch (pick(12)) {
      case 0:
        return take();
      case 1:
        return remove(group);
      case 2:
        set(group, GroupTimes::never);
        break;
      case 3:
        CHECK(index_.earliest(cells()) ==
              (ordered_.empty() ? GroupTimes::never : ordered_.begin()->first));
        break;
      default:
        // Near, within spans of each other, far: back and forth.
        set(group, now_ + static_cast<std::int64_t>(pick(1ULL << pick(28))));
    }
    index_.tidy(live_groups_, cells());
    CHECK(index_.entries() <= 3 * live_groups_ + 1024);
  }
  std::size_t fired() const { return fired_; }

 private:
  std::uint64_t pick(std::uint64_t count) { return chance_() % count; }
  struct Cells {
    Pair* pair;
    Cell* operator()(Group group) const {
      return pair->live_[group] ? &pair->cells_[group] : nullptr;
    }
  };
  Cells cells() { return {this}; }

  void set(Group group, std::int64_t timeout) {
    if (!live_[group]) {
      live_[group] = true;
      ++live_groups_;
      cells_[group] = {};
    }
    Cell& cell = cells_[group];
    ordered_.erase({cell.timeout, group});
    cell.timeout = timeout;
    if (timeout != GroupTimes::never) ordered_.emplace(timeout, group);
    index_.set(group, cell);
  }

  /// The number is another group's later.
  void remove(Group group) {
    if (!live_[group]) return;
    ordered_.erase({cells_[group].timeout, group});
    live_[group] = false;
    --live_groups_;
  }

  void take() {
    now_ += static_cast<std::int64_t>(pick(1ULL << pick(18)));
    std::vector<Group> due;
    index_.take(now_, cells(), [&](Group group) { due.push_back(group); });
    std::vector<Group> wanted;
    while (!ordered_.empty() && ordered_.begin()->first < now_) {
      wanted.push_back(ordered_.begin()->second);
      ordered_.erase(ordered_.begin());
    }
    CHECK(due == wanted);
    fired_ += due.size();
    for (const Group group : due) {
      cells_[group].timeout = GroupTimes::never;
      if (pick(3) == 0) {
        remove(group);
      } else if (pick(2) == 0) {
        set(group, now_ + static_cast<std::int64_t>(pick(50'000)));
      }
    }
  }

  std::mt19937_64 chance_;
  TimeoutIndex index_;
  std::vector<Cell> cells_;
  std::vector<bool> live_;
  std::size_t live_groups_ = 0;
  std::set<std::pair<std::int64_t, Group>> ordered_;
  std::int64_t now_ = 0;
  std::size_t fired_ = 0;
};

}  // namespace

TEST_CASE("timeouts come up in order, each once, whichever way they moved before") {
  std::size_t fired = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Pair pair(seed);
    for (int i = 0; i < 20'000; ++i) pair.step();
    fired += pair.fired();
  }
  CHECK(fired > 50'000);
}

TEST_CASE("a timeout fires behind its time, not at it") {
  TimeoutIndex index;
  std::vector<Cell> cells(1);
  const auto cell_of = [&](Group group) { return &cells[group]; };
  int fired = 0;
  const auto due = [&](Group) { ++fired; };
  cells[0].timeout = 10'000;
  index.set(0, cells[0]);
  index.take(10'000, cell_of, due);
  CHECK(fired == 0);
  CHECK(index.earliest(cell_of) == 10'000);
  index.take(10'001, cell_of, due);
  CHECK(fired == 1);
  CHECK(index.entries() == 0);
}
