#include "checkpoint_text.hpp"

#include <libstream/error.hpp>
#include <libstream/time.hpp>

#include <boost/json.hpp>

#include <cstdio>
#include <map>
#include <utility>

namespace libstream::apps {
namespace {

namespace json = boost::json;

std::string time_text(std::int64_t milliseconds) { return format_timestamp(milliseconds * 1000); }

json::array names_json(const std::vector<std::string>& names) {
  return json::array(names.begin(), names.end());
}

json::object file_json(const StateFile& file) {
  char crc[9];
  std::snprintf(crc, sizeof crc, "%08x", static_cast<unsigned>(file.crc));
  return {{"name", file.name}, {"bytes", file.size}, {"crc", crc}};
}

json::object changes_json(const TaskChanges& changes) {
  json::object object{{"operator", static_cast<std::uint32_t>(changes.op)},
                      {"partition", changes.partition}};
  if (changes.file) {
    object["file"] = file_json(*changes.file);
  } else {
    object["bytes"] = changes.inline_bytes.size();
  }
  return object;
}

json::object sink_json(const SinkStage& stage) {
  std::uint64_t rows = 0;
  for (const auto& handle : stage.handles) rows += handle.rows;
  return {{"sink", stage.sink}, {"handles", stage.handles.size()}, {"rows", rows}};
}

json::object snapshot_json(const SnapshotReference& snapshot) {
  json::array runs;
  for (const auto& run : snapshot.runs) {
    json::array files;
    for (const auto& part : run.files) {
      auto object = file_json(part.file);
      object["operator"] = static_cast<std::uint32_t>(part.op);
      object["beginGroup"] = part.begin_group;
      object["endGroup"] = part.end_group;
      files.push_back(std::move(object));
    }
    runs.push_back(std::move(files));
  }
  return {{"epoch", number(snapshot.epoch)}, {"runs", std::move(runs)}};
}

json::object totals_json(const EpochEntry& entry) {
  json::object totals;
  for (const auto& [name, value] : entry.totals) totals[name] = value;
  return totals;
}

/// What every entry has: place, kind, size, term.
json::object head_json(const RecordedEntry& recorded) {
  json::object object{{"index", recorded.index}, {"bytes", recorded.bytes}};
  if (const auto* open = std::get_if<OpenEntry>(&recorded.entry)) {
    object["kind"] = "open";
    object["term"] = open->term;
    object["host"] = open->host;
    object["process"] = open->process;
    object["time"] = time_text(open->time_milliseconds);
  } else if (const auto* close = std::get_if<CloseEntry>(&recorded.entry)) {
    object["kind"] = "close";
    object["term"] = close->term;
    object["committedThrough"] = close->committed_through;
  } else {
    const auto& entry = std::get<EpochEntry>(recorded.entry);
    object["kind"] = "epoch";
    object["term"] = entry.term;
    object["epoch"] = number(entry.epoch);
    object["timestamp"] = time_text(entry.context.timestamp_milliseconds);
    object["noData"] = entry.no_data;
    object["watermark"] = time_text(entry.watermark.milliseconds);
    object["committedThrough"] = entry.committed_through;
    object["snapshotEpoch"] =
        entry.snapshot ? json::value(number(entry.snapshot->epoch)) : json::value();
    object["totals"] = totals_json(entry);
  }
  return object;
}

json::object decision_json(const RecordedEntry& recorded) {
  const auto& entry = std::get<EpochEntry>(recorded.entry);
  auto object = head_json(recorded);
  object["seed"] = entry.context.seed;
  object["nextWatermark"] = time_text(entry.next_watermark.milliseconds);
  object["sourceEnds"] = names_json(entry.source_ends);
  object["staticVersions"] = names_json(entry.static_versions);
  object["watermarkValues"] =
      json::array(entry.watermark_values.begin(), entry.watermark_values.end());
  object["idleSince"] = json::array(entry.idle_since.begin(), entry.idle_since.end());
  object["earliestTimeout"] =
      entry.earliest_timeout ? json::value(time_text(*entry.earliest_timeout)) : json::value();
  auto& changes = object["changes"].emplace_array();
  for (const auto& task : entry.changes) changes.push_back(changes_json(task));
  auto& sinks = object["sinks"].emplace_array();
  for (const auto& stage : entry.sinks) sinks.push_back(sink_json(stage));
  object["snapshot"] = entry.snapshot ? json::value(snapshot_json(*entry.snapshot)) : json::value();
  return object;
}

json::object meta_json(const CheckpointMeta& meta) {
  json::object object{{"queryId", meta.query_id},
                      {"format", meta.format},
                      {"keyGroups", meta.key_groups},
                      {"hash", meta.hash_id},
                      {"sources", names_json(meta.sources)}};
  auto& operators = object["operators"].emplace_array();
  for (const auto& op : meta.operators) {
    json::object described{
        {"id", static_cast<std::uint32_t>(op.id)}, {"name", op.name}, {"signature", op.signature}};
    if (!op.columns.empty()) described["columns"] = json::parse(op.columns);
    operators.push_back(std::move(described));
  }
  return object;
}

std::string line(const json::object& object) { return json::serialize(object) + "\n"; }

/// "name: value" for each field, nested ones as JSON.
std::string fields_text(const json::object& object, const std::string& indent) {
  std::string text;
  for (const auto& [name, value] : object) {
    if (value.is_null()) continue;
    text += indent + std::string(name) + ": ";
    if (const auto* string = value.if_string()) {
      text += std::string(*string) + "\n";
    } else if (value.is_array() && !value.as_array().empty()) {
      text += "\n";
      for (const auto& item : value.as_array()) {
        text += indent + "  " + json::serialize(item) + "\n";
      }
    } else if (value.is_object()) {
      text += "\n" + fields_text(value.as_object(), indent + "  ");
    } else {
      text += json::serialize(value) + "\n";
    }
  }
  return text;
}

std::string entry_line(const RecordedEntry& recorded) {
  auto text = std::to_string(recorded.index) + "  ";
  if (const auto* open = std::get_if<OpenEntry>(&recorded.entry)) {
    return text + "open   term " + std::to_string(open->term) + ", process " +
           std::to_string(open->process) + " on " + open->host + ", " +
           time_text(open->time_milliseconds) + "\n";
  }
  if (const auto* close = std::get_if<CloseEntry>(&recorded.entry)) {
    return text + "close  term " + std::to_string(close->term) + ", committed through " +
           std::to_string(close->committed_through) + "\n";
  }
  const auto& entry = std::get<EpochEntry>(recorded.entry);
  text += "epoch " + std::to_string(number(entry.epoch)) + "  watermark " +
          time_text(entry.watermark.milliseconds);
  for (const auto* name : {"inputRows", "outputRows", "lateRows", "stateRows"}) {
    const auto found = entry.totals.find(name);
    if (found != entry.totals.end()) {
      text += std::string("  ") + name + " " + std::to_string(found->second);
    }
  }
  if (entry.no_data) text += "  no data";
  if (entry.snapshot)
    text += "  snapshot of epoch " + std::to_string(number(entry.snapshot->epoch));
  return text + "  " + std::to_string(recorded.bytes) + " bytes\n";
}

}  // namespace

std::string list_json(const CheckpointMeta& meta, const std::vector<RecordedEntry>& entries) {
  auto object = meta_json(meta);
  auto& list = object["entries"].emplace_array();
  for (const auto& recorded : entries) list.push_back(head_json(recorded));
  return line(object);
}

std::string list_text(const CheckpointMeta& meta, const std::vector<RecordedEntry>& entries) {
  auto text = "query " + meta.query_id + ", format " + std::to_string(meta.format) + ", " +
              std::to_string(meta.key_groups) + " key groups, hash " + meta.hash_id + "\n";
  for (const auto& source : meta.sources) text += "source " + source + "\n";
  for (const auto& op : meta.operators) {
    text += "operator " + std::to_string(static_cast<std::uint32_t>(op.id)) + " " + op.name + ": " +
            op.signature + "\n";
  }
  for (const auto& recorded : entries) text += entry_line(recorded);
  return text;
}

RecordedEntry entry_of(const std::vector<RecordedEntry>& entries, Epoch epoch) {
  std::optional<Epoch> first;
  std::optional<Epoch> last;
  for (const auto& recorded : entries) {
    const auto* entry = std::get_if<EpochEntry>(&recorded.entry);
    if (entry == nullptr) continue;
    if (entry->epoch == epoch) return recorded;
    if (!first) first = entry->epoch;
    last = entry->epoch;
  }
  throw Error(ErrorCode::invalid_argument, "epoch " + std::to_string(number(epoch)) +
                                               " is not in the log, which has " +
                                               (first ? "epochs " + std::to_string(number(*first)) +
                                                            " to " + std::to_string(number(*last))
                                                      : std::string("no epoch yet")));
}

std::string entry_json(const RecordedEntry& recorded) { return line(decision_json(recorded)); }
std::string entry_text(const RecordedEntry& recorded) {
  return fields_text(decision_json(recorded), "");
}

std::string report_json(const CheckpointReport& report) {
  json::object object{{"entries", report.entries},
                      {"files", report.files},
                      {"bytes", report.bytes},
                      {"unnamed", names_json(report.unnamed)}};
  auto& problems = object["problems"].emplace_array();
  for (const auto& problem : report.problems) {
    problems.push_back(json::object{{"object", problem.object}, {"message", problem.message}});
  }
  return line(object);
}

std::string report_text(const CheckpointReport& report) {
  std::string text;
  for (const auto& problem : report.problems)
    text += problem.object + ": " + problem.message + "\n";
  text += std::to_string(report.entries) + " entries and " + std::to_string(report.files) +
          " files (" + std::to_string(report.bytes) + " bytes) are whole";
  if (!report.problems.empty()) text += "; " + std::to_string(report.problems.size()) + " problems";
  text += "\n";
  if (!report.unnamed.empty()) {
    text += std::to_string(report.unnamed.size()) +
            " files that no entry names: of work under way, or left by a crash for the next start "
            "to sweep\n";
  }
  return text;
}

std::string garbage_json(const CheckpointGarbage& garbage, const std::vector<std::string>& unnamed,
                         bool removed) {
  json::object object{{"removed", removed}};
  auto& entries = object["entries"].emplace_array();
  for (const auto index : garbage.entries) entries.push_back(index);
  object["files"] = names_json(garbage.files);
  object["unnamed"] = names_json(unnamed);
  return line(object);
}

std::string garbage_text(const CheckpointGarbage& garbage, const std::vector<std::string>& unnamed,
                         bool removed) {
  auto text = std::to_string(garbage.entries.size()) + " entries and " +
              std::to_string(garbage.files.size()) + " files are no longer needed, " +
              std::to_string(unnamed.size()) + " files are named by none\n";
  return text + (removed ? "removed\n" : "nothing was removed: add --remove\n");
}

}  // namespace libstream::apps
