#pragma once

#include "gather_rows.hpp"
#include "join_table.hpp"
#include "key_time.hpp"

#include <libstream/schema.hpp>
#include <libstream/state.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// One row a key, the latest: an entry of the state store each. Rows lie in batches of their own,
/// which are written anew when most of theirs have been replaced.
class LatestRows {
 public:
  struct Spec {
    char tag;  ///< first byte of the state entries
    Schema schema;
    std::vector<std::uint32_t> keys;
    std::uint32_t time;
    std::uint32_t key_groups;
  };
  explicit LatestRows(Spec spec) : spec_(std::move(spec)) {}

  void load(std::string_view value);
  /// Takes rows of different keys, each later than the one that it replaces.
  void replace(const BatchPtr& rows);
  /// Drops rows with a time (µs) at or before `limit`.
  void evict(EventTime limit);
  /// For each row of `probes` (columns `keys`, their `hashes`) the latest one of its key: appends
  /// the probe to `found` and the row to `latest`. The rows live until the next change.
  void find(const Batch& batch, std::span<const std::uint32_t> keys, const std::uint64_t* hashes,
            std::span<const std::uint32_t> probes, std::vector<std::uint32_t>& found,
            RowList& latest);
  void collect(ChangelogWriter& changes);

  std::uint64_t live() const { return live_; }
  std::uint64_t evicted() const { return evicted_; }  ///< by the last call
  std::size_t bytes() const;

 private:
  struct Entry {
    std::uint64_t hash;
    EventTime time;
    std::uint32_t batch;
    std::uint32_t row;
    bool live;
    bool stored;  ///< the state store has a row of this key
  };

  /// Calls find for the rows of `batch` and gives the entries instead.
  void find_entries(const Batch& batch, std::span<const std::uint32_t> keys,
                    const std::uint64_t* hashes, std::span<const std::uint32_t> probes);
  void set(Entry& entry, std::uint32_t row);
  std::string key_of(const Entry& entry) const;
  void rewrite();

  const Spec spec_;
  KeyHashes hashes_;
  JoinTable table_;  ///< entries by the hash of their key
  std::vector<Entry> entries_;
  std::vector<BatchPtr> batches_;
  std::size_t rows_ = 0;  ///< of the batches
  std::size_t batch_bytes_ = 0;
  std::uint64_t live_ = 0;
  std::uint64_t evicted_ = 0;
  EventTime next_due_ = 0;

  std::vector<std::uint32_t> changed_;  ///< entries that the state store lacks
  struct Erased {
    std::uint32_t group;
    std::string key;
  };
  std::vector<Erased> erased_;

  std::vector<std::uint32_t> walking_;
  std::vector<JoinTable::Row> heads_;
  std::vector<std::uint32_t> found_;
  std::vector<JoinTable::Row> found_entries_;
};

}  // namespace libstream
