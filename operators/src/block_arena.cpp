#include "block_arena.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>

namespace libstream {
namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;

std::byte* allocate_aligned(std::size_t size) {
  const std::size_t alignment = size >= huge_page ? huge_page : 64;
  size = (size + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, size);
  if (memory == nullptr) throw std::bad_alloc();
  // Only advice: without huge pages everything works, with more TLB misses.
  if (size >= huge_page) madvise(memory, size, MADV_HUGEPAGE);
  return static_cast<std::byte*>(memory);
}

}  // namespace

void BlockArena::Free::operator()(std::byte* block) const { std::free(block); }

std::byte* BlockArena::allocate(std::size_t size) {
  size = (size + 7) / 8 * 8;
  if (static_cast<std::size_t>(end_ - begin_) < size) {
    const std::size_t block = std::max(size, next_block_);
    next_block_ = std::min(next_block_ * 2, huge_page);
    begin_ = allocate_aligned(block);
    end_ = begin_ + block;
    blocks_.emplace_back(begin_);
    bytes_ += block;
  }
  std::byte* result = begin_;
  begin_ += size;
  return result;
}

// A long text stands behind a word with its place in the list, so that it is found again at once.
TextArena::~TextArena() {
  for (char* text : long_) std::free(text);
}

char* TextArena::allocate(std::size_t size) {
  const std::size_t index = (size + step - 1) / step;
  if (index >= classes) {
    auto* text = static_cast<char*>(std::malloc(step + size));
    if (text == nullptr) throw std::bad_alloc();
    const std::size_t place = long_.size();
    std::memcpy(text, &place, sizeof place);
    long_.push_back(text);
    long_bytes_ += size;
    return text + step;
  }
  if (Link* link = free_[index]) {
    free_[index] = link->next;
    return reinterpret_cast<char*>(link);
  }
  return reinterpret_cast<char*>(arena_.allocate(index * step));
}

void TextArena::release(char* text, std::size_t size) {
  const std::size_t index = (size + step - 1) / step;
  if (index >= classes) {
    text -= step;
    std::size_t place;
    std::memcpy(&place, text, sizeof place);
    std::memcpy(long_.back(), &place, sizeof place);
    long_[place] = long_.back();
    long_.pop_back();
    long_bytes_ -= size;
    std::free(text);
    return;
  }
  auto* link = reinterpret_cast<Link*>(text);
  link->next = free_[index];
  free_[index] = link;
}

std::shared_ptr<std::uint64_t[]> allocate_slots(std::size_t count) {
  const std::size_t size = count * sizeof(std::uint64_t);
  auto* slots = reinterpret_cast<std::uint64_t*>(allocate_aligned(size));
  std::memset(slots, 0, size);
  return {slots, [](std::uint64_t* memory) { std::free(memory); }};
}

}  // namespace libstream
