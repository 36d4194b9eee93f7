#include "pane_table.hpp"

#include "name_key.hpp"

#include <libstream/batch.hpp>
#include <libstream/error.hpp>

#include <algorithm>

namespace libstream {
namespace {

constexpr std::size_t block_rows = 64;
constexpr std::uint64_t one_pane = std::uint64_t{1} << GroupHeader::rows_shift;

}  // namespace

PaneTable::PaneTable(std::vector<Field> key_fields, const std::vector<AggregateCall>& calls)
    : key_fields_(std::move(key_fields)),
      layout_(calls),
      keys_(key_fields_, 0),
      pool_(layout_.entry_bytes()) {}

PaneTable::~PaneTable() { clear(); }

void PaneTable::update(std::span<const ColumnPtr> keys, const std::int64_t* panes, std::size_t rows,
                       const std::uint64_t* hashes, const AggregateArguments& arguments) {
  find_keys(keys, rows, hashes);
  locate(panes, rows, nullptr);
  for (std::size_t f = 0; f < layout_.functions(); ++f) {
    const auto columns = arguments.arguments(f);
    // Null where the filter let no row through.
    if (std::find(columns.begin(), columns.end(), nullptr) != columns.end()) continue;
    naming_key([&] { layout_.function(f).update(states_of(f, arguments.mask(f)), columns); },
               [&] { return std::vector<ColumnPtr>(keys.begin(), keys.end()); });
  }
}

void PaneTable::merge(std::span<const ColumnPtr> keys, const std::int64_t* panes, std::size_t rows,
                      const std::uint64_t* hashes, std::span<const ColumnPtr> intermediates) {
  find_keys(keys, rows, hashes);
  locate(panes, rows, intermediates.back()->values<std::int64_t>());
  std::size_t first = 0;
  for (std::size_t f = 0; f < layout_.functions(); ++f) {
    const std::size_t count = layout_.function(f).intermediate_types().size();
    layout_.function(f).merge(states_of(f, nullptr), intermediates.subspan(first, count));
    first += count;
  }
}

void PaneTable::find_keys(std::span<const ColumnPtr> keys, std::size_t rows,
                          const std::uint64_t* hashes) {
  keys_.find(keys, rows, hashes);
  for (std::size_t i = 0; i < keys_.created().size(); ++i) {
    const Key key = keys_.created()[i];
    if (key >= hashes_.size()) {
      hashes_.resize(key + 1);
    }
    hashes_[key] = hashes == nullptr ? 0 : hashes[keys_.created_by()[i]];
  }
}

PaneTable::Pane& PaneTable::obtain(std::int64_t pane) {
  Recent& recent = recent_[static_cast<std::size_t>(pane) % recent_.size()];
  if (recent.pane == nullptr || recent.number != pane) recent = {pane, &panes_[pane]};
  return *recent.pane;
}

const PaneTable::Pane* PaneTable::find(std::int64_t pane) const {
  const auto found = panes_.find(pane);
  return found == panes_.end() ? nullptr : &found->second;
}

/// Finds the entries of the rows, a block at a time so that they are on their way to the cache
/// while the rest of the block is looked up.
void PaneTable::locate(const std::int64_t* panes, std::size_t rows, const std::int64_t* rows_each) {
  const auto keys = keys_.groups();
  located_.resize(rows);
  Pane* owners[block_rows];
  Pane* pane = nullptr;
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < rows; begin += block_rows) {
    const std::size_t count = std::min(block_rows, rows - begin);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = begin + i;
      if (pane == nullptr || panes[row] != number) {
        number = panes[row];
        pane = &obtain(number);
      }
      owners[i] = pane;
      pane->states.prefetch_page_of(pool_, keys[row]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      std::byte*& entry = located_[begin + i];
      entry = owners[i]->states.obtain(pool_, keys[begin + i]);
      __builtin_prefetch(entry, 1);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = begin + i;
      touch(*owners[i], keys[row], keys_.rows()[row], located_[row],
            rows_each == nullptr ? 1 : static_cast<std::uint64_t>(rows_each[row]));
    }
  }
}

inline void PaneTable::touch(Pane& pane, Key key, std::byte* key_row, std::byte* entry,
                             std::uint64_t rows) {
  std::uint64_t& header = StateLayout::header(entry);
  if (!(header & StateLayout::touched)) {
    if (header == 0) {
      layout_.initialize(entry);
      ++pane.entries;
      ++entries_;
      StateLayout::header(key_row) += one_pane;
    }
    header |= StateLayout::touched;
    pane.touched.push_back(key);
    ++touched_;
  }
  header += rows << StateLayout::rows_shift;
  pane.rows += rows;
  rows_ += rows;
}

std::span<std::byte* const> PaneTable::states_of(std::size_t function, const std::uint8_t* mask) {
  const std::size_t offset = layout_.offset(function);
  scratch_.resize(located_.size());
  for (std::size_t i = 0; i < located_.size(); ++i) {
    scratch_[i] = mask == nullptr || mask[i] ? located_[i] + offset : nullptr;
  }
  return scratch_;
}

std::uint64_t PaneTable::drop_first() {
  const auto first = panes_.begin();
  Pane& pane = first->second;
  std::vector<Key> gone;
  std::vector<std::uint64_t> hashes;
  pane.states.for_each(pool_, [&](Key key, const std::byte*) {
    keys_.header(key) -= one_pane;
    if (keys_.header(key) < one_pane) {
      gone.push_back(key);
      hashes.push_back(hashes_[key]);
    }
  });
  keys_.erase(gone, hashes.data());
  const std::uint64_t count = pane.entries;
  entries_ -= count;
  rows_ -= pane.rows;
  touched_ -= pane.touched.size();
  pane.states.clear(layout_, pool_);
  recent_[static_cast<std::size_t>(first->first) % recent_.size()] = {};
  panes_.erase(first);
  return count;
}

void PaneTable::clear() {
  for (auto& [number, pane] : panes_) pane.states.clear(layout_, pool_);
  panes_.clear();
  recent_ = {};
  keys_.clear();
  entries_ = rows_ = touched_ = 0;
}

std::size_t PaneTable::bytes() const {
  std::size_t total = keys_.bytes() + pool_.bytes() + hashes_.capacity() * sizeof(std::uint64_t);
  for (const auto& [number, pane] : panes_) {
    total += pane.states.bytes() + pane.touched.capacity() * sizeof(Key);
  }
  return total;
}

}  // namespace libstream
