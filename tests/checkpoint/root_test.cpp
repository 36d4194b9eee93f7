#include "fault_injection.hpp"
#include "temporary_directory.hpp"

#include <libstream/checkpoint/term.hpp>

#include <doctest/doctest.h>

#include <fstream>
#include <unistd.h>

namespace libstream::test {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

unsigned mode(const std::string& path) {
  return static_cast<unsigned>(std::filesystem::status(path).permissions()) & 0777U;
}

template <typename Call>
std::string message_of(ErrorCode code, Call call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK_MESSAGE(error.code() == code, std::string(error.what()));
    return error.what();
  }
  FAIL_CHECK("no Error was thrown");
  return {};
}

void check_contract(CheckpointRoot& root) {
  CHECK(root.list("").empty());
  CHECK(!root.read("a/b"));
  CHECK(root.put_if_absent("a/b", bytes_of("one")));
  CHECK(!root.put_if_absent("a/b", bytes_of("two")));
  CHECK(root.read("a/b") == "one");
  CHECK(root.put_if_absent("a/c-1.x_Y", bytes_of("")));
  CHECK(root.put_if_absent("meta", bytes_of(std::string("\0\xff", 2))));
  CHECK(root.read("meta") == std::string("\0\xff", 2));
  CHECK(root.list("") == std::vector<std::string>{"a/b", "a/c-1.x_Y", "meta"});
  CHECK(root.list("a/") == std::vector<std::string>{"a/b", "a/c-1.x_Y"});
  CHECK(root.list("a/c") == std::vector<std::string>{"a/c-1.x_Y"});
  CHECK(root.list("z/").empty());
  root.remove("a/b");
  root.remove("a/b");
  CHECK(!root.read("a/b"));
  CHECK(root.put_if_absent("a/b", bytes_of("three")));
  for (const std::string name : {"", "/a", "a/", "a//b", "..", "../a", "a/../b", ".tmp/x", ".lock",
                                 "a b", "a\n", "\xc3\xa4", "a/.b"}) {
    CAPTURE(name);
    message_of(ErrorCode::invalid_argument, [&] { root.put_if_absent(name, bytes_of("x")); });
    message_of(ErrorCode::invalid_argument, [&] { root.read(name); });
    message_of(ErrorCode::invalid_argument, [&] { root.remove(name); });
  }
}

TEST_CASE("The root in memory writes once and takes no name that leads elsewhere") {
  check_contract(*memory_root());
}

TEST_CASE("The root in a directory writes once and takes no name that leads elsewhere") {
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/new/checkpoint";
  {
    const auto root = directory_root(path, local_file_system());
    check_contract(*root);
    CHECK(root->describe() == path);
    CHECK(mode(path) == 0700);
    CHECK(mode(path + "/a") == 0700);
    CHECK(mode(path + "/a/b") == 0600);
    CHECK(mode(path + "/meta") == 0600);
    CHECK(std::filesystem::is_empty(path + "/.tmp"));
  }
  CHECK(directory_root(path + "/", local_file_system())->read("a/b") == "three");
}

TEST_CASE("A second process is refused and told who holds the checkpoint") {
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/c";
  {
    const auto root = directory_root(path, local_file_system());
    const auto message =
        message_of(ErrorCode::conflict, [&] { directory_root(path, local_file_system()); });
    CHECK(message.find("process " + std::to_string(::getpid()) + " on ") != std::string::npos);
    CHECK(message.find(path) != std::string::npos);
  }
  CHECK(directory_root(path, local_file_system())->list("").empty());
}

TEST_CASE("A file in the place of the directory, and a place that cannot be made, are named") {
  const TemporaryDirectory directory;
  const auto path = directory.path() + "/file";
  std::ofstream(path) << "x";
  CHECK(message_of(ErrorCode::conflict, [&] {
          directory_root(path, local_file_system());
        }).find(path) != std::string::npos);
  CHECK(message_of(ErrorCode::io, [&] {
          directory_root(path + "/below", local_file_system());
        }).find(path) != std::string::npos);
}

TEST_CASE("Temporaries of a crash are removed at the next start") {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory.path() + "/.tmp");
  std::ofstream(directory.path() + "/.tmp/1-1") << "torn";
  const auto root = directory_root(directory.path(), local_file_system());
  CHECK(std::filesystem::is_empty(directory.path() + "/.tmp"));
}

