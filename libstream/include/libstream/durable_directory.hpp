#pragma once

#include <libstream/environment.hpp>

#include <string>

namespace libstream {

/// Makes a directory and those above it that are missing, so that a power cut takes none of them
/// once this returns. Of a directory that is there the one above need not be this process's to
/// read; any other fault throws Error(io), which names the directory.
void create_durable_directories(FileSystem& files, const std::string& path);

}  // namespace libstream
