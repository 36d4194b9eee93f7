#pragma once

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/environment.hpp>
#include <libstream/state.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace libstream {

/// An entry of the log as it lies there.
struct RecordedEntry {
  std::uint64_t index = 0;
  std::uint64_t bytes = 0;       ///< of the file
  LogEntry entry;                ///< handles that lie in files have no bytes
  std::vector<StateFile> files;  ///< that it names: changelogs, handles, runs of its snapshot
};

/// What is wrong with an object of a checkpoint, and which.
struct CheckpointProblem {
  std::string object;  ///< "log/00000000000000000007"; "log/" where entries are missing
  std::string message;
};

struct CheckpointReport {
  std::uint64_t entries = 0;  ///< read without a fault
  std::uint64_t files = 0;    ///< named by them and read without a fault
  std::uint64_t bytes = 0;    ///< of both and of `meta`
  std::vector<CheckpointProblem> problems;
  std::vector<std::string>
      unnamed;  ///< state files that no entry names: the next start sweeps them
};

/// What retention could let go.
struct CheckpointGarbage {
  std::vector<std::uint64_t> entries;
  std::vector<std::string> files;
};

/// Looks at a checkpoint without a part in it: takes no lock, writes nothing, and so may look at
/// one that a query is using, or at a copy. Each call reads what is there at that time. Blocking;
/// one thread at a time.
///
/// Errors: corrupt names the file, as a restart would; unreachable = there is no checkpoint.
class CheckpointReader {
 public:
  /// The checkpoint in a directory.
  static std::unique_ptr<CheckpointReader> open(const std::string& directory,
                                                std::shared_ptr<FileSystem> files);
  virtual ~CheckpointReader() = default;

  virtual CheckpointMeta meta() = 0;
  /// Oldest first.
  virtual std::vector<RecordedEntry> entries() = 0;
  /// State of an operator for key groups [begin, end) as the decision of `epoch` left it. Throws
  /// Error(invalid_argument) for an epoch that is not there, or is no longer restorable.
  virtual std::unique_ptr<StateReader> state(Epoch epoch, OperatorId op, std::uint32_t begin,
                                             std::uint32_t end) = 0;
  /// Reads everything, checks every CRC, form and reference. Of a checkpoint in use it repeats what
  /// was removed meanwhile.
  virtual CheckpointReport verify() = 0;
  /// What a term that retains so many snapshots would remove.
  virtual CheckpointGarbage garbage(std::uint64_t retained_snapshots) = 0;
};

}  // namespace libstream
