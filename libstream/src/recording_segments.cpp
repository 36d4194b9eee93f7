#include "recording_segments.hpp"

#include <algorithm>
#include <cstdio>

namespace libstream {
namespace {

constexpr std::uint64_t segment_bytes = 64ULL << 20;
constexpr std::string_view suffix = ".segment";

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// A file from front to back, a piece at a time.
class SegmentBytes {
 public:
  SegmentBytes(FileSystem& files, const std::string& path) : files_(files), path_(path) {}
  /// Fewer than `size` at the end of the file. Good until the next call.
  std::string_view at(std::uint64_t offset, std::size_t size) {
    if (offset < begin_ || offset + size > begin_ + piece_.size()) {
      piece_ = files_.read(path_, offset, std::max(size, window));
      begin_ = offset;
    }
    return std::string_view(piece_).substr(static_cast<std::size_t>(offset - begin_), size);
  }

 private:
  static constexpr std::size_t window = 64 * 1024;
  FileSystem& files_;
  const std::string& path_;
  std::string piece_;
  std::uint64_t begin_ = 0;
};

/// One segment as far as it is whole.
struct Scan {
  SegmentHead head;
  std::vector<RecordedEpoch> epochs;
  std::uint64_t bytes = 0;
};

class SegmentScanner {
 public:
  /// `limit`: how much of it counts, which must be there; absent: as much as is whole.
  SegmentScanner(FileSystem& files, std::string path, std::uint32_t number,
                 std::optional<std::uint64_t> limit)
      : path_(std::move(path)),
        number_(number),
        size_(files.status(path_).value_or(FileStatus{}).size),
        limit_(limit),
        bytes_(files, path_) {}

