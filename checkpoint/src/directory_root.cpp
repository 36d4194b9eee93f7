#include "object_files.hpp"
#include "object_name.hpp"
#include "root_lock.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/durable_directory.hpp>
#include <libstream/error.hpp>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <unistd.h>
#include <utility>

namespace libstream {
namespace {

constexpr unsigned directory_mode = 0700;
constexpr unsigned file_mode = 0600;
constexpr auto temporary_directory = ".tmp";
constexpr auto lock_name = ".lock";

/// Roots on which an fsync failed. What the page cache shows of them may never have reached the
/// disk, and only a new process can tell; hence one set for the whole process, and one a root
/// where processes are simulated.
class PoisonedRoots final {
 public:
  void add(const std::string& path) {
    const std::lock_guard lock(mutex_);
    paths_.insert(path);
  }
  bool contains(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    return paths_.contains(path);
  }
  static std::shared_ptr<PoisonedRoots> of_process() {
    static const auto roots = std::make_shared<PoisonedRoots>();
    return roots;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> paths_;
};

std::string parent(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

std::string absolute(const std::string& path) {
  auto normal = std::filesystem::absolute(path).lexically_normal();
  if (!normal.has_filename()) {
    normal = normal.parent_path();
  }
  return normal.string();
}

class DirectoryRoot final : public CheckpointRoot {
 public:
  /// `local`: on the disk of this machine, where there are locks and modes.
  DirectoryRoot(const std::string& path, std::shared_ptr<FileSystem> files, std::string holder,
                bool local)
      : path_(absolute(path)),
        files_(std::move(files)),
        holder_(std::move(holder)),
        local_(local),
        poisoned_(local ? PoisonedRoots::of_process() : std::make_shared<PoisonedRoots>()) {
    check_poison();
    create_directory(path_);
    if (local_) lock_ = std::make_unique<checkpoint::RootLock>(path_, path_ + "/" + lock_name);
    const auto temporary = path_ + "/" + temporary_directory;
    create_directory(temporary);
    // Left by a crash: nobody but the holder of the lock writes here.
    for (const auto& left : files_->list(temporary)) {
      files_->remove(left.path);
    }
    // Names that a predecessor made just before a crash may not be durable yet; nobody may act on
    // them before they are.
    sync_tree(path_);
  }

  bool put_if_absent(const std::string& name, std::span<const std::byte> bytes) override {
    checkpoint::check_object_name(name);
    check_poison();
    const auto target = path_ + "/" + name;
    create_directory(parent(target));
    const auto temporary = path_ + "/" + temporary_directory + "/" + holder_ + "-" +
                           std::to_string(temporaries_.fetch_add(1));
    const bool created = write_and_link(temporary, target, bytes);
    // Also where the name is taken: whoever reads it next must find it durable.
    sync_directory(parent(target));
    return created;
  }

  std::optional<std::string> read(const std::string& name) override {
    checkpoint::check_object_name(name);
    check_poison();
    return checkpoint::read_object(*files_, path_ + "/" + name);
  }

  std::vector<std::string> list(const std::string& prefix) override {
    check_poison();
    return checkpoint::list_objects(*files_, path_, prefix);
  }

  void remove(const std::string& name) override {
    checkpoint::check_object_name(name);
    check_poison();
    files_->remove(path_ + "/" + name);
  }

  std::string describe() const override { return path_; }

 private:
  void check_poison() const {
    if (poisoned_->contains(path_)) {
      throw Error(ErrorCode::io, "a write to the checkpoint " + path_ +
                                     " did not reach the disk; check the disk, then start the "
                                     "process again");
    }
  }

  /// Runs an fsync: after a failure nothing on this root can be trusted any more.
  template <typename Sync>
  void synced(Sync sync) {
    try {
      sync();
    } catch (const Error&) {
      poisoned_->add(path_);
      throw;
    }
  }

  void sync_directory(const std::string& path) {
    synced([&] { files_->sync_directory(path); });
  }

  void create_directory(const std::string& path) {
    const std::lock_guard lock(directories_mutex_);
    create_directories(path);
  }

  void create_directories(const std::string& path) {
    const auto status = files_->status(path);
    if (status && !status->directory) {
      throw Error(ErrorCode::conflict,
                  path + " is a file; give the checkpoint a directory of its own");
    }
    if (path == path_) {
      synced([&] { create_durable_directories(*files_, path); });
      if (!status) make_private(path);
      return;
    }
    // Below the root a sync of the tree has made durable what was there when it was opened.
    if (status && !unfinished_.contains(path)) return;
    const auto above = parent(path);
    if (above != path_) create_directories(above);
    // Until its name is durable, that it is there means nothing: whoever tries again after a
    // failure goes on from here.
    unfinished_.insert(path);
    files_->create_directories(path);
    make_private(path);
    sync_directory(above);
    unfinished_.erase(path);
  }

  void make_private(const std::string& path) const {
    if (local_) checkpoint::set_mode(path, directory_mode);
  }

  void sync_tree(const std::string& path) {
    for (const auto& entry : files_->list(path)) {
      if (entry.directory) {
        sync_tree(entry.path);
      }
    }
    sync_directory(path);
  }

  bool write_and_link(const std::string& temporary, const std::string& target,
                      std::span<const std::byte> bytes) {
    try {
      auto file = files_->create(temporary);
      if (local_) checkpoint::set_mode(temporary, file_mode);
      file->append(bytes);
      synced([&] { file->sync(); });
      file->close();
      const bool created = files_->link(temporary, target);
      files_->remove(temporary);
      return created;
    } catch (const Error&) {
      discard(temporary);
      throw;
    }
  }

  void discard(const std::string& temporary) {
    try {
      files_->remove(temporary);
    } catch (const Error&) {
      // The fault that led here is the one to report; the next start removes the rest.
    }
  }

  std::string path_;
  std::shared_ptr<FileSystem> files_;
  std::string holder_;
  bool local_;
  std::shared_ptr<PoisonedRoots> poisoned_;
  std::unique_ptr<checkpoint::RootLock> lock_;
  std::atomic<std::uint64_t> temporaries_{0};
  std::mutex directories_mutex_;
  std::set<std::string> unfinished_;  ///< directories that this object began to make
};

}  // namespace

std::shared_ptr<CheckpointRoot> directory_root(const std::string& path,
                                               std::shared_ptr<FileSystem> files) {
  return std::make_shared<DirectoryRoot>(path, std::move(files), std::to_string(::getpid()), true);
}

std::shared_ptr<CheckpointRoot> unlocked_directory_root(const std::string& path,
                                                        std::shared_ptr<FileSystem> files,
                                                        std::string holder) {
  return std::make_shared<DirectoryRoot>(path, std::move(files), std::move(holder), false);
}

}  // namespace libstream
