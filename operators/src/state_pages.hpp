#pragma once

#include "aggregate_arguments.hpp"
#include "block_arena.hpp"

#include <libstream/aggregate.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace libstream {

/// What an entry [header | accumulators] looks like for a list of aggregates, and what can be done
/// with many at once.
class StateLayout {
 public:
  static constexpr std::uint64_t touched = 1;  ///< since the last changelog
  static constexpr int rows_shift = 1;         ///< above: input rows; 0 = no entry

  explicit StateLayout(const std::vector<AggregateCall>& calls);

  std::size_t entry_bytes() const { return entry_bytes_; }
  std::size_t functions() const { return functions_.size(); }
  const AggregateFunction& function(std::size_t index) const { return *functions_[index]; }
  /// Of an aggregate's accumulator in the entry.
  std::size_t offset(std::size_t index) const { return offsets_[index]; }
  bool trivial() const { return trivial_; }

  static std::uint64_t& header(std::byte* entry) {
    return *reinterpret_cast<std::uint64_t*>(entry);
  }
  static std::uint64_t header(const std::byte* entry) {
    return *reinterpret_cast<const std::uint64_t*>(entry);
  }
  static std::uint64_t rows(const std::byte* entry) { return header(entry) >> rows_shift; }

  void initialize(std::byte* entry) const {
    if (!trivial_) return initialize_each(entry);
    // Plain bytes begin alike in every entry: no call for each of them.
    std::uint64_t* word = reinterpret_cast<std::uint64_t*>(entry);
    for (const std::uint64_t initial : initial_) *++word = initial;
  }
  void destroy(std::byte* entry) const;
  /// Adds entry from[i] to to[i], accumulators only. The same `to` may come more than once.
  void merge(std::span<std::byte* const> to, std::span<const std::byte* const> from);
  std::vector<ColumnPtr> results(std::span<const std::byte* const> entries);
  /// Intermediates of all aggregates, then the number of rows.
  std::vector<ColumnPtr> intermediates(std::span<const std::byte* const> entries);
  /// The same columns for rows that are each an entry of their own.
  std::vector<ColumnPtr> singletons(std::size_t rows, const AggregateArguments& arguments) const;

 private:
  void initialize_each(std::byte* entry) const;
  std::span<const std::byte* const> states(std::size_t index,
                                           std::span<const std::byte* const> entries);

  std::vector<AggregatePtr> functions_;
  std::vector<std::size_t> offsets_;
  std::size_t entry_bytes_ = sizeof(std::uint64_t);
  bool trivial_ = true;
  std::vector<std::uint64_t> initial_;  // accumulators of a new entry, where all are plain bytes
  std::vector<const std::byte*> from_;
  std::vector<std::byte*> to_;
};

/// Memory for pages of one size, zeroed when handed out.
class PagePool {
 public:
  explicit PagePool(std::size_t entry_bytes);

  std::size_t keys_shift() const { return keys_shift_; }
  std::size_t keys() const { return std::size_t{1} << keys_shift_; }  ///< entries of a page
  std::size_t entry_bytes() const { return entry_bytes_; }
  std::size_t page_bytes() const { return entry_bytes_ << keys_shift_; }
  std::byte* allocate();
  void release(std::byte* page) { free_.push_back(page); }
  std::size_t bytes() const { return arena_.bytes() + free_.capacity() * sizeof(std::byte*); }

 private:
  std::size_t entry_bytes_;
  std::size_t keys_shift_;
  BlockArena arena_;
  std::vector<std::byte*> free_;
};

/// One entry a key, by the key's number: an array in pages of which those without a key are not
/// there.
class StatePages {
 public:
  /// Null where no page is; the entry may still be empty.
  std::byte* find(const PagePool& pool, std::uint32_t key) const {
    const std::size_t page = key >> pool.keys_shift();
    if (page >= pages_.size() || pages_[page] == nullptr) return nullptr;
    return pages_[page] + (key & (pool.keys() - 1)) * pool.entry_bytes();
  }
  std::byte* obtain(PagePool& pool, std::uint32_t key) {
    const std::size_t page = key >> pool.keys_shift();
    if (page >= pages_.size()) pages_.resize(page + 1 + page / 4);
    if (pages_[page] == nullptr) pages_[page] = pool.allocate();
    return pages_[page] + (key & (pool.keys() - 1)) * pool.entry_bytes();
  }
  void prefetch_page_of(const PagePool& pool, std::uint32_t key) const {
    __builtin_prefetch(pages_.data() + (key >> pool.keys_shift()));
  }
  /// Index bound, and the page there or null.
  std::size_t pages() const { return pages_.size(); }
  std::byte* page(std::size_t index) const {
    return index < pages_.size() ? pages_[index] : nullptr;
  }
  /// Pages lie in memory in the order of their first use: who goes through them in the order of
  /// keys has some on their way.
  static constexpr std::size_t pages_ahead = 6;
  void prefetch(const PagePool& pool, std::size_t index) const {
    const std::byte* entry = page(index);
    if (entry == nullptr) return;
    for (std::size_t at = 0; at < pool.page_bytes(); at += 64) __builtin_prefetch(entry + at);
  }
  /// Calls `f(key, entry)` for every entry, in the order of keys.
  template <class F>
  void for_each(const PagePool& pool, F&& f) const {
    for (std::size_t page = 0; page < pages_.size(); ++page) {
      prefetch(pool, page + pages_ahead);
      std::byte* entry = pages_[page];
      if (entry == nullptr) continue;
      const auto first = static_cast<std::uint32_t>(page << pool.keys_shift());
      for (std::uint32_t i = 0; i < pool.keys(); ++i, entry += pool.entry_bytes()) {
        if (StateLayout::header(entry) != 0) f(first + i, entry);
      }
    }
  }
  /// Destroys the entries and gives the pages back.
  void clear(const StateLayout& layout, PagePool& pool);
  std::size_t bytes() const { return pages_.capacity() * sizeof(std::byte*); }

 private:
  std::vector<std::byte*> pages_;
};

}  // namespace libstream
