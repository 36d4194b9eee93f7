#include "file_sink.hpp"

#include "text_writer.hpp"

#include <libstream/durable_directory.hpp>
#include <libstream/error.hpp>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

namespace libstream {
namespace {

constexpr std::size_t flush_bytes = 1024 * 1024;
constexpr std::string_view handle_magic = "libstream staged file 1";

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

/// What writers and the sink share; immutable.
struct FileTarget {
  std::string directory;
  std::string suffix;
  Schema schema;
  bool csv = false;
  CsvStyle style;
  std::shared_ptr<FileSystem> files;
  std::shared_ptr<Random> random;

  std::string staging() const { return directory + "/_staging"; }
  std::string staged(const std::string& name) const { return staging() + "/" + name; }
  std::string final(const std::string& name) const { return directory + "/" + name; }
};

class FileSinkWriter final : public SinkWriter {
 public:
  FileSinkWriter(std::shared_ptr<const FileTarget> target, const StageContext& context)
      : target_(std::move(target)),
        context_(context),
        text_(target_->csv ? csv_writer(target_->schema, target_->style)
                           : json_writer(target_->schema)) {}

  bool blocking() const override { return true; }

  void start(Epoch epoch) override {
    epoch_ = epoch;
    file_.reset();
    buffer_.clear();
    rows_ = 0;
    staged_ = {};
  }

  void write(const BatchPtr& batch) override {
    if (batch->rows == 0) return;
    if (rows_ == 0) buffer_ = text_->header();
    rows_ += batch->rows;
    text_->write(*batch, buffer_);
    if (buffer_.size() >= flush_bytes) flush();
  }

  StagedHandle stage() override {
    if (rows_ == 0) return {};
    flush();
    file_->sync();
    file_->close();
    file_.reset();
    target_->files->sync_directory(target_->staging());
    return {encode_staged_file(staged_), rows_};
  }

 private:
  void flush() {
    if (!file_) {
      const std::string name =
          "part-" + std::to_string(number(epoch_)) + "-" + std::to_string(context_.partition);
      staged_.final_name = name + target_->suffix;
      staged_.staged_name = name + "-t" + std::to_string(context_.term) + "-" +
                            target_->random->uuid() + target_->suffix;
      file_ = target_->files->create_shared(target_->staged(staged_.staged_name));
    }
    file_->append(bytes_of(buffer_));
    staged_.size += buffer_.size();
    staged_.crc = crc32c(bytes_of(buffer_), staged_.crc);
    buffer_.clear();
  }

  std::shared_ptr<const FileTarget> target_;
  StageContext context_;
  std::unique_ptr<TextWriter> text_;
  Epoch epoch_{};
  std::unique_ptr<WritableFile> file_;
  std::string buffer_;
  std::uint64_t rows_ = 0;
  StagedFile staged_;
};

/// Term in the name of a staged file: "part-3-0-t7-<uuid>.jsonl"; nullopt for other names.
std::optional<std::uint64_t> term_of(std::string_view name) {
  if (name.substr(0, 5) != "part-") return std::nullopt;
  const auto mark = name.find("-t");
  if (mark == std::string_view::npos) return std::nullopt;
  std::uint64_t term = 0;
  const char* const end = name.data() + name.size();
  const auto result = std::from_chars(name.data() + mark + 2, end, term);
  if (result.ec != std::errc() || result.ptr == end || *result.ptr != '-') return std::nullopt;
  return term;
}

class FileSink final : public Sink {
 public:
  FileSink(std::string format, std::shared_ptr<FileTarget> target)
      : format_(std::move(format)), target_(std::move(target)) {}

  std::string describe() const override {
    return "FileSink[" + format_ + " " + target_->directory + "]";
  }

  void set_schema(const Schema& schema) override {
    target_->schema = schema;
    // Throws for types that the format cannot hold, before anything is opened.
    target_->csv ? csv_writer(schema, target_->style) : json_writer(schema);
  }

  void open(const std::string& query_id) override {
    try {
      create_durable_directories(*target_->files, target_->staging());
      mark(query_id);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::io) throw;
      throw Error(ErrorCode::unreachable, "cannot write to the output directory " +
                                              target_->directory + ": " + error.what() +
                                              "; make it writable or name another one");
    }
  }

  std::unique_ptr<SinkWriter> writer(const StageContext& context) override {
    return std::make_unique<FileSinkWriter>(target_, context);
  }

  void commit(Epoch, std::span<const StagedHandle> handles) override {
    std::vector<StagedFile> files;
    for (const StagedHandle& handle : handles) {
      if (!handle.empty()) files.push_back(decode_staged_file(handle.bytes));
    }
    if (files.empty()) return;
    for (const StagedFile& file : files) publish(file);
    // The new names are durable before the old ones go.
    target_->files->sync_directory(target_->directory);
    for (const StagedFile& file : files) target_->files->remove(target_->staged(file.staged_name));
    target_->files->sync_directory(target_->staging());
  }

  void sweep(std::uint64_t term, std::span<const StagedHandle> keep) override {
    std::set<std::string> kept;
    for (const StagedHandle& handle : keep) {
      if (!handle.empty()) kept.insert(decode_staged_file(handle.bytes).staged_name);
    }
    for (const FileStatus& file : target_->files->list(target_->staging())) {
      const std::string name = file.path.substr(file.path.rfind('/') + 1);
      const auto writer_term = term_of(name);
      const bool old = writer_term ? *writer_term < term : name.rfind("query.", 0) == 0;
      if (old && kept.count(name) == 0) target_->files->remove(target_->staged(name));
    }
  }

