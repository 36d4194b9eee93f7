#include "query_setup.hpp"

#include "watermark_tracker.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <algorithm>
#include <limits>
#include <mutex>

namespace libstream {
namespace {

std::vector<std::uint32_t> nodes_of(const Topology& topology, TopologyNode::Kind kind, bool late) {
  std::vector<std::uint32_t> nodes;
  for (std::uint32_t i = 0; i < topology.nodes.size(); ++i) {
    const auto& node = topology.nodes[i];
    if (node.kind == kind && node.late_sink == late) nodes.push_back(i);
  }
  return nodes;
}

/// Where the sinks of an entry are in today's plan: by description, equal ones in order.
std::vector<std::uint32_t> match_sinks(const QuerySetup& setup,
                                       const std::vector<SinkStage>& stages) {
  auto free = setup.sinks();
  std::vector<std::uint32_t> nodes;
  for (const auto& stage : stages) {
    const auto found = std::find_if(free.begin(), free.end(), [&](std::uint32_t node) {
      return setup.topology.nodes[node].sink->describe() == stage.sink;
    });
    if (found == free.end()) {
      throw Error(ErrorCode::incompatible,
                  "the checkpoint " + setup.root->describe() + " holds rows decided for the sink " +
                      stage.sink +
                      ", which this query lacks: start it once more with that sink, so "
                      "that they are committed");
    }
    nodes.push_back(*found);
    free.erase(found);
  }
  return nodes;
}

void commit_pending(const QuerySetup& setup, Term& term) {
  std::vector<std::vector<StagedHandle>> keep(setup.topology.nodes.size());
  for (const auto& pending : term.restored().pending) {
    const auto nodes = match_sinks(setup, pending.sinks);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto& handles = pending.sinks[i].handles;
      setup.topology.nodes[nodes[i]].sink->commit(pending.epoch, handles);
      keep[nodes[i]].insert(keep[nodes[i]].end(), handles.begin(), handles.end());
    }
    term.committed(pending.epoch);
  }
  for (const auto node : setup.sinks()) {
    setup.topology.nodes[node].sink->sweep(term.number(), keep[node]);
  }
  term.sweep();
}

void open_sinks(const QuerySetup& setup, const Term& term, OpenEnds& open) {
  for (const auto index : setup.sinks()) {
    if (open.nodes.contains(index)) continue;
    const auto& node = setup.topology.nodes[index];
    node.sink->set_schema(node.schema);
    node.sink->open(term.restored().query_id);
    open.nodes.insert(index);
  }
}

/// Calls `step(i)` for each source. Those with a planning lock come last, all locks held: the
/// others may block.
template <class Step>
void each_under_lock(const QuerySetup& setup, Step step) {
  const auto sources = setup.sources();
  std::vector<std::shared_ptr<std::recursive_mutex>> locks;
  std::vector<std::size_t> locked;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (auto lock = setup.topology.nodes[sources[i]].source->planning_lock()) {
      locks.push_back(std::move(lock));
      locked.push_back(i);
    } else {
      step(i);
    }
  }
  // Each once and in one order, or two queries could wait for each other.
  std::sort(locks.begin(), locks.end());
  locks.erase(std::unique(locks.begin(), locks.end()), locks.end());
  std::vector<std::unique_lock<std::recursive_mutex>> held;
  for (const auto& lock : locks) held.emplace_back(*lock);
  for (const auto i : locked) step(i);
}

void open_sources(const QuerySetup& setup, const Term& term, OpenEnds& open) {
  const auto& last = term.restored().last;
  const auto sources = setup.sources();
  if (last && last->source_ends.size() != sources.size()) {
    throw Error(ErrorCode::incompatible,
                "the checkpoint " + setup.root->describe() + " is of a query with " +
                    std::to_string(last->source_ends.size()) + " sources, this one has " +
                    std::to_string(sources.size()));
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto& node = setup.topology.nodes[sources[i]];
    const Offset committed = last ? last->source_ends[i] : Offset{};
    if (open.nodes.contains(sources[i])) {
      node.source->rewind(committed);
    } else {
      if (!setup.directory.empty()) {
        node.source->set_journal_directory(setup.directory + "/sources/" + std::to_string(i));
      }
      node.source->restore(committed, *term.state(node.id, 0, setup.topology.key_groups));
      open.nodes.insert(sources[i]);
    }
  }
  const auto kind = setup.trigger.kind;
  if (!open.frozen && (kind == Trigger::Kind::once || kind == Trigger::Kind::available_now)) {
    each_under_lock(setup,
                    [&](std::size_t i) { setup.topology.nodes[sources[i]].source->freeze(); });
    open.frozen = true;
  }
}

/// Units of a source with one split need not say so.
void name_splits(const TopologyNode& node, PlannedRange& range) {
  for (auto& unit : range.units) {
    if (node.splits == 1 && unit.split < 0) unit.split = 0;
    if (unit.split >= 0 && unit.split < node.splits) continue;
    throw Error(ErrorCode::invalid_argument,
                node.source->describe() + " hands out a unit of split " +
                    std::to_string(unit.split) + ", but has " + std::to_string(node.splits) +
                    " by its Source::splits(); event time per source partition needs to know them");
  }
}

/// The state of the partition's key groups.
std::unique_ptr<StateReader> state_of(const QuerySetup& setup, const Term& term,
                                      const TaskWiring& wiring) {
  const auto& node = setup.topology.nodes[wiring.node];
  const auto groups = setup.topology.key_groups;
  return term.state(node.id, first_group(wiring.partition, groups, node.parallelism),
                    first_group(wiring.partition + 1, groups, node.parallelism));
}

