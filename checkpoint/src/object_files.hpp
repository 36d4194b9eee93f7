#pragma once

#include <libstream/environment.hpp>

#include <optional>
#include <string>
#include <vector>

namespace libstream::checkpoint {

/// The content of an object of a directory's root; nullopt where it is not there, or was removed
/// while it was read.
std::optional<std::string> read_object(FileSystem& files, const std::string& path);

/// Names below a root's directory that begin with `prefix`, sorted; none of its own files.
std::vector<std::string> list_objects(FileSystem& files, const std::string& root,
                                      const std::string& prefix);

}  // namespace libstream::checkpoint
