#include "decision_log.hpp"

#include "state_files.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <utility>

namespace libstream::checkpoint {

std::string DecisionLog::name(std::uint64_t index) { return "log/" + padded(index); }

std::vector<std::uint64_t> DecisionLog::indexes() const {
  std::vector<std::uint64_t> found;
  for (const auto& name : root_->list("log/")) {
    const auto index = parse_padded(std::string_view(name).substr(4));
    if (!index) {
      throw Error(ErrorCode::corrupt, "the checkpoint " + root_->describe() +
                                          " has a file that is not its own: " + name +
                                          "; move it away");
    }
    found.push_back(*index);
  }
  return found;
}

std::uint64_t DecisionLog::open(OpenEntry entry) {
  constexpr int attempts = 10'000;  // each lost one means that another process got on
  auto taken = indexes();
  auto slot = taken.empty() ? 0 : taken.back() + 1;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    entry.term = slot;
    if (put_own(*root_, name(slot), encode_entry({slot, entry, {}}, query_id_))) {
      taken = indexes();
      if (taken.back() == slot) {
        term_ = slot;
        position_ = slot + 1;
        return term_;
      }
      // A later `open` has taken over; two starts must not go on outbidding each other.
      term_ = slot;
      check_newest();
      // Else the slot had been used and cleaned: this `open` fences nobody.
      slot = taken.back() + 1;
    } else {
      ++slot;
    }
  }
  throw Error(ErrorCode::conflict, "too many processes use the checkpoint " + root_->describe() +
                                       " at once; stop them all but one");
}

std::vector<StoredEntry> DecisionLog::read() {
  constexpr int attempts = 8;  // an older term may be cleaning up until it notices this one
  for (int attempt = 0; attempt < attempts; ++attempt) {
    std::vector<StoredEntry> entries;
    if (try_read(entries)) {
      return entries;
    }
    check_newest();
  }
  throw Error(ErrorCode::corrupt,
              "entries are missing in log/ of the checkpoint " + root_->describe() +
                  "; restore the checkpoint from a copy, or start over with an empty checkpoint "
                  "and an empty output");
}

/// False where entries are missing that must be there: removed while they were read, or lost.
bool DecisionLog::try_read(std::vector<StoredEntry>& entries) {
  const auto found = indexes();
  std::string after = "before any epoch";
  for (const auto index : found) {
    if (index >= term_) {
      break;
    }
    const auto bytes = root_->read(name(index));
    if (!bytes) {
      continue;  // cleaned since it was listed, or the check below finds the gap
    }
    entries.push_back(decode_entry(
        *bytes, index, query_id_,
        "log entry " + name(index) + " (" + after + ") in the checkpoint " + root_->describe()));
    if (const auto* epoch = std::get_if<EpochEntry>(&entries.back().entry)) {
      after = "after epoch " + std::to_string(number(epoch->epoch));
    }
  }
  // The first entry of all is an `open`, and those stay.
  if (term_ > 0 && (entries.empty() || entries.front().index != 0)) {
    return false;
  }
  // Clean-up removes the oldest first, but a power cut may bring any of those back; so it is the
  // dense end that counts, and it has a decision if there ever was one. What else a restart needs
  // it asks for by epoch.
  auto expected = term_;
  for (auto it = entries.rbegin(); it != entries.rend() && it->index + 1 == expected; ++it) {
    --expected;
    if (std::holds_alternative<EpochEntry>(it->entry)) {
      return true;
    }
  }
  return entries.size() == term_;
}

void DecisionLog::append(StoredEntry entry) {
  entry.index = position_;
  if (!put_own(*root_, name(position_), encode_entry(entry, query_id_))) {
    lost(position_);
  }
  ++position_;
}

void DecisionLog::check_newest() const {
  for (const auto index : indexes()) {
    if (index > term_ && find_open(index)) {
      lost(index);
    }
  }
}

std::optional<OpenEntry> DecisionLog::find_open(std::uint64_t index) const {
  const auto bytes = root_->read(name(index));
  if (!bytes) {
    return std::nullopt;
  }
  const auto stored =
      decode_entry(*bytes, index, query_id_,
                   "log entry " + name(index) + " in the checkpoint " + root_->describe());
  const auto* open = std::get_if<OpenEntry>(&stored.entry);
  return open == nullptr ? std::nullopt : std::optional(*open);
}

void DecisionLog::lost(std::uint64_t index) const {
  std::string winner = "another process";
  if (const auto open = find_open(index)) {
    winner = "process " + std::to_string(open->process) + " on " + open->host;
  }
  throw Error(ErrorCode::conflict, winner + " has taken over the checkpoint " + root_->describe() +
                                       " (entry " + name(index) + "); term " +
                                       std::to_string(term_) +
                                       " has lost it and ends; nothing it left counts");
}

}  // namespace libstream::checkpoint
