#pragma once

#include <libstream/state.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace libstream {

/// The changes of all sides of a join in an epoch, written while rows come in. One for all of them,
/// so that nothing is copied when they are collected.
class JoinLog final {
 public:
  void put(std::uint32_t key_group, std::string_view key, std::string_view value);
  void erase(std::uint32_t key_group, std::string_view key) { writer_.erase(key_group, key); }
  /// Hands over the epoch's changes, behind those of `changes`.
  void collect(ChangelogWriter& changes);

 private:
  void make_room(std::size_t bytes);

  ChangelogWriter writer_;
  std::size_t last_bytes_ = 0;  ///< of the epoch before
};

}  // namespace libstream
