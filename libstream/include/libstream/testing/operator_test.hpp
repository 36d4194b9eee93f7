#pragma once

#include <libstream/batch.hpp>
#include <libstream/hash.hpp>
#include <libstream/operator.hpp>
#include <libstream/testing/map_state.hpp>
#include <libstream/topology.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace libstream::testing {

/// Runs operators without an engine: feeds batches and barriers through a chain of steps, each in
/// one or more partitions, and captures what comes out of the last. Between any two epochs it can
/// start again over the collected changelogs, also with another number of partitions.
///
///   OperatorTest count{{{keyed_aggregate(spec)}}, Schema::parse("user string")};
///   count.process({{"ada"}, {"bob"}, {"ada"}});
///   CHECK(text(count.barrier()) == "ada 2 | bob 1");
///   count.restart();  // a new operator over the state of epoch 0
class OperatorTest {
 public:
  struct Step {
    Step(OperatorFactory f) : factory(std::move(f)) {}  // NOLINT: implicit on purpose
    /// Before this step rows are exchanged by these columns.
    Step(OperatorFactory f, std::vector<std::uint32_t> keys)
        : factory(std::move(f)), exchanged(true), key_columns(std::move(keys)) {}
    OperatorFactory factory;
    bool exchanged = false;
    std::vector<std::uint32_t> key_columns;
  };
  struct Options {
    std::uint32_t partitions = 1;
    bool restart_always = false;  ///< a restart behind every barrier
    bool refuse = false;          ///< every second look finds the output full
    std::uint32_t key_groups = 128;
    bool connect_late = true;
  };

  OperatorTest(std::vector<Step> steps, Schema input)
      : OperatorTest(std::move(steps), std::move(input), Options()) {}
  OperatorTest(std::vector<Step> steps, Schema input, Options options)
      : steps_(std::move(steps)), input_(std::move(input)), options_(options) {
    states_.resize(steps_.size());
    build();
  }

  void process(const std::vector<Row>& rows, std::size_t input = 0) {
    if (!rows.empty()) process_batch(batch_of(input_, rows), input);
  }
  /// Batches go to the partitions of the first step in turn, or by key where it is exchanged.
  void process_batch(const BatchPtr& batch, std::size_t input = 0) {
    begin();
    if (!steps_[0].exchanged) {
      deliver(0, next_task_++ % options_.partitions, batch, input);
    } else if (gathered(0)) {
      deliver(0, 0, batch, input);
    } else {
      exchange(0, *batch, input);
    }
  }

  /// Ends the epoch; returns the rows of the result, in the order they came.
  std::vector<Row> barrier(std::int64_t watermark_ms = 0) {
    begin();
    const Barrier barrier{epoch_, Watermark{watermark_ms}};
    for (std::size_t step = 0; step < steps_.size(); ++step) {
      for (std::uint32_t task = 0; task < tasks(step); ++task) {
        Port port(*this, step, task);
        finish(step, task, tasks_[step][task]->on_barrier(barrier, port), port);
      }
    }
    collect();
    watermark_ = Watermark{watermark_ms};
    epoch_ = next(epoch_);
    begun_ = false;
    if (options_.restart_always) restart();
    return std::exchange(rows_, {});
  }

  /// The timestamp of the epochs to come, ms.
  void set_time(std::int64_t milliseconds) { time_ = milliseconds; }

  void restart() { restart(options_.partitions); }
  void restart(std::uint32_t partitions) {
    options_.partitions = partitions;
    build();
  }

  /// Starts again over the state that another test's step had.
  void load(std::size_t step, const MapState& state) {
    states_[step] = state;
    restart();
  }

  /// Rows of the late port since the last call.
  std::vector<Row> late_rows() { return std::exchange(late_rows_, {}); }
  /// Of the epoch ended last, summed over the partitions of a step.
  const OperatorMetrics& metrics(std::size_t step) const { return metrics_[step]; }
  const OperatorMetrics& metrics() const { return metrics_.back(); }
  std::size_t steps() const { return steps_.size(); }
  const MapState& state(std::size_t step) const { return states_[step]; }
  /// Rows that a step handed on in the epoch ended last.
  std::uint64_t rows_out(std::size_t step) const { return rows_out_[step]; }
  std::uint64_t refusals() const { return refusals_; }

