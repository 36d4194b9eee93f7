#include "static_rows.hpp"

#include "file_source.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/memory.hpp>
#include <libstream/operators/connectors.hpp>
#include <libstream/resolved_plan.hpp>
#include <libstream/source.hpp>
#include <libstream/time.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <fnmatch.h>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

namespace libstream {
namespace {

/// A file may change while it is read; it is given so many chances to hold still.
constexpr int read_attempts = 5;
/// More files than this are recorded as a number, their bytes and a digest.
constexpr std::size_t listed_files = 100;

/// Says when it is time to look again.
class RefreshTimer {
 public:
  RefreshTimer(const Refresh& refresh, std::shared_ptr<Clock> clock)
      : refresh_(refresh), clock_(std::move(clock)) {}

  bool due() const {
    if (!looked_) return true;
    if (refresh_.kind == Refresh::Kind::each_epoch) return true;
    if (refresh_.kind == Refresh::Kind::once) return false;
    return clock_->steady_microseconds() - *looked_ >= refresh_.milliseconds * 1000;
  }
  void looked() { looked_ = clock_->steady_microseconds(); }

 private:
  Refresh refresh_;
  std::shared_ptr<Clock> clock_;
  std::optional<std::int64_t> looked_;  ///< steady µs
};

struct Stamp {
  std::uint64_t size = 0;
  std::int64_t modified = 0;
  bool operator==(const Stamp&) const = default;
};

std::string version_of(const std::string& place, const std::map<std::string, Stamp>& files) {
  boost::json::object version;
  version["path"] = place;
  if (files.size() <= listed_files) {
    auto& list = version["files"].emplace_array();
    for (const auto& [path, stamp] : files) {
      list.push_back({path.substr(path.rfind('/') + 1), stamp.size, stamp.modified});
    }
    return boost::json::serialize(version);
  }
  std::uint64_t bytes = 0;
  std::uint64_t digest = 0;
  for (const auto& [path, stamp] : files) {
    bytes += stamp.size;
    digest = mix(digest ^ hash_bytes(path), hash_word(stamp.size));
    digest = mix(digest ^ static_cast<std::uint64_t>(stamp.modified), 0xa0761d6478bd642fULL);
  }
  version["count"] = files.size();
  version["bytes"] = bytes;
  version["digest"] = digest;
  return boost::json::serialize(version);
}

class StaticFiles final : public StaticRows {
 public:
  StaticFiles(const SourceSpec& spec, const Environment& environment)
      : path_(spec.path),
        glob_(file_selection(spec).glob),
        files_(environment.files),
        timer_(spec.refresh, environment.clock),
        reader_(file_reader(source_schema(spec), file_format(spec), environment.files)) {
    while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  }

  bool look() override {
    if (!timer_.due()) return false;
    for (int attempt = 1;; ++attempt) {
      const auto found = list();
      if (version_known_ && same(found)) {
        timer_.looked();
        return false;
      }
      if (auto loaded = load(found, attempt)) {
        loaded_ = std::move(*loaded);
        version_ = version_of(path_, found);
        version_known_ = true;
        timer_.looked();
        return true;
      }
    }
  }

  const std::string& version() const override { return version_; }

  void each_batch(const std::function<void(const BatchPtr&)>& visit) const override {
    for (const auto& [path, file] : loaded_) {
      for (const auto& batch : file.batches) visit(batch);
    }
  }

  std::uint64_t size_estimate() const override {
    try {
      std::uint64_t bytes = 0;
      for (const auto& [path, stamp] : list()) bytes += stamp.size;
      return bytes;
    } catch (const Error&) {  // it may come into being before the query begins
      return 0;
    }
  }

 private:
  struct Loaded {
    Stamp stamp;
    std::vector<BatchPtr> batches;
  };
  using Files = std::map<std::string, Loaded>;  // by path: the order of the rows

  bool wanted(const FileStatus& file) const {
    const auto name = file.path.substr(file.path.rfind('/') + 1);
    if (file.directory || name.empty() || name[0] == '.' || name[0] == '_') return false;
    return glob_.empty() || ::fnmatch(glob_.c_str(), name.c_str(), 0) == 0;
  }

  std::map<std::string, Stamp> list() const {
    std::map<std::string, Stamp> found;
    const auto add = [&](const FileStatus& file) {
      if (wanted(file)) found[file.path] = {file.size, file.modified_nanoseconds};
    };
    std::optional<FileStatus> status;
    try {
      status = files_->status(path_);
      if (status && status->directory) {
        for (const auto& file : files_->list(path_)) add(file);
        return found;
      }
    } catch (const Error& error) {
      throw Error(ErrorCode::unreachable,
                  "cannot reach the static input " + path_ + ": " + error.what());
    }
    if (!status) {
      throw Error(ErrorCode::unreachable,
                  "the static input " + path_ +
                      " does not exist; create it (an empty directory is an empty table) or name "
                      "another one");
    }
    add(*status);
    return found;
  }

  bool same(const std::map<std::string, Stamp>& found) const {
    return std::equal(found.begin(), found.end(), loaded_.begin(), loaded_.end(),
                      [](const auto& a, const auto& b) {
                        return a.first == b.first && a.second == b.second.stamp;
                      });
  }

