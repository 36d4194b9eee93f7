#pragma once

#include <libstream/state.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

namespace libstream::checkpoint {

class SnapshotStore;

/// Several epochs' changelogs made one: the newest change of each key, so that a key that changes
/// in every epoch is sorted and stored once. Holds copies of those changes, nothing else.
class ChangelogFold {
 public:
  ChangelogFold();
  ~ChangelogFold();
  ChangelogFold(const ChangelogFold&) = delete;
  ChangelogFold& operator=(const ChangelogFold&) = delete;

  /// Changelogs of later epochs first; within one the last change of a key counts.
  void add(OperatorId op, std::string_view changelog);
  void apply_to(SnapshotStore& store);

 private:
  class Table;
  std::map<OperatorId, std::unique_ptr<Table>> operators_;
};

}  // namespace libstream::checkpoint
