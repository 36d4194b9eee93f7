#include "line_socket.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace libstream {
namespace {

constexpr std::size_t held_limit_bytes = 8 * 1024 * 1024;
constexpr std::size_t line_limit_bytes = 1024 * 1024;
constexpr std::size_t line_overhead_bytes = 64;  // so that empty lines are bounded, too

[[noreturn]] void unreachable(const std::string& host, const std::string& port,
                              const std::string& cause) {
  throw Error(ErrorCode::unreachable, "cannot read from " + host + ":" + port + ": " + cause +
                                          "; is a server listening there (nc -lk " + port + ")?");
}

int connect_to(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    unreachable(host, port, ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  int cause = ECONNREFUSED;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int number =
        ::socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
    if (number >= 0 && ::connect(number, address->ai_addr, address->ai_addrlen) == 0) return number;
    cause = errno;
    if (number >= 0) ::close(number);
  }
  unreachable(host, port, std::strerror(cause));
}

}  // namespace

LineSocket::LineSocket(std::string host, std::string port, std::shared_ptr<Clock> clock)
    : host_(std::move(host)), port_(std::move(port)), clock_(std::move(clock)) {
  socket_ = connect_to(host_, port_);
  if (::pipe2(wake_, O_CLOEXEC) != 0) {
    const int cause = errno;
    ::close(socket_);
    throw Error(ErrorCode::io, std::string("cannot make a pipe: ") + std::strerror(cause));
  }
  thread_ = std::thread([this] { run(); });
}

LineSocket::~LineSocket() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  taken_.notify_all();
  ::close(wake_[1]);
  thread_.join();
  ::close(wake_[0]);
  ::close(socket_);
}

std::vector<LineSocket::Line> LineSocket::take() {
  const std::lock_guard lock(mutex_);
  if (lines_.empty() && !failure_.empty()) unreachable(host_, port_, failure_);
  std::vector<Line> lines;
  lines.swap(lines_);
  held_bytes_ = 0;
  taken_.notify_all();
  return lines;
}

void LineSocket::run() {
  std::vector<char> bytes(64 * 1024);
  while (true) {
    {
      std::unique_lock lock(mutex_);
      taken_.wait(lock, [&] { return stopping_ || held_bytes_ < held_limit_bytes; });
      if (stopping_) return;
    }
    pollfd polled[2] = {{socket_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    if (::poll(polled, 2, -1) < 0 && errno != EINTR) return finish(std::strerror(errno));
    if (polled[1].revents != 0) return;
    if (polled[0].revents == 0) continue;
    const auto size = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size < 0) return finish(std::strerror(errno));
    if (size == 0) return finish({});
    receive({bytes.data(), static_cast<std::size_t>(size)});
  }
}

void LineSocket::receive(std::string_view bytes) {
  const std::int64_t now = clock_->now_milliseconds() * 1000;
  const std::lock_guard lock(mutex_);
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::size_t count =
        std::min(std::min(newline, bytes.size()), line_limit_bytes - partial_.size());
    partial_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    const bool ended = !bytes.empty() && bytes[0] == '\n';
    if (ended) bytes.remove_prefix(1);
    if (!ended && partial_.size() < line_limit_bytes) return;
    if (ended && !partial_.empty() && partial_.back() == '\r') partial_.pop_back();
    held_bytes_ += partial_.size() + line_overhead_bytes;
    lines_.push_back({std::move(partial_), now});
    partial_.clear();
  }
}

void LineSocket::finish(const std::string& failure) {
  if (!partial_.empty()) receive("\n");  // a last line without its end
  const std::lock_guard lock(mutex_);
  failure_ = failure;
}

}  // namespace libstream
