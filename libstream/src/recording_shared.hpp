#pragma once

#include <libstream/recording.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace libstream {

/// Time of a replay: the newest epoch planned.
class ReplayClock final : public Clock {
 public:
  std::int64_t now_milliseconds() override { return now_; }
  std::int64_t steady_microseconds() override { return steady_->steady_microseconds(); }
  void reach(std::int64_t milliseconds) {
    auto now = now_.load();
    while (now < milliseconds && !now_.compare_exchange_weak(now, milliseconds)) {
    }
  }

 private:
  std::atomic<std::int64_t> now_{0};
  const std::shared_ptr<Clock> steady_ = system_clock();
};

/// A recording as its copies and sources share it.
struct Recording::Shared {
  std::string directory;
  std::shared_ptr<FileSystem> files;
  std::vector<RecordedSource> sources;
  std::vector<std::string> folders;  ///< of the sources
  std::shared_ptr<ReplayClock> clock = std::make_shared<ReplayClock>();
  /// Held while sources plan, so that all see the same epochs.
  std::shared_ptr<std::recursive_mutex> planning = std::make_shared<std::recursive_mutex>();
};

std::shared_ptr<Source> recorded_source(std::shared_ptr<const Recording::Shared> shared,
                                        std::size_t index, const ReplayRules& rules);
std::vector<BatchPtr> recorded_rows(const Recording::Shared& shared, std::size_t source,
                                    const RecordedChunk& chunk);

}  // namespace libstream
