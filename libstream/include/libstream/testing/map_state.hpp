#pragma once

#include <libstream/hash.hpp>
#include <libstream/state.hpp>

#include <map>
#include <string>
#include <utility>

namespace libstream::testing {

/// Decided state of one operator as a sorted map: the simplest thing that a restart can read.
class MapState {
 public:
  using Key = std::pair<std::uint32_t, std::string>;

  void apply(std::string_view changelog) {
    read_changelog(changelog, [this](const Change& change) {
      const Key key{change.key_group, std::string(change.key)};
      switch (change.kind) {
        case ChangeKind::put:
          entries_[key] = std::string(change.value);
          return;
        case ChangeKind::erase:
          entries_.erase(key);
          return;
        case ChangeKind::floor:
          for (auto group = change.key_group; group <= change.last_group; ++group) {
            entries_.erase(entries_.lower_bound({group, {}}),
                           entries_.lower_bound({group, key.second}));
          }
      }
    });
  }
  const std::map<Key, std::string>& entries() const { return entries_; }

 private:
  std::map<Key, std::string> entries_;
};

/// The key groups of one partition.
class PartitionReader final : public StateReader {
 public:
  PartitionReader(const MapState& state, std::uint32_t partition, std::uint32_t partitions,
                  std::uint32_t key_groups)
      : state_(state), partition_(partition), partitions_(partitions), key_groups_(key_groups) {}

  void for_each(const std::function<void(std::uint32_t, std::string_view, std::string_view)>& visit)
      const override {
    for (const auto& [key, value] : state_.entries()) {
      if (owner(key.first, key_groups_, partitions_) != partition_) continue;
      // Copies, so that a view kept beyond the call is found by the sanitizer.
      const std::string key_copy = key.second;
      const std::string value_copy = value;
      visit(key.first, key_copy, value_copy);
    }
  }

 private:
  const MapState& state_;
  std::uint32_t partition_;
  std::uint32_t partitions_;
  std::uint32_t key_groups_;
};

}  // namespace libstream::testing
