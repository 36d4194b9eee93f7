#pragma once

#include <libstream/environment.hpp>
#include <libstream/error.hpp>

#include <type_traits>

/// Real files, until a call fails: the n-th one throws, before or after it took effect. Syncs are
/// counted and may fail, but do not wait for the disk: these tests lose no power.
class FailingFileSystem final : public libstream::FileSystem {
 public:
  enum class When { before, after };

  /// `fail_at` 0: never. Calls count from 1.
  FailingFileSystem(int fail_at, When when) : fail_at_(fail_at), when_(when) {}

  int calls() const { return calls_; }

  std::string read(const std::string& path) override {
    return call([&] { return files_->read(path); });
  }
  std::string read(const std::string& path, std::uint64_t offset, std::size_t size) override {
    return call([&] { return files_->read(path, offset, size); });
  }
  std::unique_ptr<libstream::WritableFile> create(const std::string& path) override {
    return call([&]() -> std::unique_ptr<libstream::WritableFile> {
      return std::make_unique<File>(*this, files_->create(path));
    });
  }
  std::optional<libstream::FileStatus> status(const std::string& path) override {
    return call([&] { return files_->status(path); });
  }
  std::vector<libstream::FileStatus> list(const std::string& directory) override {
    return call([&] { return files_->list(directory); });
  }
  void create_directories(const std::string& path) override {
    call([&] { return files_->create_directories(path), 0; });
  }
  bool link(const std::string& from, const std::string& to) override {
    return call([&] { return files_->link(from, to); });
  }
  bool remove(const std::string& path) override {
    return call([&] { return files_->remove(path); });
  }
  void sync_directory(const std::string& path) override {
    call([&] { return path.empty() ? 1 : 0; });
  }
  bool same_file(const std::string& a, const std::string& b) override {
    return call([&] { return files_->same_file(a, b); });
  }

 private:
  class File final : public libstream::WritableFile {
   public:
    File(FailingFileSystem& owner, std::unique_ptr<libstream::WritableFile> file)
        : owner_(owner), file_(std::move(file)) {}
    void append(std::span<const std::byte> bytes) override {
      owner_.call([&] { return file_->append(bytes), 0; });
    }
    void sync() override {
      owner_.call([] { return 0; });
    }
    void close() override {
      owner_.call([&] { return file_->close(), 0; });
    }

   private:
    FailingFileSystem& owner_;
    std::unique_ptr<libstream::WritableFile> file_;
  };

  template <class F>
  std::invoke_result_t<F> call(F operation) {
    const bool fails = ++calls_ == fail_at_;
    if (fails && when_ == When::before) fail();
    auto result = operation();
    if (fails) fail();
    return result;
  }
  [[noreturn]] static void fail() {
    throw libstream::Error(libstream::ErrorCode::io, "injected: No space left on device");
  }

  std::shared_ptr<libstream::FileSystem> files_ = libstream::local_file_system();
  int fail_at_;
  When when_;
  int calls_ = 0;
};