 private:
  /// An operator that breaks its contract fails the test, in any framework.
  static void expect(bool kept, const char* rule) {
    if (!kept) throw std::logic_error(std::string("OperatorTest: the contract says: ") + rule);
  }

  class Port final : public Output {
   public:
    Port(OperatorTest& test, std::size_t step, std::uint32_t task)
        : test_(test), step_(step), task_(task) {}
    void emit(BatchPtr batch, std::size_t port) override {
      test_.emitted(step_, task_, std::move(batch), port);
    }
    bool full() const override {
      if (!test_.options_.refuse) return false;
      full_ = !full_;
      test_.refusals_ += full_ ? 1 : 0;
      return full_;
    }
    bool connected(std::size_t port) const override {
      return port == main_port || test_.options_.connect_late;
    }

   private:
    OperatorTest& test_;
    std::size_t step_;
    std::uint32_t task_;
    mutable bool full_ = false;
  };

  /// A step behind which nothing is exchanged has the partitions of the step before.
  std::uint32_t tasks(std::size_t step) const {
    return static_cast<std::uint32_t>(tasks_[step].size());
  }
  bool gathered(std::size_t step) const {
    return steps_[step].exchanged && steps_[step].key_columns.empty();
  }

  void build() {
    tasks_.clear();
    for (std::size_t step = 0; step < steps_.size(); ++step) {
      const std::uint32_t count = gathered(step) ? 1 : options_.partitions;
      auto& list = tasks_.emplace_back();
      for (std::uint32_t task = 0; task < count; ++task) {
        list.push_back(steps_[step].factory({task, count, options_.key_groups}));
        list.back()->restore(PartitionReader(states_[step], task, count, options_.key_groups),
                             watermark_);
      }
    }
    accounts_.assign(steps_.size(), {});
    for (std::size_t step = 0; step < steps_.size(); ++step) {
      for (const auto& task : tasks_[step]) {
        accounts_[step].push_back({0, 0, 0, task->metrics().held_rows});
      }
    }
    metrics_.resize(steps_.size());
    rows_out_.resize(steps_.size());
  }

  void begin() {
    if (begun_) return;
    begun_ = true;
    rows_out_.assign(steps_.size(), 0);
    for (auto& step : tasks_) {
      for (auto& task : step) task->start({epoch_, {time_, number(epoch_)}});
    }
  }

  void deliver(std::size_t step, std::uint32_t task, const BatchPtr& batch, std::size_t input) {
    Port port(*this, step, task);
    if (batch->kind == Batch::Kind::rows) accounts_[step][task].in += batch->rows;
    finish(step, task, tasks_[step][task]->process(batch, input, port), port);
  }
  void finish(std::size_t step, std::uint32_t task, Flow flow, Port& port) {
    for (int calls = 0; flow == Flow::more; ++calls) {
      expect(calls < 1'000'000, "an operator that says Flow::more goes on when it is resumed");
      flow = tasks_[step][task]->resume(port);
    }
  }

  void emitted(std::size_t step, std::uint32_t task, BatchPtr batch, std::size_t port) {
    expect(batch->rows > 0, "an emitted batch has rows");
    for (const ColumnPtr& column : batch->columns) {
      expect(column->size() == batch->rows, "a column has a value for each row of its batch");
    };
    if (batch->kind == Batch::Kind::rows) {
      auto& account = accounts_[step][task];
      (port == Output::late_port ? account.late : account.out) += batch->rows;
    }
    if (port == Output::late_port) {
      for (Row& row : rows_of(*batch)) late_rows_.push_back(std::move(row));
      return;
    }
    if (batch->kind == Batch::Kind::rows) rows_out_[step] += batch->rows;
    const std::size_t to = step + 1;
    if (to == steps_.size()) {
      expect(batch->kind == Batch::Kind::rows, "the last step emits rows");
      for (Row& row : rows_of(*batch)) rows_.push_back(std::move(row));
    } else if (!steps_[to].exchanged) {
      deliver(to, task, batch, 0);
    } else if (gathered(to)) {
      deliver(to, 0, batch, 0);
    } else {
      exchange(to, *batch, 0);
    }
  }

