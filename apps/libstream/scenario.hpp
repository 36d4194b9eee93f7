#pragma once

#include <libstream/data_stream.hpp>

#include <boost/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace libstream::apps {

/// Counters of one stateful operator; absent ones are not compared.
struct ExpectedState {
  std::optional<std::int64_t> total;
  std::optional<std::int64_t> updated;
  std::optional<std::int64_t> removed;
  std::optional<std::int64_t> dropped;
};

/// What one epoch must do.
struct ExpectedEpoch {
  std::uint64_t epoch = 0;
  std::optional<std::int64_t> watermark;
  boost::json::array rows;
  std::optional<std::vector<ExpectedState>> states;  ///< nearest the sink first
};

struct ScenarioStep {
  std::map<std::string, boost::json::array> add;  ///< rows by stream, all in one epoch
  bool restart = false;
  std::optional<std::int64_t> clock;  ///< ms since 1970: what the clock shows from here on
  bool fails = false;                 ///< the query must end with an error
  std::vector<ExpectedEpoch> epochs;
};

/// Input, query and recorded result of one run; tests/conformance/README.md has the format.
struct Scenario {
  std::string name;
  std::map<std::string, Schema> streams;
  std::map<std::string, std::pair<Schema, boost::json::array>> tables;
  boost::json::value topology;
  OutputMode mode = OutputMode::append;
  std::optional<std::uint32_t> partitions;
  std::optional<std::int64_t> clock;  ///< ms since 1970; the clock then stands where steps put it
  bool no_data_epochs = true;
  std::string watermark_policy = "min";
  std::vector<std::string> columns;
  std::vector<ScenarioStep> steps;
  bool rejected = false;  ///< starting it must fail
};

/// Throws Error(invalid_argument) naming the file and what is wrong in it.
Scenario read_scenario(const std::string& path);

/// The files named, and those ending in .json below the directories named; sorted in each.
std::vector<std::string> scenario_files(const std::vector<std::string>& paths);

}  // namespace libstream::apps
