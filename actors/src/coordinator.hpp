#pragma once

#include "epoch_run.hpp"

#include <libstream/error.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <memory>

namespace libstream {

class QueryRun;

/// What a coordinator asks of the actor that carries it. Nothing here calls back before it returns.
class CoordinatorHost {
 public:
  virtual ~CoordinatorHost() = default;
  /// Runs `job` on the I/O pool, then `done` in the coordinator with what the job threw.
  virtual void run(std::function<void()> job, std::function<void(std::exception_ptr)> done) = 0;
  virtual void wake_in(std::chrono::milliseconds delay, std::function<void()> wake) = 0;
  virtual void spawn(std::vector<std::unique_ptr<Task>> tasks) = 0;
  virtual void send(TaskId task, TaskMessage message) = 0;
  /// Ends all tasks once their I/O jobs are back; `tasks_ended` follows.
  virtual void end_tasks() = 0;
  /// The last call.
  virtual void quit() = 0;
};

/// Runs a query's epochs: plans, begins, gathers reports, decides, commits. A plain state machine;
/// all that blocks runs as jobs, at most one of a kind at a time.
///
/// An epoch is planned when the one before is reported by all tasks and the one before that is
/// decided; decisions and commits are in epoch order. See docs/engine.md.
class Coordinator {
 public:
  /// `term`: opened, and not used elsewhere.
  Coordinator(QuerySetup setup, std::unique_ptr<Term> term, std::shared_ptr<QueryRun> query);
  ~Coordinator();

  void start(CoordinatorHost& host);
  void receive(TaskReport report);
  void fail(std::exception_ptr error);
  void tasks_ended();
  /// `finish_epoch`: the epoch under way is finished; else dropped. What is decided is committed.
  void stop(bool finish_epoch);
  /// Fulfils the promise when a planning round that begins from now on finds nothing to do and all
  /// is committed; breaks it when the query ends before.
  void process_all(std::shared_ptr<std::promise<void>> waiter);

 private:
  enum class Phase { launching, running, ending, pausing, closing };
  struct Waiter {
    std::uint64_t round;  ///< first planning round that counts
    std::shared_ptr<std::promise<void>> promise;
  };

  void run(std::function<void()> job, std::function<void()> done);
  void launched(std::shared_ptr<std::vector<std::unique_ptr<Task>>> tasks);
  void restore();
  void advance();

  // Epochs, in the order of their lives (coordinator_epochs.cpp).
  void try_plan();
  bool may_plan();
  void planned(std::vector<std::optional<PlannedRange>> ranges);
  bool first_epoch_due() const;
  bool no_data_epoch_due() const;
  bool timeout_due() const;
  bool each_trigger() const;
  EpochContext next_context(const std::vector<std::optional<PlannedRange>>& ranges);
  void begin_epoch(std::vector<std::optional<PlannedRange>> ranges);
  void prepare(const EpochStart& start);
  void hand_out(const EpochStart& start);
  void store(OperatorId op, std::uint32_t partition, std::string changes,
             std::optional<ChangeExtent> extent);
  void part_done();
  void try_decide();
  void try_commit();
  void committed(EpochRun run);
  void try_maintain();
  void idle();
  void announce_idle();
  void sleep(std::int64_t milliseconds);
  void answer_waiters();
  bool quiet() const;

  void end(std::exception_ptr error);
  void end_tasks();
  void try_close();
  bool may_restart() const;
  void pause();
  void relaunch();
  void close();
  void closed();
  void announce(std::function<void()> event);

  QuerySetup setup_;
  std::shared_ptr<Term> term_;
  OpenEnds open_ends_;
  std::shared_ptr<QueryRun> query_;
  CoordinatorHost* host_ = nullptr;
  std::vector<TaskWiring> wiring_;
  std::vector<std::uint32_t> sources_;

  Phase phase_ = Phase::launching;
  std::exception_ptr error_;
  std::uint32_t restarts_ = 0;
  std::size_t jobs_ = 0;  ///< on the I/O pool
  bool tasks_alive_ = false;
  bool tasks_ending_ = false;
  bool stopping_ = false;   ///< plan nothing more
  bool dropping_ = false;   ///< and give up what is not being decided
  bool exhausted_ = false;  ///< the trigger asks for no more

  std::optional<EpochRun> running_;  ///< in the data plane
  std::deque<EpochRun> reported_;    ///< the front one may be under decision
  std::deque<EpochRun> decided_;     ///< the front one may be under commit
  std::vector<Epoch> committed_;     ///< not told to the term yet
  bool planning_ = false;
  bool deciding_ = false;
  bool committing_ = false;
  bool maintaining_ = false;
  bool maintenance_due_ = false;
  bool announcing_ = false;
  std::deque<std::function<void()>> events_;

  Epoch first_epoch_{};  ///< of this start
  Epoch next_epoch_{};
  std::int64_t last_timestamp_ = 0;
  std::vector<Offset> ends_;     ///< planned so far, by source
  std::vector<Offset> release_;  ///< decided ends that the sources have not been told
  WatermarkTracker watermarks_;
  Watermark used_;                               ///< in the newest reported epoch
  Watermark next_watermark_;                     ///< what the next epoch uses
  std::vector<std::int64_t> inputs_idle_since_;  ///< of the newest planned epoch; see EpochEntry
  bool no_data_due_ = false;
  std::optional<std::int64_t>
      timeout_;  ///< ms: when some operator wants an epoch even without data
  std::map<std::string, std::uint64_t> totals_;

  std::uint64_t round_ = 0;  ///< planning rounds begun
  std::vector<Waiter> waiters_;
  std::uint64_t sleep_ = 0;  ///< number of the newest sleep; older wake-ups are stale
  bool sleeping_ = false;
  std::int64_t idle_since_ = -1;           ///< steady µs
  std::int64_t last_event_ = 0;            ///< steady µs of the last progress
  std::optional<std::int64_t> next_slot_;  ///< processing time: ms
  std::int64_t trigger_wall_ms_ = 0;
  std::int64_t triggered_ = 0;
  std::optional<std::int64_t> previous_trigger_ms_;
  std::optional<QueryProgress> last_progress_;
};

}  // namespace libstream
