// `libstream simulate` over sources with planted bugs: see bugs.py.
#include "../../apps/libstream/simulate.hpp"
#include "support/command_line.hpp"

#include <CLI/CLI.hpp>

#include <string>

namespace libstream {

namespace {
std::string fault;
}  // namespace

/// Asked by the sources with planted bugs.
bool planted(const char* name);
bool planted(const char* name) { return fault == name; }

}  // namespace libstream

int main(int argc, char** argv) {
  CLI::App app{"Simulates with a bug."};
  libstream::apps::SimulateCommand command;
  declare(app, command);
  app.add_option("--fault", libstream::fault, "The bug")->required();
  bool passed = false;
  const int code =
      libstream::apps::run_program(app, argc, argv, [&] { passed = run_simulate(command); });
  return code == 0 && !passed ? 1 : code;
}
