#include "file_source.hpp"

#include "offset_json.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <cstring>
#include <fnmatch.h>
#include <unordered_set>

namespace libstream {
namespace {

std::string big_endian(std::uint64_t value) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (56 - 8 * i));
  return bytes;
}

std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Offset offset_of(std::uint64_t files) { return make_offset("files", files); }
std::uint64_t files_of(const Offset& offset) { return read_offset(offset, "files"); }

class FileSource final : public Source {
 public:
  FileSource(const SourceSpec& spec, const Environment& environment)
      : schema_(spec.schema),
        format_(file_format(spec)),
        selection_(file_selection(spec)),
        format_name_(spec.format),
        path_(spec.path),
        files_(environment.files),
        clock_(environment.clock) {
    while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  }

  const Schema& schema() const override { return schema_; }
  std::string describe() const override { return "FileSource[" + format_name_ + " " + path_ + "]"; }

  void restore(const Offset& committed, const StateReader& state) override {
    taken_.clear();
    state.for_each([&](std::uint32_t, std::string_view key, std::string_view value) {
      if (key.size() != 8 || from_big_endian(key) != taken_.size()) {
        throw Error(ErrorCode::corrupt, "the names of files that " + describe() +
                                            " has read are incomplete at number " +
                                            std::to_string(taken_.size()));
      }
      taken_.emplace_back(value);
      seen_.emplace(value);
    });
    first_undecided_ = taken_.size();
    if (files_of(committed) != taken_.size()) {
      throw Error(ErrorCode::corrupt, describe() + " stands at " + committed + " but knows " +
                                          std::to_string(taken_.size()) + " files");
    }
    started_ = taken_.size() > 0;
    check_reachable();
  }

  std::optional<PlannedRange> plan(bool unlimited) override {
    if (!frozen_ &&
        (unlimited || pending_.size() < std::max<std::uint64_t>(selection_.max_files, 1) ||
         selection_.max_bytes != 0)) {
      look_for_files();
    }
    if (pending_.empty()) return std::nullopt;
    std::size_t count = 0;
    std::uint64_t bytes = 0;
    for (; count < pending_.size(); ++count) {
      const std::uint64_t size = pending_[count].size;
      if (unlimited || count == 0) {
        bytes += size;
        continue;
      }
      if (selection_.max_files != 0 && count == selection_.max_files) break;
      if (selection_.max_bytes != 0 &&
          size > selection_.max_bytes - std::min(bytes, selection_.max_bytes)) {
        break;
      }
      bytes += size;
    }
    return take(count);
  }

  void rewind(const Offset& committed) override {
    const std::uint64_t decided = files_of(committed);
    LIBSTREAM_ASSERT(decided <= taken_.size(), "rewinds to a planned position");
    // Frozen: nothing but what was found then; else the next plan looks afresh.
    std::vector<FileStatus> again;
    for (std::uint64_t i = decided; i < taken_.size(); ++i) {
      if (frozen_) again.push_back(undecided_[i - first_undecided_]);
      seen_.erase(taken_[i]);
    }
    taken_.resize(decided);
    undecided_.resize(
        std::min<std::size_t>(undecided_.size(), decided - std::min(decided, first_undecided_)));
    started_ = decided > 0;
    if (!frozen_) {
      for (const FileStatus& file : pending_) seen_.erase(name_of(file.path));
      pending_.clear();
      settled_ = false;
      return;
    }
    pending_.insert(pending_.begin(), again.begin(), again.end());
  }

  void freeze() override {
    if (!frozen_) look_for_files();
    frozen_ = true;
  }

  void release(const Offset& decided) override {
    const std::uint64_t files = files_of(decided);
    if (files <= first_undecided_) return;
    const auto gone = static_cast<std::ptrdiff_t>(
        std::min<std::uint64_t>(files - first_undecided_, undecided_.size()));
    undecided_.erase(undecided_.begin(), undecided_.begin() + gone);
    first_undecided_ += static_cast<std::uint64_t>(gone);
  }

  std::unique_ptr<SourceReader> reader(std::uint32_t, std::uint32_t) override {
    return file_reader(schema_, format_, files_);
  }

 private:
  FileStatus check_reachable() {
    std::optional<FileStatus> status;
    try {
      status = files_->status(path_);
    } catch (const Error& error) {
      throw Error(ErrorCode::unreachable,
                  "cannot reach the input directory " + path_ + ": " + error.what());
    }
    if (!status) {
      throw Error(ErrorCode::unreachable, "the input directory " + path_ +
                                              " does not exist; create it or name another one");
    }
    return *status;
  }

  std::vector<FileStatus> entries() {
    try {
      return files_->list(path_);
    } catch (const Error& error) {
      throw Error(ErrorCode::unreachable,
                  "cannot reach the input directory " + path_ + ": " + error.what());
    }
  }

  bool wanted(const FileStatus& file, const std::string& name) const {
    if (file.directory || name.empty() || name[0] == '.' || name[0] == '_') return false;
    return selection_.glob.empty() || ::fnmatch(selection_.glob.c_str(), name.c_str(), 0) == 0;
  }

  /// Lists the directory, unless its modification time says that nothing can have changed: that
  /// saves an idle query from listing it a hundred times a second.
  void look_for_files() {
    const FileStatus directory = check_reachable();
    if (!directory.directory) {  // one file
      add_files({directory});
      return;
    }
    const std::int64_t begin = clock_->steady_microseconds();
    if (settled_ && directory.modified_nanoseconds == directory_time_ && begin < next_listing_)
      return;
    const std::int64_t now = clock_->now_milliseconds();
    add_files(entries());
    const std::int64_t end = clock_->steady_microseconds();
    // A directory changed a moment ago may change again without a new time.
    directory_time_ = directory.modified_nanoseconds;
    settled_ = directory_time_ != 0 && now - directory_time_ / 1000000 > 1000;
    next_listing_ = end + std::max<std::int64_t>(1000000, 200 * (end - begin));
  }

