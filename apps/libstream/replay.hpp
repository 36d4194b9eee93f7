#pragma once

#include "scenario.hpp"

#include <cstdint>
#include <string>

namespace libstream::apps {

struct ReplayOptions {
  std::uint32_t partitions = 0;  ///< 0: as the scenario says
  std::uint32_t threads = 0;     ///< 0: number of cores
  bool restart_everywhere = false;
};

struct ReplayResult {
  enum class Kind { passed, failed, unsupported };
  Kind kind = Kind::passed;
  std::string difference;  ///< the first one, or what is not supported
};

/// Runs a scenario on an engine of its own. Throws nothing.
ReplayResult replay(const Scenario& scenario, const ReplayOptions& options);

}  // namespace libstream::apps
