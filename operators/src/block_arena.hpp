#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace libstream {

/// Memory for state tables: blocks that grow from 64 KiB to 2 MiB (large ones on huge pages) and
/// never move, so that pointers into them stay good.
class BlockArena {
 public:
  BlockArena() = default;
  BlockArena(BlockArena&&) noexcept = default;
  BlockArena& operator=(BlockArena&&) noexcept = default;

  /// Aligned to 8 bytes; not zeroed.
  std::byte* allocate(std::size_t size);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* block) const;
  };
  std::vector<std::unique_ptr<std::byte, Free>> blocks_;
  std::size_t bytes_ = 0;
  std::size_t next_block_ = std::size_t{64} << 10;
  std::byte* begin_ = nullptr;
  std::byte* end_ = nullptr;
};

/// Strings of various lengths, freed one by one: a free list per multiple of 16 bytes, the heap for
/// long ones.
class TextArena {
 public:
  TextArena() = default;
  TextArena(const TextArena&) = delete;
  TextArena& operator=(const TextArena&) = delete;
  ~TextArena();

  char* allocate(std::size_t size);
  void release(char* text, std::size_t size);
  std::size_t bytes() const { return arena_.bytes() + long_bytes_; }

 private:
  static constexpr std::size_t step = 16;
  static constexpr std::size_t classes = 64;
  struct Link {
    Link* next;
  };
  BlockArena arena_;
  Link* free_[classes] = {};
  std::vector<char*> long_;
  std::size_t long_bytes_ = 0;
};

/// Zeroed memory for slots; on huge pages where it is large.
std::shared_ptr<std::uint64_t[]> allocate_slots(std::size_t count);

}  // namespace libstream
