#pragma once

#include "recording_format.hpp"

#include <libstream/error.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// Path of a segment in a source's folder.
std::string segment_path(const std::string& directory, std::uint32_t number);
/// Numbers of the segments in it, 0 … n − 1: how many there are. Throws Error(corrupt) naming the
/// first that is missing. 0 where there is no such folder.
std::uint32_t count_segments(FileSystem& files, const std::string& directory);

/// All that is recorded of a source, without rows; nullopt before the first segment. A tail of the
/// last segment that is not whole is left out: it is being written, or was when its writer ended.
/// Throws Error(corrupt) naming the file.
std::optional<RecordedSource> scan_source(FileSystem& files, const std::string& directory);

/// Throws on, with the file's name and place, what `body` throws as corrupt.
template <class Body>
auto naming_file(const std::string& path, std::uint64_t offset, Body body) {
  try {
    return body();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::corrupt) throw;
    throw Error(ErrorCode::corrupt, "the recording's file " + path + " is damaged at byte " +
                                        std::to_string(offset) + ": " + error.what() +
                                        "; restore it from a copy");
  }
}

/// Appends epochs to a source's folder. What a writer before it left is gone through first; its
/// last segment stays as it is, and the next one says how much of it counts.
class SegmentAppender {
 public:
  /// `head`: source, kind, query id, splits and schema.
  SegmentAppender(std::string directory, SegmentHead head, std::shared_ptr<FileSystem> files,
                  std::shared_ptr<Random> random);
  ~SegmentAppender();
  /// Makes the folder, and looks through what it has. Throws Error(incompatible) where that is of
  /// another query or schema.
  void open();
  /// The newest epoch it has; -1: none.
  std::int64_t last() const { return last_; }
  /// Begins an epoch's frame; then its chunks follow, then `sync`.
  /// After a throw it has to be opened again.
  void append(const RecordedEpoch& epoch);
  void append_bytes(std::string_view bytes);
  /// Makes all durable.
  void sync();

 private:
  void begin_segment();

  std::string directory_;
  SegmentHead head_;
  std::shared_ptr<FileSystem> files_;
  std::shared_ptr<Random> random_;
  std::unique_ptr<WritableFile> file_;
  std::uint64_t bytes_ = 0;           ///< of the segment in `file_`
  std::uint32_t next_ = 0;            ///< number of the next segment
  std::uint64_t previous_bytes_ = 0;  ///< of the one before that
  std::int64_t last_ = -1;
};

}  // namespace libstream
