#include "unit_sharing.hpp"

#include <algorithm>

namespace libstream {

std::vector<std::vector<ReadUnit>> share_out(std::vector<ReadUnit> units, std::uint32_t tasks) {
  std::vector<std::uint64_t> load(tasks, 0);
  std::vector<std::uint32_t> target(units.size(), 0);
  std::vector<std::size_t> free;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (units[i].split < 0) {
      free.push_back(i);
      continue;
    }
    target[i] = static_cast<std::uint32_t>(units[i].split % tasks);
    load[target[i]] += units[i].weight;
  }
  // Heaviest first, each to the task with least so far.
  std::stable_sort(free.begin(), free.end(),
                   [&](auto a, auto b) { return units[a].weight > units[b].weight; });
  for (const auto i : free) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += units[i].weight;
    target[i] = static_cast<std::uint32_t>(least - load.begin());
  }
  std::vector<std::vector<ReadUnit>> shares(tasks);
  for (std::size_t i = 0; i < units.size(); ++i) {
    shares[target[i]].push_back(std::move(units[i]));
  }
  return shares;
}

}  // namespace libstream
