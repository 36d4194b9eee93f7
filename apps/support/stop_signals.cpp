#include "stop_signals.hpp"

#include <libstream/error.hpp>

#include <array>
#include <cstdint>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>

namespace libstream::apps {

StopSignals::StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  end_ = eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || end_ < 0) throw Error(ErrorCode::io, "cannot listen for signals");
  reader_ = std::thread([this] { read_signals(); });
}

StopSignals::~StopSignals() {
  const std::uint64_t one = 1;
  const auto written = ::write(end_, &one, sizeof one);
  LIBSTREAM_ASSERT(written == sizeof one, "an event counter takes 1");
  reader_.join();
  if (stopper_.joinable()) stopper_.join();
  ::close(signals_);
  ::close(end_);
}

void StopSignals::watch(std::function<void()> stop) {
  const std::lock_guard lock(mutex_);
  stop_ = std::move(stop);
  stop_if_due();
}

bool StopSignals::requested() const {
  const std::lock_guard lock(mutex_);
  return requested_;
}

// On a thread of its own, because stopping waits for the epoch and a second signal must not.
void StopSignals::stop_if_due() {
  if (requested_ && stop_ && !stopper_.joinable()) stopper_ = std::thread(stop_);
}

void StopSignals::read_signals() {
  std::array<pollfd, 2> files = {pollfd{signals_, POLLIN, 0}, pollfd{end_, POLLIN, 0}};
  for (;;) {
    if (::poll(files.data(), files.size(), -1) < 0) continue;  // EINTR
    if ((files[1].revents & POLLIN) != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != sizeof info) continue;
    const std::lock_guard lock(mutex_);
    if (requested_) ::_exit(128 + static_cast<int>(info.ssi_signo));
    requested_ = true;
    stop_if_due();
  }
}

}  // namespace libstream::apps
