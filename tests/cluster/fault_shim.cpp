// Preloaded into a program under test. Counts its system calls that change files, over all threads,
// and at one of them kills the process or lets the call fail. No tracer is needed, so it runs where
// ptrace is forbidden, and one number names one call of the whole process.
//
//   FAULT_SHIM_CALL    number of the call, from 1; 0 or unset: none
//   FAULT_SHIM_ACTION  kill: before the call; tear: a write's first half, then kill;
//                      EIO: this call fails; ENOSPC: this one and all later ones that need space
//   FAULT_SHIM_READS   1: calls that open for reading, read or list are counted instead
//   FAULT_SHIM_LOG     file that gets a line a call: number, name, path

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace {

template <class F>
F* real(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

[[noreturn]] void die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

class Shim {
 public:
  static Shim& get() {
    static Shim shim;
    return shim;
  }

  /// What happens to a call: 0: it is made; else the errno it fails with. Does not return from a
  /// kill; a write that is torn is told so.
  int enter(const char* name, const char* path, bool needs_space, bool reads, bool* tear) {
    if (reads != reads_) return 0;
    const long number = count_.fetch_add(1) + 1;
    log(number, name, path);
    if (target_ == 0 || number < target_) return 0;
    if (action_ == "ENOSPC") return needs_space ? ENOSPC : 0;
    if (number != target_) return 0;
    if (action_ == "EIO") return EIO;
    if (action_ == "tear" && tear != nullptr) {
      *tear = true;
      return 0;
    }
    die();
  }

 private:
  Shim()
      : target_(std::atol(setting("FAULT_SHIM_CALL").c_str())),
        action_(setting("FAULT_SHIM_ACTION")),
        reads_(setting("FAULT_SHIM_READS") == "1") {
    const auto path = setting("FAULT_SHIM_LOG");
    if (path.empty()) return;
    log_ = real<int(const char*, int, ...)>("open")(
        path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }

  void log(long number, const char* name, const char* path) const {
    if (log_ < 0) return;
    const auto line = std::to_string(number) + " " + name + " " + path + "\n";
    [[maybe_unused]] const auto written =
        real<ssize_t(int, const void*, size_t)>("write")(log_, line.data(), line.size());
  }

  std::atomic<long> count_{0};
  const long target_;
  const std::string action_;
  const bool reads_;
  int log_ = -1;
};

/// The path of a regular file or directory; empty for pipes, sockets and the like.
std::string path_of(int descriptor) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0 || (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))) {
    return {};
  }
  char target[4096];
  const auto link = "/proc/self/fd/" + std::to_string(descriptor);
  const auto size = ::readlink(link.c_str(), target, sizeof target);
  return size < 0 ? std::string() : std::string(target, static_cast<std::size_t>(size));
}

/// Libraries and the system's own files are none of the query's.
bool is_ours(std::string_view path) {
  for (const char* prefix : {"/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib"}) {
    if (path.starts_with(prefix)) return false;
  }
  return true;
}

bool fails(const char* name, const char* path, bool needs_space, bool reads = false) {
  if (!is_ours(path)) return false;
  const int error = Shim::get().enter(name, path, needs_space, reads, nullptr);
  if (error != 0) errno = error;
  return error != 0;
}

bool fails(const char* name, int descriptor, bool needs_space, bool reads = false) {
  const auto path = path_of(descriptor);
  return !path.empty() && fails(name, path.c_str(), needs_space, reads);
}

using Open = int(const char*, int, ...);

int open_as(const char* name, const char* path, int flags, mode_t mode) {
  const bool creates = (flags & O_CREAT) != 0;
  if (fails(creates ? "create" : "open", path, creates, !creates)) return -1;
  return real<Open>(name)(path, flags, mode);
}

using Write = ssize_t(int, const void*, size_t);

ssize_t write_to(int descriptor, const void* bytes, size_t size) {
  const auto path = path_of(descriptor);
  if (path.empty() || !is_ours(path)) return real<Write>("write")(descriptor, bytes, size);
  bool tear = false;
  const int error = Shim::get().enter("write", path.c_str(), true, false, &tear);
  if (error != 0) {
    errno = error;
    return -1;
  }
  if (!tear) return real<Write>("write")(descriptor, bytes, size);
  real<Write>("write")(descriptor, bytes, size / 2);
  die();
}

mode_t mode_from(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

}  // namespace

// The names are those of the C library.
extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_from(flags, arguments);
  va_end(arguments);
  return open_as("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_from(flags, arguments);
  va_end(arguments);
  return open_as("open64", path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  return write_to(descriptor, bytes, size);
}

int fdatasync(int descriptor) {
  if (fails("fdatasync", descriptor, true)) return -1;
  return real<int(int)>("fdatasync")(descriptor);
}

int fsync(int descriptor) {
  if (fails("fsync", descriptor, false)) return -1;
  return real<int(int)>("fsync")(descriptor);
}

int ftruncate(int descriptor, off_t size) {
  if (fails("ftruncate", descriptor, false)) return -1;
  return real<int(int, off_t)>("ftruncate")(descriptor, size);
}

int link(const char* from, const char* to) {
  if (fails("link", to, true)) return -1;
  return real<int(const char*, const char*)>("link")(from, to);
}

int unlink(const char* path) {
  if (fails("unlink", path, false)) return -1;
  return real<int(const char*)>("unlink")(path);
}

int mkdir(const char* path, mode_t mode) {
  if (fails("mkdir", path, true)) return -1;
  return real<int(const char*, mode_t)>("mkdir")(path, mode);
}

int chmod(const char* path, mode_t mode) {
  if (fails("chmod", path, false)) return -1;
  return real<int(const char*, mode_t)>("chmod")(path, mode);
}

ssize_t pread(int descriptor, void* bytes, size_t size, off_t offset) {
  if (fails("pread", descriptor, false, true)) return -1;
  return real<ssize_t(int, void*, size_t, off_t)>("pread")(descriptor, bytes, size, offset);
}

ssize_t pread64(int descriptor, void* bytes, size_t size, off64_t offset) {
  if (fails("pread", descriptor, false, true)) return -1;
  return real<ssize_t(int, void*, size_t, off64_t)>("pread64")(descriptor, bytes, size, offset);
}

DIR* opendir(const char* path) {
  if (fails("opendir", path, false, true)) return nullptr;
  return real<DIR*(const char*)>("opendir")(path);
}

}  // extern "C"
