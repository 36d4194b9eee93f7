#pragma once

#include "gather_rows.hpp"
#include "join_log.hpp"
#include "join_table.hpp"
#include "key_time.hpp"

#include <libstream/join.hpp>
#include <libstream/operator.hpp>
#include <libstream/state.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace libstream {

/// Sizes, which tests make small.
struct JoinTuning {
  /// A generation has at least so many rows or bytes before the next one begins.
  std::uint32_t generation_rows = 1 << 15;
  std::size_t generation_bytes = std::size_t{1} << 20;
  std::size_t generations = 8;           ///< of a side at most, after an epoch
  std::uint32_t segment_rows = 1 << 15;  ///< rows that are encoded at once
  std::size_t chunk_rows = batch_rows;   ///< smaller batches are put together
  std::size_t pair_rows = batch_rows;    ///< of the result, matched at once
};

/// Consecutive rows of a generation: an input batch, kept.
struct JoinChunk {
  static constexpr EventTime never = std::numeric_limits<EventTime>::max();
  static constexpr EventTime always = std::numeric_limits<EventTime>::min();

  BatchPtr batch;           ///< null: every row was evicted
  std::uint32_t first = 0;  ///< its first row's number
  std::uint32_t rows = 0;
  std::uint32_t live = 0;
  EventTime limit = always;    ///< rows due at or before it were evicted
  EventTime next_due = never;  ///< smallest due time of the live rows
  EventTime last_due = never;  ///< largest
};

/// Rows of one time, and a table of them that is dropped as a whole. Rows have dense numbers, which
/// never change, so that the batches behind them can be put together or freed.
class JoinGeneration {
 public:
  using Row = JoinTable::Row;

  const JoinChunk& chunk_of(Row row) const {
    std::size_t at = index_[row >> index_shift];
    while (at + 1 < chunks_.size() && chunks_[at + 1].first <= row) ++at;
    return chunks_[at];
  }
  JoinTable& table() { return table_; }
  const JoinTable& table() const { return table_; }
  bool matched(Row row) const { return flags_[place_[row]] != 0; }
  /// Came in this epoch.
  bool is_fresh(Row row) const { return row >= fresh_from_; }
  std::uint32_t live() const { return live_; }

 private:
  friend class JoinRows;
  static constexpr int index_shift = 6;

  /// An entry of the state store: rows of one key group.
  struct Block {
    std::uint64_t epoch;
    std::uint32_t number;
    std::uint16_t group;
    bool has_flags;       ///< there is an entry of matched flags
    std::uint32_t first;  ///< place of its first row
    std::uint32_t rows;
  };

  void add_to_index(std::size_t chunk);

  JoinTable table_;
  std::vector<JoinChunk> chunks_;
  std::vector<std::uint32_t> index_;  ///< chunk of every 64th row
  std::uint32_t rows_ = 0;
  std::uint32_t live_ = 0;
  std::uint32_t fresh_from_ = 0;
  std::size_t bytes_ = 0;              ///< of all rows that it ever got
  std::uint32_t logged_ = 0;           ///< rows before are in the state store
  std::vector<std::uint16_t> groups_;  ///< key groups of the rows behind
  EventTime next_due_ = JoinChunk::never;
  std::size_t settled_ = 0;  ///< chunks before are not to be put together
  // Of a side whose rows remember that they matched. Places are the order of the state store.
  std::vector<std::uint32_t> place_;  ///< of a row
  std::vector<std::uint8_t> flags_;   ///< matched, by place
  std::vector<std::uint8_t> dirty_;   ///< by 256 places: flags that the state store lacks
  bool any_dirty_ = false;
  std::vector<Block> blocks_;  ///< ascending by place
};

/// The rows that one side of a stream-stream join keeps, in generations: the oldest one dies first.
/// A generation that is mostly dead moves its last rows to the newest one; one that is dead is
/// dropped, and its blocks in the state store with it. The state store may thus hold rows that were
/// evicted; a restart knows them by the watermark.
class JoinRows {
 public:
  struct Spec {
    char tag;  ///< first byte of the side's state entries
    Schema schema;
    std::vector<std::uint32_t> keys;
    std::vector<bool> null_safe;
    JoinRetention retention;
    bool flagged;  ///< rows remember that they matched
    bool padded;   ///< rows that never matched come out at their eviction
    bool indexed;  ///< rows are looked up by their keys
    std::uint32_t key_groups;
    JoinTuning tuning;
  };
  /// `log`: of its operator, which outlives it.
  JoinRows(Spec spec, JoinLog& log);

