#pragma once

#include <string>

namespace libstream::checkpoint {

/// Holds an advisory lock on a file that names the holder. Safety rests on the log; the lock only
/// gives the second process a clear answer at once.
class RootLock final {
 public:
  /// Throws Error(conflict) naming the holder.
  RootLock(const std::string& directory, const std::string& lock_path);
  ~RootLock();
  RootLock(const RootLock&) = delete;
  RootLock& operator=(const RootLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// Sets the mode of a path; Error(io) names it.
void set_mode(const std::string& path, unsigned mode);

}  // namespace libstream::checkpoint
