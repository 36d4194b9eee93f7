#pragma once

// What the disk does to one simulated process.

#include <libstream/testing/simulated_disk.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace libstream::testing {

/// The process dies here. No Error, so that nothing of ours handles it.
struct Died {};

/// What is to befall a process. Numbers count operations of that kind, from 0.
struct DiskFate {
  std::optional<std::uint64_t> death;  ///< operations of any kind
  bool after = false;                  ///< behind that operation, not before it
  std::optional<std::uint64_t> failing_sync;
  std::optional<std::uint64_t> full;  ///< operations that take room
  std::uint64_t full_for = 1;
  std::optional<std::uint64_t> flip;  ///< reads of files below `checked`
  std::uint64_t bit = 0;              ///< of what is read there, taken modulo its size
  std::vector<std::string> checked{};
};

class FaultyDisk final : public FileHook {
 public:
  FaultyDisk(std::shared_ptr<SimulatedDisk> disk, DiskFate fate)
      : disk_(std::move(disk)), fate_(std::move(fate)) {}

  void before(const FileOperation& operation) override;
  void after(const FileOperation& operation) override;
  /// Refuses all from here on.
  void die() { dead_ = true; }
  bool dead() const { return dead_; }

  bool sync_failed() const { return sync_failed_; }
  bool was_full() const { return was_full_; }
  /// The file with a flipped bit; empty where none is.
  const std::string& flipped() const { return flipped_; }
  /// Its name in the directory that is checked.
  std::string flipped_name() const;
  /// Flips the bit back.
  void mend();

 private:
  void flip(const FileOperation& operation);

  std::shared_ptr<SimulatedDisk> disk_;
  DiskFate fate_;
  std::uint64_t operations_ = 0;
  std::uint64_t syncs_ = 0;
  std::uint64_t writes_ = 0;
  std::uint64_t reads_ = 0;
  bool dead_ = false;
  bool sync_failed_ = false;
  bool was_full_ = false;
  std::string flipped_;
  std::uint64_t flipped_bit_ = 0;
};

}  // namespace libstream::testing
