#include <libstream/progress.hpp>

#include <boost/json.hpp>

#include <cmath>
#include <cstdio>

namespace libstream {
namespace {

namespace json = boost::json;

std::string with_milliseconds(std::int64_t milliseconds) {
  auto text = format_timestamp(milliseconds * 1000);
  if (text.find('.') == std::string::npos) text.insert(text.size() - 1, ".000");
  return text;
}

/// Offsets are JSON already; anything else goes in as text.
json::value offset_value(const std::string& offset) {
  if (offset.empty()) return nullptr;
  json::error_code error;
  auto value = json::parse(offset, error);
  return error ? json::value(offset) : value;
}

void set_rate(json::object& object, const char* name, double rate) {
  if (std::isfinite(rate)) object[name] = std::round(rate * 10) / 10;
}

json::array sources_json(const QueryProgress& progress) {
  json::array result;
  for (const auto& source : progress.sources) {
    json::object entry;
    entry["description"] = source.description;
    entry["startOffset"] = offset_value(source.start_offset);
    entry["endOffset"] = offset_value(source.end_offset);
    entry["latestOffset"] = offset_value(source.latest_offset);
    entry["numInputRows"] = source.rows;
    entry["malformedRows"] = source.malformed_rows;
    result.push_back(std::move(entry));
  }
  return result;
}

json::array state_operators_json(const QueryProgress& progress) {
  json::array result;
  for (const auto& op : progress.state_operators) {
    json::object entry;
    entry["operatorName"] = op.operator_name;
    entry["numRowsTotal"] = op.rows_total;
    entry["numRowsUpdated"] = op.rows_updated;
    entry["numRowsRemoved"] = op.rows_removed;
    entry["numRowsDroppedByWatermark"] = op.rows_dropped_by_watermark;
    entry["memoryUsedBytes"] = op.memory_used_bytes;
    entry["numShufflePartitions"] = op.partitions;
    entry["numStateStoreInstances"] = op.partitions;
    json::object custom;
    for (const auto& metric : op.custom_metrics) custom[metric.first] = metric.second;
    entry["customMetrics"] = std::move(custom);
    result.push_back(std::move(entry));
  }
  return result;
}

json::array operators_json(const QueryProgress& progress) {
  json::array result;
  for (const auto& op : progress.operators) {
    json::object entry;
    entry["name"] = op.name;
    entry["rowsIn"] = op.rows_in;
    entry["rowsOut"] = op.rows_out;
    entry["lateRows"] = op.late_rows;
    entry["filteredRows"] = op.filtered_rows;
    entry["heldRows"] = op.held_rows;
    result.push_back(std::move(entry));
  }
  return result;
}

/// JSON has no room for 64 bits in a number.
std::string hash_text(std::uint64_t hash) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

json::object hashes_json(const EpochHashes& hashes) {
  json::object result;
  result["output"] = hash_text(hashes.output);
  if (hashes.late) result["late"] = hash_text(*hashes.late);
  json::array states;
  for (const auto& state : hashes.state) {
    states.push_back(
        json::object{{"operatorName", state.operator_name}, {"hash", hash_text(state.hash)}});
  }
  result["state"] = std::move(states);
  return result;
}

json::object event_time_json(const QueryProgress& progress) {
  json::object result;
  if (!progress.has_watermark) return result;
  if (progress.event_time) {
    result["max"] = with_milliseconds(progress.event_time->max_ms);
    result["min"] = with_milliseconds(progress.event_time->min_ms);
    result["avg"] = with_milliseconds(progress.event_time->avg_ms);
  }
  result["watermark"] = with_milliseconds(progress.watermark.milliseconds);
  return result;
}

}  // namespace

std::string QueryProgress::json() const {
  json::object object;
  object["id"] = id;
  object["runId"] = run_id;
  object["name"] = name.empty() ? json::value(nullptr) : json::value(name);
  object["timestamp"] = with_milliseconds(timestamp_milliseconds);
  object["batchId"] = number(epoch);
  object["batchDuration"] = batch_duration_ms;
  object["numInputRows"] = input_rows;
  set_rate(object, "inputRowsPerSecond", input_rows_per_second);
  set_rate(object, "processedRowsPerSecond", processed_rows_per_second);
  json::object durations;
  for (const auto& entry : duration_ms) durations[entry.first] = entry.second;
  object["durationMs"] = std::move(durations);
  object["eventTime"] = event_time_json(*this);
  object["stateOperators"] = state_operators_json(*this);
  object["sources"] = sources_json(*this);
  json::array sink_list;
  for (const auto& sink : sinks) {
    sink_list.push_back(
        json::object{{"description", sink.description}, {"numOutputRows", sink.rows}});
  }
  object["sink"] = sink_list.empty() ? json::value(nullptr) : sink_list.front();
  object["sinks"] = std::move(sink_list);
  object["operators"] = operators_json(*this);
  if (hashes) object["hashes"] = hashes_json(*hashes);
  object["executed"] = executed;
  object["noData"] = no_data;
  json::object total;
  for (const auto& entry : totals) total[entry.first] = entry.second;
  object["totals"] = std::move(total);
  return json::serialize(object);
}

}  // namespace libstream
