#include "socket_source.hpp"

#include "line_socket.hpp"
#include "offset_json.hpp"
#include "scalar_text.hpp"

#include <libstream/durable_directory.hpp>
#include <libstream/error.hpp>
#include <libstream/wire.hpp>

#include <algorithm>
#include <charconv>

namespace libstream {
namespace {

/// One file of the journal: lines [begin, end).
struct Segment {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  std::string name() const { return std::to_string(begin) + "-" + std::to_string(end) + ".lines"; }
};

std::optional<Segment> segment_of(const std::string& name) {
  Segment segment;
  const char* const last = name.data() + name.size();
  const auto begin = std::from_chars(name.data(), last, segment.begin);
  if (begin.ec != std::errc() || begin.ptr == last || *begin.ptr != '-') return std::nullopt;
  const auto end = std::from_chars(begin.ptr + 1, last, segment.end);
  if (end.ec != std::errc() || segment.name() != name) return std::nullopt;
  return segment;
}

class JournalReader final : public SourceReader {
 public:
  explicit JournalReader(std::shared_ptr<FileSystem> files) : files_(std::move(files)) {}

  bool blocking() const override { return true; }
  void open(std::vector<ReadUnit> units) override {
    units_ = std::move(units);
    next_unit_ = next_batch_ = 0;
    batches_.clear();
    metrics_ = {};
  }
  BatchPtr next() override {
    while (next_batch_ == batches_.size()) {
      if (next_unit_ == units_.size()) return nullptr;
      const std::string& path = units_[next_unit_++].bytes;
      Schema schema;
      try {
        batches_ = decode_batches(files_->read(path), schema);
      } catch (const Error& error) {
        throw Error(error.code(), "journal file " + path + ": " + error.what());
      }
      next_batch_ = 0;
    }
    metrics_.rows += batches_[next_batch_]->rows;
    return std::move(batches_[next_batch_++]);
  }
  SourceMetrics metrics() const override { return metrics_; }

 private:
  std::shared_ptr<FileSystem> files_;
  std::vector<ReadUnit> units_;
  std::size_t next_unit_ = 0;
  std::vector<BatchPtr> batches_;
  std::size_t next_batch_ = 0;
  SourceMetrics metrics_;
};

class SocketSource final : public Source {
 public:
  SocketSource(const SourceSpec& spec, const Environment& environment)
      : schema_(socket_schema(spec.options)),
        host_(spec.options.get("host", "")),
        port_(spec.options.get("port", "")),
        environment_(environment) {
    const std::int64_t port = spec.options.integer("port").value_or(0);
    if (host_.empty() || port < 1 || port > 65535) {
      throw Error(ErrorCode::invalid_argument,
                  "the socket source needs the options host and port (1 to 65535)");
    }
  }

  const Schema& schema() const override { return schema_; }
  std::string describe() const override { return "SocketSource[" + host_ + ":" + port_ + "]"; }
  void set_journal_directory(const std::string& path) override { journal_ = path; }

  void restore(const Offset& committed, const StateReader&) override {
    if (journal_.empty()) {
      throw Error(ErrorCode::invalid_argument,
                  describe() + " needs a checkpoint directory to keep its lines in");
    }
    create_durable_directories(*environment_.files, journal_);
    read_journal(read_offset(committed, "lines"));
    rewind(committed);
    socket_ = std::make_unique<LineSocket>(host_, port_, environment_.clock);
  }

  std::optional<PlannedRange> plan(bool) override {
    if (!frozen_) collect();
    if (planned_ == received_) return std::nullopt;
    PlannedRange range;
    if (started_) range.start = make_offset("lines", planned_);
    for (const Segment& segment : segments_) {
      if (segment.begin < planned_) continue;
      range.units.push_back({path_of(segment), segment.end - segment.begin, -1});
    }
    planned_ = received_;
    started_ = true;
    range.end = range.latest = make_offset("lines", received_);
    return range;
  }

  void rewind(const Offset& committed) override {
    planned_ = read_offset(committed, "lines");
    started_ = !committed.empty();
  }

  void freeze() override {
    if (!frozen_) collect();
    frozen_ = true;
  }

