#include <libstream/error.hpp>
#include <libstream/testing/simulated_disk.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace libstream::testing {
namespace {

constexpr std::size_t torn_block = 64;

struct File {
  std::string bytes;
  std::size_t synced = 0;
  std::uint64_t number = 0;
};

/// What a name stands for: a file, or without one a directory.
struct Entry {
  std::shared_ptr<File> file;
};

/// A name with everything that it was since its directory was synced.
struct Name {
  std::optional<Entry> durable;
  std::vector<std::optional<Entry>> since;

  const std::optional<Entry>& now() const { return since.empty() ? durable : since.back(); }
};

void check_path(const std::string& path) {
  if (path.starts_with('/')) return;
  throw Error(ErrorCode::invalid_argument,
              "a simulated disk has no working directory: \"" + path + "\" must begin with '/'");
}

std::string parent(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

[[noreturn]] void fail(const std::string& action, const std::string& path, const char* cause,
                       ErrorCode code = ErrorCode::io) {
  throw Error(code, "cannot " + action + " " + path + ": " + cause);
}

}  // namespace

class SimulatedDisk::Names {
 public:
  const Entry* find(const std::string& path) const {
    if (path == "/") return &root_;
    const auto found = names_.find(path);
    return found == names_.end() || !found->second.now() ? nullptr : &*found->second.now();
  }
  File& file(const std::string& action, const std::string& path) const {
    const auto* entry = find(path);
    if (entry == nullptr) fail(action, path, "No such file or directory");
    if (!entry->file) fail(action, path, "Is a directory");
    return *entry->file;
  }
  void set(const std::string& path, std::optional<Entry> entry) {
    names_[path].since.push_back(std::move(entry));
  }
  /// What needs no sync.
  void settle(const std::string& path, std::optional<Entry> entry) {
    names_[path] = {std::move(entry), {}};
  }
  std::shared_ptr<File> new_file() {
    auto file = std::make_shared<File>();
    file->number = ++files_made_;
    return file;
  }

  void check_directory(const std::string& action, const std::string& path) const {
    const auto* entry = find(path);
    if (entry == nullptr) fail(action, path, "No such file or directory");
    if (entry->file) fail(action, path, "Not a directory");
  }

  template <class Visit>
  void each_below(const std::string& directory, Visit visit) {
    const auto prefix = directory == "/" ? directory : directory + "/";
    for (auto it = names_.lower_bound(prefix);
         it != names_.end() && it->first.starts_with(prefix);) {
      auto here = it++;
      if (here->first.find('/', prefix.size()) == std::string::npos) visit(here);
    }
  }

  FileStatus status(const std::string& path, const Entry& entry) const {
    FileStatus status;
    status.path = path;
    status.directory = !entry.file;
    if (entry.file) {
      status.size = entry.file->bytes.size();
      status.modified_nanoseconds = static_cast<std::int64_t>(entry.file->number);
    }
    return status;
  }

  std::vector<FileStatus> list(const std::string& directory) {
    check_directory("list", directory);
    std::vector<FileStatus> entries;
    each_below(directory, [&](auto name) {
      const auto& entry = name->second.now();
      if (entry) entries.push_back(status(name->first, *entry));
    });
    return entries;
  }

  void sync_directory(const std::string& directory) {
    check_directory("sync", directory);
    each_below(directory, [&](auto name) {
      name->second.durable = name->second.now();
      name->second.since.clear();
      if (!name->second.durable) names_.erase(name);
    });
  }

  void cut_power(Random& random) {
    for (auto it = names_.begin(); it != names_.end();) {
      auto& name = it->second;
      const auto choice = random.next() % (name.since.size() + 1);
      if (choice < name.since.size()) ++lost_;
      if (choice > 0) name.durable = name.since[choice - 1];
      name.since.clear();
      // Names sort behind those of their directories.
      it = name.durable && find(parent(it->first)) != nullptr ? std::next(it) : names_.erase(it);
    }
    for (auto& [path, name] : names_) {
      if (name.durable->file) lose_bytes(*name.durable->file, random);
    }
  }

  std::vector<std::string> paths(const std::string& prefix) const {
    std::vector<std::string> found;
    for (auto it = names_.lower_bound(prefix); it != names_.end() && it->first.starts_with(prefix);
         ++it) {
      if (it->second.now() && it->second.now()->file) found.push_back(it->first);
    }
    return found;
  }

  std::uint64_t lost() const { return lost_; }

 private:
  /// Of bytes that were not synced, any may be there: all, a beginning, or blocks here and there.
  void lose_bytes(File& file, Random& random) {
    const auto unsynced = file.bytes.size() - file.synced;
    if (unsynced == 0) return;
    switch (random.next() % 3) {
      case 0:
        break;
      case 1:
        ++lost_;
        file.bytes.resize(file.synced + random.next() % unsynced);
        break;
      case 2:
        ++lost_;
        for (auto at = file.synced; at < file.bytes.size(); at += torn_block) {
          if (random.next() % 2 == 0) continue;
          const auto size = std::min(torn_block, file.bytes.size() - at);
          std::fill_n(file.bytes.begin() + static_cast<std::ptrdiff_t>(at), size, '\0');
        }
        break;
    }
    file.synced = file.bytes.size();
  }

  std::map<std::string, Name> names_;
  Entry root_;
  std::uint64_t files_made_ = 0;
  std::uint64_t lost_ = 0;
};

namespace {

class SimulatedFiles;

class OpenFile final : public WritableFile {
 public:
  OpenFile(SimulatedFiles& files, std::string path, std::shared_ptr<File> file)
      : files_(files), path_(std::move(path)), file_(std::move(file)) {}
  void append(std::span<const std::byte> bytes) override;
  void sync() override;
  void close() override { open_ = false; }

