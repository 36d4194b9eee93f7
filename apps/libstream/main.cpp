#include "checkpoint_command.hpp"
#include "replay.hpp"
#include "report.hpp"
#include "simulate.hpp"
#include "support/command_line.hpp"

#include <libstream/error.hpp>

#include <CLI/CLI.hpp>

#include <fnmatch.h>
#include <string>
#include <vector>

namespace {

using namespace libstream;
using namespace libstream::apps;

struct ReplayCommand {
  std::vector<std::string> paths;
  ReplayOptions options;
  std::string filter;
  std::string junit;
  std::string unsupported;
};

void declare(CLI::App& app, ReplayCommand& command) {
  app.add_option("scenarios", command.paths, "Scenario files, and directories of them")
      ->required()
      ->check(CLI::ExistingPath)
      ->type_name("FILE|DIR");
  app.add_option("--partitions", command.options.partitions,
                 "Tasks of keyed operators (otherwise as the scenario says)")
      ->check(CLI::Range(1, 1024));
  app.add_option("--threads", command.options.threads, "Actor workers (otherwise one a core)")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--restart-everywhere", command.options.restart_everywhere,
               "Stop and start the query between any two steps");
  app.add_option("--filter", command.filter, "Only scenarios whose names match")->type_name("GLOB");
  app.add_option("--junit", command.junit, "Also write a report in JUnit's XML")->type_name("FILE");
  app.add_option("--unsupported", command.unsupported,
                 "Names, one a line, of scenarios known to need what is not provided: each must "
                 "fail for that reason")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
}

bool run_replay(const ReplayCommand& command) {
  ReplayReport report(command.unsupported);
  for (const auto& path : scenario_files(command.paths)) {
    const auto scenario = read_scenario(path);
    if (!command.filter.empty() && fnmatch(command.filter.c_str(), scenario.name.c_str(), 0) != 0) {
      continue;
    }
    report.add(scenario.name, replay(scenario, command.options));
  }
  return report.finish(command.junit);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Tools around libstream queries.", "libstream"};
  app.require_subcommand(1);
  ReplayCommand command;
  auto& replay = *app.add_subcommand(
      "replay", "Runs recorded scenarios on the engine and compares every epoch with the record");
  declare(replay, command);
  SimulateCommand simulation;
  auto& simulate = *app.add_subcommand(
      "simulate",
      "Runs queries on one thread and a simulated disk, with crashes and faults from a seed, and "
      "checks that each row counts exactly once");
  declare(simulate, simulation);
  CheckpointCommand looking;
  auto& checkpoint = *app.add_subcommand("checkpoint", "Looks at a query's checkpoint");
  declare(checkpoint, looking);
  bool passed = true;  // also where only help was asked for
  const int code = run_program(app, argc, argv, [&] {
    if (replay.parsed()) passed = run_replay(command);
    if (simulate.parsed()) passed = run_simulate(simulation);
    if (checkpoint.parsed()) passed = run_checkpoint(looking);
  });
  return code == 0 && !passed ? static_cast<int>(ExitCode::failed) : code;
}
