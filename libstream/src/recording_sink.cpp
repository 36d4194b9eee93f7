#include "recording_segments.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <charconv>
#include <set>

namespace libstream {
namespace {

constexpr std::size_t chunk_bytes = 512 * 1024;  ///< of columns, before they are compressed
constexpr std::size_t inline_bytes = 16 * 1024;  ///< go into the decision instead of a file
constexpr std::size_t flush_bytes = 1024 * 1024;

/// What writers and the sink share.
struct RecordingPlace {
  RecordingTarget target;
  Schema schema;  ///< of the rows as recorded
  std::string query_id;
  std::shared_ptr<FileSystem> files;
  std::shared_ptr<Random> random;

  std::string folder() const { return target.directory + "/" + target.source; }
  std::string staged(const std::string& name) const { return folder() + "/_staging/" + name; }
};

BatchPtr without_last_column(const Batch& batch) {
  auto copy = std::make_shared<Batch>(batch);
  copy->columns.pop_back();
  return copy;
}

class RecordingSinkWriter final : public SinkWriter {
 public:
  RecordingSinkWriter(std::shared_ptr<const RecordingPlace> place, const StageContext& context)
      : place_(std::move(place)), context_(context) {}

  bool blocking() const override { return true; }

  void start(Epoch epoch) override {
    epoch_ = epoch;
    batches_.clear();
    waiting_bytes_ = 0;
    staged_ = {};
    file_.reset();
    rows_ = 0;
  }

  void write(const BatchPtr& batch) override {
    if (batch->rows == 0) return;
    std::int64_t split = -1;
    auto rows = batch;
    if (place_->target.split_column) {  // of one split each, as the source task makes them
      split = batch->columns.back()->values<std::int64_t>()[0];
      rows = without_last_column(*batch);
    }
    if (split != split_) flush_chunk();
    split_ = split;
    rows_ += batch->rows;
    waiting_bytes_ += rows->bytes();
    batches_.push_back(std::move(rows));
    if (waiting_bytes_ >= chunk_bytes) flush_chunk();
  }

  StagedHandle stage() override {
    flush_chunk();
    if (rows_ == 0) return {};
    if (file_ || staged_.bytes.size() > inline_bytes) {
      flush_file();
      file_->sync();
      file_->close();
      file_.reset();
      place_->files->sync_directory(place_->folder() + "/_staging");
    }
    return {encode_staged(staged_), rows_};
  }

 private:
  void flush_chunk() {
    if (batches_.empty()) return;
    staged_.chunks.push_back(encode_chunk(place_->schema, batches_, split_, staged_.bytes));
    batches_.clear();
    waiting_bytes_ = 0;
    if (staged_.bytes.size() >= flush_bytes) flush_file();
  }

  void flush_file() {
    if (!file_) {
      staged_.file = place_->query_id + "-t" + std::to_string(context_.term) + "-" +
                     std::to_string(number(epoch_)) + "-" + std::to_string(context_.partition) +
                     "-" + place_->random->uuid();
      file_ = place_->files->create_shared(place_->staged(staged_.file));
    }
    file_->append(std::as_bytes(std::span(staged_.bytes.data(), staged_.bytes.size())));
    staged_.bytes.clear();
  }

  std::shared_ptr<const RecordingPlace> place_;
  StageContext context_;
  Epoch epoch_{};
  std::int64_t split_ = -1;
  std::vector<BatchPtr> batches_;
  std::size_t waiting_bytes_ = 0;
  StagedChunks staged_;
  std::unique_ptr<WritableFile> file_;
  std::uint64_t rows_ = 0;
};

class RecordingSink final : public Sink {
 public:
  explicit RecordingSink(std::shared_ptr<RecordingPlace> place) : place_(std::move(place)) {}

  std::string describe() const override { return "Recording[" + place_->folder() + "]"; }

  void set_schema(const Schema& schema) override {
    auto fields = schema.fields();
    if (place_->target.split_column) fields.pop_back();
    place_->schema = Schema(std::move(fields));
  }

