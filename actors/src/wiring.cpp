#include "wiring.hpp"

#include <libstream/error.hpp>

namespace libstream {
namespace {

std::uint32_t connect(TaskWiring& from, TaskWiring& to, std::size_t input) {
  const auto output = static_cast<std::uint32_t>(from.outputs.size());
  const auto channel = static_cast<std::uint32_t>(to.inputs.size());
  from.outputs.push_back({to.id, channel});
  to.inputs.push_back({{from.id, output}, input});
  return output;
}

}  // namespace

std::vector<TaskWiring> wire(const Topology& topology) {
  std::vector<TaskWiring> tasks;
  std::vector<std::uint32_t> first;  // task 0 of each node
  const bool per_side = topology.watermark_policy == WatermarkPolicy::per_side;
  std::uint32_t streams = 0;
  for (std::uint32_t node = 0; node < topology.nodes.size(); ++node) {
    first.push_back(static_cast<std::uint32_t>(tasks.size()));
    for (std::uint32_t i = 0; i < topology.nodes[node].parallelism; ++i) {
      TaskWiring task;
      task.id = static_cast<TaskId>(tasks.size());
      task.node = node;
      task.partition = i;
      task.name = topology.nodes[node].name;
      task.accounts = topology.nodes[node].accounts;
      task.per_side = per_side;
      if (per_side && topology.nodes[node].is_watermark) task.stream = streams;
      tasks.push_back(std::move(task));
    }
    if (topology.nodes[node].is_watermark) ++streams;
  }
  for (const auto& edge : topology.edges) {
    const auto sources = topology.nodes[edge.from].parallelism;
    const auto targets = topology.nodes[edge.to].parallelism;
    LIBSTREAM_ASSERT(edge.from < edge.to, "edges go forward");
    LIBSTREAM_ASSERT(edge.exchange.kind != Exchange::Kind::forward || sources == targets,
                     "a forward exchange joins nodes of one parallelism");
    LIBSTREAM_ASSERT(edge.exchange.kind != Exchange::Kind::gather || targets == 1,
                     "a gather exchange ends in one task");
    for (std::uint32_t i = 0; i < sources; ++i) {
      auto& from = tasks[first[edge.from] + i];
      TaskWiring::Edge out{edge.port, edge.exchange, {}};
      if (edge.exchange.kind == Exchange::Kind::hash) {
        for (std::uint32_t j = 0; j < targets; ++j) {
          out.channels.push_back(connect(from, tasks[first[edge.to] + j], edge.input));
        }
      } else {
        const auto j = edge.exchange.kind == Exchange::Kind::forward ? i : 0;
        out.channels.push_back(connect(from, tasks[first[edge.to] + j], edge.input));
      }
      from.edges.push_back(std::move(out));
    }
  }
  return tasks;
}

}  // namespace libstream
