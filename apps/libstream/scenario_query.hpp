#pragma once

#include "scenario.hpp"
#include "scenario_values.hpp"

#include <libstream/session.hpp>

#include <map>
#include <string>
#include <vector>

namespace libstream::apps {

/// The streams and tables of a scenario as a query reads them.
class ScenarioInputs {
 public:
  explicit ScenarioInputs(const Scenario& scenario);

  /// Adds the rows of a step; they become visible together.
  void add(const std::map<std::string, boost::json::array>& rows);
  DataStream read(Session& session, const std::string& name) const;

 private:
  std::map<std::string, MemoryStream> streams_;
  std::map<std::string, MemoryStream> tables_;
};

/// The query of a topology, by the calls a program would make. Throws Error(unsupported) for a step
/// that the API does not provide.
DataStream scenario_query(const Scenario& scenario, const ScenarioInputs& inputs, Session& session);

/// How each column of the result is compared, by the aggregate that makes it.
std::map<std::string, ColumnComparison> comparisons(const boost::json::value& topology);

/// How many steps of that name there are, joined and united inputs included.
std::size_t steps_named(const boost::json::value& topology, std::string_view name);

}  // namespace libstream::apps
