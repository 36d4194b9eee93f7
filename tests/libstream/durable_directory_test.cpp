#include "../checkpoint/temporary_directory.hpp"

#include <libstream/durable_directory.hpp>
#include <libstream/error.hpp>
#include <libstream/testing/simulated_disk.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <sys/stat.h>
#include <unistd.h>

using namespace libstream;
using libstream::test::TemporaryDirectory;
using Kind = testing::FileOperation::Kind;

namespace {

/// Lets the sync of one directory fail.
class FailingSync final : public testing::FileHook {
 public:
  explicit FailingSync(std::string path) : path_(std::move(path)) {}
  void before(const testing::FileOperation& operation) override {
    if (operation.kind != Kind::sync_directory || operation.path != path_) return;
    throw Error(ErrorCode::io, "cannot sync " + path_ + ": Input/output error");
  }
  void after(const testing::FileOperation&) override {}

 private:
  std::string path_;
};

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::io);
    return error.what();
  }
  return "";
}

/// The superuser may read everything: for a while somebody else.
class Somebody {
 public:
  Somebody() {
    if (superuser_) REQUIRE(::seteuid(65534) == 0);
  }
  ~Somebody() {
    if (superuser_) REQUIRE(::seteuid(0) == 0);
  }
  Somebody(const Somebody&) = delete;
  Somebody& operator=(const Somebody&) = delete;

 private:
  bool superuser_ = ::geteuid() == 0;
};

}  // namespace

TEST_CASE("A directory that is there counts only when the one above reaches the disk") {
  testing::SimulatedDisk disk;
  create_durable_directories(*disk.files(nullptr), "/above/place");

  const auto files = disk.files(std::make_shared<FailingSync>("/above"));
  CHECK(message_of([&] { create_durable_directories(*files, "/above/place"); }) ==
        "cannot sync /above: Input/output error");
  for (const auto* path : {"/above/place/below", "/above/other"}) {
    CHECK(message_of([&] { create_durable_directories(*files, path); }) ==
          "cannot sync /above: Input/output error");
  }
}

TEST_CASE("The directory above one that is there need not be this process's to read") {
  const TemporaryDirectory work;
  const auto above = work.path() + "/above";
  const auto files = local_file_system();
  files->create_directories(above + "/place");
  // May be passed through and written, not read.
  REQUIRE(::chmod(work.path().c_str(), 0711) == 0);
  REQUIRE(::chmod(above.c_str(), 0333) == 0);
  const Somebody somebody;

  CHECK(message_of([&] { files->sync_directory(above); }) ==
        "cannot open " + above +
            ": Permission denied; make it readable for the user of this process");
  CHECK_FALSE(files->try_sync_directory(above));
  CHECK(message_of([&] { create_durable_directories(*files, above + "/place"); }) == "");
  // A name made now must be durable.
  CHECK(message_of([&] { create_durable_directories(*files, above + "/other"); }) ==
        "cannot open " + above +
            ": Permission denied; make it readable for the user of this process");
}

TEST_CASE("Of a directory that may fail to be synced only the permission is forgiven") {
  const TemporaryDirectory work;
  const auto files = local_file_system();
  CHECK(files->try_sync_directory(work.path()));
  const auto missing = work.path() + "/missing";
  CHECK(message_of([&] { files->try_sync_directory(missing); }) ==
        "cannot open " + missing + ": No such file or directory");
  // Nothing can be made there, and its file system knows no syncing of directories.
  if (std::filesystem::exists("/proc/self/task")) CHECK_FALSE(files->try_sync_directory("/proc"));
}