  /// One entry of the state with this side's tag.
  void load(std::uint32_t group, std::string_view key, std::string_view value);
  /// `late`: rows that it made due were evicted.
  void finish_load(Watermark late);

  void start(Epoch epoch);
  /// Keeps rows. `mute`, `matched`: a byte a row; null: none.
  void add(const Batch& batch, const std::uint64_t* hashes, const std::uint8_t* mute,
           const std::uint8_t* matched);
  /// Marks rows whose key has a null and therefore matches nothing; false: none.
  bool mute_rows(const Batch& batch, std::vector<std::uint8_t>& mute) const;

  std::size_t generations() const { return generations_.size(); }
  JoinGeneration& generation(std::size_t index) { return generations_[index]; }
  bool is_live(const JoinChunk& chunk, JoinTable::Row row) const {
    if (chunk.live == chunk.rows) return true;
    return chunk.batch != nullptr && due(*chunk.batch, row - chunk.first) > chunk.limit;
  }
  /// True where it was not marked before.
  static bool set_matched(JoinGeneration& generation, JoinTable::Row row);

  /// Rows evicted in this epoch.
  struct Evicted {
    std::uint64_t rows = 0;
    std::uint64_t settled_fresh = 0;  ///< of them came in this epoch and do not come out padded
  };
  /// Rows due at `watermark` are gone; those to pad are appended to `padded`, whose batches live
  /// until the next call. True: there are more.
  bool evict(Watermark watermark, RowList& padded);
  /// Drops and moves generations.
  void finish_eviction();
  const Evicted& evicted() const { return evicted_; }

  /// Brings what the log lacks of the epoch.
  void finish_log();

  std::uint64_t live() const { return live_; }
  std::size_t bytes() const;
  /// Rows go when their time (µs) is at or before it.
  static EventTime limit(const JoinRetention& retention, Watermark watermark);

 private:
  using Block = JoinGeneration::Block;
  using Row = JoinTable::Row;
  struct Loaded {
    Block block{};
    BatchPtr batch;
    std::string flags;
  };
  /// Rows on their way to the state store, as RowBlockEncoder takes them.
  struct Fresh {
    std::vector<const Batch*> batches;
    std::vector<std::uint32_t> from;
    std::vector<std::uint32_t> rows;
    std::vector<std::uint32_t> ends;  ///< of each key group's rows
  };

  EventTime due(const Batch& batch, std::uint32_t row) const {
    const KeyTime time(*batch.columns[*due_column_]);
    return time.has(row) ? time.at(row) : JoinChunk::never;
  }
  JoinGeneration& current();
  void append_chunk(JoinGeneration& generation, BatchPtr batch, EventTime limit);
  void evict_chunk(JoinGeneration& generation, JoinChunk& chunk, EventTime limit, RowList& padded);
  void drop_blocks(const JoinGeneration& generation);
  void move_rows(const JoinGeneration& from);
  void log(JoinGeneration& generation);
  void log_flags(JoinGeneration& generation);
  void put_flags(const JoinGeneration& generation, Block& block);
  Fresh sort_by_group(JoinGeneration& generation);
  void merge_generations();
  void put_together(JoinGeneration& generation, bool is_current);
  std::string block_key(const Block& block, bool flags) const;

  const Spec spec_;
  JoinLog& log_;
  std::optional<std::uint32_t> due_column_;
  std::vector<JoinGeneration> generations_;
  std::uint64_t live_ = 0;
  std::uint64_t expected_ = 0;  ///< rows of a state being loaded
  std::size_t chunk_bytes_ = 0;
  SharedHeaps heaps_;  ///< of rows that were added
  std::uint64_t epoch_ = 0;
  std::uint32_t number_ = 0;  ///< of the next segment in this epoch
  EventTime limit_ = JoinChunk::always;

  Evicted evicted_;
  std::size_t evict_generation_ = 0;
  std::size_t evict_chunk_ = 0;
  std::vector<BatchPtr> released_;

  std::vector<Loaded> loaded_;
  std::string bytes_;  ///< of one block
  std::vector<Block> erased_;
};

}  // namespace libstream
