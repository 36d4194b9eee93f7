#pragma once

#include "replay.hpp"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace libstream::apps {

/// Prints the result of each scenario as it comes, and the sum of all.
class ReplayReport {
 public:
  /// `unsupported`: a file of scenario names that must fail as unsupported; empty = none may.
  explicit ReplayReport(const std::string& unsupported);

  void add(const std::string& name, ReplayResult result);
  /// Prints the sum, writes the JUnit file where named. True where no scenario failed.
  bool finish(const std::string& junit);

 private:
  struct Entry {
    std::string name;
    ReplayResult result;
    double seconds;
  };
  void write_junit(const std::string& path) const;

  std::map<std::string, std::string> unsupported_;  ///< names and reasons
  std::string list_;
  std::vector<Entry> entries_;
  std::size_t failed_ = 0;
  std::size_t listed_ = 0;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace libstream::apps
