#pragma once

// How far a process has come, told from what it does to its checkpoint, its sinks and its sources;
// and so the crash points at which it dies.

#include <libstream/checkpoint/log_entry.hpp>
#include <libstream/testing/simulated_disk.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace libstream::apps::simulation {

/// Numbers of docs/checkpoint.md. C4 is no more: there are no intents.
enum class CrashPoint : std::uint8_t {
  c0,
  c1,
  c2,
  c3,
  c5,
  c6,
  c7,
  c8,
  c9,
  c10,
  c11,
  c12,
  c13,
  c14,
  c15,
  c16,  //
  c17,
  c18,
  c19,
  c20,
  c21,
  c22,
  c23,
  c24,
  c25,
  c26,
  c27,
  c28,
};
inline constexpr std::size_t crash_points = 28;
std::string_view name_of(CrashPoint point);
std::string_view words_of(CrashPoint point);

class Course {
 public:
  explicit Course(bool after_crash) : after_crash_(after_crash) {}

  // The checkpoint. `entry`: what is put, where it is an entry of the log.
  void begin_put(const std::string& name, std::optional<LogEntry> entry);
  void end_put(bool done);
  void begin_remove() { removing_ = true; }
  void end_remove() { removing_ = false; }
  void file_operation(const testing::FileOperation& operation);
  // Sources.
  void plan_begins();
  /// One source was asked; `last` of them all.
  void planned(bool data, bool last);
  void reads() { rows_read_ = true; }
  /// One of `sources` may forget what is decided.
  void released(std::size_t sources);
  // Sinks.
  void writer_made() { ++writers_; }
  void stages(Epoch epoch);
  void commit_begins(Epoch epoch, std::size_t sinks);
  void commit_shows() { reply_lost_ = true; }
  void commit_ends(Epoch epoch);

  /// Where it stands, should it die now.
  std::vector<CrashPoint> points() const;
  bool recovering() const { return !planned_; }
  bool opened() const { return open_ == Open::durable; }
  bool removing() const { return removing_; }
  bool puts_decision() const {
    return put_ != Put::none && entry_ && std::holds_alternative<EpochEntry>(*entry_);
  }
  bool puts_state() const { return put_ != Put::none && name_.starts_with("state/"); }
  /// An epoch is staged by all and not decided.
  bool staged_and_undecided() const;
  std::optional<std::uint64_t> term() const { return term_; }

 private:
  enum class Open : std::uint8_t { none, linked, durable };
  enum class Put : std::uint8_t { none, begun, written, linked };

  void add_put_points(std::vector<CrashPoint>& points) const;
  void add_epoch_points(std::vector<CrashPoint>& points) const;
  void add_commit_points(std::vector<CrashPoint>& points) const;

  bool after_crash_;
  Open open_ = Open::none;
  std::optional<std::uint64_t> term_;
  // What is being put.
  std::string name_;
  std::optional<LogEntry> entry_;
  Put put_ = Put::none;
  bool torn_ = false;  ///< half of its bytes are written
  bool removing_ = false;
  // The epoch in the data plane.
  bool planned_ = false;
  bool planning_ = false;
  bool data_ = false;     ///< some source has some
  bool waiting_ = false;  ///< planned with data, nothing read
  bool rows_read_ = false;
  std::uint64_t state_files_ = 0;  ///< of undecided epochs
  std::size_t writers_ = 0;
  std::map<std::uint64_t, std::size_t> staged_;  ///< by undecided epoch
  // Decided ones.
  std::set<std::uint64_t> uncommitted_;
  std::size_t sinks_ = 0;
  std::size_t committing_ = 0;  ///< sinks that show the epoch under commit
  bool in_commit_ = false;
  bool reply_lost_ = false;
  std::int64_t committed_ = -1;
  std::int64_t recorded_ = -1;
  bool release_due_ = false;
  std::size_t sources_ = 0;
  std::size_t released_ = 0;
};

}  // namespace libstream::apps::simulation
