#include "plan_recording.hpp"

#include <libstream/error.hpp>
#include <libstream/recording.hpp>

#include <algorithm>

namespace libstream {
namespace {

std::string last_part(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path.substr(path.rfind('/') + 1);
}

std::string name_of(const ResolvedPlan& source) {
  if (!source.name.empty()) return source.name;
  if (!source.source.path.empty()) return last_part(source.source.path);
  if (source.source.format != "custom") return source.source.format;
  const auto text = source.source.custom->describe();
  return text.substr(0, text.find('['));
}

/// Without the number of the split, which the source does not have.
Schema source_rows(const ResolvedPlan& source) {
  auto fields = source.schema.fields();
  if (source.splits > 0) fields.pop_back();
  return Schema(std::move(fields));
}

/// As a folder may be called on any system.
std::string folder_name(std::string name) {
  for (auto& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (!plain) c = '_';
  }
  if (name.empty() || name.front() == '.' || name.front() == '_') name = "source" + name;
  return name;
}

}  // namespace

std::string SourceNames::take(const ResolvedPlan& source) {
  const auto wanted = folder_name(name_of(source));
  auto name = wanted;
  for (int i = 2; !taken_.insert(name).second; ++i) name = wanted + "-" + std::to_string(i);
  return name;
}

std::shared_ptr<Source> replayed_source(const ResolvedPlan& source, const std::string& name,
                                        const QuerySpec& spec) {
  const auto& recorded = spec.replay->find(name);
  if (!(recorded.schema == source_rows(source))) {
    throw Error(ErrorCode::incompatible,
                "the recording " + spec.replay->directory() + " has of the source " + name +
                    " rows of [" + recorded.schema.to_string() + "], the query reads [" +
                    source_rows(source).to_string() + "]; replay it with the query it is of");
  }
  if (source.splits > 0 && source.splits != recorded.splits) {
    throw Error(ErrorCode::incompatible,
                "the query tells " + std::to_string(source.splits) + " source partitions of " +
                    name + " apart, and the recording " + spec.replay->directory() + " " +
                    std::to_string(recorded.splits) +
                    "; record it with event time per source partition");
  }
  return spec.replay->source(name, spec.replay_rules);
}

void record_sources(Topology& topology, const std::string& directory,
                    const Environment& environment) {
  const auto count = static_cast<std::uint32_t>(topology.nodes.size());
  std::size_t input = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto& source = topology.nodes[i];
    if (source.kind != TopologyNode::Kind::source) continue;
    RecordingTarget target;
    target.directory = directory;
    target.source = source.source_name;
    target.kind = source_kind(*source.source);
    target.splits = std::max(source.splits, 1U);
    target.split_column = source.splits > 0;
    target.input = input++;
    TopologyNode node;
    node.kind = TopologyNode::Kind::sink;
    node.name = "recording of " + source.source_name;
    node.schema = source.schema;
    node.parallelism = source.parallelism;
    node.sink = recording_sink(std::move(target), environment);
    node.explain = node.sink->describe();
    topology.nodes.push_back(std::move(node));
    const auto to = static_cast<std::uint32_t>(topology.nodes.size() - 1);
    topology.edges.push_back({i, Output::main_port, to, 0, {Exchange::Kind::forward, {}}});
  }
}

}  // namespace libstream
