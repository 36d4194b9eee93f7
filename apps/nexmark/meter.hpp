#pragma once

#include <cstdint>
#include <mutex>

namespace libstream::apps {

/// CPU seconds of the whole process, user and system.
double process_cpu_seconds();
/// CPU seconds of the calling thread.
double thread_cpu_seconds();

/// Time and CPU from the first read to the last decision. Safe from any thread.
class Meter final {
 public:
  void start();  ///< the first call counts
  void stop();   ///< the last call counts
  /// Whether to read another `step` events behind the first `planned`: until `limit` CPU seconds
  /// are used. Sources that read the same events get the same answers.
  bool wants_more(std::uint64_t planned, std::uint64_t step, double limit);
  double cpu_so_far() const;  ///< from the first read to now
  double cpu_seconds() const;
  double seconds() const;

 private:
  struct Moment {
    double cpu = 0;
    double wall = 0;
  };
  static Moment now();

  mutable std::mutex mutex_;
  bool started_ = false;
  std::uint64_t granted_ = 0;  ///< events
  Moment first_;
  Moment last_;
};

}  // namespace libstream::apps
