#include "epoch_run.hpp"

#include "account.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <limits>

namespace libstream {
namespace {

struct NodeSums {
  std::uint64_t rows_in = 0;
  std::uint64_t rows_out = 0;
  std::uint64_t late_out = 0;
  SourceMetrics source;
  OperatorMetrics metrics;
  std::uint64_t staged_rows = 0;
  std::uint64_t hash = 0;
};

void add(OperatorMetrics& sum, const OperatorMetrics& part) {
  sum.late_rows += part.late_rows;
  sum.filtered_rows += part.filtered_rows;
  sum.dropped_groups += part.dropped_groups;
  sum.stateful = sum.stateful || part.stateful;
  sum.state_rows += part.state_rows;
  sum.state_updated += part.state_updated;
  sum.state_removed += part.state_removed;
  sum.state_bytes += part.state_bytes;
  sum.held_rows += part.held_rows;
  for (const auto& [name, count] : part.custom) sum.custom[name] += count;
  sum.made_rows += part.made_rows;
  sum.absorbed_rows += part.absorbed_rows;
  sum.taken_rows += part.taken_rows;
  sum.released_rows += part.released_rows;
  if (part.partition_watermark) {
    sum.partition_watermark = std::min(sum.partition_watermark.value_or(*part.partition_watermark),
                                       *part.partition_watermark);
  }
  if (!part.event_times) return;
  if (!sum.event_times) {
    sum.event_times = part.event_times;
    return;
  }
  auto& times = *sum.event_times;
  times.min = std::min(times.min, part.event_times->min);
  times.max = std::max(times.max, part.event_times->max);
  times.sum += part.event_times->sum;
  times.rows += part.event_times->rows;
}

std::vector<NodeSums> sums(const QuerySetup& setup, const std::vector<TaskWiring>& wiring,
                           const EpochRun& run) {
  std::vector<NodeSums> nodes(setup.topology.nodes.size());
  for (const auto& report : run.reports) {
    auto& node = nodes[wiring[report.task].node];
    node.rows_in += report.rows_in;
    node.rows_out += report.rows_out;
    node.late_out += report.late_out;
    node.source.rows += report.source.rows;
    node.source.malformed_rows += report.source.malformed_rows;
    node.source.dropped_rows += report.source.dropped_rows;
    node.staged_rows += report.staged.rows;
    node.hash += report.hash;
    add(node.metrics, report.metrics);
  }
  return nodes;
}

/// What the tasks of all nodes report must fit together: nothing is lost between them, nor between
/// the state of the last decision and this one.
void check_accounts(const QuerySetup& setup, const std::vector<NodeSums>& nodes,
                    std::uint64_t held_before) {
  const auto& topology = setup.topology;
  std::vector<std::uint64_t> sent(nodes.size(), 0);
  std::uint64_t held = 0;
  for (const auto& edge : topology.edges) {
    const auto& from = nodes[edge.from];
    sent[edge.to] += edge.port == Output::main_port ? from.rows_out : from.late_out;
    if (topology.nodes[edge.from].partial && edge.port == Output::main_port) {
      check_flow_account(topology.nodes[edge.to].name, "rows in groups",
                         nodes[edge.to].metrics.taken_rows, from.metrics.released_rows);
    }
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& metrics = nodes[i].metrics;
    held += metrics.held_rows + metrics.released_rows - metrics.taken_rows;
    if (topology.nodes[i].kind == TopologyNode::Kind::source) continue;
    check_flow_account(topology.nodes[i].name, "rows", nodes[i].rows_in, sent[i]);
  }
  check_flow_account("state", "rows held", held, held_before);
}

void add_totals(const QuerySetup& setup, const std::vector<NodeSums>& nodes,
                std::map<std::string, std::uint64_t>& totals) {
  std::uint64_t held = 0;
  std::uint64_t state = 0;
  for (const auto& node : nodes) {
    totals["inputRows"] += node.source.rows;
    totals["malformedRows"] += node.source.malformed_rows;
    totals["lateRows"] += node.metrics.late_rows;
    totals["filteredRows"] += node.metrics.filtered_rows;
    totals["droppedGroups"] += node.metrics.dropped_groups;
    held += node.metrics.held_rows;
    state += node.metrics.state_rows;
  }
  totals["heldRows"] = held;
  totals["stateRows"] = state;
  // All main sinks get the same rows: one stands for the result.
  totals["outputRows"] += nodes[setup.sinks().front()].rows_in;
}

std::int64_t milliseconds(std::int64_t from, std::int64_t to) { return (to - from) / 1000; }

/// Stateful operators, nearest the sink first.
std::vector<std::size_t> stateful_nodes(const Topology& topology) {
  std::vector<std::size_t> stateful;
  for (std::size_t i = topology.nodes.size(); i-- > 0;) {
    if (topology.nodes[i].stateful && topology.nodes[i].kind == TopologyNode::Kind::op) {
      stateful.push_back(i);
    }
  }
  std::stable_sort(stateful.begin(), stateful.end(), [&](std::size_t a, std::size_t b) {
    return topology.nodes[a].place < topology.nodes[b].place;
  });
  return stateful;
}

EpochHashes hashes_of(const QuerySetup& setup, const std::vector<NodeSums>& nodes) {
  EpochHashes hashes;
  const auto sinks = setup.sinks();
  hashes.output = nodes[sinks.front()].hash;
  if (setup.topology.nodes[sinks.back()].late_sink) hashes.late = nodes[sinks.back()].hash;
  for (const auto i : stateful_nodes(setup.topology)) {
    const auto& node = setup.topology.nodes[i];
    if (setup.hashes_state(node)) hashes.state.push_back({node.state_name, nodes[i].hash});
  }
  return hashes;
}

void fill_operators(const QuerySetup& setup, const std::vector<NodeSums>& nodes,
                    QueryProgress& progress) {
  const auto& topology = setup.topology;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& node = topology.nodes[i];
    if (node.kind != TopologyNode::Kind::op) continue;
    const auto& sum = nodes[i];
    progress.operators.push_back({node.name, sum.rows_in, sum.rows_out, sum.metrics.late_rows,
                                  sum.metrics.filtered_rows, sum.metrics.held_rows});
    if (sum.metrics.event_times && !progress.event_time) {
      const auto& times = *sum.metrics.event_times;
      const auto mean = times.rows > 0 ? times.sum / static_cast<double>(times.rows) : 0.0;
      progress.event_time = QueryProgress::EventTimes{
          floor_to_milliseconds(times.min), floor_to_milliseconds(times.max),
          floor_to_milliseconds(static_cast<std::int64_t>(mean))};
    }
  }
  for (const auto i : stateful_nodes(topology)) {
    const auto& node = topology.nodes[i];
    const auto& metrics = nodes[i].metrics;
    StateOperatorProgress state;
    state.operator_name = node.state_name;
    state.rows_total = metrics.state_rows;
    state.rows_updated = metrics.state_updated;
    state.rows_removed = metrics.state_removed;
    state.rows_dropped_by_watermark = metrics.dropped_groups;
    state.memory_used_bytes = metrics.state_bytes;
    state.partitions = node.parallelism;
    state.custom_metrics = metrics.custom;
    if (node.state_name.starts_with("dedupe")) {
      state.custom_metrics["numDroppedDuplicateRows"] = metrics.filtered_rows;
    }
    progress.state_operators.push_back(std::move(state));
  }
}

void fill_ends(const QuerySetup& setup, const EpochRun& run, const std::vector<NodeSums>& nodes,
               QueryProgress& progress) {
  const auto sources = setup.sources();
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto& sum = nodes[sources[i]];
    SourceProgress source;
    source.description = setup.topology.nodes[sources[i]].source->describe();
    source.start_offset = run.starts[i];
    source.end_offset = run.entry.source_ends[i];
    source.latest_offset =
        run.ranges[i] && !run.ranges[i]->latest.empty() ? run.ranges[i]->latest : source.end_offset;
    source.rows = sum.source.rows;
    source.malformed_rows = sum.source.malformed_rows;
    progress.input_rows += source.rows;
    progress.sources.push_back(std::move(source));
  }
  for (const auto node : setup.sinks()) {
    progress.sinks.push_back({setup.topology.nodes[node].sink->describe(), nodes[node].rows_in});
  }
}

