#include "object_files.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <filesystem>

namespace libstream::checkpoint {
namespace {

void gather(FileSystem& files, const std::string& root, const std::string& folder,
            std::vector<std::string>& names) {
  const auto path = folder.empty() ? root : root + "/" + folder.substr(0, folder.size() - 1);
  if (!files.status(path)) {
    return;
  }
  for (const auto& entry : files.list(path)) {
    const auto name = std::filesystem::path(entry.path).filename().string();
    if (name.starts_with('.')) {
      continue;
    }
    if (entry.directory) {
      gather(files, root, folder + name + "/", names);
    } else {
      names.push_back(folder + name);
    }
  }
}

}  // namespace

std::optional<std::string> read_object(FileSystem& files, const std::string& path) {
  if (!files.status(path)) {
    return std::nullopt;
  }
  try {
    return files.read(path);
  } catch (const Error&) {
    if (!files.status(path)) {
      return std::nullopt;  // removed in between
    }
    throw;
  }
}

std::vector<std::string> list_objects(FileSystem& files, const std::string& root,
                                      const std::string& prefix) {
  const auto slash = prefix.rfind('/');
  const auto folder = slash == std::string::npos ? std::string{} : prefix.substr(0, slash + 1);
  std::vector<std::string> names;
  gather(files, root, folder, names);
  std::erase_if(names, [&](const std::string& name) { return !name.starts_with(prefix); });
  std::ranges::sort(names);
  return names;
}

}  // namespace libstream::checkpoint
