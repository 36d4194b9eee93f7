#include "outputs.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <utility>

namespace libstream {
namespace {

/// Hashes are for the operator right behind the exchange: no other may mistake them for its own.
BatchPtr without_hashes(BatchPtr batch) {
  if (!batch->hashes) return batch;
  auto copy = std::make_shared<Batch>(*batch);
  copy->hashes = nullptr;
  return copy;
}

}  // namespace

Outputs::Outputs(const TaskWiring& wiring, const ChannelLimits& limits, std::uint32_t key_groups)
    : limits_(limits), key_groups_(key_groups), edges_(wiring.edges) {
  for (const auto& edge : edges_) LIBSTREAM_ASSERT(!edge.channels.empty(), "an edge has a target");
  for (const auto& receiver : wiring.outputs) {
    Channel channel;
    channel.receiver = receiver;
    channels_.push_back(std::move(channel));
  }
}

void Outputs::emit(BatchPtr batch, std::size_t port) {
  LIBSTREAM_ASSERT(batch && batch->rows > 0, "batches on channels have rows");
  LIBSTREAM_ASSERT(port < ports, "an operator has a main port and a late one");
  if (batch->kind == Batch::Kind::rows) rows_[port] += batch->rows;
  emitted_[port] += batch->rows;
  for (const auto& edge : edges_) {
    if (edge.port != port) continue;
    if (edge.channels.size() == 1) {
      put(edge.channels[0], without_hashes(batch));
    } else {
      scatter(edge, *batch);
    }
  }
}

void Outputs::scatter(const TaskWiring::Edge& edge, const Batch& batch) {
  const auto targets = static_cast<std::uint32_t>(edge.channels.size());
  auto hashes = Buffer::allocate(batch.rows * sizeof(std::uint64_t));
  auto* values = hashes->as<std::uint64_t>();
  hash_keys(batch, edge.exchange.key_columns, {values, batch.rows});
  if (rows_of_target_.size() < targets) rows_of_target_.resize(targets);
  for (std::uint32_t target = 0; target < targets; ++target) rows_of_target_[target].clear();
  for (std::size_t row = 0; row < batch.rows; ++row) {
    const auto target = owner(key_group(values[row], key_groups_), key_groups_, targets);
    rows_of_target_[target].push_back(static_cast<std::uint32_t>(row));
  }
  auto hashed = std::make_shared<Batch>(batch);
  hashed->hashes = std::move(hashes);
  for (std::uint32_t target = 0; target < targets; ++target) {
    const auto& rows = rows_of_target_[target];
    if (rows.empty()) continue;
    if (rows.size() == batch.rows) {
      put(edge.channels[target], hashed);
      return;
    }
    auto part = std::make_shared<Batch>(*gather(*hashed, rows));
    part->event_time = batch.event_time;  // may be too wide, which is allowed
    put(edge.channels[target], std::move(part));
  }
}

bool Outputs::has_credit(const Channel& channel, std::size_t bytes) const {
  if (channel.batches >= limits_.batches) return false;
  // The receiver may keep up to a quarter of the window to itself: so much counts as empty, and an
  // empty channel takes a batch of any size.
  return channel.bytes + bytes <= limits_.bytes || channel.bytes * 4 <= limits_.bytes;
}

void Outputs::put(std::uint32_t index, BatchPtr batch) {
  auto& channel = channels_[index];
  channel.rows += batch->rows;
  ChannelMessage message{channel.receiver.channel, channel.sequence++, std::move(batch)};
  if (!channel.waiting.empty() || !has_credit(channel, std::get<BatchPtr>(message.body)->bytes())) {
    channel.waiting.push_back(std::move(message));
  } else {
    send(channel, std::move(message));
  }
}

void Outputs::send(Channel& channel, ChannelMessage message) {
  if (const auto* batch = std::get_if<BatchPtr>(&message.body)) {
    channel.bytes += (*batch)->bytes();
    ++channel.batches;
  }
  host_->send(channel.receiver.task, std::move(message));
}

void Outputs::control(const std::variant<BatchPtr, EpochStart, Barrier>& body) {
  const bool barrier = std::holds_alternative<Barrier>(body);
  if (barrier) check_exchange();
  for (auto& channel : channels_) {
    ChannelMessage message{channel.receiver.channel, channel.sequence++, body};
    if (barrier) message.rows = std::exchange(channel.rows, 0);
    if (channel.waiting.empty()) {
      send(channel, std::move(message));
    } else {
      channel.waiting.push_back(std::move(message));
    }
  }
}

/// Every edge of a port carries every row of it once.
void Outputs::check_exchange() {
  for (const auto& edge : edges_) {
    std::uint64_t sent = 0;
    for (const auto channel : edge.channels) sent += channels_[channel].rows;
    LIBSTREAM_ASSERT(sent == emitted_[edge.port], "an exchange loses and repeats no rows");
  }
  emitted_ = {};
}

void Outputs::broadcast(const EpochStart& start) { control(start); }
void Outputs::broadcast(const Barrier& barrier) { control(barrier); }

void Outputs::receive(const Credit& credit) {
  LIBSTREAM_ASSERT(credit.channel < channels_.size(), "credit for a channel of this task");
  auto& channel = channels_[credit.channel];
  LIBSTREAM_ASSERT(credit.bytes <= channel.bytes && credit.batches <= channel.batches,
                   "no more credit comes back than was spent");
  channel.bytes -= credit.bytes;
  channel.batches -= credit.batches;
  while (!channel.waiting.empty()) {
    const auto* batch = std::get_if<BatchPtr>(&channel.waiting.front().body);
    if (batch && !has_credit(channel, (*batch)->bytes())) return;
    auto message = std::move(channel.waiting.front());
    channel.waiting.pop_front();
    send(channel, std::move(message));
  }
}

bool Outputs::full() const {
  return std::any_of(channels_.begin(), channels_.end(), [this](const Channel& channel) {
    return !channel.waiting.empty() || channel.batches >= limits_.batches ||
           channel.bytes >= limits_.bytes;
  });
}

bool Outputs::connected(std::size_t port) const {
  return std::any_of(edges_.begin(), edges_.end(),
                     [port](const auto& edge) { return edge.port == port; });
}

std::uint64_t Outputs::take_rows(std::size_t port) { return std::exchange(rows_[port], 0); }

}  // namespace libstream
