#pragma once

#include <libstream/batch.hpp>
#include <libstream/bound_expression.hpp>
#include <libstream/environment.hpp>
#include <libstream/options.hpp>
#include <libstream/sink.hpp>
#include <libstream/source.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// Rows of one epoch, and of one split of the source, in one compressed block of a segment.
struct RecordedChunk {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;  ///< in the segment
  std::uint32_t bytes = 0;   ///< as stored
  std::uint32_t raw_bytes = 0;
  std::uint32_t crc = 0;
  std::uint32_t rows = 0;
  std::int64_t split = -1;  ///< -1: of any
};

/// What one source did in one epoch.
struct RecordedEpoch {
  Epoch epoch{};
  EpochContext context;
  Trigger trigger;
  bool no_data = false;  ///< no source had anything to read
  bool idle = false;     ///< this one had nothing
  Offset start;          ///< empty in the first epoch
  Offset end;
  Watermark watermark;  ///< used in this epoch
  Watermark next_watermark;
  std::vector<RecordedChunk> chunks;

  std::uint64_t rows() const;
};

/// What is recorded of one source.
struct RecordedSource {
  std::string name;      ///< "departures"
  std::string kind;      ///< "FileSource json"
  std::string query_id;  ///< of the query that recorded it
  Schema schema;
  std::uint32_t splits = 1;
  std::vector<RecordedEpoch> epochs;  ///< in order
  std::uint32_t segments = 0;
  std::uint64_t bytes = 0;  ///< of all segments, as far as they count
};

/// A recording as it was when it was opened; a query may go on appending to it. See
/// docs/recordings.md.
class Recording {
 public:
  /// Reads headers and epochs, no rows. A tail that is being written is left out, and so are epochs
  /// that not all sources have yet. Throws Error(unreachable) where there is no recording,
  /// Error(corrupt) naming the file where one is damaged.
  static Recording open(const std::string& directory,
                        std::shared_ptr<FileSystem> files = local_file_system());

  const std::string& directory() const;
  /// Sorted by name.
  const std::vector<RecordedSource>& sources() const;
  /// Throws Error(invalid_argument) with the names there are. Empty: the only one.
  const RecordedSource& find(std::string_view name) const;
  /// The rows of a chunk. Throws Error(corrupt) naming the file.
  std::vector<BatchPtr> rows(const RecordedSource& source, const RecordedChunk& chunk) const;
  /// The bytes of a chunk as they are stored, checked.
  std::string stored(const RecordedSource& source, const RecordedChunk& chunk) const;

  /// Stands in for the source of that name, in any query; empty: for the only one. All sources of
  /// a query should come from one Recording object: they go through the epochs side by side, and
  /// share `clock`.
  std::shared_ptr<Source> source(std::string_view name = {}, const ReplayRules& rules = {}) const;
  /// Virtual time: that of the newest epoch planned by a source of this object. For
  /// SessionOptions::environment; DataStreamWriter::replay sees to it.
  std::shared_ptr<Clock> clock() const;

  struct Shared;

 private:
  explicit Recording(std::shared_ptr<const Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<const Shared> shared_;
};

/// Writes recordings by hand: parts of others, merged ones. The directory of each source must be
/// new or empty.
class RecordingWriter {
 public:
  RecordingWriter(std::string directory, std::shared_ptr<FileSystem> files);
  ~RecordingWriter();
  RecordingWriter(const RecordingWriter&) = delete;
  RecordingWriter& operator=(const RecordingWriter&) = delete;
  /// Begins a source: name, kind, query id, schema and splits of `source` count.
  void begin(const RecordedSource& source);
  /// Appends to the source begun last. `chunks`: the bytes of `epoch.chunks`, in their order.
  void append(const RecordedEpoch& epoch, const std::vector<std::string>& chunks);
  /// Makes all durable.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A sink for the rows of one source of a query, which become part of the recording in
/// `directory` when their epoch is decided. `input`: number of the source among those of the query.
struct RecordingTarget {
  std::string directory;
  std::string source;  ///< "departures"
  std::string kind;
  std::uint32_t splits = 1;
  bool split_column = false;  ///< the rows' last column is the number of their split
  std::size_t input = 0;
};
std::shared_ptr<Sink> recording_sink(RecordingTarget target, const Environment& environment);

}  // namespace libstream
