#include "inputs.hpp"

#include <libstream/error.hpp>

#include <algorithm>

namespace libstream {

Inputs::Inputs(const TaskWiring& wiring, const ChannelLimits& limits) : limits_(limits) {
  LIBSTREAM_ASSERT(!wiring.inputs.empty(), "only sources have no inputs");
  for (const auto& input : wiring.inputs) {
    Channel channel;
    channel.sender = input.sender;
    channel.input = input.input;
    channels_.push_back(std::move(channel));
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
    auto message = std::move(channel.queue.front());
    channel.queue.pop_front();
    if (auto* batch = std::get_if<BatchPtr>(&message.body)) {
      Taken taken{Taken::Kind::batch, {}, std::move(*batch), index, {}};
      return taken;
    }
    if (const auto* start = std::get_if<EpochStart>(&message.body)) {
      if (epoch_) {
        LIBSTREAM_ASSERT(*epoch_ == start->epoch, "channels are in the same epoch");
        continue;
      }
      epoch_ = start->epoch;
      return Taken{Taken::Kind::start, *start, nullptr, index, {}};
    }
    const auto& barrier = std::get<Barrier>(message.body);
    LIBSTREAM_ASSERT(epoch_ == barrier.epoch, "a barrier ends the epoch under way");
    channel.aligned = true;
    watermark_ = aligned_ == 0 ? barrier.watermark : std::min(watermark_, barrier.watermark);
    if (++aligned_ < channels_.size()) return std::nullopt;
    return Taken{Taken::Kind::aligned, {}, nullptr, index, {barrier.epoch, watermark_}};
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
