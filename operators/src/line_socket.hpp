#pragma once

#include <libstream/environment.hpp>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace libstream {

/// Receives text lines on a thread of its own. Holds at most 8 MiB that nobody took; then the
/// sender waits.
class LineSocket {
 public:
  struct Line {
    std::string text;
    std::int64_t microseconds = 0;  ///< arrival, since 1970
  };

  /// Throws Error(unreachable).
  LineSocket(std::string host, std::string port, std::shared_ptr<Clock> clock);
  ~LineSocket();
  LineSocket(const LineSocket&) = delete;
  LineSocket& operator=(const LineSocket&) = delete;

  /// Whole lines received since the last call. Throws Error(unreachable) where the connection broke
  /// and nothing is left; its orderly end is no error.
  std::vector<Line> take();

 private:
  void run();
  void receive(std::string_view bytes);
  void finish(const std::string& failure);

  const std::string host_;
  const std::string port_;
  std::shared_ptr<Clock> clock_;
  int socket_ = -1;
  int wake_[2] = {-1, -1};  ///< a pipe: closing its end stops the thread
  std::mutex mutex_;
  std::condition_variable taken_;
  std::vector<Line> lines_;
  std::size_t held_bytes_ = 0;
  bool stopping_ = false;
  std::string failure_;
  std::string partial_;  ///< of the thread
  std::thread thread_;
};

}  // namespace libstream
