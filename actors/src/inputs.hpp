#pragma once

#include "wiring.hpp"

#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace libstream {

/// What a channel may hold unprocessed.
struct ChannelLimits {
  std::size_t bytes = 1U << 20;
  std::size_t batches = 16;
};

/// Carries messages and credit between tasks.
class ChannelHost {
 public:
  virtual ~ChannelHost() = default;
  virtual void send(TaskId to, TaskMessage message) = 0;
};

/// The input channels of a task: queues, barrier alignment and the credit that goes back. A channel
/// whose barrier of epoch n came is held (start, rows and barrier of n + 1 wait in its queue) until
/// every channel's barrier of n is in.
class Inputs {
 public:
  Inputs(const TaskWiring& wiring, const ChannelLimits& limits);
  void attach(ChannelHost& host) { host_ = &host; }

  void push(ChannelMessage message);

  struct Taken {
    enum class Kind { start, batch, aligned } kind;
    EpochStart start;           ///< Kind::start: the first channel's; the others are swallowed
    BatchPtr batch;             ///< Kind::batch
    std::uint32_t channel = 0;  ///< Kind::batch: pass to `processed`
    Barrier barrier;            ///< Kind::aligned: with the smallest watermark
  };
  /// With Kind::aligned: the watermark of each input.
  const std::vector<Watermark>& watermarks() const { return watermarks_; }
  /// The next message that may be processed; channels take turns.
  std::optional<Taken> take();
  std::size_t input(std::uint32_t channel) const { return channels_[channel].input; }
  /// Gives credit for a batch back, in portions of a quarter of the window.
  void processed(std::uint32_t channel, std::size_t bytes);
  /// After Kind::aligned has been dealt with: the held channels go on.
  void release();

 private:
  struct Channel {
    ChannelEnd sender;
    std::size_t input = 0;
    std::deque<ChannelMessage> queue;
    std::uint64_t expected = 0;
    std::uint64_t rows = 0;  ///< came since the last barrier
    bool aligned = false;
    std::size_t bytes = 0;  ///< processed, not given back yet
    std::size_t batches = 0;
  };
  std::optional<Taken> take_from(std::uint32_t index);

  ChannelLimits limits_;
  ChannelHost* host_ = nullptr;
  std::vector<Channel> channels_;
  std::uint32_t turn_ = 0;
  std::size_t aligned_ = 0;
  std::optional<Epoch> epoch_;         ///< under way
  std::vector<Watermark> watermarks_;  ///< of each input: smallest of the barriers so far
};

}  // namespace libstream
