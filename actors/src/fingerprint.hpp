#pragma once

#include <libstream/batch.hpp>
#include <libstream/state.hpp>
#include <libstream/topology.hpp>

#include <cstdint>
#include <string_view>
#include <unordered_map>
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

/// The same over the entries of a state, kept up to date by its changelogs. Takes 16 bytes and more
/// an entry.
class StateHash {
 public:
  explicit StateHash(TopologyNode::Comparable what) : what_(what) {}
  void restore(const StateReader& state);
  void apply(std::string_view changelog);
  std::uint64_t value() const { return sum_; }

 private:
  void put(std::uint32_t key_group, std::string_view key, std::string_view value);

  TopologyNode::Comparable what_;
  std::uint64_t sum_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> entries_;  ///< hash of the key: of the entry
};

}  // namespace libstream
