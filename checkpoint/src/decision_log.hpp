#pragma once

#include "entry_codec.hpp"

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/environment.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace libstream::checkpoint {

/// The write-once log `log/<index>`: the fence between terms.
///
/// Two rules keep it a fence though old entries are removed. An `open` entry is never removed, so
/// a term that has lost always finds its next slot taken (the first entry that another term writes
/// after it is an `open`). And an `open` counts only if nothing lay behind it once it was written:
/// a start that was held up may have taken a slot that was decided, and cleaned, in the meantime.
class DecisionLog final {
 public:
  DecisionLog(std::shared_ptr<CheckpointRoot> root, std::string query_id)
      : root_(std::move(root)), query_id_(std::move(query_id)) {}

  /// Writes `open` at the end; returns its index, the number of the term. Error(conflict): a later
  /// start has taken over meanwhile.
  std::uint64_t open(OpenEntry entry);
  /// Entries before the own `open` that are still there, oldest first; call after `open`. Throws
  /// Error(corrupt) for gaps, Error(conflict) when a later term cleans up meanwhile.
  std::vector<StoredEntry> read();
  /// Writes at the next slot. Error(conflict): another term has it, this one has lost.
  void append(StoredEntry entry);
  /// Index that the next entry gets.
  std::uint64_t position() const { return position_; }
  /// Removes an entry that nobody needs; never an `open`, and older ones first.
  void remove(std::uint64_t index) { root_->remove(name(index)); }
  /// Throws Error(conflict) when a later term has begun. From any thread.
  void check_newest() const;

  static std::string name(std::uint64_t index);

 private:
  std::vector<std::uint64_t> indexes() const;
  bool try_read(std::vector<StoredEntry>& entries);
  std::optional<OpenEntry> find_open(std::uint64_t index) const;
  [[noreturn]] void lost(std::uint64_t index) const;

  std::shared_ptr<CheckpointRoot> root_;
  std::string query_id_;
  std::uint64_t term_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace libstream::checkpoint
