#include "inputs.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <limits>

namespace libstream {

Inputs::Inputs(const TaskWiring& wiring, const ChannelLimits& limits) : limits_(limits) {
  LIBSTREAM_ASSERT(!wiring.inputs.empty(), "only sources have no inputs");
  for (const auto& input : wiring.inputs) {
    Channel channel;
    channel.sender = input.sender;
    channel.input = input.input;
    channels_.push_back(std::move(channel));
    if (input.input >= watermarks_.size()) watermarks_.resize(input.input + 1);
  }
}

void Inputs::push(ChannelMessage message) {
  LIBSTREAM_ASSERT(message.channel < channels_.size(), "a message for a channel of this task");
  auto& channel = channels_[message.channel];
  LIBSTREAM_ASSERT(message.sequence == channel.expected, "channels lose and repeat nothing");
  ++channel.expected;
  if (const auto* batch = std::get_if<BatchPtr>(&message.body)) {
    channel.rows += (*batch)->rows;
  } else if (std::holds_alternative<Barrier>(message.body)) {
    LIBSTREAM_ASSERT(message.rows == channel.rows, "as many rows come as were sent");
    channel.rows = 0;
  }
  channel.queue.push_back(std::move(message));
}

std::optional<Inputs::Taken> Inputs::take() {
  const auto count = static_cast<std::uint32_t>(channels_.size());
  for (std::uint32_t tried = 0; tried < count; ++tried) {
    const auto index = turn_;
    turn_ = turn_ + 1 == count ? 0 : turn_ + 1;
    if (auto taken = take_from(index)) return taken;
  }
  return std::nullopt;
}

std::optional<Inputs::Taken> Inputs::take_from(std::uint32_t index) {
  auto& channel = channels_[index];
  while (!channel.aligned && !channel.queue.empty()) {
    auto& body = channel.queue.front().body;
    if (auto* batch = std::get_if<BatchPtr>(&body)) {
      Taken taken{Taken::Kind::batch, {}, std::move(*batch), index, {}};
      channel.queue.pop_front();
      return taken;
    }
    if (const auto* found = std::get_if<EpochStart>(&body)) {
      const EpochStart start = *found;
      channel.queue.pop_front();
      if (epoch_) {
        LIBSTREAM_ASSERT(*epoch_ == start.epoch, "channels are in the same epoch");
        continue;
      }
      epoch_ = start.epoch;
      return Taken{Taken::Kind::start, start, nullptr, index, {}};
    }
    Barrier barrier = std::get<Barrier>(std::move(body));
    channel.queue.pop_front();
    LIBSTREAM_ASSERT(epoch_ == barrier.epoch, "a barrier ends the epoch under way");
    channel.aligned = true;
    if (aligned_ == 0) {
      const Watermark most{std::numeric_limits<std::int64_t>::max()};
      std::fill(watermarks_.begin(), watermarks_.end(), most);
    }
    auto& watermark = watermarks_[channel.input];
    watermark = std::min(watermark, barrier.watermark);
    if (++aligned_ < channels_.size()) return std::nullopt;
    barrier.watermark = *std::min_element(watermarks_.begin(), watermarks_.end());
    return Taken{Taken::Kind::aligned, {}, nullptr, index, std::move(barrier)};
  }
  return std::nullopt;
}

void Inputs::processed(std::uint32_t index, std::size_t bytes) {
  auto& channel = channels_[index];
  channel.bytes += bytes;
  ++channel.batches;
  if (channel.bytes * 4 < limits_.bytes && channel.batches * 4 < limits_.batches) return;
  host_->send(channel.sender.task, Credit{channel.sender.channel, channel.bytes, channel.batches});
  channel.bytes = 0;
  channel.batches = 0;
}

void Inputs::release() {
  LIBSTREAM_ASSERT(aligned_ == channels_.size(), "all barriers are in");
  for (auto& channel : channels_) channel.aligned = false;
  aligned_ = 0;
  epoch_.reset();
}

}  // namespace libstream
