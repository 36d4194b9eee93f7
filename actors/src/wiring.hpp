#pragma once

#include "messages.hpp"

#include <libstream/topology.hpp>

#include <optional>
#include <string>
#include <vector>

namespace libstream {

/// The far end of a channel: a task and the channel's number there.
struct ChannelEnd {
  TaskId task = 0;
  std::uint32_t channel = 0;
};

/// How one task is connected. Channels are numbered per task and direction.
struct TaskWiring {
  struct Input {
    ChannelEnd sender;      ///< where credit goes
    std::size_t input = 0;  ///< of the operator
  };
  struct Edge {
    std::size_t port = 0;
    Exchange exchange;
    std::vector<std::uint32_t> channels;  ///< output channels, by downstream partition
  };
  TaskId id = 0;
  std::uint32_t node = 0;
  std::uint32_t partition = 0;
  std::string name;       ///< of the node, for messages
  bool accounts = true;   ///< its metrics say what became of each row
  bool per_side = false;  ///< the operator is told its inputs' watermarks one by one
  /// With that, of a watermark operator: its place among these.
  std::optional<std::uint32_t> stream;
  std::vector<Input> inputs;
  std::vector<Edge> edges;
  std::vector<ChannelEnd> outputs;  ///< by output channel: the receiving end
};

/// Lays out tasks and channels: tasks by (node, partition), channels by edge.
std::vector<TaskWiring> wire(const Topology& topology);

}  // namespace libstream
