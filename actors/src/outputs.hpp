#pragma once

#include "inputs.hpp"

#include <libstream/hash.hpp>

#include <array>
#include <deque>
#include <vector>

namespace libstream {

/// The output channels of a task: parts rows by key, spends credit, and keeps what has none in
/// order. Control messages need no credit, but never overtake rows.
class Outputs final : public Output {
 public:
  Outputs(const TaskWiring& wiring, const ChannelLimits& limits, std::uint32_t key_groups);
  void attach(ChannelHost& host) { host_ = &host; }

  void emit(BatchPtr batch, std::size_t port = main_port) override;
  bool full() const override;
  bool connected(std::size_t port) const override;

  void broadcast(const EpochStart& start);
  void broadcast(const Barrier& barrier);
  void receive(const Credit& credit);

  /// Rows on a port since the last call, without those that are only keys of late groups.
  std::uint64_t take_rows(std::size_t port = main_port);

 private:
  struct Channel {
    ChannelEnd receiver;
    std::uint64_t sequence = 0;
    std::size_t bytes = 0;  ///< sent and not given back
    std::size_t batches = 0;
    std::uint64_t rows = 0;  ///< put in since the last barrier
    std::deque<ChannelMessage> waiting;
  };
  void put(std::uint32_t channel, BatchPtr batch);
  void check_exchange();
  void control(const std::variant<BatchPtr, EpochStart, Barrier>& body);
  void scatter(const TaskWiring::Edge& edge, const Batch& batch);
  bool has_credit(const Channel& channel, std::size_t bytes) const;
  void send(Channel& channel, ChannelMessage message);

  ChannelLimits limits_;
  std::uint32_t key_groups_;
  ChannelHost* host_ = nullptr;
  std::vector<TaskWiring::Edge> edges_;
  std::vector<Channel> channels_;
  static constexpr std::size_t ports = 2;
  std::array<std::uint64_t, ports> rows_{};     ///< by port, since take_rows
  std::array<std::uint64_t, ports> emitted_{};  ///< by port, since the last barrier: all kinds
  std::vector<std::vector<std::uint32_t>> rows_of_target_;  ///< scratch of scatter
};

}  // namespace libstream
