#include "pane_windows.hpp"

#include <libstream/batch.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace libstream {
namespace {

std::int64_t length_of(std::size_t level, std::int64_t fan) {
  std::int64_t length = fan;
  for (std::size_t i = 0; i < level; ++i) length *= fan;
  return length;
}

constexpr std::uint64_t one_row = std::uint64_t{1} << StateLayout::rows_shift;

}  // namespace

PaneWindows::~PaneWindows() {
  forget_sums();
  forget_before(std::numeric_limits<std::int64_t>::max());
}

void PaneWindows::add_entry(std::byte* sum, const std::byte* entry) {
  if (StateLayout::header(sum) == 0) {
    table_.layout().initialize(sum);
    StateLayout::header(sum) = one_row;
  }
  to_.push_back(sum);
  from_.push_back(entry);
  if (to_.size() == batch_rows) flush();
}

void PaneWindows::flush() {
  table_.layout().merge(to_, from_);
  to_.clear();
  from_.clear();
}

/// The sum over a run of panes, null where none of them holds anything. `level` 0 is a pane.
const StatePages* PaneWindows::run(std::size_t level, std::int64_t index) {
  if (level == 0) {
    const PaneTable::Pane* pane = table_.find(index);
    return pane == nullptr ? nullptr : &pane->states;
  }
  if (levels_.size() < level) levels_.resize(level);
  const auto known = levels_[level - 1].find(index);
  if (known != levels_[level - 1].end()) return &known->second;
  const std::int64_t length = length_of(level - 1, fan);
  const auto inside = table_.panes().lower_bound(index * length);
  if (inside == table_.panes().end() || inside->first >= (index + 1) * length) return nullptr;
  std::vector<const StatePages*> parts;
  for (std::int64_t i = 0; i < fan; ++i) {
    const StatePages* part = run(level - 1, index * fan + i);
    if (part != nullptr) parts.push_back(part);
  }
  if (parts.size() == 1) return parts[0];
  StatePages& sum = levels_[level - 1][index];
  for (const StatePages* part : parts) {
    part->for_each(table_.pool(), [&](Key key, const std::byte* entry) {
      add_entry(sum.obtain(table_.pool(), key), entry);
    });
  }
  flush();
  return &sum;
}

std::vector<PaneWindows::Key> PaneWindows::touched_in(std::int64_t begin, std::int64_t end) const {
  std::vector<Key> keys;
  const auto& panes = table_.panes();
  for (auto pane = panes.lower_bound(begin); pane != panes.end() && pane->first < end; ++pane) {
    keys.insert(keys.end(), pane->second.touched.begin(), pane->second.touched.end());
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

void PaneWindows::refresh() {
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    for (auto& [index, states] : levels_[level]) refresh_run(level + 1, index, states);
  }
}

void PaneWindows::refresh_run(std::size_t level, std::int64_t index, StatePages& states) {
  const std::int64_t length = length_of(level - 1, fan);
  const auto keys = touched_in(index * length, (index + 1) * length);
  if (keys.empty()) return;
  for (const Key key : keys) {
    std::byte* entry = states.obtain(table_.pool(), key);
    if (StateLayout::header(entry) == 0) continue;
    table_.layout().destroy(entry);
    StateLayout::header(entry) = 0;
  }
  for (std::int64_t i = 0; i < fan; ++i) {
    const StatePages* part = run(level - 1, index * fan + i);
    if (part == nullptr) continue;
    for (const Key key : keys) {
      const std::byte* entry = part->find(table_.pool(), key);
      if (entry == nullptr || StateLayout::header(entry) == 0) continue;
      add_entry(states.find(table_.pool(), key), entry);
    }
  }
  flush();
}

void PaneWindows::forget_before(std::int64_t pane) {
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    const std::int64_t length = length_of(level, fan);
    Level& runs = levels_[level];
    while (!runs.empty() && runs.begin()->first * length < pane) {
      runs.begin()->second.clear(table_.layout(), table_.pool());
      runs.erase(runs.begin());
    }
  }
}

void PaneWindows::open(std::int64_t window) {
  sources_.clear();
  pages_ = 0;
  next_page_ = 0;
  const std::int64_t end = grid_.first_pane(window) + grid_.panes_per_window();
  for (std::int64_t pane = grid_.first_pane(window); pane < end;) {
    std::size_t level = 0;
    std::int64_t length = 1;
    while (grid_.panes_per_window() >= least_panes && pane % (length * fan) == 0 &&
           pane + length * fan <= end) {
      ++level;
      length *= fan;
    }
    const StatePages* states = run(level, pane / length);
    if (states != nullptr) {
      sources_.push_back(states);
      pages_ = std::max(pages_, states->pages());
    }
    pane += length;
  }
}

void PaneWindows::begin_sums() {
  forget_sums();
  scratch_.resize((batch_rows + table_.pool().keys()) * table_.layout().entry_bytes());
}

bool PaneWindows::next_keys() {
  begin_sums();
  const PagePool& pool = table_.pool();
  const std::size_t page_bytes = pool.page_bytes();
  std::byte* sum = scratch_.data();
  for (; next_page_ < pages_ && keys_.size() + pool.keys() <= batch_rows; ++next_page_) {
    if (sum + page_bytes > scratch_.data() + scratch_.size()) break;
    bool cleared = false;
    for (const StatePages* source : sources_) {
      source->prefetch(pool, next_page_ + StatePages::pages_ahead);
      const std::byte* entry = source->page(next_page_);
      if (entry == nullptr) continue;
      if (!cleared) std::memset(sum, 0, page_bytes);
      cleared = true;
      for (std::size_t at = 0; at < page_bytes; at += pool.entry_bytes()) {
        if (StateLayout::header(entry + at) != 0) add_entry(sum + at, entry + at);
      }
    }
    if (!cleared) continue;
    const auto first = static_cast<Key>(next_page_ << pool.keys_shift());
    for (Key i = 0; i < pool.keys(); ++i) {
      const std::byte* entry = sum + i * pool.entry_bytes();
      if (StateLayout::header(entry) == 0) continue;
      keys_.push_back(first + i);
      sums_.push_back(entry);
    }
    sum += page_bytes;
  }
  flush();
  return !keys_.empty();
}

void PaneWindows::add(std::span<const Key> keys) {
  LIBSTREAM_ASSERT(keys.size() <= batch_rows, "one batch of keys");
  begin_sums();
  const std::size_t entry_bytes = table_.layout().entry_bytes();
  std::memset(scratch_.data(), 0, keys.size() * entry_bytes);
  for (const StatePages* source : sources_) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::byte* entry = source->find(table_.pool(), keys[i]);
      if (entry == nullptr || StateLayout::header(entry) == 0) continue;
      add_entry(scratch_.data() + i * entry_bytes, entry);
    }
  }
  flush();
  keys_.assign(keys.begin(), keys.end());
  for (std::size_t i = 0; i < keys.size(); ++i) sums_.push_back(scratch_.data() + i * entry_bytes);
}

std::vector<ColumnPtr> PaneWindows::results() { return table_.layout().results(sums_); }

void PaneWindows::forget_sums() {
  for (const std::byte* sum : sums_) table_.layout().destroy(const_cast<std::byte*>(sum));
  sums_.clear();
  keys_.clear();
}

std::size_t PaneWindows::bytes() const {
  std::size_t total = scratch_.capacity();
  for (const Level& level : levels_) {
    for (const auto& [index, states] : level) total += states.bytes();
  }
  return total;
}

}  // namespace libstream
