#include "retention.hpp"

#include <algorithm>
#include <utility>

namespace libstream::checkpoint {

std::vector<StateFile> named_files(const StoredEntry& stored) {
  std::vector<StateFile> files;
  const auto* epoch = std::get_if<EpochEntry>(&stored.entry);
  if (epoch == nullptr) {
    return files;
  }
  for (const auto& changes : epoch->changes) {
    if (changes.file) {
      files.push_back(*changes.file);
    }
  }
  for (const auto& handle : stored.handle_files) {
    files.push_back(handle.file);
  }
  if (epoch->snapshot) {
    epoch->snapshot->for_each_file([&](const StateFile& file) { files.push_back(file); });
  }
  return files;
}

void Retention::add(const StoredEntry& stored) {
  if (const auto* close = std::get_if<CloseEntry>(&stored.entry)) {
    recorded_committed_ = std::max(recorded_committed_, close->committed_through);
    entries_[stored.index] = {};
  } else if (const auto* epoch = std::get_if<EpochEntry>(&stored.entry)) {
    recorded_committed_ = std::max(recorded_committed_, epoch->committed_through);
    Kept kept{epoch->epoch, std::nullopt, {}};
    for (const auto& file : named_files(stored)) {
      kept.files.push_back(file.name);
    }
    if (epoch->snapshot) {
      kept.snapshot = epoch->snapshot->epoch;
    }
    entries_[stored.index] = std::move(kept);
  }
}

std::uint64_t Retention::lowest_needed() const {
  std::set<Epoch> snapshots;
  for (const auto& [index, kept] : entries_) {
    if (kept.snapshot) {
      snapshots.insert(*kept.snapshot);
    }
  }
  if (snapshots.size() < snapshots_) {
    return 0;  // the oldest state to go back to is the empty one
  }
  const auto oldest = std::next(snapshots.rbegin(), static_cast<std::ptrdiff_t>(snapshots_) - 1);
  return std::min(number(*oldest), static_cast<std::uint64_t>(recorded_committed_ + 1));
}

Retention::Garbage Retention::take_garbage(const std::set<std::string>& in_work) {
  const auto low = lowest_needed();
  Garbage garbage;
  std::set<std::string> candidates;
  while (!entries_.empty()) {
    const auto first = entries_.begin();
    if (first->second.epoch && number(*first->second.epoch) >= low) {
      break;
    }
    // A close goes with the epochs before it: it is needed as long as nothing later is recorded.
    const bool last = std::next(first) == entries_.end();
    if (last) {
      break;
    }
    garbage.entries.push_back(first->first);
    candidates.insert(first->second.files.begin(), first->second.files.end());
    entries_.erase(first);
  }
  const auto named = live();
  for (const auto& file : candidates) {
    if (!named.contains(file) && !in_work.contains(file)) {
      garbage.files.push_back(file);
    }
  }
  return garbage;
}

std::set<std::string> Retention::live() const {
  std::set<std::string> names;
  for (const auto& [index, kept] : entries_) {
    names.insert(kept.files.begin(), kept.files.end());
  }
  return names;
}

}  // namespace libstream::checkpoint