std::optional<StateHash> restored_hash(const QuerySetup& setup, const Term& term,
                                       const TaskWiring& wiring) {
  const auto& node = setup.topology.nodes[wiring.node];
  if (!setup.hashes_state(node)) return std::nullopt;
  StateHash hash(node.comparable);
  hash.restore(*state_of(setup, term, wiring));
  return hash;
}

std::unique_ptr<Operator> restored_operator(const QuerySetup& setup, const Term& term,
                                            const TaskWiring& wiring,
                                            const std::vector<Watermark>& inputs, Watermark late) {
  const auto& node = setup.topology.nodes[wiring.node];
  const auto groups = setup.topology.key_groups;
  auto op = node.factory({wiring.partition, node.parallelism, groups});
  if (wiring.per_side) op->set_input_watermarks(inputs);
  if (node.shared_state) {
    op->restore(*term.state(node.id, 0, groups), late);
  } else if (node.stateful) {
    op->restore(*state_of(setup, term, wiring), late);
  } else {
    op->restore(empty_state(), late);
  }
  return op;
}

std::vector<std::unique_ptr<Task>> make_tasks(const QuerySetup& setup, const Term& term) {
  const auto& topology = setup.topology;
  const auto& last = term.restored().last;
  const auto used = last ? last->watermark : Watermark{};
  WatermarkTracker streams(topology);
  if (last) streams.restore(last->watermark_values, used);
  // The last epoch's watermark as it reached each node.
  std::vector<Watermark> arrived(topology.nodes.size(), used);
  std::vector<std::vector<Watermark>> inputs(topology.nodes.size());
  std::vector<Watermark> passed(topology.nodes.size(), used);
  std::vector<std::unique_ptr<Task>> tasks;
  for (auto& wiring : wire(topology)) {
    const auto index = wiring.node;
    const auto& node = topology.nodes[index];
    const auto partition = wiring.partition;
    if (partition == 0) {
      for (const auto& edge : topology.edges) {
        if (edge.to != index) continue;
        constexpr Watermark most{std::numeric_limits<std::int64_t>::max()};
        inputs[index].resize(std::max(inputs[index].size(), edge.input + 1), most);
        auto& input = inputs[index][edge.input];
        input = std::min(input, passed[edge.from]);
      }
      if (!inputs[index].empty()) {
        arrived[index] = *std::min_element(inputs[index].begin(), inputs[index].end());
      }
      passed[index] = arrived[index];
    }
    switch (node.kind) {
      case TopologyNode::Kind::source:
        tasks.push_back(
            std::make_unique<SourceTask>(std::move(wiring), setup.limits, topology.key_groups,
                                         node.source->reader(partition, node.parallelism),
                                         SourceTask::Reading{setup.quantum, node.splits > 0}));
        break;
      case TopologyNode::Kind::op: {
        auto op = restored_operator(setup, term, wiring, inputs[index], arrived[index]);
        passed[index] =
            wiring.stream ? streams.used()[*wiring.stream] : op->output_watermark(arrived[index]);
        auto hash = restored_hash(setup, term, wiring);
        tasks.push_back(std::make_unique<OperatorTask>(
            std::move(wiring), setup.limits, topology.key_groups, std::move(op), std::move(hash)));
        break;
      }
      case TopologyNode::Kind::sink:
        tasks.push_back(std::make_unique<SinkTask>(std::move(wiring), setup.limits,
                                                   node.sink->writer({term.number(), partition}),
                                                   setup.hashes));
        break;
    }
  }
  return tasks;
}

}  // namespace

std::vector<std::uint32_t> QuerySetup::sources() const {
  return nodes_of(topology, TopologyNode::Kind::source, false);
}

std::vector<std::uint32_t> QuerySetup::sinks() const {
  auto nodes = nodes_of(topology, TopologyNode::Kind::sink, false);
  const auto late = nodes_of(topology, TopologyNode::Kind::sink, true);
  nodes.insert(nodes.end(), late.begin(), late.end());
  return nodes;
}

bool QuerySetup::hashes_state(const TopologyNode& node) const {
  return hashes && node.stateful && !node.shared_state &&
         node.comparable != TopologyNode::Comparable::nothing;
}

std::vector<std::optional<PlannedRange>> plan_sources(const QuerySetup& setup, bool unlimited) {
  const auto sources = setup.sources();
  std::vector<std::optional<PlannedRange>> ranges(sources.size());
  each_under_lock(setup, [&](std::size_t i) {
    const auto& node = setup.topology.nodes[sources[i]];
    ranges[i] = node.source->plan(unlimited);
    if (ranges[i] && node.splits > 0) name_splits(node, *ranges[i]);
  });
  return ranges;
}

void release_sources(const QuerySetup& setup, const std::vector<Offset>& decided) {
  const auto sources = setup.sources();
  for (std::size_t i = 0; i < decided.size(); ++i) {
    if (!decided[i].empty()) setup.topology.nodes[sources[i]].source->release(decided[i]);
  }
}

std::vector<std::unique_ptr<Task>> launch(const QuerySetup& setup, Term& term, OpenEnds& open) {
  open_sinks(setup, term, open);
  commit_pending(setup, term);
  open_sources(setup, term, open);
  return make_tasks(setup, term);
}

}  // namespace libstream
