// `libstream simulate` over sources with planted bugs: faulty_simulate SEEDS BUG; see bugs.py.
#include "../../apps/libstream/simulate.hpp"

#include <cstdio>
#include <exception>
#include <string>

namespace libstream {

namespace {
std::string bug;
}  // namespace

/// Asked by the sources with planted bugs.
bool planted(const char* name);
bool planted(const char* name) { return bug == name; }

}  // namespace libstream

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s SEEDS BUG\n", argv[0]);
    return 2;
  }
  libstream::bug = argv[2];
  libstream::apps::SimulateCommand command;
  command.fail_fast = true;
  try {
    command.seeds = std::stoull(argv[1]);
    return libstream::apps::run_simulate(command) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
