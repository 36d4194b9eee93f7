#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace libstream {

/// Runs what may block, off the actors.
class JobRunner {
 public:
  virtual ~JobRunner() = default;
  /// `job` throws nothing.
  virtual void submit(std::function<void()> job) = 0;
};

/// The I/O pool: a few threads, jobs in order of arrival.
class IoPool final : public JobRunner {
 public:
  explicit IoPool(std::uint32_t threads);
  ~IoPool() override;  ///< waits for the jobs that run; drops those that wait
  void submit(std::function<void()> job) override;

 private:
  void work();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace libstream
