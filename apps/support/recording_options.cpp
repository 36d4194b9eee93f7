#include "support/recording_options.hpp"

#include <CLI/CLI.hpp>

namespace libstream::apps {

void declare_recording(CLI::App& app, RecordingOptions& options) {
  auto* record = app.add_option("--record", options.record,
                                "Directory for a recording of what the sources read");
  auto* replay =
      app.add_option("--replay", options.replay, "Recording to read instead of the sources")
          ->check(CLI::ExistingDirectory);
  app.add_option("--replay-epoch-rows", options.rules.epoch_rows,
                 "Most rows of a source in an epoch; 0: the recorded epochs")
      ->needs(replay)
      ->capture_default_str();
  app.add_option("--replay-pace", options.rules.pace,
                 "1: as fast as it was recorded, 2: twice; 0: at full speed")
      ->check(CLI::NonNegativeNumber)
      ->needs(replay)
      ->capture_default_str();
  app.add_option_function<std::uint64_t>(
         "--replay-seed", [&options](std::uint64_t seed) { options.rules.seed = seed; },
         "Other chance than the recorded one")
      ->needs(replay);
  app.add_flag("--hashes", options.hashes,
               "Hash output, late rows and state of every epoch, for --progress json");
  record->excludes(replay);
}

void apply_recording(const RecordingOptions& options, DataStreamWriter& writer) {
  if (options.hashes) writer.option("hashes", true);
  if (!options.record.empty()) writer.record_to(options.record);
  if (options.replay.empty()) return;
  writer.replay(options.replay, options.rules).trigger(Trigger::available_now());
}

}  // namespace libstream::apps
