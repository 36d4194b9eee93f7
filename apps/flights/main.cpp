// Delays of New York's departures by hour and airport: files in, files out, exactly once.
#include "support/command_line.hpp"
#include "support/progress_printer.hpp"
#include "support/recording_options.hpp"
#include "support/run_query.hpp"
#include "weather.hpp"

#include <libstream/libstream.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace libstream::apps {
namespace {

struct FlightsOptions {
  std::string query = "delays";
  std::string input = LIBSTREAM_FLIGHTS_DATA;
  std::string weather = LIBSTREAM_FLIGHTS_WEATHER;
  std::string names = LIBSTREAM_FLIGHTS_NAMES;
  std::string output = "flights-output";
  std::string checkpoint = "flights-checkpoint";
  std::string late;
  std::string mode = "append";
  std::int64_t max_files_per_trigger = 0;
  std::string file_order = "time";
  std::string trigger_interval;
  bool available_now = false;
  std::uint32_t partitions = SessionOptions{}.partitions;
  std::uint32_t threads = 0;
  std::int64_t snapshot_epochs = 20;
  std::string progress = "text";
  RecordingOptions recording;
};

void declare(CLI::App& app, FlightsOptions& options) {
  app.add_option("--input", options.input, "Directory of JSON-lines files, one flight a line")
      ->capture_default_str();
  app.add_option("--query", options.query,
                 "Delays by hour and airport, or each flight with the weather at its airport")
      ->check(CLI::IsMember({"delays", "weather"}))
      ->capture_default_str();
  app.add_option("--weather", options.weather, "Directory of CSV files, for --query weather")
      ->capture_default_str();
  app.add_option("--names", options.names, "Directory with airlines.csv and airports.csv, for that")
      ->capture_default_str();
  app.add_option("--output", options.output, "Directory for the rows")->capture_default_str();
  app.add_option("--checkpoint", options.checkpoint, "Directory that makes restarts exact")
      ->capture_default_str();
  app.add_option("--mode", options.mode, "What an epoch writes of the windows")
      ->check(CLI::IsMember({"append", "update", "complete"}))
      ->capture_default_str();
  app.add_option("--max-files-per-trigger", options.max_files_per_trigger,
                 "Most files an epoch reads; 0: all there are")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--file-order", options.file_order, "Read files by time or by name")
      ->check(CLI::IsMember({"time", "name"}))
      ->capture_default_str();
  auto* interval = app.add_option("--trigger-interval", options.trigger_interval,
                                  "Begin an epoch every so often, as in 1s; else at once");
  app.add_flag("--available-now", options.available_now, "Read what is there, then end")
      ->excludes(interval);
  app.add_option("--partitions", options.partitions, "Tasks of the aggregation")
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of the engine; 0: as many as cores")
      ->check(CLI::Range(0U, 1024U))
      ->capture_default_str();
  app.add_option("--snapshot-epochs", options.snapshot_epochs,
                 "Epochs between two snapshots of the state")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--late", options.late, "Directory for rows that came too late");
  app.add_option("--progress", options.progress, "What stderr shows of it")
      ->check(CLI::IsMember({"text", "json", "off"}))
      ->capture_default_str();
  declare_recording(app, options.recording);
}

OutputMode mode_of(const FlightsOptions& options) {
  if (options.mode == "update") return OutputMode::update;
  return options.mode == "complete" ? OutputMode::complete : OutputMode::append;
}

Trigger trigger_of(const FlightsOptions& options) {
  if (options.available_now) return Trigger::available_now();
  if (options.trigger_interval.empty()) return Trigger{};
  return Trigger::processing_time(options.trigger_interval);
}

DataStream delays_by_hour(Session& session, const FlightsOptions& options) {
  auto reader = session.read_stream();
  reader.schema("scheduled timestamp, delay int, origin string");
  reader.option("fileOrder", options.file_order);
  if (options.max_files_per_trigger > 0) {
    reader.option("maxFilesPerTrigger", options.max_files_per_trigger);
  }
  return reader.json(options.input)
      .with_watermark("scheduled", std::chrono::hours(2))
      .group_by("origin", window("scheduled", std::chrono::hours(1)))
      .agg(count().as("flights"), avg("delay").as("mean_delay"), max("delay").as("worst_delay"));
}

DataStream query_of(Session& session, const FlightsOptions& options) {
  if (options.query == "delays") return delays_by_hour(session, options);
  WeatherOptions weather;
  weather.departures = options.input;
  weather.weather = options.weather;
  weather.names = options.names;
  weather.file_order = options.file_order;
  weather.max_files_per_trigger = options.max_files_per_trigger;
  return departures_with_weather(session, weather);
}

Query start(const DataStream& rows, const FlightsOptions& options) {
  auto writer = rows.write_stream();
  writer.query_name("flights").output_mode(mode_of(options)).trigger(trigger_of(options));
  writer.checkpoint(options.checkpoint);
  writer.option("snapshotEpochs", options.snapshot_epochs);
  // Files cannot be updated: in the other modes each epoch's files are the rows it changed.
  if (options.mode != "append") writer.option("outputModes", "any");
  writer.json(options.output);
  if (!options.late.empty()) {
    SinkSpec late = json_sink(options.late);
    if (options.mode != "append") late.options.set("outputModes", "any");
    writer.late_rows(std::move(late));
  }
  apply_recording(options.recording, writer);
  return writer.start();
}

/// Every row read went somewhere: into a window written, to the late rows, or it waits in one that
/// is still open.
void print_account(const std::map<std::string, std::uint64_t>& totals, bool append) {
  const auto total = [&](const char* name) {
    const auto found = totals.find(name);
    return found == totals.end() ? std::uint64_t{0} : found->second;
  };
  std::fprintf(stderr, "rows read: %s\n", grouped(total("inputRows")).c_str());
  if (append) {
    const auto elsewhere = total("lateRows") + total("filteredRows") + total("heldRows");
    std::fprintf(stderr, "windows written: %s, holding %s flights\n",
                 grouped(total("outputRows")).c_str(),
                 grouped(total("inputRows") - elsewhere).c_str());
  } else {
    std::fprintf(stderr, "rows written: %s\n", grouped(total("outputRows")).c_str());
  }
  std::fprintf(stderr, "late: %s rows (%s groups dropped)\n", grouped(total("lateRows")).c_str(),
               grouped(total("droppedGroups")).c_str());
  std::fprintf(stderr, "still open: %s windows with %s rows\n", grouped(total("stateRows")).c_str(),
               grouped(total("heldRows")).c_str());
  if (total("filteredRows") > 0) {
    std::fprintf(stderr, "without a scheduled time: %s rows\n",
                 grouped(total("filteredRows")).c_str());
  }
  if (total("malformedRows") > 0) {
    std::fprintf(stderr, "malformed: %s lines\n", grouped(total("malformedRows")).c_str());
  }
}

/// Every flight read was written, with weather or without, was late, or waits for its hour's; those
/// that have been written wait too, and the weather does.
void print_joined(const std::map<std::string, std::uint64_t>& totals) {
  for (const auto& [what, name] :
       {std::pair{"rows read, of both streams", "inputRows"},
        std::pair{"flights written", "outputRows"}, std::pair{"late, of both streams", "lateRows"},
        std::pair{"rows kept, of both streams", "stateRows"}}) {
    const auto found = totals.find(name);
    const auto count = found == totals.end() ? std::uint64_t{0} : found->second;
    std::fprintf(stderr, "%s: %s\n", what, grouped(count).c_str());
  }
}

void run(const FlightsOptions& options) {
  SessionOptions session_options;
  session_options.threads = options.threads;
  session_options.partitions = options.partitions;
  const auto totals = run_query(session_options, options.progress, [&](Session& session) {
    return start(query_of(session, options), options);
  });
  if (options.progress != "text") return;
  if (options.query == "weather") return print_joined(totals);
  print_account(totals, options.mode == "append");
}

}  // namespace
}  // namespace libstream::apps

int main(int argc, char** argv) {
  using namespace libstream::apps;
  CLI::App app{"Hourly delays of New York's departures, January 2013, exactly once.", "flights"};
  FlightsOptions options;
  declare(app, options);
  return run_program(app, argc, argv, [&] { run(options); });
}