  void add_files(std::vector<FileStatus> found) {
    const std::size_t before = pending_.size();
    for (FileStatus& file : found) {
      const std::string name = name_of(file.path);
      if (wanted(file, name) && seen_.insert(name).second) pending_.push_back(std::move(file));
    }
    const auto first = pending_.begin() + static_cast<std::ptrdiff_t>(before);
    std::sort(first, pending_.end(), [&](const FileStatus& a, const FileStatus& b) {
      if (selection_.order == FileSelection::Order::time &&
          a.modified_nanoseconds != b.modified_nanoseconds) {
        return a.modified_nanoseconds < b.modified_nanoseconds;
      }
      return a.path < b.path;
    });
  }

  PlannedRange take(std::size_t count) {
    PlannedRange range;
    if (started_) range.start = offset_of(taken_.size());
    started_ = true;
    ChangelogWriter changes;
    for (std::size_t i = 0; i < count; ++i) {
      FileStatus& file = pending_[i];
      std::string name = name_of(file.path);
      range.units.push_back(file_unit(file.path, file.size));
      changes.put(0, big_endian(taken_.size()), name);
      taken_.push_back(std::move(name));
      undecided_.push_back(std::move(file));
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
    range.end = offset_of(taken_.size());
    range.latest = offset_of(taken_.size() + pending_.size());
    range.changelog = changes.take();
    return range;
  }

  const Schema schema_;
  const FileFormat format_;
  const FileSelection selection_;
  const std::string format_name_;
  std::string path_;
  std::shared_ptr<FileSystem> files_;
  std::shared_ptr<Clock> clock_;

  std::vector<std::string> taken_;     ///< names in order: the index is the position
  std::vector<FileStatus> undecided_;  ///< of taken_[first_undecided_ …]
  std::uint64_t first_undecided_ = 0;
  std::vector<FileStatus> pending_;       ///< found, not yet taken, in order
  std::unordered_set<std::string> seen_;  ///< names in taken_ and pending_
  bool started_ = false;
  bool frozen_ = false;
  std::int64_t directory_time_ = 0;
  std::int64_t next_listing_ = 0;  ///< steady µs
  bool settled_ = false;
};

char single_character(const Options& options, std::string_view name, char fallback,
                      bool may_be_empty) {
  const auto text = options.find(name);
  if (!text) return fallback;
  if (text->empty() && may_be_empty) return '\0';
  if (*text == "\\t") return '\t';
  if (text->size() != 1 || *text == "\n" || *text == "\r") {
    throw Error(ErrorCode::invalid_argument,
                "option " + std::string(name) + " takes one character, not \"" + *text + "\"");
  }
  return (*text)[0];
}

std::uint64_t limit_option(const Options& options, std::string_view name) {
  const auto value = options.integer(name);
  if (!value) return 0;
  if (*value <= 0) {
    throw Error(
        ErrorCode::invalid_argument,
        "option " + std::string(name) + " takes a number above 0, not " + std::to_string(*value));
  }
  return static_cast<std::uint64_t>(*value);
}

}  // namespace

FileFormat file_format(const SourceSpec& spec) {
  FileFormat format;
  format.kind = spec.format == "json"  ? FileFormat::Kind::json
                : spec.format == "csv" ? FileFormat::Kind::csv
                                       : FileFormat::Kind::text;
  const Options& options = spec.options;
  const std::string mode = options.get("mode", "PERMISSIVE");
  if (same_name(mode, "PERMISSIVE")) {
    format.mode = MalformedMode::permissive;
  } else if (same_name(mode, "DROPMALFORMED")) {
    format.mode = MalformedMode::drop;
  } else if (same_name(mode, "FAILFAST")) {
    format.mode = MalformedMode::fail_fast;
  } else {
    throw Error(ErrorCode::invalid_argument,
                "option mode is \"" + mode + "\"; PERMISSIVE, DROPMALFORMED and FAILFAST exist");
  }
  format.corrupt_column = options.get("columnNameOfCorruptRecord", format.corrupt_column);
  if (format.kind != FileFormat::Kind::csv) return format;
  format.header = options.boolean("header", false);
  format.separator =
      single_character(options, options.find("sep") ? "sep" : "delimiter", ',', false);
  format.quote = single_character(options, "quote", '"', true);
  format.escape = single_character(options, "escape", format.quote, true);
  format.null_value = options.get("nullValue", "");
  if (format.separator == format.quote) {
    throw Error(ErrorCode::invalid_argument, "options sep and quote are the same character");
  }
  return format;
}

FileSelection file_selection(const SourceSpec& spec) {
  FileSelection selection;
  const Options& options = spec.options;
  selection.max_files = limit_option(options, "maxFilesPerTrigger");
  selection.max_bytes = limit_option(options, "maxBytesPerTrigger");
  if (selection.max_files != 0 && selection.max_bytes != 0) {
    throw Error(ErrorCode::invalid_argument,
                "options maxFilesPerTrigger and maxBytesPerTrigger exclude each other");
  }
  const std::string order = options.get("fileOrder", "time");
  if (same_name(order, "name")) {
    selection.order = FileSelection::Order::name;
  } else if (!same_name(order, "time")) {
    throw Error(ErrorCode::invalid_argument,
                "option fileOrder is \"" + order + "\"; \"time\" and \"name\" exist");
  }
  selection.glob = options.get("pathGlobFilter", "");
  return selection;
}

std::shared_ptr<Source> file_source(const SourceSpec& spec, const Environment& environment) {
  return std::make_shared<FileSource>(spec, environment);
}

}  // namespace libstream
