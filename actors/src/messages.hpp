#pragma once

#include <libstream/operator.hpp>
#include <libstream/sink.hpp>
#include <libstream/source.hpp>
#include <libstream/state.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace libstream {

/// Number of a task within its query: tasks of node 0 first, in the order of the topology.
using TaskId = std::uint32_t;

/// What goes down a channel, first in, first out: the epoch's start, its batches, its barrier.
struct ChannelMessage {
  std::uint32_t channel = 0;   ///< input channel of the receiving task
  std::uint64_t sequence = 0;  ///< counts messages of the channel: finds losses and repeats
  std::variant<BatchPtr, EpochStart, Barrier> body;
  std::uint64_t rows = 0;  ///< of a barrier: rows sent down the channel since the one before
};

/// What comes back up: room for so much more.
struct Credit {
  std::uint32_t channel = 0;  ///< output channel of the receiving (upstream) task
  std::size_t bytes = 0;
  std::size_t batches = 0;
};

/// Tells a source task to read its share of an epoch.
struct BeginEpoch {
  EpochStart start;
  Barrier barrier;  ///< that ends the epoch
  std::vector<ReadUnit> units;
};

using TaskMessage = std::variant<ChannelMessage, Credit, BeginEpoch>;

/// What a task did in an epoch; sent when its barrier has passed it.
struct TaskReport {
  TaskId task = 0;
  Epoch epoch{};
  std::string changes;                 ///< changelog; empty where nothing changed
  std::optional<ChangeExtent> extent;  ///< of its entries, where it is known
  OperatorMetrics metrics;
  SourceMetrics source;
  StagedHandle staged;
  std::uint64_t rows_in = 0;
  std::uint64_t rows_out = 0;
  std::uint64_t late_out = 0;  ///< rows on the late port
  std::uint64_t hash = 0;      ///< where hashes are wanted: of a sink's rows, an operator's state
};

}  // namespace libstream
