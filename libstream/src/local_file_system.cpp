#include <libstream/environment.hpp>
#include <libstream/error.hpp>
#include <libstream/large_bytes.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <new>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace libstream {
namespace {

/// What to do about it, where that is known.
std::string way_out(int error, bool reading) {
  switch (error) {
    case EACCES:
    case EPERM:
      return reading ? "; make it readable for the user of this process"
                     : "; make it writable for the user of this process";
    case ENOSPC:
    case EDQUOT:
      return "; make space there and start again: what is decided is safe";
    case EROFS:
      return "; make its file system writable or name another place";
    case EMFILE:
    case ENFILE:
      return "; raise the limit of open files (ulimit -n)";
    default:
      return {};
  }
}

[[noreturn]] void fail(const std::string& action, const std::string& path, int error = errno) {
  throw Error(error == EEXIST ? ErrorCode::conflict : ErrorCode::io,
              "cannot " + action + " " + path + ": " + std::strerror(error) +
                  way_out(error, action == "open" || action == "read" || action == "list" ||
                                     action == "look at"));
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

constexpr mode_t private_mode = 0600;
constexpr mode_t shared_mode = 0666;  // less the umask

int open_file(const std::string& path, int flags, const char* action, mode_t mode = private_mode) {
  const int number = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (number < 0) fail(action, path);
  return number;
}

/// Much at once, into a file of our own, is written past the page cache: that would copy it into
/// memory which nobody asks for again, and most of what writing costs is to find that memory.
constexpr std::size_t direct_least = std::size_t{1} << 20;
constexpr std::size_t direct_block = 4096;
constexpr std::size_t direct_buffer = std::size_t{1} << 20;
using DirectBuffer = std::unique_ptr<void, void (*)(void*)>;

DirectBuffer direct_memory() {
  DirectBuffer buffer(std::aligned_alloc(direct_block, direct_buffer), std::free);
  if (buffer == nullptr) throw std::bad_alloc();
  return buffer;
}

class LocalFile final : public WritableFile {
 public:
  LocalFile(const std::string& path, mode_t mode)
      : path_(path),
        file_(open_file(path, O_WRONLY | O_CREAT | O_EXCL, "create", mode)),
        direct_(mode == private_mode) {}

  void append(std::span<const std::byte> bytes) override {
    if (direct_ && bytes.size() >= direct_least && size_ % direct_block == 0) {
      bytes = append_direct(bytes);
    }
    while (!bytes.empty()) {
      const auto written = ::write(file_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("write", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      size_ += static_cast<std::uint64_t>(written);
    }
  }
  void sync() override {
    if (::fdatasync(file_.get()) != 0) fail("sync", path_);
  }
  void close() override {
    const int number = file_.release();
    if (number >= 0 && ::close(number) != 0) fail("close", path_);
  }

 private:
  /// Writes whole blocks; returns the rest, which may be all where the file system knows no such
  /// writes.
  std::span<const std::byte> append_direct(std::span<const std::byte> bytes) {
    const int flags = ::fcntl(file_.get(), F_GETFL);
    if (flags < 0 || ::fcntl(file_.get(), F_SETFL, flags | O_DIRECT) != 0) return bytes;
    const auto buffer = direct_memory();
    while (bytes.size() >= direct_block) {
      const std::size_t size = std::min(bytes.size() / direct_block * direct_block, direct_buffer);
      std::memcpy(buffer.get(), bytes.data(), size);
      const auto written = ::write(file_.get(), buffer.get(), size);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0 && errno == EINVAL) break;
      if (written < 0) fail("write", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      size_ += static_cast<std::uint64_t>(written);
      if (static_cast<std::size_t>(written) % direct_block != 0) break;
    }
    if (::fcntl(file_.get(), F_SETFL, flags) != 0) fail("write", path_);
    return bytes;
  }

  std::string path_;
  Descriptor file_;
  bool direct_;
  std::uint64_t size_ = 0;  ///< written
};

FileStatus to_status(const std::string& path, const struct stat& info) {
  FileStatus status;
  status.path = path;
  status.size = static_cast<std::uint64_t>(info.st_size);
  status.modified_nanoseconds = info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec;
  status.directory = S_ISDIR(info.st_mode);
  return status;
}

class LocalFileSystem final : public FileSystem {
 public:
  std::string read(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) fail("read", path);
    const auto size = static_cast<std::uint64_t>(info.st_size);
    const bool own = (info.st_mode & 0777) == private_mode;
    if (own && size >= direct_least) return read_direct(path, size);
    return read(path, 0, size);
  }

  std::string read(const std::string& path, std::uint64_t offset, std::size_t size) override {
    const Descriptor file(open_file(path, O_RDONLY, "open"));
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
      const auto got =
          ::pread(file.get(), bytes.data() + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("read", path);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
  }

  std::unique_ptr<WritableFile> create(const std::string& path) override {
    return std::make_unique<LocalFile>(path, private_mode);
  }

  std::unique_ptr<WritableFile> create_shared(const std::string& path) override {
    return std::make_unique<LocalFile>(path, shared_mode);
  }

  std::optional<FileStatus> status(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0) return to_status(path, info);
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    fail("look at", path);
  }

  std::vector<FileStatus> list(const std::string& directory) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(directory.c_str()), ::closedir);
    if (!handle) fail("list", directory);
    std::vector<FileStatus> entries;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(handle.get());
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      std::string path = directory;
      if (path.back() != '/') path += '/';
      path += name;
      struct stat info {};
      // Gone between the listing and the look: not an entry. To open a pipe could block for ever.
      const bool there = ::stat(path.c_str(), &info) == 0;
      if (there && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) {
        entries.push_back(to_status(path, info));
      }
    }
    if (errno != 0) fail("list", directory);
    std::sort(entries.begin(), entries.end(),
              [](const FileStatus& a, const FileStatus& b) { return a.path < b.path; });
    return entries;
  }

