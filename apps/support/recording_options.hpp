#pragma once

#include <libstream/data_stream.hpp>

#include <string>

namespace CLI {
class App;
}

namespace libstream::apps {

/// Options of every program that runs a query: what to record, and what to replay instead of its
/// own input.
struct RecordingOptions {
  std::string record;
  std::string replay;
  ReplayRules rules;
  bool hashes = false;
};

void declare_recording(CLI::App& app, RecordingOptions& options);
/// Behind the writer's other settings: a replay ends where its recording does, whatever the trigger.
void apply_recording(const RecordingOptions& options, DataStreamWriter& writer);

}  // namespace libstream::apps
