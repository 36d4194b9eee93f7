#pragma once

#include <libstream/environment.hpp>
#include <libstream/error.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace libstream::test {

/// The process dies here. No Error, so that no code of ours handles it.
struct Crash {};

/// Calls `at` before and after every operation with its number; it may throw.
struct Injection {
  std::uint64_t operations = 0;
  std::function<void(std::uint64_t operation, bool after)> at = [](std::uint64_t, bool) {};

  template <typename Operation>
  auto run(Operation operation) {
    const auto number = operations++;
    at(number, false);
    if constexpr (std::is_void_v<decltype(operation())>) {
      operation();
      at(number, true);
    } else {
      auto result = operation();
      at(number, true);
      return result;
    }
  }
};

/// Throws Crash at one operation, before or after it is done, and at every later one.
inline std::function<void(std::uint64_t, bool)> crash_at(std::uint64_t point, bool after) {
  return [=](std::uint64_t operation, bool is_after) {
    if (operation > point || (operation == point && is_after == after)) {
      throw Crash{};
    }
  };
}

/// Throws Error(io) at one operation only: the outcome is unknown to the caller.
inline std::function<void(std::uint64_t, bool)> error_at(std::uint64_t point, bool after) {
  return [=](std::uint64_t operation, bool is_after) {
    if (operation == point && is_after == after) {
      throw Error(ErrorCode::io, "injected fault");
    }
  };
}

class FaultyRoot final : public CheckpointRoot {
 public:
  FaultyRoot(std::shared_ptr<CheckpointRoot> root, Injection& injection)
      : root_(std::move(root)), injection_(injection) {}

  bool put_if_absent(const std::string& name, std::span<const std::byte> bytes) override {
    return injection_.run([&] { return root_->put_if_absent(name, bytes); });
  }
  std::optional<std::string> read(const std::string& name) override {
    return injection_.run([&] { return root_->read(name); });
  }
  std::vector<std::string> list(const std::string& prefix) override {
    return injection_.run([&] { return root_->list(prefix); });
  }
  void remove(const std::string& name) override {
    injection_.run([&] { root_->remove(name); });
  }
  std::string describe() const override { return root_->describe(); }

 private:
  std::shared_ptr<CheckpointRoot> root_;
  Injection& injection_;
};

/// Local files that forget, at a power cut, every name whose directory was not synced. A name for
/// a file that was not synced is a violation by itself.
class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(Injection& injection) : injection_(injection) {}

  std::string read(const std::string& path) override {
    return injection_.run([&] { return files_->read(path); });
  }
  std::string read(const std::string& path, std::uint64_t offset, std::size_t size) override {
    return injection_.run([&] { return files_->read(path, offset, size); });
  }
  std::unique_ptr<WritableFile> create(const std::string& path) override {
    return injection_.run([&]() -> std::unique_ptr<WritableFile> {
      unsynced_files_.insert(path);
      return std::make_unique<File>(*this, path, files_->create(path));
    });
  }
  std::optional<FileStatus> status(const std::string& path) override {
    return files_->status(path);
  }
  std::vector<FileStatus> list(const std::string& directory) override {
    return injection_.run([&] { return files_->list(directory); });
  }
  void create_directories(const std::string& path) override {
    injection_.run([&] { files_->create_directories(path); });
  }
  bool link(const std::string& from, const std::string& to) override {
    return injection_.run([&] {
      const bool linked = files_->link(from, to);
      if (linked) {
        linked_unsynced_ = linked_unsynced_ || unsynced_files_.contains(from);
        unsynced_names_.insert(to);
      }
      return linked;
    });
  }
  bool remove(const std::string& path) override {
    return injection_.run([&] { return files_->remove(path); });
  }
  void sync_directory(const std::string& path) override {
    injection_.run([&] {
      std::erase_if(unsynced_names_, [&](const std::string& name) {
        return name.substr(0, name.rfind('/')) == path;
      });
    });
  }
  bool same_file(const std::string& a, const std::string& b) override {
    return files_->same_file(a, b);
  }

  void cut_power() {
    for (const auto& name : unsynced_names_) {
      files_->remove(name);
    }
    unsynced_names_.clear();
  }
  bool linked_unsynced() const { return linked_unsynced_; }

 private:
  class File final : public WritableFile {
   public:
    File(FaultyFileSystem& owner, std::string path, std::unique_ptr<WritableFile> file)
        : owner_(owner), path_(std::move(path)), file_(std::move(file)) {}
    void append(std::span<const std::byte> bytes) override {
      owner_.injection_.run([&] { file_->append(bytes); });
    }
    void sync() override {
      owner_.injection_.run([&] { owner_.unsynced_files_.erase(path_); });
    }
    void close() override { file_->close(); }

   private:
    FaultyFileSystem& owner_;
    std::string path_;
    std::unique_ptr<WritableFile> file_;
  };

  Injection& injection_;
  std::shared_ptr<FileSystem> files_ = local_file_system();
  std::set<std::string> unsynced_files_;
  std::set<std::string> unsynced_names_;
  bool linked_unsynced_ = false;
};

}  // namespace libstream::test
