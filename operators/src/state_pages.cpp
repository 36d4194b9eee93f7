#include "state_pages.hpp"

#include <algorithm>

namespace libstream {

StateLayout::StateLayout(const std::vector<AggregateCall>& calls) {
  for (const AggregateCall& call : calls) {
    functions_.push_back(call.function);
    offsets_.push_back(entry_bytes_);
    entry_bytes_ += call.function->state_size();
    trivial_ = trivial_ && call.function->trivial();
  }
  if (!trivial_) return;
  std::vector<std::uint64_t> entry(entry_bytes_ / sizeof(std::uint64_t));
  initialize_each(reinterpret_cast<std::byte*>(entry.data()));
  initial_.assign(entry.begin() + 1, entry.end());
}

void StateLayout::initialize_each(std::byte* entry) const {
  for (std::size_t i = 0; i < functions_.size(); ++i) {
    functions_[i]->initialize(entry + offsets_[i]);
  }
}

void StateLayout::destroy(std::byte* entry) const {
  if (trivial_) return;
  for (std::size_t i = 0; i < functions_.size(); ++i) functions_[i]->destroy(entry + offsets_[i]);
}

std::span<const std::byte* const> StateLayout::states(std::size_t index,
                                                      std::span<const std::byte* const> entries) {
  from_.resize(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) from_[i] = entries[i] + offsets_[index];
  return from_;
}

void StateLayout::merge(std::span<std::byte* const> to, std::span<const std::byte* const> from) {
  if (to.empty()) return;
  to_.resize(to.size());
  for (std::size_t f = 0; f < functions_.size(); ++f) {
    for (std::size_t i = 0; i < to.size(); ++i) to_[i] = to[i] + offsets_[f];
    functions_[f]->merge(to_, functions_[f]->intermediates(states(f, from)));
  }
}

std::vector<ColumnPtr> StateLayout::results(std::span<const std::byte* const> entries) {
  std::vector<ColumnPtr> columns;
  for (std::size_t f = 0; f < functions_.size(); ++f) {
    columns.push_back(functions_[f]->finish(states(f, entries)));
  }
  return columns;
}

std::vector<ColumnPtr> StateLayout::intermediates(std::span<const std::byte* const> entries) {
  std::vector<ColumnPtr> columns;
  for (std::size_t f = 0; f < functions_.size(); ++f) {
    for (auto& column : functions_[f]->intermediates(states(f, entries))) {
      columns.push_back(std::move(column));
    }
  }
  const auto buffer = Buffer::allocate(entries.size() * sizeof(std::int64_t));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    buffer->as<std::int64_t>()[i] = static_cast<std::int64_t>(rows(entries[i]));
  }
  columns.push_back(Column::fixed(TypeId::bigint, entries.size(), buffer));
  return columns;
}

std::vector<ColumnPtr> StateLayout::singletons(std::size_t rows,
                                               const AggregateArguments& arguments) const {
  std::vector<ColumnPtr> columns;
  for (std::size_t f = 0; f < functions_.size(); ++f) {
    std::vector<ColumnPtr> own(arguments.arguments(f).begin(), arguments.arguments(f).end());
    for (std::size_t i = 0; i < own.size(); ++i) {
      // The filter let no row through, so nothing was evaluated.
      if (own[i] == nullptr) own[i] = Column::nulls(functions_[f]->argument_types()[i], rows);
    }
    for (auto& column : functions_[f]->singletons(own, arguments.mask(f), rows)) {
      columns.push_back(std::move(column));
    }
  }
  const auto buffer = Buffer::allocate(rows * sizeof(std::int64_t));
  std::fill_n(buffer->as<std::int64_t>(), rows, 1);
  columns.push_back(Column::fixed(TypeId::bigint, rows, buffer));
  return columns;
}

PagePool::PagePool(std::size_t entry_bytes)
    : entry_bytes_(entry_bytes),
      keys_shift_(entry_bytes <= 32    ? 4
                  : entry_bytes <= 128 ? 3
                                       : 1) {}

std::byte* PagePool::allocate() {
  std::byte* page;
  if (free_.empty()) {
    page = arena_.allocate(page_bytes());
  } else {
    page = free_.back();
    free_.pop_back();
  }
  std::memset(page, 0, page_bytes());
  return page;
}

void StatePages::clear(const StateLayout& layout, PagePool& pool) {
  if (!layout.trivial()) {
    for_each(pool, [&](std::uint32_t, std::byte* entry) { layout.destroy(entry); });
  }
  for (std::byte* page : pages_) {
    if (page != nullptr) pool.release(page);
  }
  pages_.clear();
  pages_.shrink_to_fit();
}

}  // namespace libstream