/// Local files of which one operation fails.
class FailingFiles final : public FileSystem {
 public:
  std::string failing;
  std::vector<std::string> synced;  ///< directories, in order

  std::string read(const std::string& path) override { return files_->read(path); }
  std::string read(const std::string& path, std::uint64_t offset, std::size_t size) override {
    return files_->read(path, offset, size);
  }
  std::unique_ptr<WritableFile> create(const std::string& path) override {
    check("create");
    return std::make_unique<File>(*this, files_->create(path));
  }
  std::optional<FileStatus> status(const std::string& path) override {
    return files_->status(path);
  }
  std::vector<FileStatus> list(const std::string& path) override { return files_->list(path); }
  void create_directories(const std::string& path) override {
    files_->create_directories(path);
    check("create directories");  // done, but who called cannot know
  }
  bool link(const std::string& from, const std::string& to) override {
    check("link");
    return files_->link(from, to);
  }
  bool remove(const std::string& path) override { return files_->remove(path); }
  void sync_directory(const std::string& path) override {
    check("sync directory");
    files_->sync_directory(path);
    synced.push_back(path);
  }
  bool same_file(const std::string& a, const std::string& b) override {
    return files_->same_file(a, b);
  }
  void check(const std::string& operation) const {
    if (operation == failing) {
      throw Error(ErrorCode::io, "cannot " + operation);
    }
  }

 private:
  class File final : public WritableFile {
   public:
    File(FailingFiles& owner, std::unique_ptr<WritableFile> file)
        : owner_(owner), file_(std::move(file)) {}
    void append(std::span<const std::byte> bytes) override {
      owner_.check("append");
      file_->append(bytes);
    }
    void sync() override {
      owner_.check("sync");
      file_->sync();
    }
    void close() override { file_->close(); }

   private:
    FailingFiles& owner_;
    std::unique_ptr<WritableFile> file_;
  };

  std::shared_ptr<FileSystem> files_ = local_file_system();
};

TEST_CASE("A full disk fails the write only; space again, and it goes on") {
  for (const std::string operation : {"create", "append", "link"}) {
    CAPTURE(operation);
    const TemporaryDirectory directory;
    const auto files = std::make_shared<FailingFiles>();
    const auto root = directory_root(directory.path(), files);
    files->failing = operation;
    message_of(ErrorCode::io, [&] { root->put_if_absent("a", bytes_of("x")); });
    files->failing.clear();
    CHECK(std::filesystem::is_empty(directory.path() + "/.tmp"));
    CHECK(root->put_if_absent("a", bytes_of("x")));
  }
}

TEST_CASE("A directory whose making failed half-way is made whole before anything in it counts") {
  const TemporaryDirectory directory;
  const auto files = std::make_shared<FailingFiles>();
  const auto root = directory_root(directory.path(), files);
  files->failing = "create directories";
  message_of(ErrorCode::io, [&] { root->put_if_absent("log/1", bytes_of("x")); });
  CHECK(std::filesystem::is_directory(directory.path() + "/log"));
  files->failing.clear();
  files->synced.clear();
  CHECK(root->put_if_absent("log/1", bytes_of("x")));
  CHECK(files->synced == std::vector<std::string>{directory.path(), directory.path() + "/log"});
  CHECK(mode(directory.path() + "/log") == 0700);
  files->synced.clear();
  CHECK(root->put_if_absent("log/2", bytes_of("x")));
  CHECK(files->synced == std::vector<std::string>{directory.path() + "/log"});
}

TEST_CASE("A failed fsync poisons the root until the process is restarted") {
  for (const std::string operation : {"sync", "sync directory"}) {
    CAPTURE(operation);
    const TemporaryDirectory directory;
    const auto files = std::make_shared<FailingFiles>();
    auto root = directory_root(directory.path(), files);
    files->failing = operation;
    message_of(ErrorCode::io, [&] { root->put_if_absent("a", bytes_of("x")); });
    files->failing.clear();
    message_of(ErrorCode::io, [&] { root->put_if_absent("b", bytes_of("x")); });
    message_of(ErrorCode::io, [&] { root->read("a"); });
    message_of(ErrorCode::io, [&] { root->list(""); });
    message_of(ErrorCode::io, [&] { root->remove("a"); });
    root.reset();
    const auto message =
        message_of(ErrorCode::io, [&] { directory_root(directory.path(), files); });
    CHECK(message.find("start the process again") != std::string::npos);
  }
}

}  // namespace
}  // namespace libstream::test
