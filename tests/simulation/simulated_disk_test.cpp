#include <libstream/error.hpp>
#include <libstream/testing/simulated_disk.hpp>

#include <doctest/doctest.h>

#include <set>

using namespace libstream;
using testing::SimulatedDisk;

namespace {

void write(FileSystem& files, const std::string& path, const std::string& text, bool sync) {
  const auto file = files.create(path);
  file->append(std::as_bytes(std::span(text)));
  if (sync) file->sync();
  file->close();
}

/// What a file may hold after power cuts; "-" where it is gone.
std::set<std::string> after_cuts(bool sync_file, bool sync_directory) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimulatedDisk disk;
    const auto files = disk.files(nullptr);
    files->create_directories("/data");
    files->sync_directory("/");
    write(*files, "/data/new", "abcdef", sync_file);
    if (sync_directory) files->sync_directory("/data");
    disk.cut_power(*seeded_random(seed));
    seen.insert(disk.exists("/data/new") ? disk.content("/data/new") : "-");
  }
  return seen;
}

}  // namespace

TEST_CASE("What is synced survives a power cut, what is not may be gone, cut or torn") {
  CHECK(after_cuts(true, true) == std::set<std::string>{"abcdef"});
  CHECK(after_cuts(true, false) == std::set<std::string>{"-", "abcdef"});
  const auto torn = after_cuts(false, true);
  CHECK(torn.contains("abcdef"));
  CHECK(torn.contains(""));
  CHECK(torn.contains("abc"));
  CHECK(torn.contains(std::string(6, '\0')));
  CHECK(!torn.contains("-"));
}

TEST_CASE("Names are lost one by one, in any order, and a directory takes what is in it along") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimulatedDisk disk;
    const auto files = disk.files(nullptr);
    files->create_directories("/old");
    files->sync_directory("/");
    write(*files, "/old/a", "1", true);
    files->sync_directory("/old");
    files->create_directories("/new");
    write(*files, "/new/b", "2", true);
    files->sync_directory("/new");
    files->link("/old/a", "/old/c");
    files->remove("/old/a");
    disk.cut_power(*seeded_random(seed));
    std::string left;
    for (const auto* name : {"/old/a", "/old/c", "/new/b"}) left += disk.exists(name) ? '1' : '0';
    seen.insert(left);
  }
  CHECK(seen.size() == 8);
}

TEST_CASE("The disk answers as a local one does") {
  SimulatedDisk disk;
  const auto files = disk.files(nullptr);
  const auto code = [](auto call) {
    try {
      call();
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::unsupported;
  };
  files->create_directories("/a/b");
  write(*files, "/a/b/file", "text", false);
  CHECK(code([&] { files->create("/a/b/file"); }) == ErrorCode::conflict);
  CHECK(code([&] { files->create("/none/file"); }) == ErrorCode::io);
  CHECK(code([&] { files->read("/a/b"); }) == ErrorCode::io);
  CHECK(code([&] { files->remove("/a/b"); }) == ErrorCode::io);
  CHECK(code([&] { files->create_directories("/a/b/file/c"); }) == ErrorCode::io);
  CHECK(files->read("/a/b/file", 1, 2) == "ex");
  CHECK(files->read("/a/b/file", 9, 2).empty());
  CHECK(files->link("/a/b/file", "/a/second"));
  CHECK(!files->link("/a/b/file", "/a/second"));
  CHECK(files->same_file("/a/b/file", "/a/second"));
  CHECK(files->list("/a").size() == 2);
  CHECK(files->status("/a/second")->size == 4);
  CHECK(files->remove("/a/second"));
  CHECK(!files->remove("/a/second"));
  CHECK(files->list("/a").size() == 1);
}
