#pragma once

#include <libstream/environment.hpp>

#include <memory>
#include <string>

namespace libstream::checkpoint {

/// A directory's objects for looking at: no lock, nothing made or changed. Throws
/// Error(unreachable) where there is no such directory.
std::shared_ptr<CheckpointRoot> read_only_root(const std::string& path,
                                               std::shared_ptr<FileSystem> files);

}  // namespace libstream::checkpoint