  /// Reads the files that are not held already. Nothing where one of them changed meanwhile.
  std::optional<Files> load(const std::map<std::string, Stamp>& found, int attempt) const {
    Files files;
    for (const auto& [path, stamp] : found) {
      const auto held = loaded_.find(path);
      if (held != loaded_.end() && held->second.stamp == stamp) {
        files.emplace(path, held->second);
        continue;
      }
      std::vector<BatchPtr> batches;
      std::exception_ptr error;
      try {
        reader_->open({file_unit(path, stamp.size)});
        while (auto batch = reader_->next()) batches.push_back(std::move(batch));
      } catch (const Error&) {
        error = std::current_exception();  // its own fault only where the file is still that one
      }
      const auto now = files_->status(path);
      if (!now || Stamp{now->size, now->modified_nanoseconds} != stamp) {
        if (attempt < read_attempts) return std::nullopt;
        throw Error(ErrorCode::unreachable,
                    "the static input " + path + " changed each of the " +
                        std::to_string(read_attempts) +
                        " times that it was read; write it elsewhere and rename it into place");
      }
      if (error) std::rethrow_exception(error);
      files.emplace(path, Loaded{stamp, std::move(batches)});
    }
    return files;
  }

  std::string path_;
  const std::string glob_;
  std::shared_ptr<FileSystem> files_;
  RefreshTimer timer_;
  std::unique_ptr<SourceReader> reader_;
  Files loaded_;
  std::string version_;
  bool version_known_ = false;
};

/// Any other source: read whole from its beginning when its position has moved.
class StaticSourceRows final : public StaticRows {
 public:
  StaticSourceRows(const SourceSpec& spec, const Environment& environment)
      : source_(make_source(spec, environment)), timer_(spec.refresh, environment.clock) {}

  bool look() override {
    if (!timer_.due()) return false;
    if (!restored_) source_->restore({}, empty_state());
    restored_ = true;
    auto range = plan();
    timer_.looked();
    const auto version = version_of(range);
    if (version == version_) return false;
    std::vector<BatchPtr> batches;
    if (range) {
      const auto reader = source_->reader(0, 1);
      reader->open(std::move(range->units));
      while (auto batch = reader->next()) batches.push_back(std::move(batch));
    }
    batches_ = std::move(batches);
    version_ = version;
    return true;
  }

  const std::string& version() const override { return version_; }
  void each_batch(const std::function<void(const BatchPtr&)>& visit) const override {
    for (const auto& batch : batches_) visit(batch);
  }
  std::uint64_t size_estimate() const override { return 0; }

 private:
  std::optional<PlannedRange> plan() {
    const auto lock = source_->planning_lock();
    const auto held = lock ? std::unique_lock(*lock) : std::unique_lock<std::recursive_mutex>();
    source_->rewind({});
    return source_->plan(true);
  }

  std::string version_of(const std::optional<PlannedRange>& range) const {
    return boost::json::serialize(boost::json::object{{"source", source_->describe()},
                                                      {"end", range ? range->end : Offset{}}});
  }

  std::shared_ptr<Source> source_;
  RefreshTimer timer_;
  bool restored_ = false;
  std::vector<BatchPtr> batches_;
  std::string version_;
};

/// Rows that the program adds; their size is known at once.
class StaticMemory final : public StaticRows {
 public:
  StaticMemory(const SourceSpec& spec, const Environment& environment)
      : rows_(spec, environment),
        memory_(std::static_pointer_cast<MemoryStream::Shared>(spec.memory)) {}

  bool look() override { return rows_.look(); }
  const std::string& version() const override { return rows_.version(); }
  void each_batch(const std::function<void(const BatchPtr&)>& visit) const override {
    rows_.each_batch(visit);
  }
  std::uint64_t size_estimate() const override {
    const std::lock_guard lock(*memory_->mutex);
    std::uint64_t bytes = 0;
    for (const auto& batch : memory_->batches) bytes += batch->rows > 0 ? batch->bytes() : 0;
    return bytes;
  }

 private:
  StaticSourceRows rows_;
  std::shared_ptr<MemoryStream::Shared> memory_;
};

}  // namespace

std::unique_ptr<StaticRows> static_rows(const SourceSpec& spec, const Environment& environment) {
  // Checks format and options as for a stream.
  if (spec.format == "json" || spec.format == "csv" || spec.format == "text") {
    make_source(spec, environment);
    return std::make_unique<StaticFiles>(spec, environment);
  }
  if (spec.format == "memory") return std::make_unique<StaticMemory>(spec, environment);
  return std::make_unique<StaticSourceRows>(spec, environment);
}

std::string refresh_text(const Refresh& refresh) {
  switch (refresh.kind) {
    case Refresh::Kind::each_epoch:
      return "looked at before each epoch";
    case Refresh::Kind::once:
      return "read once a run";
    case Refresh::Kind::interval:
      return "looked at every " + duration_text(refresh.milliseconds * 1000);
  }
  return "";
}

}  // namespace libstream
