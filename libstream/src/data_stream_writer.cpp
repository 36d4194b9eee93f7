#include <libstream/data_stream.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <array>

namespace libstream {
namespace {

// Options of the query itself; all others belong to the sink named next.
constexpr std::array<std::string_view, 11> query_options{
    "eventTime",      "idleTimeout",    "noDataEpochs",  "watermarkPolicy",
    "slidingWindows", "snapshotEpochs", "snapshotBytes", "restarts",
    "broadcastLimit", "hashes",         "eventTimeRules"};

bool is_query_option(std::string_view name) {
  return std::any_of(query_options.begin(), query_options.end(),
                     [&](std::string_view known) { return same_name(known, name); });
}

SinkSpec sink_of(std::string_view format, std::string_view path = "") {
  SinkSpec spec;
  spec.format = format;
  spec.path = path;
  return spec;
}

}  // namespace

DataStreamWriter::DataStreamWriter(DataStream stream) : runtime_(stream.runtime()) {
  spec_.plan = stream.plan();
}

DataStreamWriter& DataStreamWriter::output_mode(OutputMode mode) {
  spec_.output_mode = mode;
  return *this;
}
DataStreamWriter& DataStreamWriter::trigger(Trigger trigger) {
  spec_.trigger = trigger;
  return *this;
}
DataStreamWriter& DataStreamWriter::checkpoint(std::string_view directory) {
  spec_.checkpoint = directory;
  return *this;
}
DataStreamWriter& DataStreamWriter::checkpoint(std::shared_ptr<CheckpointRoot> root) {
  spec_.checkpoint_root = std::move(root);
  return *this;
}
DataStreamWriter& DataStreamWriter::query_name(std::string_view name) {
  spec_.name = name;
  return *this;
}
DataStreamWriter& DataStreamWriter::event_time(EventTimeRule rule) {
  spec_.options.set("eventTime",
                    rule == EventTimeRule::per_epoch ? "perEpoch" : "perSourcePartition");
  return *this;
}
DataStreamWriter& DataStreamWriter::scheduler_pool(std::string_view name) {
  spec_.scheduler_pool = name;
  return *this;
}

DataStreamWriter& DataStreamWriter::record_to(std::string_view directory) {
  spec_.record_to = directory;
  return *this;
}
DataStreamWriter& DataStreamWriter::replay(std::string_view directory, const ReplayRules& rules) {
  return replay(Recording::open(std::string(directory)), rules);
}
DataStreamWriter& DataStreamWriter::replay(const Recording& recording, const ReplayRules& rules) {
  spec_.replay = std::make_shared<const Recording>(recording);
  spec_.replay_rules = rules;
  return *this;
}

DataStreamWriter& DataStreamWriter::option(std::string_view name, std::string_view value) {
  if (same_name(name, "checkpointLocation")) return checkpoint(value);
  if (same_name(name, "queryName")) return query_name(value);
  (is_query_option(name) ? spec_.options : sink_options_).set(name, std::string(value));
  return *this;
}
DataStreamWriter& DataStreamWriter::option(std::string_view name, std::int64_t value) {
  return option(name, std::string_view(std::to_string(value)));
}
DataStreamWriter& DataStreamWriter::option(std::string_view name, bool value) {
  return option(name, std::string_view(value ? "true" : "false"));
}

SinkSpec DataStreamWriter::make(std::string_view format, std::string_view path) {
  auto spec = sink_of(format, path);
  spec.options = std::move(sink_options_);
  sink_options_ = {};
  return spec;
}

DataStreamWriter& DataStreamWriter::console() {
  spec_.sinks.push_back(make("console", ""));
  return *this;
}
DataStreamWriter& DataStreamWriter::json(std::string_view directory) {
  spec_.sinks.push_back(make("json", directory));
  return *this;
}
DataStreamWriter& DataStreamWriter::csv(std::string_view directory) {
  spec_.sinks.push_back(make("csv", directory));
  return *this;
}
DataStreamWriter& DataStreamWriter::memory(const MemoryTable& table) {
  auto sink = make("memory", "");
  sink.memory = table.shared();
  spec_.sinks.push_back(std::move(sink));
  return *this;
}
DataStreamWriter& DataStreamWriter::foreach_batch(ForeachBatch f) {
  auto sink = make("foreach_batch", "");
  sink.foreach_batch = std::move(f);
  spec_.sinks.push_back(std::move(sink));
  return *this;
}
DataStreamWriter& DataStreamWriter::none() {
  spec_.sinks.push_back(make("none", ""));
  return *this;
}
DataStreamWriter& DataStreamWriter::sink(std::string_view name) {
  spec_.sinks.push_back(make(name, ""));
  return *this;
}
DataStreamWriter& DataStreamWriter::sink(std::shared_ptr<Sink> sink) {
  auto spec = make("custom", "");
  spec.custom = std::move(sink);
  spec_.sinks.push_back(std::move(spec));
  return *this;
}
DataStreamWriter& DataStreamWriter::late_rows(SinkSpec sink) {
  spec_.late_sink = std::move(sink);
  return *this;
}

Query DataStreamWriter::start() {
  if (!sink_options_.entries().empty()) {
    throw Error(ErrorCode::invalid_argument,
                "option \"" + sink_options_.entries().begin()->first +
                    "\" belongs to no sink: give a sink's options before the call that names it, "
                    "as in .option(\"header\", true).csv(\"out/\")");
  }
  if (spec_.sinks.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "the query has no sink: name one before start(), such as .console(), "
                ".json(\"out/\") or .none()");
  }
  return runtime_->start(spec_);
}

std::string DataStreamWriter::explain() const { return runtime_->explain(spec_); }

SinkSpec json_sink(std::string_view directory) { return sink_of("json", directory); }
SinkSpec csv_sink(std::string_view directory) { return sink_of("csv", directory); }
SinkSpec memory_sink(const MemoryTable& table) {
  auto spec = sink_of("memory");
  spec.memory = table.shared();
  return spec;
}
SinkSpec console_sink() { return sink_of("console"); }
SinkSpec none_sink() { return sink_of("none"); }

}  // namespace libstream
