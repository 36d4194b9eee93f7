#pragma once

// A sink and a source of one's own that keep files, each with some bugs to be found.

#include <libstream/durable_directory.hpp>
#include <libstream/libstream.hpp>
#include <libstream/testing/simulated_disk.hpp>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace disk_connectors {

using namespace libstream;

enum class Bug {
  none,
  file_unsynced,       ///< a file counts before its bytes are durable
  name_unsynced,       ///< before its name is
  error_swallowed,     ///< a commit that fails is taken for done
  acknowledged_early,  ///< a letter may be forgotten before it is stored
  unchecked,           ///< what was stored is taken for what is read
};

inline std::string padded(std::uint64_t number) {
  const auto text = std::to_string(number);
  return std::string(6 - std::min<std::size_t>(6, text.size()), '0') + text;
}

/// A file under its final name, whole or not at all.
inline void store(FileSystem& files, const std::string& directory, const std::string& name,
                  const std::string& text, Bug bug) {
  const auto path = directory + "/" + name;
  if (!files.status(path)) {
    const auto temporary = directory + "/.tmp";
    files.remove(temporary);
    const auto file = files.create(temporary);
    file->append(std::as_bytes(std::span(text)));
    if (bug != Bug::file_unsynced) file->sync();
    file->close();
    files.link(temporary, path);
    files.remove(temporary);
  }
  // Also of a name that was there: whoever made it may have died before this.
  if (bug != Bug::name_unsynced) files.sync_directory(directory);
}

/// The rows of each epoch in a file of its own.
class ArchiveSink final : public Sink {
 public:
  static constexpr auto directory = "/archive";

  ArchiveSink(std::shared_ptr<FileSystem> files, Bug bug) : files_(std::move(files)), bug_(bug) {}
  std::string describe() const override { return "ArchiveSink"; }
  void set_schema(const Schema&) override {}
  void open(const std::string&) override { create_durable_directories(*files_, directory); }
  std::unique_ptr<SinkWriter> writer(const StageContext&) override {
    return std::make_unique<Writer>();
  }
  void commit(Epoch epoch, std::span<const StagedHandle> handles) override {
    std::string rows;
    for (const auto& handle : handles) rows += handle.bytes;
    if (rows.empty()) return;
    try {
      store(*files_, directory, padded(number(epoch)), rows, bug_);
    } catch (const Error&) {
      if (bug_ != Bug::error_swallowed) throw;
    }
  }

  /// Rows of all files, sorted.
  static std::string text(const testing::SimulatedDisk& disk) {
    std::vector<std::string> rows;
    for (const auto& path : disk.paths(std::string(directory) + "/0")) {
      std::istringstream lines(disk.content(path));
      for (std::string line; std::getline(lines, line);) rows.push_back(line);
    }
    std::sort(rows.begin(), rows.end());
    std::string text;
    for (const auto& row : rows) text += (text.empty() ? "" : " | ") + row;
    return text;
  }

 private:
  class Writer final : public SinkWriter {
   public:
    bool blocking() const override { return false; }
    void start(Epoch) override { staged_ = {}; }
    void write(const BatchPtr& batch) override {
      for (const Row& row : rows_of(*batch)) staged_.bytes += row[0].text() + "\n";
      staged_.rows += batch->rows;
    }
    StagedHandle stage() override { return staged_; }

   private:
    StagedHandle staged_;
  };

  std::shared_ptr<FileSystem> files_;
  Bug bug_;
};

/// The outside: letters that are kept until somebody says that they have arrived.
struct Mailbox {
  struct Letter {
    std::uint64_t number = 0;
    std::string text;
  };
  std::vector<Letter> letters;
  std::uint64_t posted = 0;

  void post(std::string text) { letters.push_back({++posted, std::move(text)}); }
  void acknowledge(std::uint64_t number) {
    std::erase_if(letters, [&](const Letter& letter) { return letter.number <= number; });
  }
};

/// Stores letters before it acknowledges them: they cannot be read twice.
class MailSource final : public Source {
 public:
  static constexpr auto directory = "/mail";

  MailSource(std::shared_ptr<Mailbox> mailbox, std::shared_ptr<FileSystem> files, Bug bug)
      : mailbox_(std::move(mailbox)), files_(std::move(files)), bug_(bug) {}

  const Schema& schema() const override { return schema_; }
  std::string describe() const override { return "MailSource"; }
  void restore(const Offset& committed, const StateReader&) override {
    create_durable_directories(*files_, directory);
    rewind(committed);
    stored_ = planned_;
    for (const auto& file : files_->list(directory)) {
      const auto name = file.path.substr(file.path.rfind('/') + 1);
      if (!name.starts_with('.')) stored_ = std::max(stored_, position(name));
    }
  }
  void rewind(const Offset& committed) override { planned_ = position(committed); }
  void freeze() override {
    collect();
    frozen_ = true;
  }
  std::optional<PlannedRange> plan(bool unlimited) override {
    if (!frozen_) collect();
    if (planned_ == stored_) return std::nullopt;
    PlannedRange range;
    range.start = std::to_string(planned_);
    const auto end = unlimited ? stored_ : std::min(stored_, planned_ + 2);
    while (planned_ < end) range.units.push_back({padded(++planned_)});
    range.end = std::to_string(planned_);
    return range;
  }
  std::unique_ptr<SourceReader> reader(std::uint32_t, std::uint32_t) override {
    return std::make_unique<Reader>(*this);
  }

 private:
  class Reader final : public SourceReader {
   public:
    explicit Reader(const MailSource& source)
        : files_(source.files_), schema_(source.schema_), checks_(source.bug_ != Bug::unchecked) {}
    bool blocking() const override { return true; }
    void open(std::vector<ReadUnit> units) override {
      units_ = std::move(units);
      metrics_ = {};
    }
    BatchPtr next() override {
      if (metrics_.rows == units_.size()) return nullptr;
      const auto path = std::string(directory) + "/" + units_[metrics_.rows++].bytes;
      const auto stored = files_->read(path);
      const auto text = stored.substr(0, stored.find('\n'));
      if (checks_ && stored != with_checksum(text)) {
        throw Error(ErrorCode::corrupt, "the letter " + path + " is damaged");
      }
      return batch_of(schema_, {{text}});
    }
    SourceMetrics metrics() const override { return metrics_; }

   private:
    std::shared_ptr<FileSystem> files_;
    Schema schema_;
    bool checks_;
    std::vector<ReadUnit> units_;
    SourceMetrics metrics_;
  };

  static std::string with_checksum(const std::string& text) {
    return text + "\n" + std::to_string(crc32c(std::as_bytes(std::span(text))));
  }
  static std::uint64_t position(const std::string& text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  void collect() {
    const auto letters = mailbox_->letters;
    for (const auto& letter : letters) {
      if (bug_ == Bug::acknowledged_early) mailbox_->acknowledge(letter.number);
      store(*files_, directory, padded(letter.number), with_checksum(letter.text), bug_);
      mailbox_->acknowledge(letter.number);
      stored_ = letter.number;
    }
  }

  std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<FileSystem> files_;
  Bug bug_;
  Schema schema_ = Schema::parse("text string");
  std::uint64_t planned_ = 0;
  std::uint64_t stored_ = 0;
  bool frozen_ = false;
};

}  // namespace disk_connectors