  void create_directories(const std::string& path) override {
    for (std::size_t at = 1; at <= path.size(); ++at) {
      if (at < path.size() && path[at] != '/') continue;
      const std::string part = path.substr(0, at);
      if (::mkdir(part.c_str(), 0777) == 0) continue;
      const int error = errno;
      const auto found = status(part);
      if (found && found->directory) continue;
      throw Error(ErrorCode::io, "cannot create the directory " + part + ": " +
                                     std::strerror(found ? ENOTDIR : error) +
                                     way_out(found ? ENOTDIR : error, false));
    }
  }

  bool link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return true;
    if (errno == EEXIST) return false;
    fail("link " + from + " to", to);
  }

  bool remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0) return true;
    if (errno == ENOENT) return false;
    if ((errno == EISDIR || errno == EPERM) && ::rmdir(path.c_str()) == 0) return true;
    fail("remove", path);
  }

  void sync_directory(const std::string& path) override {
    const Descriptor directory(open_file(path, O_RDONLY | O_DIRECTORY, "open"));
    if (::fsync(directory.get()) != 0) fail("sync", path);
  }

  bool try_sync_directory(const std::string& path) override {
    const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() < 0) {
      if (errno == EACCES || errno == EPERM) return false;
      fail("open", path);
    }
    if (::fsync(directory.get()) == 0) return true;
    if (errno == EINVAL || errno == EROFS) return false;
    fail("sync", path);
  }

  bool same_file(const std::string& a, const std::string& b) override {
    struct stat first {};
    struct stat second {};
    if (::stat(a.c_str(), &first) != 0) fail("look at", a);
    if (::stat(b.c_str(), &second) != 0) fail("look at", b);
    return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
  }

 private:
  /// As large files of our own are written.
  std::string read_direct(const std::string& path, std::size_t size) {
    const Descriptor file(open_file(path, O_RDONLY, "open"));
    if (::fcntl(file.get(), F_SETFL, O_DIRECT) != 0) return read(path, 0, size);
    const auto buffer = direct_memory();
    std::string bytes = large_bytes(size);
    bytes.resize(size);
    std::size_t done = 0;
    while (done < size) {
      const auto got = ::pread(file.get(), buffer.get(), direct_buffer, static_cast<off_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EINVAL) return read(path, 0, size);
      if (got < 0) fail("read", path);
      if (got == 0) break;
      const std::size_t part = std::min(static_cast<std::size_t>(got), size - done);
      std::memcpy(bytes.data() + done, buffer.get(), part);
      done += part;
    }
    bytes.resize(done);
    return bytes;
  }
};

}  // namespace

std::shared_ptr<FileSystem> local_file_system() { return std::make_shared<LocalFileSystem>(); }

}  // namespace libstream
