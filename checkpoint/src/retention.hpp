#pragma once

#include "entry_codec.hpp"

#include <libstream/time.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace libstream::checkpoint {

/// The files that an entry names: changelogs, handles, runs of its snapshot.
std::vector<StateFile> named_files(const StoredEntry& stored);

/// What the durable entries of the log hold on to, and what nobody needs any more.
class Retention final {
 public:
  explicit Retention(std::uint64_t snapshots) : snapshots_(snapshots) {}

  /// A durable entry. In log order.
  void add(const StoredEntry& stored);

  struct Garbage {
    std::vector<std::uint64_t> entries;  ///< oldest first; to be removed before the files
    std::vector<std::string> files;
  };
  /// Takes out entries below min(oldest retained snapshot, recorded committed_through + 1), and the
  /// files that only they name. `in_work`: files that a coming decision may name.
  Garbage take_garbage(const std::set<std::string>& in_work);
  /// Files that entries name.
  std::set<std::string> live() const;
  /// Epochs up to this are recorded as committed; -1: none.
  std::int64_t recorded_committed() const { return recorded_committed_; }

 private:
  struct Kept {
    std::optional<Epoch> epoch;  ///< none: a close
    std::optional<Epoch> snapshot;
    std::vector<std::string> files;
  };
  std::uint64_t lowest_needed() const;

  std::uint64_t snapshots_;
  std::int64_t recorded_committed_ = -1;
  std::map<std::uint64_t, Kept> entries_;  ///< by index; without `open`s, which stay for ever
};

}  // namespace libstream::checkpoint
