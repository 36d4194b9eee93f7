#pragma once

#include <functional>
#include <mutex>
#include <thread>

namespace libstream::apps {

/// Turns the first SIGTERM or SIGINT into a call, and the second into the end of the process with
/// 128 + its number. Make one in `main` before any other thread exists: the signals are blocked in
/// this thread and in those it starts.
class StopSignals final {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Runs `stop` on a thread of its own at the first signal, also if that came already.
  void watch(std::function<void()> stop);
  bool requested() const;

 private:
  void read_signals();
  void stop_if_due();

  int signals_ = -1;
  int end_ = -1;
  mutable std::mutex mutex_;
  bool requested_ = false;
  std::function<void()> stop_;
  std::thread stopper_;
  std::thread reader_;
};

}  // namespace libstream::apps
