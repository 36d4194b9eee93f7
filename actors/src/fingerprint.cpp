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
  const auto name = mix(hash_bytes(key) ^ key_group, row_key);
  const auto hashed = hash_bytes(value);
  auto& entry = entries_[name];
  sum_ -= entry;
  entry =
      mix(hashed ^ entry_key, what_ == TopologyNode::Comparable::values ? key_group + 1ULL : name);
  sum_ += entry;
}

void StateHash::apply(std::string_view changelog) {
  read_changelog(changelog, [this](const Change& change) {
    if (change.put) return put(change.key_group, change.key, change.value);
    const auto found = entries_.find(mix(hash_bytes(change.key) ^ change.key_group, row_key));
    if (found == entries_.end()) return;
    sum_ -= found->second;
    entries_.erase(found);
  });
}

}  // namespace libstream
