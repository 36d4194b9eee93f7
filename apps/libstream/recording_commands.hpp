#pragma once

#include <functional>
#include <memory>

namespace CLI {
class App;
}

namespace libstream::apps {

/// The commands of `libstream recording`: info, head, cut, merge, export, verify.
class RecordingCommands {
 public:
  explicit RecordingCommands(CLI::App& app);
  ~RecordingCommands();
  RecordingCommands(const RecordingCommands&) = delete;
  RecordingCommands& operator=(const RecordingCommands&) = delete;
  /// Runs the one that was parsed.
  void run() const;

 private:
  struct Options;
  std::unique_ptr<Options> options_;
  std::function<void()> chosen_;
};

}  // namespace libstream::apps
