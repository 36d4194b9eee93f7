#pragma once

// One seed: a query that runs, dies, freezes, is started again, and is looked at all the while.

#include "process.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace libstream::apps::simulation {

struct Outcome {
  std::optional<std::string> violation;
  Hits hits;
  std::uint64_t trace = 0;
  std::uint64_t epochs = 0;
};

/// `tell` gets the story line by line.
Outcome simulate(std::uint64_t seed, const Faults& allowed,
                 const std::function<void(const std::string&)>& tell);

}  // namespace libstream::apps::simulation
