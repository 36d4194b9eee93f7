#pragma once

#include <libstream/environment.hpp>

#include <string>

namespace libstream {

/// Makes a directory and those above it that are missing, so that a power cut takes none of them
/// once this returns. Throws Error(io).
void create_durable_directories(FileSystem& files, const std::string& path);

}  // namespace libstream
