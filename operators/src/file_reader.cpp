#include "csv_parser.hpp"
#include "file_source.hpp"
#include "json_parser.hpp"
#include "text_parser.hpp"

#include <libstream/error.hpp>

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace libstream {
namespace {

constexpr std::size_t chunk_bytes = 4 * 1024 * 1024;
constexpr std::size_t padding_bytes = 64;
static_assert(padding_bytes >= simdjson::SIMDJSON_PADDING);

/// The unread bytes of one file, chunk by chunk; a record cut by a chunk's end is completed by the
/// next one.
class FileBytes {
 public:
  explicit FileBytes(std::shared_ptr<FileSystem> files) : files_(std::move(files)) {}

  void open(std::string path) {
    path_ = std::move(path);
    offset_ = 0;
    begin_ = end_ = 0;
    last_ = false;
  }
  void close() {
    last_ = true;
    begin_ = end_ = 0;
  }
  /// Reads more behind what is left; `chunk().last` says that there is no more.
  void fill() {
    std::memmove(memory_.data(), memory_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    // A record longer than a chunk: larger reads, so that it is not scanned over and over.
    const std::size_t wanted = std::max(chunk_bytes, end_);
    const std::string bytes = read(wanted);
    offset_ += bytes.size();
    last_ = bytes.size() < wanted;
    if (memory_.size() < end_ + bytes.size() + padding_bytes) {
      memory_.resize(end_ + bytes.size() + padding_bytes);
    }
    std::memcpy(memory_.data() + end_, bytes.data(), bytes.size());
    end_ += bytes.size();
    std::memset(memory_.data() + end_, 0, padding_bytes);
    std::size_t whole = end_;
    while (!last_ && whole > 0 && memory_[whole - 1] != '\n') --whole;
    valid_utf8_ = simdjson::validate_utf8(memory_.data(), whole);
  }
  Chunk chunk() const {
    return {memory_.data() + begin_, memory_.data() + end_, last_, valid_utf8_};
  }
  void take(std::size_t bytes) { begin_ += bytes; }
  bool at_end() const { return last_ && begin_ == end_; }
  bool last() const { return last_; }
  std::size_t left() const { return end_ - begin_; }

 private:
  std::string read(std::size_t wanted) {
    try {
      return files_->read(path_, offset_, wanted);
    } catch (const Error& error) {
      throw Error(ErrorCode::unreachable,
                  std::string("cannot go on with the input: ") + error.what());
    }
  }

  std::shared_ptr<FileSystem> files_;
  std::string path_;
  std::uint64_t offset_ = 0;
  std::vector<char> memory_ = std::vector<char>(padding_bytes);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool last_ = true;
  bool valid_utf8_ = false;
};

class FileReader final : public SourceReader {
 public:
  FileReader(const Schema& schema, const FileFormat& format, std::shared_ptr<FileSystem> files)
      : bytes_(std::move(files)), rows_(schema, format.corrupt_column, format.mode) {
    switch (format.kind) {
      case FileFormat::Kind::json:
        parser_ = json_parser(schema);
        break;
      case FileFormat::Kind::csv:
        parser_ = csv_parser(schema, format);
        break;
      case FileFormat::Kind::text:
        parser_ = text_parser();
        break;
    }
  }

  bool blocking() const override { return true; }

  void open(std::vector<ReadUnit> units) override {
    units_ = std::move(units);
    next_unit_ = 0;
    bytes_.close();
    if (rows_.rows() > 0) rows_.finish();  // of an epoch that was given up
    rows_.discard_row();
    rows_.reset_metrics();
  }

  BatchPtr next() override {
    while (!rows_.full()) {
      if (bytes_.at_end()) {
        if (!open_file()) break;
        continue;
      }
      const std::size_t taken = parser_->parse(bytes_.chunk(), rows_);
      bytes_.take(taken);
      if (rows_.full() || bytes_.at_end()) continue;
      if (bytes_.last()) {
        LIBSTREAM_ASSERT(taken > 0, "a parser takes every record of a whole file");
        continue;
      }
      if (bytes_.left() > record_limit_bytes) {
        skip_record();
      } else {
        bytes_.fill();
      }
    }
    return rows_.rows() == 0 ? nullptr : rows_.finish();
  }

  SourceMetrics metrics() const override { return rows_.metrics(); }

 private:
  bool open_file() {
    if (next_unit_ == units_.size()) return false;
    const ReadUnit& unit = units_[next_unit_++];
    LIBSTREAM_ASSERT(unit.bytes.size() > 1, "a unit made by file_unit");
    if (unit.bytes[0] == '0') return true;  // empty: not opened, it may be a pipe
    const std::string path = unit.bytes.substr(1);
    rows_.start_file(path);
    parser_->start_file(path);
    bytes_.open(path);
    bytes_.fill();
    return true;
  }

  /// Gives up a record without end: one malformed row, then on behind the next line end.
  void skip_record() {
    const Chunk chunk = bytes_.chunk();
    rows_.malformed({chunk.begin, 1024}, "the record is longer than 16 MiB");
    rows_.add_lines(1);
    while (true) {
      const Chunk rest = bytes_.chunk();
      const std::size_t size = static_cast<std::size_t>(rest.end - rest.begin);
      const void* const newline = size == 0 ? nullptr : std::memchr(rest.begin, '\n', size);
      if (newline != nullptr) {
        bytes_.take(static_cast<std::size_t>(static_cast<const char*>(newline) - rest.begin) + 1);
        return;
      }
      bytes_.take(size);
      if (bytes_.at_end()) return;
      bytes_.fill();
    }
  }

  FileBytes bytes_;
  RowBuilder rows_;
  std::unique_ptr<RecordParser> parser_;
  std::vector<ReadUnit> units_;
  std::size_t next_unit_ = 0;
};

}  // namespace

std::unique_ptr<SourceReader> file_reader(const Schema& schema, const FileFormat& format,
                                          std::shared_ptr<FileSystem> files) {
  return std::make_unique<FileReader>(schema, format, std::move(files));
}

ReadUnit file_unit(const std::string& path, std::uint64_t size) {
  return {(size == 0 ? '0' : '1') + path, std::max<std::uint64_t>(size, 1), -1};
}

}  // namespace libstream
