#include "scenario.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace libstream::apps {
namespace {

namespace json = boost::json;

void check_keys(const json::object& object, const std::set<std::string>& known,
                const std::string& what) {
  for (const auto& entry : object) {
    if (!known.contains(std::string(entry.key()))) {
      throw Error(ErrorCode::invalid_argument,
                  what + " has an entry \"" + std::string(entry.key()) + "\" of no known meaning");
    }
  }
}

std::string text_of(const json::value& value) { return std::string(value.as_string()); }

OutputMode mode_of(const std::string& name) {
  for (const auto mode : {OutputMode::append, OutputMode::update, OutputMode::complete}) {
    if (to_string(mode) == name) return mode;
  }
  throw Error(ErrorCode::invalid_argument, "output_mode \"" + name + "\" is none");
}

std::optional<std::int64_t> number_of(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return value->to_number<std::int64_t>();
}

ExpectedEpoch epoch_of(const json::object& object) {
  check_keys(object, {"batch", "watermark", "rows", "state"}, "an expected epoch");
  ExpectedEpoch epoch;
  epoch.epoch = object.at("batch").to_number<std::uint64_t>();
  epoch.watermark = number_of(object, "watermark");
  epoch.rows = object.at("rows").as_array();
  if (const auto* states = object.if_contains("state"); states != nullptr && !states->is_null()) {
    epoch.states.emplace();
    for (const auto& entry : states->as_array()) {
      const auto& state = entry.as_object();
      epoch.states->push_back({number_of(state, "total"), number_of(state, "updated"),
                               number_of(state, "removed"), number_of(state, "dropped")});
    }
  }
  return epoch;
}

ScenarioStep step_of(const json::object& object) {
  check_keys(object, {"add", "clock", "restart", "expect", "fail"}, "a step");
  ScenarioStep step;
  step.clock = number_of(object, "clock");
  if (const auto* add = object.if_contains("add")) {
    for (const auto& entry : add->as_object()) {
      step.add[std::string(entry.key())] = entry.value().as_array();
    }
  }
  if (const auto* restart = object.if_contains("restart")) step.restart = restart->as_bool();
  step.fails = object.contains("fail");
  if (const auto* expect = object.if_contains("expect")) {
    for (const auto& epoch : expect->as_array()) step.epochs.push_back(epoch_of(epoch.as_object()));
  }
  return step;
}

void read_conf(const json::object& conf, Scenario& scenario) {
  check_keys(conf, {"clock", "shuffle_partitions", "no_data_batches", "watermark_policy"}, "conf");
  scenario.clock = number_of(conf, "clock");
  if (const auto partitions = number_of(conf, "shuffle_partitions")) {
    scenario.partitions = static_cast<std::uint32_t>(*partitions);
  }
  if (const auto* value = conf.if_contains("no_data_batches")) {
    scenario.no_data_epochs = value->as_bool();
  }
  if (const auto* value = conf.if_contains("watermark_policy")) {
    scenario.watermark_policy = text_of(*value);
  }
}

Scenario scenario_of(const json::object& object) {
  check_keys(object,
             {"name", "about", "streams", "tables", "topology", "output_mode", "conf", "columns",
              "steps", "rejected"},
             "the scenario");
  Scenario scenario;
  scenario.name = text_of(object.at("name"));
  for (const auto& entry : object.at("streams").as_object()) {
    scenario.streams.emplace(std::string(entry.key()),
                             Schema::parse(text_of(entry.value().as_object().at("schema"))));
  }
  if (const auto* tables = object.if_contains("tables")) {
    for (const auto& entry : tables->as_object()) {
      const auto& table = entry.value().as_object();
      scenario.tables.emplace(
          std::string(entry.key()),
          std::pair(Schema::parse(text_of(table.at("schema"))), table.at("rows").as_array()));
    }
  }
  scenario.topology = object.at("topology");
  scenario.mode = mode_of(text_of(object.at("output_mode")));
  if (const auto* conf = object.if_contains("conf")) read_conf(conf->as_object(), scenario);
  if (const auto* columns = object.if_contains("columns")) {
    for (const auto& column : columns->as_array()) scenario.columns.push_back(text_of(column));
  }
  if (const auto* steps = object.if_contains("steps")) {
    for (const auto& step : steps->as_array()) scenario.steps.push_back(step_of(step.as_object()));
  }
  std::int64_t time = scenario.clock.value_or(0);
  for (const auto& step : scenario.steps) {
    if (!step.clock) continue;
    if (!scenario.clock || *step.clock < time) {
      throw Error(ErrorCode::invalid_argument,
                  "a step sets the clock, which conf must start, and which goes forward only");
    }
    time = *step.clock;
  }
  scenario.rejected = object.contains("rejected");
  if (scenario.rejected == !scenario.steps.empty()) {
    throw Error(ErrorCode::invalid_argument, "a scenario has either steps or a rejection");
  }
  return scenario;
}

}  // namespace

Scenario read_scenario(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    throw Error(ErrorCode::io, "cannot read the scenario " + path);
  }
  try {
    return scenario_of(json::parse(text.str()).as_object());
  } catch (const std::exception& error) {
    throw Error(ErrorCode::invalid_argument,
                path + " is no scenario as tests/conformance/README.md says: " + error.what());
  }
}

std::vector<std::string> scenario_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const auto& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    const auto first = static_cast<std::ptrdiff_t>(files.size());
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file() && entry.path().extension() == ".json") {
        files.push_back(entry.path().string());
      }
    }
    std::sort(files.begin() + first, files.end());
  }
  return files;
}

}  // namespace libstream::apps