  void exchange(std::size_t to, const Batch& batch, std::size_t input) {
    std::vector<std::uint64_t> hashes(batch.rows);
    hash_keys(batch, steps_[to].key_columns, hashes);
    if (batch.hashes) {
      expect(std::equal(hashes.begin(), hashes.end(), batch.hashes->as<std::uint64_t>()),
             "the hashes of a batch are those of the keys it is exchanged by");
    }
    std::vector<std::vector<std::uint32_t>> rows(tasks(to));
    for (std::uint32_t i = 0; i < batch.rows; ++i) {
      const std::uint32_t group = key_group(hashes[i], options_.key_groups);
      rows[owner(group, options_.key_groups, tasks(to))].push_back(i);
    }
    for (std::uint32_t task = 0; task < tasks(to); ++task) {
      if (!rows[task].empty()) deliver(to, task, gather(batch, rows[task]), input);
    }
  }

  void collect() {
    metrics_.assign(steps_.size(), {});
    for (std::size_t step = 0; step < steps_.size(); ++step) {
      for (std::uint32_t task = 0; task < tasks(step); ++task) {
        ChangelogWriter changes;
        tasks_[step][task]->collect_changes(changes);
        read_changelog(changes.bytes(), [&](const Change& change) {
          expect(change.key_group < options_.key_groups, "a key group is one of the query's");
          const bool own = owner(change.key_group, options_.key_groups, tasks(step)) == task &&
                           (change.kind != ChangeKind::floor ||
                            owner(change.last_group, options_.key_groups, tasks(step)) == task);
          expect(own, "a task writes state of its own key groups");
        });
        states_[step].apply(changes.bytes());
        const auto metrics = tasks_[step][task]->metrics();
        check_account(step, task, metrics);
        add(metrics_[step], metrics);
      }
    }
  }

  /// What the engine asserts at every barrier.
  void check_account(std::size_t step, std::uint32_t task, const OperatorMetrics& metrics) {
    auto& account = accounts_[step][task];
    expect(account.in + metrics.made_rows ==
               account.out + metrics.late_rows + metrics.filtered_rows + metrics.absorbed_rows,
           "rows in + made = rows out + late + filtered + absorbed");
    expect(metrics.held_rows + metrics.released_rows == account.held + metrics.taken_rows,
           "rows held + released = rows held before + taken");
    expect(!options_.connect_late || account.late == metrics.late_rows,
           "late rows are those of the late port");
    account = {0, 0, 0, metrics.held_rows};
  }

  static void add(OperatorMetrics& sum, const OperatorMetrics& one) {
    sum.late_rows += one.late_rows;
    sum.filtered_rows += one.filtered_rows;
    sum.dropped_groups += one.dropped_groups;
    sum.stateful = one.stateful;
    sum.state_rows += one.state_rows;
    sum.state_updated += one.state_updated;
    sum.state_removed += one.state_removed;
    sum.state_bytes += one.state_bytes;
    sum.held_rows += one.held_rows;
    for (const auto& [name, count] : one.custom) sum.custom[name] += count;
    if (const auto& next = one.next_epoch_milliseconds) {
      auto& earliest = sum.next_epoch_milliseconds;
      earliest = std::min(earliest.value_or(*next), *next);
    }
    if (one.event_times) sum.event_times = one.event_times;
  }

  struct Account {
    std::uint64_t in = 0;
    std::uint64_t out = 0;
    std::uint64_t late = 0;
    std::uint64_t held = 0;  ///< at the barrier before
  };
  std::vector<Step> steps_;
  std::vector<std::vector<Account>> accounts_;  ///< of each step's tasks
  Schema input_;
  Options options_;
  std::vector<std::vector<std::unique_ptr<Operator>>> tasks_;
  std::vector<MapState> states_;
  std::vector<OperatorMetrics> metrics_;
  std::vector<std::uint64_t> rows_out_;
  std::vector<Row> rows_;
  std::vector<Row> late_rows_;
  Watermark watermark_;
  Epoch epoch_{};
  std::int64_t time_ = 0;
  bool begun_ = false;
  std::uint32_t next_task_ = 0;
  std::uint64_t refusals_ = 0;
};

/// Rows sorted, as text: "ada 2 | bob null".
inline std::string text(const Schema& schema, std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end());
  return rows.empty() ? "" : to_text(*batch_of(schema, rows));
}

}  // namespace libstream::testing