 private:
  /// Writes the query's id where no other one is.
  void mark(const std::string& query_id) {
    const std::string marker = target_->staged("query");
    if (!target_->files->status(marker)) {
      const std::string temporary = marker + "." + target_->random->uuid();
      const auto file = target_->files->create(temporary);
      file->append(bytes_of(query_id));
      file->sync();
      file->close();
      target_->files->link(temporary, marker);  // false: another one was first, read below
      target_->files->remove(temporary);
      target_->files->sync_directory(target_->staging());
      target_->files->sync_directory(target_->directory);
    }
    const std::string owner_id = target_->files->read(marker);
    if (owner_id == query_id) return;
    throw Error(ErrorCode::incompatible,
                "the output directory " + target_->directory + " belongs to query " + owner_id +
                    ", this is query " + query_id +
                    "; name another directory, or go on with that query's checkpoint");
  }

  /// Gives a staged file its final name, once.
  void publish(const StagedFile& file) {
    FileSystem& files = *target_->files;
    const std::string staged = target_->staged(file.staged_name);
    const std::string final = target_->final(file.final_name);
    const auto status = files.status(staged);
    if (!status) {
      // Nothing but a commit removes a decided file.
      if (files.status(final)) return;
      throw Error(ErrorCode::corrupt, "the output file " + final +
                                          " is gone, and so is what was staged for it (" + staged +
                                          "); restore it or start with a new checkpoint");
    }
    if (status->size != file.size) {
      throw Error(ErrorCode::corrupt, "the staged file " + staged + " has " +
                                          std::to_string(status->size) + " bytes instead of " +
                                          std::to_string(file.size));
    }
    if (files.link(staged, final) || files.same_file(staged, final)) return;
    const auto other = files.status(final);
    if (other && other->size == file.size && crc_of(final) == file.crc) return;
    throw Error(ErrorCode::conflict, "the output file " + final +
                                         " is in the way: it was not written by this query; move "
                                         "it away and restart");
  }

  std::uint32_t crc_of(const std::string& path) {
    std::uint32_t crc = 0;
    for (std::uint64_t offset = 0;;) {
      const std::string part = target_->files->read(path, offset, flush_bytes);
      if (part.empty()) return crc;
      crc = crc32c(bytes_of(part), crc);
      offset += part.size();
    }
  }

  const std::string format_;
  const std::shared_ptr<FileTarget> target_;
};

char one_character(const Options& options, std::string_view name, char fallback) {
  const std::string text = options.get(name, std::string(1, fallback));
  if (text == "\\t") return '\t';
  if (text.size() == 1 && text != "\n" && text != "\r") return text[0];
  throw Error(ErrorCode::invalid_argument,
              "option " + std::string(name) + " takes one character, not \"" + text + "\"");
}

}  // namespace

std::string encode_staged_file(const StagedFile& file) {
  return std::string(handle_magic) + "\n" + file.final_name + "\n" + file.staged_name + "\n" +
         std::to_string(file.size) + "\n" + std::to_string(file.crc) + "\n";
}

StagedFile decode_staged_file(const std::string& bytes) {
  StagedFile file;
  std::istringstream in(bytes);
  std::string magic;
  std::getline(in, magic);
  std::getline(in, file.final_name);
  std::getline(in, file.staged_name);
  in >> file.size >> file.crc;
  const bool names = !file.final_name.empty() && !file.staged_name.empty() &&
                     (file.final_name + file.staged_name).find('/') == std::string::npos;
  if (!in || in.get() != '\n' || magic != handle_magic || !names) {
    throw Error(ErrorCode::corrupt, "a handle of the file sink is malformed");
  }
  return file;
}

std::shared_ptr<Sink> file_sink(const SinkSpec& spec, OutputMode mode,
                                const Environment& environment) {
  const Options& options = spec.options;
  auto target = std::make_shared<FileTarget>();
  target->csv = spec.format == "csv";
  if (target->csv) {
    options.check_known({"header", "sep", "delimiter", "quote", "nullValue", "outputModes"},
                        "the csv sink");
    target->style.header = options.boolean("header", false);
    target->style.separator =
        one_character(options, options.find("sep") ? "sep" : "delimiter", ',');
    target->style.quote = one_character(options, "quote", '"');
    target->style.null_value = options.get("nullValue", "");
  } else {
    options.check_known({"outputModes"}, "the json sink");
  }
  const std::string modes = options.get("outputModes", "append");
  if (!same_name(modes, "append") && !same_name(modes, "any")) {
    throw Error(ErrorCode::invalid_argument,
                "option outputModes is \"" + modes + "\"; \"append\" and \"any\" exist");
  }
  if (mode != OutputMode::append && !same_name(modes, "any")) {
    throw Error(ErrorCode::analysis, "STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE",
                "the " + spec.format + " sink takes output mode append, not " +
                    std::string(to_string(mode)) +
                    "; with option outputModes = \"any\" it writes each epoch's rows as they are");
  }
  if (spec.path.empty()) {
    throw Error(ErrorCode::invalid_argument, "the " + spec.format + " sink needs a directory");
  }
  target->directory = spec.path;
  while (target->directory.size() > 1 && target->directory.back() == '/') {
    target->directory.pop_back();
  }
  target->suffix = target->csv ? ".csv" : ".jsonl";
  target->files = environment.files;
  target->random = environment.random;
  return std::make_shared<FileSink>(spec.format, std::move(target));
}

}  // namespace libstream
