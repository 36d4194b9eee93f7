#include "fingerprint.hpp"

#include <libstream/hash.hpp>

#include <numeric>

namespace libstream {
namespace {

/// Hashes of keys are not meant to be added up: of integers they are too regular.
constexpr std::uint64_t row_key = 0x8bb84b93962eacc9ULL;
constexpr std::uint64_t entry_key = 0x4b33a62ed433d4a3ULL;

}  // namespace

void RowsHash::add(const Batch& batch) {
  if (columns_.size() != batch.columns.size()) {
    columns_.resize(batch.columns.size());
    std::iota(columns_.begin(), columns_.end(), 0U);
  }
  hashes_.resize(batch.rows);
  hash_keys(batch, columns_, hashes_);
  for (const auto hash : hashes_) sum_ += mix(hash ^ row_key, entry_key);
}

void StateHash::restore(const StateReader& state) {
  state.for_each([this](std::uint32_t group, std::string_view key, std::string_view value) {
    put(group, key, value);
  });
}

void StateHash::put(std::uint32_t key_group, std::string_view key, std::string_view value) {
  if (groups_.size() <= key_group) groups_.resize(key_group + std::size_t{1});
  Entries& entries = groups_[key_group];
  auto entry = entries.lower_bound(key);
  if (entry == entries.end() || entry->first != key) entry = entries.emplace_hint(entry, key, 0);
  sum_ -= entry->second;
  const bool by_value = what_ == TopologyNode::Comparable::values;
  const auto name = by_value ? key_group + 1ULL : mix(hash_bytes(key) ^ key_group, row_key);
  entry->second = mix(hash_bytes(value) ^ entry_key, name);
  sum_ += entry->second;
}

void StateHash::erase(std::uint32_t key_group, std::string_view key) {
  if (groups_.size() <= key_group) return;
  const auto entry = groups_[key_group].find(key);
  if (entry == groups_[key_group].end()) return;
  sum_ -= entry->second;
  groups_[key_group].erase(entry);
}

void StateHash::erase_below(std::uint32_t key_group, std::string_view key) {
  if (groups_.size() <= key_group) return;
  Entries& entries = groups_[key_group];
  while (!entries.empty() && entries.begin()->first < key) {
    sum_ -= entries.begin()->second;
    entries.erase(entries.begin());
  }
}

void StateHash::apply(std::string_view changelog) {
  read_changelog(changelog, [this](const Change& change) {
    switch (change.kind) {
      case ChangeKind::put:
        return put(change.key_group, change.key, change.value);
      case ChangeKind::erase:
        return erase(change.key_group, change.key);
      case ChangeKind::floor:
        for (auto group = change.key_group; group <= change.last_group; ++group) {
          erase_below(group, change.key);
        }
    }
  });
}

}  // namespace libstream
