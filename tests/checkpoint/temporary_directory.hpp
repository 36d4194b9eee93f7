#pragma once

#include <libstream/error.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace libstream::test {

/// A fresh directory that goes with the object.
class TemporaryDirectory final {
 public:
  TemporaryDirectory() {
    auto pattern = (std::filesystem::temp_directory_path() / "libstream-test-XXXXXX").string();
    LIBSTREAM_ASSERT(::mkdtemp(pattern.data()) != nullptr, "tests need a place for files");
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace libstream::test
