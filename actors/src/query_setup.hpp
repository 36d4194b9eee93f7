#pragma once

#include "task.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/options.hpp>
#include <libstream/topology.hpp>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace libstream {

/// Everything a coordinator needs to run a query.
struct QuerySetup {
  Topology topology;
  Trigger trigger;
  bool no_data_epochs = true;
  bool strict = false;
  bool hashes = false;         ///< the progress has those of output, late rows and state
  std::uint32_t restarts = 0;  ///< how often it may go on from its last decision after a fault
  std::uint32_t quantum = 1;   ///< batches a source task reads a turn: the pool's weight
  ChannelLimits limits;
  Environment environment;
  std::shared_ptr<CheckpointRoot> root;
  CheckpointMeta meta;
  TermOptions term_options;
  std::string directory;   ///< of the checkpoint; empty where the root is none
  bool temporary = false;  ///< remove `directory` after a clean end

  /// Indices of nodes, in plan order; the late sink last.
  std::vector<std::uint32_t> sources() const;
  std::vector<std::uint32_t> sinks() const;
  /// True where progress is to have the hash of a node's state.
  bool hashes_state(const TopologyNode& node) const;
};

/// Plans the next epoch: a range a source. What they share a lock for, they see in one state.
std::vector<std::optional<PlannedRange>> plan_sources(const QuerySetup& setup, bool unlimited);

/// Tells the sources that epochs up to these ends are decided. None: nothing to tell.
void release_sources(const QuerySetup& setup, const std::vector<Offset>& decided);

/// Which sinks and sources of a query are open, over all its terms: a fault may come between them.
struct OpenEnds {
  std::set<std::uint32_t> nodes;
  bool frozen = false;  ///< the sources' ends, where the trigger asks for it
};

/// Opens sinks and sources at the term's last decision, commits what is decided, sweeps, and makes
/// the tasks with their state. Blocking; runs on the I/O pool.
std::vector<std::unique_ptr<Task>> launch(const QuerySetup& setup, Term& term, OpenEnds& open);

}  // namespace libstream
