#pragma once

#include <libstream/recording.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace libstream {

/// A recording as the source of a test's query:
///   session.read_stream().source(RecordedStream{"clicks.recording"})
/// Reads the recorded epochs, with Trigger::available_now to their end. Copies share one recording,
/// so that the streams of `with_source` go through its epochs side by side.
class RecordedStream {
 public:
  /// `source`: which one, where the recording has several. Throws as Recording::open and
  /// Recording::source do.
  explicit RecordedStream(std::string_view directory, std::string source = {},
                          const ReplayRules& rules = {})
      : recording_(Recording::open(std::string(directory))),
        source_(std::move(source)),
        rules_(rules) {
    recording_.find(source_);
  }
  RecordedStream with_source(std::string source) const {
    auto other = *this;
    other.source_ = std::move(source);
    recording_.find(other.source_);
    return other;
  }
  /// A new source each time: each query reads from the beginning.
  operator std::shared_ptr<Source>() const {  // NOLINT(google-explicit-constructor): stands for one
    return recording_.source(source_, rules_);
  }
  const Recording& recording() const { return recording_; }

 private:
  Recording recording_;
  std::string source_;
  ReplayRules rules_;
};

}  // namespace libstream