EpochSummary summary_of(const QuerySetup& setup, const EpochRun& run) {
  EpochSummary summary;
  summary.epoch = run.entry.epoch;
  summary.context = run.entry.context;
  summary.trigger = setup.trigger;
  summary.no_data = run.entry.no_data;
  summary.watermark = run.entry.watermark;
  summary.next_watermark = run.entry.next_watermark;
  for (std::size_t i = 0; i < run.ranges.size(); ++i) {
    const auto& range = run.ranges[i];
    summary.inputs.push_back({!range || range->idle, run.starts[i], run.entry.source_ends[i]});
  }
  return summary;
}

}  // namespace

void close_epoch(const QuerySetup& setup, const std::vector<TaskWiring>& wiring, EpochRun& run,
                 WatermarkTracker& watermarks, std::map<std::string, std::uint64_t>& totals) {
  const auto nodes = sums(setup, wiring, run);
  for (std::size_t i = 0; i < watermarks.nodes().size(); ++i) {
    const auto& metrics = nodes[watermarks.nodes()[i]].metrics;
    if (metrics.partition_watermark) {
      watermarks.set(i, *metrics.partition_watermark);
    } else if (metrics.event_times) {
      watermarks.observe(i, metrics.event_times->max);
    }
  }
  run.entry.watermark_values = watermarks.values();
  run.entry.next_watermark =
      watermarks.next(run.entry.watermark, run.entry.idle_since, run.entry.context);
  const auto summary = summary_of(setup, run);
  for (const auto node : setup.sinks()) {
    SinkStage stage;
    auto& sink = *setup.topology.nodes[node].sink;
    stage.sink = sink.describe();
    for (const auto& report : run.reports) {
      if (wiring[report.task].node == node) stage.handles.push_back(report.staged);
    }
    auto note = sink.note(summary);
    if (!note.empty()) stage.handles.push_back(std::move(note));
    run.entry.sinks.push_back(std::move(stage));
  }
  for (const auto& report : run.reports) {
    const auto& wanted = report.metrics.next_epoch_milliseconds;
    auto& earliest = run.entry.earliest_timeout;
    if (wanted) earliest = std::min(earliest.value_or(*wanted), *wanted);
  }
  check_accounts(setup, nodes, totals["heldRows"]);
  add_totals(setup, nodes, totals);
  run.entry.totals = totals;
}

