#include "recording_segments.hpp"

#include <libstream/error.hpp>

namespace libstream {

struct RecordingWriter::State {
  std::string directory;
  std::shared_ptr<FileSystem> files;
  std::unique_ptr<SegmentAppender> segments;
};

RecordingWriter::RecordingWriter(std::string directory, std::shared_ptr<FileSystem> files)
    : state_(std::make_unique<State>()) {
  state_->directory = std::move(directory);
  state_->files = std::move(files);
}

RecordingWriter::~RecordingWriter() = default;

void RecordingWriter::begin(const RecordedSource& source) {
  finish();
  const auto folder = state_->directory + "/" + source.name;
  if (count_segments(*state_->files, folder) > 0) {
    throw Error(ErrorCode::conflict,
                folder + " has a recording already; name a new directory to write to");
  }
  SegmentHead head;
  head.source = source.name;
  head.kind = source.kind;
  head.query_id = source.query_id;
  head.splits = source.splits;
  head.schema = source.schema;
  state_->segments = std::make_unique<SegmentAppender>(folder, std::move(head), state_->files,
                                                       system_random());
  state_->segments->open();
}

void RecordingWriter::append(const RecordedEpoch& epoch, const std::vector<std::string>& chunks) {
  LIBSTREAM_ASSERT(state_->segments != nullptr, "a source has been begun");
  LIBSTREAM_ASSERT(chunks.size() == epoch.chunks.size(), "bytes of each chunk");
  state_->segments->append(epoch);
  for (const auto& chunk : chunks) state_->segments->append_bytes(chunk);
}

void RecordingWriter::finish() {
  if (state_->segments) state_->segments->sync();
  state_->segments.reset();
}

}  // namespace libstream
