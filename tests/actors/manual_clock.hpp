#pragma once

#include <libstream/environment.hpp>

#include <atomic>

namespace libstream::test {

/// A wall clock that stands where the test puts it. Durations are real: sleeping queries wake up.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t now_ms = 0) : now_(now_ms) {}
  std::int64_t now_milliseconds() override { return now_; }
  std::int64_t steady_microseconds() override { return system_->steady_microseconds(); }
  void set(std::int64_t now_ms) { now_ = now_ms; }

 private:
  std::shared_ptr<Clock> system_ = system_clock();
  std::atomic<std::int64_t> now_;
};

}  // namespace libstream::test
