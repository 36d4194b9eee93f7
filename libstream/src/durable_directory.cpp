#include <libstream/durable_directory.hpp>

#include <filesystem>

namespace libstream {
namespace {

std::string directory_above(const std::string& path) {
  const auto above = std::filesystem::path(path).parent_path().string();
  return above.empty() ? "." : above;
}

}  // namespace

void create_durable_directories(FileSystem& files, const std::string& path) {
  const auto above = directory_above(path);
  const auto status = files.status(path);
  if (status && status->directory) {
    // A process may have made it and died before the sync below. Directories above that one are
    // durable: each is synced before anything is made in it. Mostly it is old, and the one above
    // need not be ours to read.
    files.try_sync_directory(above);
    return;
  }
  if (above != path) create_durable_directories(files, above);
  files.create_directories(path);
  files.sync_directory(above);
}

}  // namespace libstream