std::exception_ptr with_position(const QuerySetup& setup, const EpochRun& run,
                                 std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& thrown) {
    if (thrown.code() != ErrorCode::user_function) return error;
    std::string text = std::string(thrown.what()) + "; in epoch " +
                       std::to_string(number(run.entry.epoch)) +
                       (run.entry.no_data ? ", which has no data" : ", which reads ");
    const auto sources = setup.sources();
    bool first = true;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (!run.ranges[i]) continue;
      text += (first ? "" : ", ") + setup.topology.nodes[sources[i]].source->describe() + " from " +
              (run.starts[i].empty() ? "its beginning" : run.starts[i]) + " to " +
              run.entry.source_ends[i];
      first = false;
    }
    return std::make_exception_ptr(Error(thrown.code(), thrown.error_class(), text));
  } catch (...) {
    return error;
  }
}

QueryProgress progress_of(const QuerySetup& setup, const std::vector<TaskWiring>& wiring,
                          const EpochRun& run, std::optional<std::int64_t> previous_trigger_ms) {
  const auto nodes = sums(setup, wiring, run);
  QueryProgress progress;
  progress.timestamp_milliseconds = run.trigger_wall_ms;
  progress.epoch = run.entry.epoch;
  progress.no_data = run.entry.no_data;
  progress.batch_duration_ms = milliseconds(run.triggered, run.committed);
  progress.duration_ms = {{"triggerExecution", progress.batch_duration_ms},
                          {"latestOffset", milliseconds(run.triggered, run.began)},
                          {"addBatch", milliseconds(run.began, run.reported)},
                          {"walCommit", milliseconds(run.reported, run.decided)},
                          {"commitOffsets", milliseconds(run.decided, run.committed)}};
  progress.watermark = run.entry.watermark;
  progress.has_watermark = std::any_of(setup.topology.nodes.begin(), setup.topology.nodes.end(),
                                       [](const auto& node) { return node.is_watermark; });
  fill_ends(setup, run, nodes, progress);
  fill_operators(setup, nodes, progress);
  const auto rows = static_cast<double>(progress.input_rows);
  progress.input_rows_per_second =
      previous_trigger_ms && *previous_trigger_ms < run.trigger_wall_ms
          ? rows * 1000 / static_cast<double>(run.trigger_wall_ms - *previous_trigger_ms)
          : std::numeric_limits<double>::infinity();
  progress.processed_rows_per_second =
      rows * 1000 / static_cast<double>(std::max<std::int64_t>(1, progress.batch_duration_ms));
  if (setup.hashes) progress.hashes = hashes_of(setup, nodes);
  progress.totals = run.entry.totals;
  return progress;
}

}  // namespace libstream