  void release(const Offset& decided) override {
    const std::uint64_t lines = read_offset(decided, "lines");
    while (!segments_.empty() && segments_.front().end <= lines) {
      environment_.files->remove(path_of(segments_.front()));
      segments_.erase(segments_.begin());
    }
  }

  std::unique_ptr<SourceReader> reader(std::uint32_t, std::uint32_t) override {
    return std::make_unique<JournalReader>(environment_.files);
  }

 private:
  std::string path_of(const Segment& segment) const { return journal_ + "/" + segment.name(); }

  void read_journal(std::uint64_t committed) {
    segments_.clear();
    for (const FileStatus& file : environment_.files->list(journal_)) {
      const auto segment = segment_of(file.path.substr(file.path.rfind('/') + 1));
      // Unfinished files of a crash, and what an interrupted release left.
      if (!segment || segment->end <= committed) {
        environment_.files->remove(file.path);
      } else {
        segments_.push_back(*segment);
      }
    }
    std::sort(segments_.begin(), segments_.end(),
              [](const Segment& a, const Segment& b) { return a.begin < b.begin; });
    received_ = committed;
    for (const Segment& segment : segments_) {
      if (segment.begin != received_) {
        throw Error(ErrorCode::corrupt, "the journal " + journal_ + " of " + describe() +
                                            " has no lines from number " +
                                            std::to_string(received_));
      }
      received_ = segment.end;
    }
  }

  /// Moves received lines to the journal; they count once they are durable there.
  void collect() {
    // Kept until they are durable: a full disk may have room at the next try.
    for (LineSocket::Line& line : socket_->take()) unwritten_.push_back(std::move(line));
    if (unwritten_.empty()) return;
    const Segment segment{received_, received_ + unwritten_.size()};
    const std::string bytes = encode_batches(schema_, batches_of(unwritten_));
    FileSystem& files = *environment_.files;
    const std::string temporary = journal_ + "/" + environment_.random->uuid() + ".part";
    const auto file = files.create(temporary);
    file->append(std::as_bytes(std::span<const char>(bytes.data(), bytes.size())));
    file->sync();
    file->close();
    if (!files.link(temporary, path_of(segment))) {
      throw Error(ErrorCode::conflict, "another process writes to the journal " + journal_);
    }
    files.remove(temporary);
    files.sync_directory(journal_);
    segments_.push_back(segment);
    received_ = segment.end;
    unwritten_.clear();
  }

  std::vector<BatchPtr> batches_of(const std::vector<LineSocket::Line>& lines) const {
    std::vector<BatchPtr> batches;
    ColumnBuilder texts(TypeId::string);
    ColumnBuilder times(TypeId::timestamp);
    std::size_t bytes = 0;
    for (const LineSocket::Line& line : lines) {
      const std::string text = replace_invalid_utf8(line.text);
      texts.append_string(text);
      times.append(line.microseconds);
      bytes += text.size();
      if (texts.size() < batch_rows && bytes < batch_bytes / 2 && &line != &lines.back()) continue;
      std::vector<ColumnPtr> columns{texts.finish()};
      ColumnPtr arrivals = times.finish();
      if (schema_.size() == 2) columns.push_back(std::move(arrivals));
      batches.push_back(make_batch(std::move(columns)));
      bytes = 0;
    }
    return batches;
  }

  const Schema schema_;
  const std::string host_;
  const std::string port_;
  const Environment environment_;
  std::string journal_;
  std::vector<Segment> segments_;  ///< undecided, dense, ascending
  std::uint64_t received_ = 0;     ///< lines in the journal, from the very first
  std::uint64_t planned_ = 0;
  bool started_ = false;
  bool frozen_ = false;
  std::unique_ptr<LineSocket> socket_;
  std::vector<LineSocket::Line> unwritten_;
};

}  // namespace

std::shared_ptr<Source> socket_source(const SourceSpec& spec, const Environment& environment) {
  spec.options.check_known({"host", "port", "includeTimestamp"}, "the socket source");
  return std::make_shared<SocketSource>(spec, environment);
}

Schema socket_schema(const Options& options) {
  Schema schema{{"value", TypeId::string}};
  if (!options.boolean("includeTimestamp", false)) return schema;
  return {{"value", TypeId::string}, {"timestamp", TypeId::timestamp}};
}

}  // namespace libstream
