#pragma once

#include <libstream/state.hpp>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace libstream::checkpoint {

/// Sections of one key group made one: of each key the newest change. Views into the sections, so
/// that nothing is copied and a group's work stays in the cache.
class GroupFold final {
 public:
  struct Entry {
    const char* begin = nullptr;  ///< of the entry in its section
    std::uint32_t key_size = 0;
    std::uint32_t size = 0;

    ChangeKind kind() const { return ChangeKind{static_cast<std::uint8_t>(*begin)}; }
    std::string_view key() const { return {begin + head_size, key_size}; }
    /// Of a put.
    std::string_view value() const {
      const std::size_t at = head_size + key_size + sizeof(std::uint32_t);
      return {begin + at, size - at};
    }
    std::string_view bytes() const { return {begin, size}; }
  };

  void clear();
  /// Sections of later epochs first; they live until `clear`. `distinct`: of no key twice;
  /// otherwise the last change of a key counts.
  void add(std::string_view section, bool distinct);
  /// Into the order of keys; nothing is added then.
  void sort();

  const std::vector<Entry>& entries() const { return entries_; }
  /// Empty: none.
  std::string_view floor() const { return floor_; }

 private:
  static constexpr std::size_t head_size = 7;  // kind, key group, length of the key

  /// Entries are looked up some at a time, so that what each needs is on its way to the cache.
  static constexpr std::size_t waiting_limit = 32;
  struct Waiting {
    Entry entry;
    std::uint64_t hash = 0;
  };

  void take_waiting(bool distinct, std::size_t older_than);
  Entry* find(std::string_view key, std::uint64_t hash);
  void index(std::uint32_t number, std::uint64_t hash);
  void index_rest();
  void grow(std::size_t entries);

  std::vector<Entry> entries_;
  std::array<Waiting, waiting_limit> waiting_;
  std::size_t waiting_count_ = 0;
  std::string_view floor_;
  std::vector<std::uint64_t> slots_;  ///< number of the entry + 1, half of its key's hash; 0 = free
  std::size_t indexed_ = 0;           ///< entries that have a slot
};

}  // namespace libstream::checkpoint
