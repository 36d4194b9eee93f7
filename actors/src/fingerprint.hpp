#pragma once

#include <libstream/batch.hpp>
#include <libstream/state.hpp>
#include <libstream/topology.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace libstream {

/// A sum over hashes of rows: equal for equal multisets, however they are parted.
class RowsHash {
 public:
  void add(const Batch& batch);
  std::uint64_t take() { return std::exchange(sum_, 0); }

 private:
  std::uint64_t sum_ = 0;
  std::vector<std::uint32_t> columns_;
  std::vector<std::uint64_t> hashes_;
};

/// The same over the entries of a state, kept up to date by its changelogs. Holds a copy of every
/// key.
class StateHash {
 public:
  explicit StateHash(TopologyNode::Comparable what) : what_(what) {}
  void restore(const StateReader& state);
  void apply(std::string_view changelog);
  std::uint64_t value() const { return sum_; }

 private:
  using Entries = std::map<std::string, std::uint64_t, std::less<>>;  ///< hash of each, by key

  void put(std::uint32_t key_group, std::string_view key, std::string_view value);
  void erase(std::uint32_t key_group, std::string_view key);
  void erase_below(std::uint32_t key_group, std::string_view key);

  TopologyNode::Comparable what_;
  std::uint64_t sum_ = 0;
  std::vector<Entries> groups_;
};

}  // namespace libstream
