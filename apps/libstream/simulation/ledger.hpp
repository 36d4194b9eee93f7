#pragma once

// Looks at everything that becomes visible, while the run goes on, and says what must not be.

#include "recount.hpp"

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/testing/simulated_disk.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace libstream::apps::simulation {

inline constexpr const char* checkpoint_directory = "/query/checkpoint";
inline constexpr const char* output_directory = "/query/output";

/// The index of a log entry's path; nullopt of other paths.
std::optional<std::uint64_t> log_index(const std::string& path);

class Ledger {
 public:
  Ledger(const Plan& plan, const std::vector<Feed>& feeds, testing::SimulatedDisk& disk);

  // What processes do to the disk.
  void entry_linked(std::uint64_t index);
  void log_synced();
  void removed(const std::string& path);
  void output_linked(const std::string& path);
  void power_cut();
  // What sinks show.
  void published(std::size_t sink, Epoch epoch, Lines rows);
  void published_late(Epoch epoch, Lines rows);
  /// A source is told that it may forget.
  void released(std::size_t source, std::size_t batches);
  /// A source is opened at a position.
  void restored(std::size_t source, std::size_t batches);

  /// At the end: everything was read, decided, published and recorded; nothing is left over.
  void check_complete();
  /// Behind a process in calm that decided many epochs with a snapshot every so many, and a start
  /// after it: old entries and files are gone.
  void check_disk(std::uint64_t snapshot_epochs);

  void violate(const std::string& what);
  const std::optional<std::string>& violation() const { return violation_; }

  std::size_t decided() const { return decisions_.size(); }
  /// True where a sink (nullopt: that of late rows) has published the epoch.
  bool shows(std::optional<std::size_t> sink, Epoch epoch) const {
    return number(epoch) < (sink ? shown_[*sink] : shown_late_).next;
  }
  bool is_decided(Epoch epoch) const { return number(epoch) < durable_; }
  /// Term of the newest open in the log.
  std::optional<std::uint64_t> newest_term() const { return newest_open_; }
  /// Files of the checkpoint that a start must miss.
  std::vector<std::string> needed_files() const;
  /// Those that it reads, and so must find damaged.
  std::vector<std::string> read_files() const;
  /// Hash over all that was seen.
  std::uint64_t trace() const { return trace_; }

 private:
  struct Decision {
    std::uint64_t index = 0;
    EpochEntry entry;
  };
  struct Shown {
    std::uint64_t next = 0;  ///< first epoch that was not published
  };
  void decide(std::uint64_t index, const EpochEntry& entry);
  void check_term(std::uint64_t index, std::uint64_t term);
  void check_committed(std::int64_t committed_through, const std::string& where);
  void check_files(const EpochEntry& entry);
  void publish(Shown& shown, const std::string& sink, Epoch epoch, Lines rows, bool late);
  void check_output();
  std::vector<std::string> files_of(const EpochEntry& entry) const;
  std::optional<LogEntry> read(std::uint64_t index) const;
  void note(std::uint64_t value) { trace_ = hash_word(trace_ ^ value); }

  const Plan& plan_;
  const std::vector<Feed>& feeds_;
  testing::SimulatedDisk& disk_;
  std::optional<Recount> recount_;
  std::vector<Decision> decisions_;  ///< by epoch; the first `durable_` can no longer vanish
  std::size_t durable_ = 0;
  std::map<std::uint64_t, std::uint64_t> opens_;  ///< terms by index that are in the log
  std::optional<std::uint64_t> newest_open_;
  std::set<std::uint64_t> cleaned_;  ///< entries that were removed
  std::vector<Shown> shown_;
  Shown shown_late_;
  std::optional<std::string> violation_;
  std::uint64_t trace_ = 0;
};

}  // namespace libstream::apps::simulation
