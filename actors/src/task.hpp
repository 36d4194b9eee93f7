#pragma once

#include "fingerprint.hpp"
#include "inputs.hpp"
#include "outputs.hpp"

#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>

namespace libstream {

/// What a task asks of the actor that carries it. Calls come from within the task's own calls.
class TaskHost : public ChannelHost {
 public:
  /// Runs `job` on the I/O pool, then `done` in the task with what the job threw.
  virtual void run(std::function<void()> job, std::function<void(std::exception_ptr)> done) = 0;
  /// Calls `step` after the messages that wait already.
  virtual void later(std::function<void()> step) = 0;
  virtual void report(TaskReport report) = 0;
};

/// One partition of an operator, a source or a sink with its channels, and no thread: an actor (or
/// a test) feeds it messages. Errors of what it drives leave through `receive`.
class Task {
 public:
  virtual ~Task() = default;
  virtual void attach(TaskHost& host) = 0;
  virtual void receive(TaskMessage& message) = 0;
};

/// Drives an operator: aligns barriers, keeps the call order of the contract, takes no input while
/// an output lacks credit.
class OperatorTask final : public Task {
 public:
  /// `hash`: of the restored state, where the reports are to have it.
  OperatorTask(TaskWiring wiring, const ChannelLimits& limits, std::uint32_t key_groups,
               std::unique_ptr<Operator> op, std::optional<StateHash> hash = std::nullopt);
  void attach(TaskHost& host) override;
  void receive(TaskMessage& message) override;

 private:
  enum class Step { free, batch, barrier };
  void pump();
  void finish_epoch();

  TaskWiring wiring_;
  Inputs inputs_;
  Outputs outputs_;
  std::unique_ptr<Operator> op_;
  std::optional<StateHash> hash_;
  TaskHost* host_ = nullptr;
  Step step_ = Step::free;  ///< what returned Flow::more
  std::uint32_t channel_ = 0;
  std::size_t bytes_ = 0;
  Barrier barrier_;
  std::uint64_t rows_in_ = 0;
  std::uint64_t held_rows_ = 0;  ///< at the last barrier, or restored
};

/// Reads the units that the coordinator hands it. A blocking reader runs on the I/O pool, one job
/// at a time, and reads at most `quantum` batches ahead of what the channels take. `quantum` is the
/// weight of the query's scheduler pool: so many batches a turn, then other tasks have theirs.
class SourceTask final : public Task {
 public:
  struct Reading {
    std::uint32_t quantum = 1;
    bool by_split = false;  ///< one split after the other; appends its number to the rows
  };
  SourceTask(TaskWiring wiring, const ChannelLimits& limits, std::uint32_t key_groups,
             std::shared_ptr<SourceReader> reader, const Reading& reading);
  void attach(TaskHost& host) override;
  void receive(TaskMessage& message) override;

 private:
  /// Units that the reader gets at once.
  struct Part {
    std::int64_t split;
    std::vector<ReadUnit> units;
  };
  void begin(BeginEpoch epoch);
  void part_out();
  void pump();
  void emit(BatchPtr batch);
  void read_here();
  void read_ahead();
  void part_done();
  void finish_epoch();

  TaskWiring wiring_;
  Outputs outputs_;
  std::shared_ptr<SourceReader> reader_;
  Reading how_;
  bool blocking_;
  TaskHost* host_ = nullptr;
  bool reading_ = false;    ///< an epoch is under way
  std::deque<Part> parts_;  ///< not read to their ends
  bool open_ = false;       ///< the reader has the first part
  bool exhausted_ = false;  ///< and has read it to its end
  bool waiting_ = false;    ///< an I/O job or a `later` is out
  BeginEpoch epoch_;
  SourceMetrics metrics_;       ///< of the parts done
  std::deque<BatchPtr> ready_;  ///< of the first part
};

/// Hands rows to a sink writer and stages them at the barrier. Blocking writers run on the I/O
/// pool, one job at a time, each with all that waits.
class SinkTask final : public Task {
 public:
  /// `hash`: the reports are to have that of the rows.
  SinkTask(TaskWiring wiring, const ChannelLimits& limits, std::shared_ptr<SinkWriter> writer,
           bool hash = false);
  void attach(TaskHost& host) override;
  void receive(TaskMessage& message) override;

 private:
  struct Work;
  void pump();
  std::shared_ptr<Work> gather_work();
  void finish(const Work& work);

  TaskWiring wiring_;
  Inputs inputs_;
  std::shared_ptr<SinkWriter> writer_;
  bool blocking_;
  TaskHost* host_ = nullptr;
  bool waiting_ = false;
  std::uint64_t rows_in_ = 0;
  std::optional<RowsHash> hash_;
};

}  // namespace libstream
