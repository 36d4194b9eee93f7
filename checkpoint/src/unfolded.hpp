#pragma once

#include "layers.hpp"

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/checkpoint/term.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace libstream::checkpoint {

/// Decided changes behind the newest snapshot, and how many of them make the next one.
///
/// Changes that the floor of a later epoch erases as a whole (ChangeExtent) are forgotten here: no
/// decision that names the next snapshot has use for them. Those that a floor may yet erase are
/// left to wait for it, as long as they are not too many.
class Unfolded final {
 public:
  explicit Unfolded(const TermOptions& options) : options_(options) {}

  /// Of the epoch behind those that are there.
  void add(Epoch epoch, std::vector<TaskChanges> changes);
  std::size_t epochs() const { return epochs_.size(); }
  /// How many of the oldest epochs are to be folded now.
  std::size_t due() const;
  /// The oldest epochs, up to `count`, as many as make a fold: all of them but where very much has
  /// come together.
  std::vector<DecidedChanges> take(std::size_t count);

 private:
  struct One {
    DecidedChanges decided;          ///< what is not erased
    std::uint64_t erased_bytes = 0;  ///< of what is
  };
  /// What speaks for a snapshot.
  struct Load {
    std::uint64_t epochs = 0;
    std::uint64_t bytes = 0;           ///< that a fold reads and writes for a long time
    std::uint64_t fleeting_bytes = 0;  ///< that a floor may erase as a whole
    std::uint64_t erased_bytes = 0;
    std::uint64_t inline_bytes = 0;
  };
  static void add(const One& one, Load& load);
  bool reaches(const Load& load, std::uint64_t quarters) const;

  TermOptions options_;
  std::deque<One> epochs_;
};

}  // namespace libstream::checkpoint
