#pragma once

#include <libstream/libstream.hpp>

#include <cstdint>
#include <string>

namespace libstream::apps {

struct WeatherOptions {
  std::string departures;  ///< directory of JSON lines
  std::string weather;     ///< directory of CSV files, a row a station and hour
  std::string names;       ///< directory with airlines.csv and airports.csv
  std::string file_order = "time";
  std::int64_t max_files_per_trigger = 0;  ///< of each stream; 0: all
};

/// Departures with the weather that their airport had at the full hour before, null where there was
/// no observation, and with the names of the airline and of the destination.
DataStream departures_with_weather(Session& session, const WeatherOptions& options);

}  // namespace libstream::apps
