#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace libstream::apps {

/// `libstream checkpoint …`: looks at a checkpoint, and cleans it up when told so.
struct CheckpointCommand {
  std::string directory;
  bool json = false;
  std::optional<std::uint64_t> epoch;
  std::string op;                  ///< of `state`: id or name
  std::optional<std::string> key;  ///< of `state`
  std::string format = "json";     ///< of `state`
  std::uint64_t from = 0;          ///< of `diff`
  std::uint64_t to = 0;            ///< of `diff`
  bool rows = false;               ///< of `diff`
  std::uint64_t keep = 0;          ///< of `clean`
  bool remove = false;             ///< of `clean`

  const CLI::App* app = nullptr;
};

void declare(CLI::App& app, CheckpointCommand& command);
/// Runs the subcommand that was given. False where `verify` found something wrong.
bool run_checkpoint(const CheckpointCommand& command);

}  // namespace libstream::apps
