#pragma once

#include <libstream/operator.hpp>
#include <libstream/sink.hpp>
#include <libstream/source.hpp>
#include <libstream/state.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace libstream {

/// An immutable object of the checkpoint root that an entry names.
struct StateFile {
  std::string name;
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
  friend bool operator==(const StateFile&, const StateFile&) = default;
};

/// State changes of one task in one epoch: inside the entry where small, else in a file.
struct TaskChanges {
  OperatorId op{};
  std::uint32_t partition = 0;
  std::string inline_bytes;
  std::optional<StateFile> file;
  /// Of what this term stored; no part of the entry.
  std::optional<ChangeExtent> extent = std::nullopt;
};

/// What the tasks of one sink staged in one epoch.
struct SinkStage {
  std::string sink;  ///< the sink's describe(), so that a missing one can be named
  std::vector<StagedHandle> handles;
};

/// A file of changes to key groups [begin_group, end_group) of one operator.
struct RunFile {
  StateFile file;
  OperatorId op{};
  std::uint32_t begin_group = 0;
  std::uint32_t end_group = 0;
  friend bool operator==(const RunFile&, const RunFile&) = default;
};

/// The changes of some consecutive epochs, of each key the newest. By operator and key group; no
/// two files share any.
struct StateRun {
  std::vector<RunFile> files;
  friend bool operator==(const StateRun&, const StateRun&) = default;
};

/// A complete snapshot of all state at an epoch: runs, the oldest first. What a later one says of a
/// key counts.
struct SnapshotReference {
  Epoch epoch{};
  std::vector<StateRun> runs;

  template <class F>
  void for_each_file(F&& f) const {
    for (const auto& run : runs) {
      for (const auto& part : run.files) f(part.file);
    }
  }
};

struct OpenEntry {
  std::uint64_t term = 0;  ///< index of this entry in the log
  std::string host;
  std::int64_t process = 0;
  std::int64_t time_milliseconds = 0;
  std::string nonce;  ///< tells two opens apart that are alike in all else
};

/// THE DECISION of an epoch.
struct EpochEntry {
  std::uint64_t term = 0;
  Epoch epoch{};
  EpochContext context;
  bool no_data = false;
  std::vector<Offset> source_ends;           ///< in plan order; empty text = nothing read yet
  std::vector<std::string> static_versions;  ///< of the bounded sides of joins, in plan order
  std::vector<TaskChanges> changes;
  std::vector<SinkStage> sinks;                ///< in plan order, the late sink last
  Watermark watermark;                         ///< used in this epoch (We)
  Watermark next_watermark;                    ///< what the maxima give for the next
  std::vector<std::int64_t> watermark_values;  ///< per watermark operator, ms: running maximum of
                                               ///< (event time - delay); INT64_MIN = none yet
  /// Per watermark operator: time (ms) of the first epoch from which on its sources had nothing to
  /// read; -1 = they had in this one. Empty where idle inputs hold the watermark back.
  std::vector<std::int64_t> idle_since;
  std::optional<std::int64_t> earliest_timeout;  ///< ms, processing time
  std::map<std::string, std::uint64_t> totals;   ///< cumulative counters (QueryProgress::totals)
  std::int64_t committed_through = -1;           ///< epochs ≤ this are committed in all sinks
  std::optional<SnapshotReference> snapshot;     ///< newest complete one
};

struct CloseEntry {
  std::uint64_t term = 0;
  std::int64_t committed_through = -1;
};

using LogEntry = std::variant<OpenEntry, EpochEntry, CloseEntry>;

/// What a stateful operator must have in common with the checkpoint.
struct OperatorMeta {
  OperatorId id{};
  std::string name;          ///< "stateStoreSave"
  std::string signature;     ///< kind, key and value schemas
  std::string columns = {};  ///< what lies in its entries, for tools; need not match at a restart
};

/// Form of a checkpoint's files. 1, of development versions, had snapshots in tables of RocksDB.
inline constexpr std::uint32_t checkpoint_format = 2;

/// Written once, before the query's id goes anywhere else.
struct CheckpointMeta {
  std::string query_id;
  std::uint32_t format = checkpoint_format;
  std::uint32_t key_groups = 128;
  std::string hash_id;
  std::vector<std::string> sources;  ///< kinds, in plan order ("FileSource json")
  std::vector<OperatorMeta> operators;
};

/// The entry in the bytes of `log/<index>`, given those of `meta`. Of handles that lie in files of
/// their own only the number of rows is there. Throws Error(corrupt).
LogEntry decode_log_entry(std::string_view bytes, std::uint64_t index, std::string_view meta);

}  // namespace libstream
