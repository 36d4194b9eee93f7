#include "join_rounds.hpp"

#include <algorithm>
#include <numeric>

namespace libstream {

void JoinRounds::split(std::vector<std::uint32_t>& probes, std::vector<JoinTable::Row>& heads) {
  ends_.clear();
  round_ = 0;
  // How often a chain was seen before is its row's round. Chains are told apart by a few bits only:
  // two that share them walk in different rounds, which is as good.
  constexpr int bits = 13;
  seen_.assign(std::size_t{1} << bits, 0);
  ranks_.resize(heads.size());
  std::uint32_t last = 0;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    ranks_[i] = seen_[heads[i] * 0x9e3779b1U >> (32 - bits)]++;
    last = std::max(last, ranks_[i]);
  }
  if (last == 0) return;
  ends_.assign(last + std::size_t{1}, 0);
  for (const std::uint32_t rank : ranks_) ++ends_[rank];
  std::exclusive_scan(ends_.begin(), ends_.end(), ends_.begin(), std::uint32_t{0});
  probes_.resize(heads.size());
  heads_.resize(heads.size());
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const std::uint32_t place = ends_[ranks_[i]]++;
    probes_[place] = probes[i];
    heads_[place] = heads[i];
  }
  next(probes, heads);
}

bool JoinRounds::next(std::vector<std::uint32_t>& probes, std::vector<JoinTable::Row>& heads) {
  if (!pending()) return false;
  const auto begin = static_cast<std::ptrdiff_t>(round_ == 0 ? 0 : ends_[round_ - 1]);
  const auto end = static_cast<std::ptrdiff_t>(ends_[round_++]);
  probes.assign(probes_.begin() + begin, probes_.begin() + end);
  heads.assign(heads_.begin() + begin, heads_.begin() + end);
  return true;
}

}  // namespace libstream