  Scan run() {
    end_ = limit_.value_or(size_);
    if (size_ < end_) {
      at_ = size_;
      fail("it is shorter than the next segment says");
    }
    while (at_ < end_ && frame()) {
    }
    if (scan_.bytes == 0) fail("it does not begin with its description");
    return std::move(scan_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) {
    naming_file(path_, at_, [&] { throw Error(ErrorCode::corrupt, what); });
    std::abort();  // naming_file throws what its body throws
  }

  /// False at a tail that is not whole.
  bool frame() {
    if (end_ - at_ < frame_head_bytes) return cut();
    const auto head = naming_file(
        path_, at_, [&] { return decode_frame_head(bytes_.at(at_, frame_head_bytes)); });
    const auto rest = end_ - at_ - frame_head_bytes;
    if (head.body_bytes > rest || head.chunk_bytes > rest - head.body_bytes) return cut();
    const auto body_at = at_ + frame_head_bytes;
    const auto body = bytes_.at(body_at, head.body_bytes);
    if (body.size() < head.body_bytes) return cut();
    naming_file(path_, body_at, [&] { take(head, body); });
    at_ = body_at + head.body_bytes + head.chunk_bytes;
    scan_.bytes = at_;
    return true;
  }

  bool cut() {
    if (limit_) fail("a frame is cut off");
    return false;
  }

  void take(const FrameHead& head, std::string_view body) {
    if (at_ == 0) {
      scan_.head = decode_segment(head, body);
      if (scan_.head.number != number_) {
        throw Error(ErrorCode::corrupt, "it is segment " + std::to_string(scan_.head.number) +
                                            " by its description");
      }
      return;
    }
    auto epoch = decode_epoch(head, body);
    auto offset = at_ + frame_head_bytes + head.body_bytes;
    for (auto& chunk : epoch.chunks) {
      chunk.segment = number_;
      chunk.offset = offset;
      offset += chunk.bytes;
    }
    scan_.epochs.push_back(std::move(epoch));
  }

  const std::string path_;
  std::uint32_t number_;
  std::uint64_t size_;
  std::optional<std::uint64_t> limit_;
  SegmentBytes bytes_;
  std::uint64_t at_ = 0;
  std::uint64_t end_ = 0;
  Scan scan_;
};

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void append_scan(RecordedSource& source, Scan scan, const std::string& path) {
  for (auto& epoch : scan.epochs) {
    if (!source.epochs.empty() && epoch.epoch <= source.epochs.back().epoch) {
      throw Error(ErrorCode::corrupt, "the recording's file " + path + " has epoch " +
                                          std::to_string(number(epoch.epoch)) +
                                          " behind a later one; restore it from a copy");
    }
    source.epochs.push_back(std::move(epoch));
  }
  source.bytes += scan.bytes;
}

}  // namespace

std::string segment_path(const std::string& directory, std::uint32_t number) {
  char name[16];
  std::snprintf(name, sizeof(name), "%06u", number);
  return directory + "/" + name + std::string(suffix);
}

std::uint32_t count_segments(FileSystem& files, const std::string& directory) {
  if (!files.status(directory)) return 0;
  std::uint32_t count = 0;
  for (const auto& file : files.list(directory)) {
    if (!base_name(file.path).ends_with(suffix)) continue;
    // By name, so in order.
    if (base_name(file.path) != base_name(segment_path(directory, count))) {
      throw Error(ErrorCode::corrupt, "the recording's file " + segment_path(directory, count) +
                                          " is missing; restore it from a copy");
    }
    ++count;
  }
  return count;
}

std::optional<RecordedSource> scan_source(FileSystem& files, const std::string& directory) {
  const auto count = count_segments(files, directory);
  if (count == 0) return std::nullopt;
  // From the back: each says how much of the one before counts.
  std::vector<Scan> scans(count);
  std::optional<std::uint64_t> limit;
  for (auto number = count; number-- > 0;) {
    scans[number] = SegmentScanner(files, segment_path(directory, number), number, limit).run();
    limit = scans[number].head.previous_bytes;
  }
  RecordedSource source;
  const auto& head = scans[0].head;
  source.name = head.source;
  source.kind = head.kind;
  source.query_id = head.query_id;
  source.schema = head.schema;
  source.splits = head.splits;
  source.segments = count;
  for (std::uint32_t number = 0; number < count; ++number) {
    append_scan(source, std::move(scans[number]), segment_path(directory, number));
  }
  return source;
}

SegmentAppender::SegmentAppender(std::string directory, SegmentHead head,
                                 std::shared_ptr<FileSystem> files,
                                 std::shared_ptr<Random> random)
    : directory_(std::move(directory)),
      head_(std::move(head)),
      files_(std::move(files)),
      random_(std::move(random)) {}

SegmentAppender::~SegmentAppender() = default;

void SegmentAppender::open() {
  file_.reset();
  bytes_ = previous_bytes_ = 0;
  last_ = -1;
  files_->create_directories(directory_ + "/_staging");
  next_ = count_segments(*files_, directory_);
  if (next_ == 0) return;
  const auto found = scan_source(*files_, directory_);
  if (found->query_id != head_.query_id) {
    throw Error(ErrorCode::incompatible,
                "the recording " + directory_ + " belongs to query " + found->query_id +
                    ", this is query " + head_.query_id +
                    "; name another directory, or go on with that query's checkpoint");
  }
  if (!(found->schema == head_.schema)) {
    throw Error(ErrorCode::incompatible,
                "the recording " + directory_ + " has rows of [" + found->schema.to_string() +
                    "], the query reads [" + head_.schema.to_string() +
                    "]; name another directory");
  }
  if (!found->epochs.empty()) last_ = static_cast<std::int64_t>(number(found->epochs.back().epoch));
  const auto newest = next_ - 1;
  const auto path = segment_path(directory_, newest);
  previous_bytes_ = SegmentScanner(*files_, path, newest, std::nullopt).run().bytes;
}

/// The file gets its name when its description is durable, so that no reader sees one without.
void SegmentAppender::begin_segment() {
  head_.number = next_;
  head_.previous_bytes = previous_bytes_;
  const auto temporary = directory_ + "/_staging/segment." + random_->uuid();
  auto file = files_->create_shared(temporary);
  const auto frame = encode_segment(head_);
  file->append(bytes_of(frame));
  file->sync();
  const auto path = segment_path(directory_, next_);
  const bool linked = files_->link(temporary, path);
  files_->remove(temporary);
  if (!linked) {
    throw Error(ErrorCode::conflict, "the recording's file " + path +
                                         " is there already: another process records to this "
                                         "directory; name another one");
  }
  files_->sync_directory(directory_);
  file_ = std::move(file);
  bytes_ = frame.size();
  ++next_;
}

void SegmentAppender::append(const RecordedEpoch& epoch) {
  if (file_ && bytes_ >= segment_bytes) {
    file_->close();
    file_.reset();
    previous_bytes_ = bytes_;
  }
  if (!file_) begin_segment();
  last_ = static_cast<std::int64_t>(number(epoch.epoch));
  append_bytes(encode_epoch(epoch));
}

void SegmentAppender::append_bytes(std::string_view bytes) {
  file_->append(bytes_of(bytes));
  bytes_ += bytes.size();
}

void SegmentAppender::sync() {
  if (file_) file_->sync();
}

}  // namespace libstream
