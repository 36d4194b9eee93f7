#include "weather.hpp"

namespace libstream::apps {
namespace {

DataStreamReader reader(Session& session, const WeatherOptions& options) {
  auto reader = session.read_stream();
  reader.option("fileOrder", options.file_order);
  if (options.max_files_per_trigger > 0) {
    reader.option("maxFilesPerTrigger", options.max_files_per_trigger);
  }
  return reader;
}

/// Files of names change at most when a release brings others: read once a run.
DataStream names(Session& session, const std::string& path, const char* schema) {
  return session.read().schema(schema).option("header", true).csv(path).cache();
}

}  // namespace

DataStream departures_with_weather(Session& session, const WeatherOptions& options) {
  const auto departures =
      reader(session, options)
          .schema(
              "scheduled timestamp, delay int, carrier string, flight int, origin string, "
              "dest string")
          .json(options.departures)
          .with_watermark("scheduled", std::chrono::hours(2));
  const auto weather = reader(session, options)
                           .schema(
                               "station string, observed timestamp, temperature double, "
                               "humidity double, wind_direction int, wind_speed double, "
                               "precipitation double, pressure double, visibility double")
                           .option("header", true)
                           .csv(options.weather)
                           .with_watermark("observed", std::chrono::hours(2))
                           .select("station", "observed", "temperature", "wind_speed",
                                   "precipitation", "visibility");
  const auto airlines =
      names(session, options.names + "/airlines.csv", "airline_code string, airline string");
  const auto airports = names(session, options.names + "/airports.csv",
                              "faa string, airport string, lat double, lon double, alt int, "
                              "tz int, dst string, tzone string")
                            .select(col("faa"), col("airport").as("destination"));
  return departures
      .join(weather,
            "origin = station AND observed <= scheduled AND "
            "observed > scheduled - interval 1 hour",
            JoinType::left_outer)
      .join(airlines, "carrier = airline_code", JoinType::left_outer)
      .join(airports, "dest = faa", JoinType::left_outer)
      .select("scheduled", "delay", "flight", "carrier", "airline", "origin", "dest", "destination",
              "observed", "temperature", "wind_speed", "precipitation", "visibility");
}

}  // namespace libstream::apps
