#include "checkpoint_command.hpp"

#include "checkpoint_difference.hpp"
#include "checkpoint_state.hpp"
#include "checkpoint_text.hpp"

#include <libstream/checkpoint/checkpoint_reader.hpp>
#include <libstream/checkpoint/term.hpp>
#include <libstream/error.hpp>

#include <CLI/CLI.hpp>

#include <iostream>
#include <limits>
#include <unistd.h>

namespace libstream::apps {
namespace {

CLI::App& add(CLI::App& app, CheckpointCommand& command, const std::string& name,
              const std::string& what) {
  auto& sub = *app.add_subcommand(name, what);
  sub.add_option("directory", command.directory, "The checkpoint")->required()->type_name("DIR");
  return sub;
}

void add_json(CLI::App& app, CheckpointCommand& command) {
  app.add_flag("--json", command.json, "Machine-readable, one object");
}

/// Through a term of its own, as a query's clean-up goes: so that the lock is held, the log says
/// who was here, and whoever still writes has lost.
void remove_garbage(const CheckpointCommand& command, const CheckpointMeta& meta) {
  const Environment environment;
  TermOptions options;
  options.host = "libstream checkpoint clean";
  options.process = ::getpid();
  options.retained_snapshots = command.keep;
  options.snapshot_epochs = std::numeric_limits<std::uint64_t>::max();  // nothing is folded here
  options.snapshot_bytes = std::numeric_limits<std::uint64_t>::max();
  const auto term =
      Term::open(directory_root(command.directory, environment.files), meta, environment, options);
  term->sweep();
  term->maintain();
  term->close();
}

void clean(const CheckpointCommand& command, CheckpointReader& reader) {
  const auto meta = reader.meta();
  auto garbage = reader.garbage(command.keep);
  // Unnamed files of a running query may be about to be named: only told, never touched before the
  // lock is ours.
  auto unnamed = reader.verify().unnamed;
  if (command.remove) remove_garbage(command, meta);
  std::cout << (command.json ? garbage_json(garbage, unnamed, command.remove)
                             : garbage_text(garbage, unnamed, command.remove));
}

Epoch newest(CheckpointReader& reader, const std::string& directory) {
  const auto entries = reader.entries();
  for (auto it = entries.rbegin(); it != entries.rend(); ++it) {
    if (const auto* entry = std::get_if<EpochEntry>(&it->entry)) return entry->epoch;
  }
  throw Error(ErrorCode::invalid_argument,
              "no epoch is decided in the checkpoint " + directory + ": it has no state yet");
}

}  // namespace

void declare(CLI::App& app, CheckpointCommand& command) {
  command.app = &app;
  app.require_subcommand(1);
  add_json(add(app, command, "list", "The query and the entries of its log"), command);
  auto& show = add(app, command, "show", "All that the decision of an epoch says");
  show.add_option("epoch", command.epoch, "Its number")->required()->type_name("EPOCH");
  add_json(show, command);
  add_json(add(app, command, "verify", "Reads every file, checks CRCs, forms and references"),
           command);
  auto& state = add(app, command, "state", "The state of an operator, a row an entry");
  state.add_option("operator", command.op, "Its id, or its name where no other has that")
      ->required()
      ->type_name("OPERATOR");
  state.add_option("--epoch", command.epoch, "As that epoch left it (otherwise the newest)");
  state.add_option("--key", command.key,
                   "Only this key: its columns as text, separated by commas, or the first of them");
  state.add_option("--format", command.format, "json (default) or csv")
      ->check(CLI::IsMember({"json", "csv"}));
  auto& diff = add(app, command, "diff", "What changed from one epoch to another");
  diff.add_option("from", command.from, "The earlier epoch")->required()->type_name("A");
  diff.add_option("to", command.to, "The later epoch")->required()->type_name("B");
  diff.add_flag("--rows", command.rows, "Also the state rows that differ");
  add_json(diff, command);
  auto& clean = add(app, command, "clean", "Says what is no longer needed; removes it when told");
  clean.add_option("--keep", command.keep, "Snapshots to go back to")
      ->required()
      ->check(CLI::Range(1, 1000));
  clean.add_flag("--remove", command.remove, "Remove it; refused while a query is running");
  add_json(clean, command);
}

bool run_checkpoint(const CheckpointCommand& command) {
  const auto name = command.app->get_subcommands().at(0)->get_name();
  const auto reader = CheckpointReader::open(command.directory, local_file_system());
  if (name == "list") {
    const auto meta = reader->meta();
    const auto entries = reader->entries();
    std::cout << (command.json ? list_json(meta, entries) : list_text(meta, entries));
  } else if (name == "show") {
    const auto entry = entry_of(reader->entries(), Epoch{*command.epoch});
    std::cout << (command.json ? entry_json(entry) : entry_text(entry));
  } else if (name == "verify") {
    const auto report = reader->verify();
    std::cout << (command.json ? report_json(report) : report_text(report));
    return report.problems.empty();
  } else if (name == "state") {
    const auto epoch = command.epoch ? Epoch{*command.epoch} : newest(*reader, command.directory);
    print_state(*reader, epoch, {command.op, command.key, command.format == "csv"}, std::cout);
  } else if (name == "diff") {
    print_difference(*reader, {Epoch{command.from}, Epoch{command.to}, command.rows, command.json},
                     std::cout);
  } else {
    clean(command, *reader);
  }
  return true;
}

}  // namespace libstream::apps
