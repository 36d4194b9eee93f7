#pragma once

// One start of the query: a session of its own over the disk, the sources and the sinks that all
// starts share, and what befalls it.

#include "course.hpp"
#include "ledger.hpp"
#include "plan.hpp"

#include <libstream/error.hpp>
#include <libstream/options.hpp>
#include <libstream/query.hpp>
#include <libstream/testing/simulated_disk.hpp>
#include <libstream/testing/simulated_session.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

namespace libstream::apps::simulation {

/// The process dies here. No Error, so that nothing of ours handles it.
struct Died {};

/// How often what was met.
struct Hits {
  std::array<std::uint64_t, crash_points> points{};
  std::array<std::uint64_t, fault_kinds> faults{};

  void add(CrashPoint point) { ++points[static_cast<std::size_t>(point)]; }
  void add(Fault fault) { ++faults[static_cast<std::size_t>(fault)]; }
  void add(const Hits& other);
};

class Process;

/// What outlives processes.
struct World {
  explicit World(const Plan& chosen)
      : plan(chosen), feeds(plan.streams), released(plan.streams, 0), ledger(plan, feeds, disk) {}

  Plan plan;
  std::vector<Feed> feeds;
  std::vector<std::size_t> released;  ///< batches that each source has given up
  testing::SimulatedDisk disk;
  Ledger ledger;
  std::map<std::string, Lines> staged;  ///< rows that sinks keep until they are committed
  Hits hits;
  std::int64_t now = 1'700'000'000 * second;
  std::function<void(Process&)> overtake;  ///< runs a successor while a process is frozen
  std::function<void(const std::string&)> tell = [](const std::string&) {};
};

/// Operations that a fate can aim at, since they are rare among all.
enum class Aim : std::uint8_t { any, removal, state_file, decision, release, commit };

/// What is to befall a process.
struct Fate {
  /// crash, power, freeze or stop; absent: it runs to its end.
  std::optional<Fault> end;
  bool at_operation = false;  ///< `point` counts operations, else steps
  Aim aim = Aim::any;         ///< which operations count
  std::uint64_t point = 0;
  bool after = false;  ///< behind the operation
  /// Which operation of its kind fails, by kind of fault.
  std::map<Fault, std::uint64_t> errors;
  std::uint64_t full_for = 1;  ///< operations
  bool after_effect = false;   ///< of a commit that fails
  bool while_staged = false;   ///< tasks fail only while an epoch waits for its decision
  Trigger trigger = Trigger::available_now();
  std::uint32_t partitions = 1;
  std::uint32_t source_tasks = 1;
  std::uint64_t restarts = 0;
  std::uint64_t snapshot_epochs = 2;
  std::size_t channel_batches = 4;
  std::size_t channel_bytes = 1U << 12;
  bool blocking = false;  ///< connectors run on the I/O pool
  bool after_crash = false;
  std::uint64_t seed = 0;

  std::string words() const;
};

class Process final : public std::enable_shared_from_this<Process> {
 public:
  Process(World& world, Fate fate, std::size_t number);
  ~Process();

  /// Opens the checkpoint and begins; false where that failed or the process died.
  bool start();
  /// One message, job or timer; false when nothing is left to do.
  bool step();
  bool active() const { return query_ && query_->is_active() && !dead_; }
  bool dead() const { return dead_; }
  bool frozen() const { return frozen_; }
  void thaw() { frozen_ = false; }
  bool lost_power() const { return lost_power_; }
  /// Ends it, wherever it is; what it holds goes.
  void bury();
  void request_stop() { session_->request_stop(); }
  void sleep_until(std::int64_t now) { session_->sleep_until(now); }

  /// The error that it ended with, as text; empty where there is none. `code` where it is an Error.
  std::string error() const;
  std::optional<ErrorCode> error_code() const;
  std::uint64_t faults_met() const { return faults_met_; }
  std::uint64_t steps() const { return steps_; }
  std::uint64_t trace() const { return trace_; }

  // For hooks and connectors.
  const Fate& fate() const { return fate_; }
  World& world() { return world_; }
  Course& course() { return course_; }
  std::size_t number() const { return number_; }
  /// A later term has begun.
  bool overtaken() const;
  /// Another process was alive meanwhile.
  void overlap() { overlapped_ = true; }
  bool overlapped() const { return overlapped_; }
  /// One operation on the world outside.
  template <class Do>
  auto operation(Aim aim, Do act) {
    before(aim);
    if constexpr (std::is_void_v<decltype(act())>) {
      act();
      after(aim);
    } else {
      auto result = act();
      after(aim);
      return result;
    }
  }
  void before(Aim aim);
  void after(Aim aim);
  /// True where the operation of this kind is the one that fails.
  bool fails(Fault kind);
  bool disk_is_full();
  [[noreturn]] void fail(Fault kind, const std::string& what);
  void decision_failed() { decision_failed_ = true; }
  void decision_done() { decision_failed_ = false; }

 private:
  bool strikes(Aim aim, bool after) const;
  void strike(bool in_operation);
  void die(const char* why);
  void catch_error(const std::function<void()>& call);
  DataStream query(const std::vector<DataStream>& inputs) const;
  Query build(const std::shared_ptr<CheckpointRoot>& root);

  World& world_;
  Fate fate_;
  std::size_t number_;
  Course course_;
  std::unique_ptr<testing::SimulatedSession> session_;
  std::optional<Query> query_;
  std::exception_ptr start_error_;
  bool dead_ = false;
  bool frozen_ = false;
  bool lost_power_ = false;
  bool overlapped_ = false;
  bool decision_failed_ = false;
  std::uint64_t steps_ = 0;
  std::uint64_t operations_ = 0;
  std::uint64_t faults_met_ = 0;
  std::map<Fault, std::uint64_t> seen_;  ///< operations by kind
  std::uint64_t trace_ = 0;
};

}  // namespace libstream::apps::simulation
