#include "root_lock.hpp"

#include <libstream/error.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace libstream::checkpoint {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& action) {
  const auto error = errno;
  throw Error(ErrorCode::io, "cannot " + action + " " + path + ": " + std::strerror(error) +
                                 (error == EACCES || error == EPERM
                                      ? "; make it writable for the user of this process"
                                      : ""));
}

std::string holder_text(int descriptor) {
  std::array<char, 512> text{};
  const auto size = ::pread(descriptor, text.data(), text.size() - 1, 0);
  const std::string holder(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return holder.empty() ? "another process" : holder.substr(0, holder.find('\n'));
}

std::string own_text() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) {
    host[0] = '?';
  }
  return "process " + std::to_string(::getpid()) + " on " + host.data() + "\n";
}

}  // namespace

RootLock::RootLock(const std::string& directory, const std::string& lock_path) {
  descriptor_ = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor_ < 0) {
    fail(lock_path, "open the lock file");
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const auto error = errno;
    const auto holder = holder_text(descriptor_);
    ::close(descriptor_);
    if (error == EWOULDBLOCK) {
      throw Error(ErrorCode::conflict, "the checkpoint " + directory + " is in use by " + holder +
                                           "; stop it first, or give this query a checkpoint "
                                           "directory of its own");
    }
    errno = error;
    fail(lock_path, "lock");
  }
  // Who holds it is for messages only, so a full disk here is no reason to refuse.
  const auto text = own_text();
  if (::ftruncate(descriptor_, 0) == 0) {
    [[maybe_unused]] const auto written = ::pwrite(descriptor_, text.data(), text.size(), 0);
  }
}

RootLock::~RootLock() { ::close(descriptor_); }

void set_mode(const std::string& path, unsigned mode) {
  if (::chmod(path.c_str(), static_cast<mode_t>(mode)) != 0) {
    fail(path, "set the mode of");
  }
}

}  // namespace libstream::checkpoint
