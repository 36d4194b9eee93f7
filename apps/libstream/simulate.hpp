#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace libstream::apps {

struct SimulateCommand {
  std::uint64_t seeds = 1000;
  std::uint64_t from = 1;
  std::vector<std::string> faults;  ///< names; empty: all kinds
  std::uint32_t threads = 0;        ///< 0 = one a core
  std::uint64_t least_hits = 0;
  bool print = false;
};
void declare(CLI::App& app, SimulateCommand& command);
/// False where a seed showed a violation or something was hit too rarely.
bool run_simulate(const SimulateCommand& command);

}  // namespace libstream::apps
