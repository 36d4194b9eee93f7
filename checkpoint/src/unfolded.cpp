#include "unfolded.hpp"

#include <algorithm>
#include <utility>

namespace libstream::checkpoint {
namespace {

/// Changes wait until a snapshot is due, so that a key that changes in every epoch is stored once;
/// but no more of those in entries than this: they take memory.
constexpr std::uint64_t inline_limit = 16ULL << 20;
/// What a floor may erase as a whole counts a quarter: most of it never needs to be folded, but a
/// restart has to read what is there.
constexpr std::uint64_t fleeting_share = 4;

std::uint64_t bytes_of(const TaskChanges& changes) {
  return changes.file ? changes.file->size : changes.inline_bytes.size();
}

/// Whether the later changes erase all that the earlier ones say. Their floor is then not lost
/// either: the later one is higher.
bool erases(const TaskChanges& later, const TaskChanges& earlier) {
  if (!later.extent || !earlier.extent || later.op != earlier.op) return false;
  return later.extent->first_group <= earlier.extent->first_group &&
         later.extent->last_group >= earlier.extent->last_group &&
         later.extent->floor >= earlier.extent->below;
}

}  // namespace

void Unfolded::add(Epoch epoch, std::vector<TaskChanges> changes) {
  for (const TaskChanges& later : changes) {
    if (!later.extent || later.extent->floor.empty()) continue;
    for (One& one : epochs_) {
      std::erase_if(one.decided.changes, [&](const TaskChanges& earlier) {
        if (!erases(later, earlier)) return false;
        one.erased_bytes += bytes_of(earlier);
        return true;
      });
    }
  }
  epochs_.push_back({{epoch, std::move(changes)}, 0});
}

void Unfolded::add(const One& one, Load& load) {
  ++load.epochs;
  load.erased_bytes += one.erased_bytes;
  for (const TaskChanges& changes : one.decided.changes) {
    (changes.extent ? load.fleeting_bytes : load.bytes) += bytes_of(changes);
    load.inline_bytes += changes.inline_bytes.size();
  }
}

/// So many quarters of a limit.
bool Unfolded::reaches(const Load& load, std::uint64_t quarters) const {
  const auto reached = [quarters](std::uint64_t value, std::uint64_t limit) {
    return value >= limit - limit / 4 * (4 - quarters);
  };
  return reached(load.epochs, options_.snapshot_epochs) ||
         reached(load.bytes + load.fleeting_bytes / fleeting_share, options_.snapshot_bytes) ||
         reached(load.erased_bytes, options_.snapshot_bytes) ||
         reached(load.inline_bytes, inline_limit);
}

std::size_t Unfolded::due() const {
  Load all;
  for (const One& one : epochs_) add(one, all);
  if (epochs_.empty() || !reaches(all, 4)) return 0;
  // The oldest epochs of which nothing is left that a floor may yet erase: their fold is cheap, and
  // is enough where it leaves a good deal less than what makes the next one due.
  std::size_t spent = 0;
  for (std::size_t i = 0; i < epochs_.size(); ++i) {
    Load one;
    add(epochs_[i], one);
    if (one.fleeting_bytes > 0) break;
    if (one.erased_bytes > 0) spent = i + 1;
  }
  Load rest;
  for (std::size_t i = spent; i < epochs_.size(); ++i) add(epochs_[i], rest);
  return spent > 0 && !reaches(rest, 3) ? spent : epochs_.size();
}

std::vector<DecidedChanges> Unfolded::take(std::size_t count) {
  std::vector<DecidedChanges> taken;
  std::uint64_t bytes = 0;
  while (!epochs_.empty() && taken.size() < count &&
         (bytes == 0 || bytes < options_.snapshot_bytes)) {
    for (const auto& changes : epochs_.front().decided.changes) bytes += bytes_of(changes);
    taken.push_back(std::move(epochs_.front().decided));
    epochs_.pop_front();
  }
  return taken;
}

}  // namespace libstream::checkpoint