  void open(const std::string& query_id) override {
    place_->query_id = query_id;
    SegmentHead head;
    head.source = place_->target.source;
    head.kind = place_->target.kind;
    head.query_id = query_id;
    head.splits = place_->target.splits;
    head.schema = place_->schema;
    segments_ = std::make_unique<SegmentAppender>(place_->folder(), std::move(head), place_->files,
                                                  place_->random);
    try {
      segments_->open();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::io) throw;
      throw Error(ErrorCode::unreachable,
                  "cannot record to " + place_->folder() + ": " + error.what());
    }
    place_->files->sync_directory(place_->target.directory);
  }

  std::unique_ptr<SinkWriter> writer(const StageContext& context) override {
    return std::make_unique<RecordingSinkWriter>(place_, context);
  }

  StagedHandle note(const EpochSummary& summary) override {
    const auto& input = summary.inputs.at(place_->target.input);
    RecordedEpoch epoch;
    epoch.epoch = summary.epoch;
    epoch.context = summary.context;
    epoch.trigger = summary.trigger;
    epoch.no_data = summary.no_data;
    epoch.idle = input.idle;
    epoch.start = input.start;
    epoch.end = input.end;
    epoch.watermark = summary.watermark;
    epoch.next_watermark = summary.next_watermark;
    return {encode_note(epoch), 0};
  }

  void commit(Epoch epoch, std::span<const StagedHandle> handles) override {
    LIBSTREAM_ASSERT(!handles.empty(), "the note is there in every epoch");
    auto record = decode_note(handles.back().bytes);
    LIBSTREAM_ASSERT(record.epoch == epoch, "the note is of the epoch");
    std::vector<StagedChunks> parts;
    for (const auto& handle : handles.first(handles.size() - 1)) {
      if (!handle.empty()) parts.push_back(decode_staged(handle.bytes));
    }
    for (const auto& part : parts) {
      record.chunks.insert(record.chunks.end(), part.chunks.begin(), part.chunks.end());
    }
    if (broken_) segments_->open();
    if (static_cast<std::int64_t>(number(epoch)) > segments_->last()) {  // else it was appended
      broken_ = true;
      segments_->append(record);
      for (const auto& part : parts) append(part);
      segments_->sync();
      broken_ = false;
    }
    for (const auto& part : parts) {
      if (!part.file.empty()) place_->files->remove(place_->staged(part.file));
    }
  }

  void sweep(std::uint64_t term, std::span<const StagedHandle> keep) override {
    std::set<std::string> kept;
    for (const auto& handle : keep) {
      // Notes are messages of another kind, and name no file.
      if (handle.rows > 0) kept.insert(decode_staged(handle.bytes).file);
    }
    for (const auto& file : place_->files->list(place_->folder() + "/_staging")) {
      const auto name = file.path.substr(file.path.rfind('/') + 1);
      const bool old = name.starts_with("segment.") || term_of(name) < term;
      if (old && kept.count(name) == 0) place_->files->remove(place_->staged(name));
    }
  }

 private:
  void append(const StagedChunks& part) {
    std::uint64_t offset = 0;
    for (const auto& chunk : part.chunks) {
      const auto bytes =
          part.file.empty()
              ? part.bytes.substr(static_cast<std::size_t>(offset), chunk.bytes)
              : place_->files->read(place_->staged(part.file), offset, chunk.bytes);
      naming_file(part.file.empty() ? "of a decision" : place_->staged(part.file), offset,
                  [&] { check_chunk(chunk, bytes); });
      segments_->append_bytes(bytes);
      offset += chunk.bytes;
    }
  }

  /// Term in the name of a file that this query staged; the newest there can be for other names.
  std::uint64_t term_of(std::string_view name) const {
    const auto prefix = place_->query_id + "-t";
    std::uint64_t term = UINT64_MAX;
    if (name.starts_with(prefix)) {
      std::from_chars(name.data() + prefix.size(), name.data() + name.size(), term);
    }
    return term;
  }

  std::shared_ptr<RecordingPlace> place_;
  std::unique_ptr<SegmentAppender> segments_;
  bool broken_ = false;  ///< an append did not end: how far it came, the file knows
};

}  // namespace

std::shared_ptr<Sink> recording_sink(RecordingTarget target, const Environment& environment) {
  while (target.directory.size() > 1 && target.directory.back() == '/') target.directory.pop_back();
  auto place = std::make_shared<RecordingPlace>();
  place->target = std::move(target);
  place->files = environment.files;
  place->random = environment.random;
  return std::make_shared<RecordingSink>(std::move(place));
}

}  // namespace libstream
