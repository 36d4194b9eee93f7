#pragma once

#include "join_table.hpp"

#include <cstdint>
#include <vector>

namespace libstream {

/// Puts rows that are about to walk the chains of a table into rounds, so that no two rows of a
/// round walk the same chain and none proposes a row that another one has just proposed.
class JoinRounds {
 public:
  /// Leaves the first round in `probes` and `heads`, entry by entry a row and its chain.
  void split(std::vector<std::uint32_t>& probes, std::vector<JoinTable::Row>& heads);
  /// The next round; false: there is none.
  bool next(std::vector<std::uint32_t>& probes, std::vector<JoinTable::Row>& heads);
  bool pending() const { return round_ < ends_.size(); }

 private:
  std::vector<std::uint32_t> seen_;
  std::vector<std::uint32_t> ranks_;
  std::vector<std::uint32_t> probes_;  ///< of all rounds, in their order
  std::vector<JoinTable::Row> heads_;
  std::vector<std::uint32_t> ends_;  ///< of the rounds
  std::size_t round_ = 0;            ///< the next one
};

}  // namespace libstream
