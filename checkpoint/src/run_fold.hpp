#pragma once

#include "layers.hpp"
#include "state_files.hpp"

#include <libstream/checkpoint/log_entry.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace libstream::checkpoint {

/// Folds decided changes into runs. A fold takes in the newest runs as long as they are not larger
/// than what it has so far: of the runs that are left each is larger than all newer ones together,
/// there are few of them, and what is written once more has doubled since the last time.
class RunFold final {
 public:
  RunFold(std::shared_ptr<StateFiles> files, std::uint64_t file_bytes)
      : files_(std::move(files)), file_bytes_(file_bytes) {}

  /// Consecutive epochs, oldest first, behind those of `runs`. Its files are durable when it
  /// returns. `owner` names the runs in errors.
  std::vector<StateRun> fold(std::vector<StateRun> runs, std::span<const DecidedChanges> epochs,
                             const std::string& owner);

 private:
  StateRun write(Layers& layers, bool whole, std::uint64_t body_bytes);

  std::shared_ptr<StateFiles> files_;
  std::uint64_t file_bytes_;
};

std::uint64_t size_of(const StateRun& run);

}  // namespace libstream::checkpoint