 private:
  SimulatedFiles& files_;
  std::string path_;
  std::shared_ptr<File> file_;
  bool open_ = true;
};

using Kind = FileOperation::Kind;

class SimulatedFiles final : public FileSystem {
 public:
  SimulatedFiles(std::shared_ptr<SimulatedDisk::Names> names, std::shared_ptr<FileHook> hook)
      : names_(std::move(names)), hook_(std::move(hook)) {}

  template <class Do>
  auto run(FileOperation operation, Do&& act) {
    check_path(operation.path);
    if (hook_) hook_->before(operation);
    if constexpr (std::is_void_v<decltype(act())>) {
      act();
      if (hook_) hook_->after(operation);
    } else {
      auto result = act();
      if constexpr (std::is_same_v<decltype(result), bool>) operation.done = result;
      if (hook_) hook_->after(operation);
      return result;
    }
  }

  std::string read(const std::string& path) override {
    return run({Kind::read, path, {}}, [&] { return names_->file("read", path).bytes; });
  }
  std::string read(const std::string& path, std::uint64_t offset, std::size_t size) override {
    return run({Kind::read, path, {}, true, offset, size}, [&] {
      const auto& bytes = names_->file("read", path).bytes;
      return offset >= bytes.size() ? std::string() : bytes.substr(offset, size);
    });
  }
  std::unique_ptr<WritableFile> create(const std::string& path) override {
    return run({Kind::create, path, {}}, [&]() -> std::unique_ptr<WritableFile> {
      names_->check_directory("create a file in", parent(path));
      if (names_->find(path) != nullptr) fail("create", path, "File exists", ErrorCode::conflict);
      auto file = names_->new_file();
      names_->set(path, Entry{file});
      return std::make_unique<OpenFile>(*this, path, std::move(file));
    });
  }
  std::optional<FileStatus> status(const std::string& path) override {
    check_path(path);
    const auto* entry = names_->find(path);
    return entry ? std::optional(names_->status(path, *entry)) : std::nullopt;
  }
  std::vector<FileStatus> list(const std::string& directory) override {
    return run({Kind::list, directory, {}}, [&] { return names_->list(directory); });
  }
  void create_directories(const std::string& path) override {
    run({Kind::make_directory, path, {}}, [&] {
      for (std::size_t at = 1; at <= path.size(); ++at) {
        if (at < path.size() && path[at] != '/') continue;
        const auto part = path.substr(0, at);
        const auto* entry = names_->find(part);
        if (entry == nullptr) {
          names_->set(part, Entry{});
        } else if (entry->file) {
          fail("create the directory", part, "Not a directory");
        }
      }
    });
  }
  bool link(const std::string& from, const std::string& to) override {
    return run({Kind::link, from, to}, [&] {
      names_->file("link", from);
      names_->check_directory("link a file into", parent(to));
      if (names_->find(to) != nullptr) return false;
      names_->set(to, *names_->find(from));
      return true;
    });
  }
  bool remove(const std::string& path) override {
    return run({Kind::remove, path, {}}, [&] {
      const auto* entry = names_->find(path);
      if (entry == nullptr) return false;
      if (!entry->file && !names_->list(path).empty()) {
        fail("remove", path, "Directory not empty");
      }
      names_->set(path, std::nullopt);
      return true;
    });
  }
  void sync_directory(const std::string& path) override {
    run({Kind::sync_directory, path, {}}, [&] { names_->sync_directory(path); });
  }
  bool same_file(const std::string& a, const std::string& b) override {
    return &names_->file("look at", a) == &names_->file("look at", b);
  }

 private:
  std::shared_ptr<SimulatedDisk::Names> names_;
  std::shared_ptr<FileHook> hook_;
};

void OpenFile::append(std::span<const std::byte> bytes) {
  LIBSTREAM_ASSERT(open_, "files are written before they are closed");
  const auto half = bytes.size() / 2;
  for (const auto part : {bytes.first(half), bytes.subspan(half)}) {
    files_.run({Kind::append, path_, {}}, [&] {
      file_->bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    });
  }
}

void OpenFile::sync() {
  files_.run({Kind::sync, path_, {}}, [&] { file_->synced = file_->bytes.size(); });
}

}  // namespace

SimulatedDisk::SimulatedDisk() : names_(std::make_shared<Names>()) {}
SimulatedDisk::~SimulatedDisk() = default;

std::shared_ptr<FileSystem> SimulatedDisk::files(std::shared_ptr<FileHook> hook) {
  return std::make_shared<SimulatedFiles>(names_, std::move(hook));
}
void SimulatedDisk::cut_power(Random& random) { names_->cut_power(random); }
std::uint64_t SimulatedDisk::lost() const { return names_->lost(); }

bool SimulatedDisk::exists(const std::string& path) const { return names_->find(path) != nullptr; }
std::string SimulatedDisk::content(const std::string& path) const {
  const auto* entry = names_->find(path);
  return entry && entry->file ? entry->file->bytes : std::string();
}
std::vector<std::string> SimulatedDisk::paths(const std::string& prefix) const {
  return names_->paths(prefix);
}
void SimulatedDisk::flip_bit(const std::string& path, std::uint64_t bit) {
  auto& byte = names_->file("damage", path).bytes.at(bit / 8);
  byte = static_cast<char>(byte ^ (1 << (bit % 8)));
}
void SimulatedDisk::replace(const std::string& path, std::string bytes) {
  auto file = names_->new_file();
  file->synced = bytes.size();
  file->bytes = std::move(bytes);
  names_->settle(path, Entry{std::move(file)});
}
void SimulatedDisk::erase(const std::string& path) { names_->settle(path, std::nullopt); }

}  // namespace libstream::testing
