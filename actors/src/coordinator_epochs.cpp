#include "coordinator.hpp"
#include "query_run.hpp"
#include "unit_sharing.hpp"

#include <algorithm>

namespace libstream {
namespace {

constexpr std::size_t uncommitted_limit = 8;
constexpr std::int64_t idle_progress_us = 10'000'000;
constexpr std::int64_t longest_poll_ms = 100;

}  // namespace

bool Coordinator::may_plan() {
  if (phase_ != Phase::running || stopping_ || exhausted_ || planning_ || sleeping_) return false;
  if (running_ || reported_.size() > 1) return false;
  if (reported_.size() + decided_.size() >= uncommitted_limit) return false;
  if (!next_slot_) return true;
  const auto wait = *next_slot_ - setup_.environment.clock->now_milliseconds();
  if (wait <= 0) return true;
  query_->set_status("Waiting for next trigger");
  sleep(std::min<std::int64_t>(wait, setup_.trigger.interval.count()));
  return false;
}

void Coordinator::try_plan() {
  if (!may_plan()) return;
  auto& clock = *setup_.environment.clock;
  trigger_wall_ms_ = clock.now_milliseconds();
  triggered_ = clock.steady_microseconds();
  if (setup_.trigger.kind == Trigger::Kind::processing_time &&
      setup_.trigger.interval.count() > 0) {
    const auto interval = setup_.trigger.interval.count();
    next_slot_ = trigger_wall_ms_ / interval * interval + interval;
  }
  planning_ = true;
  ++round_;
  auto ranges = std::make_shared<std::vector<std::optional<PlannedRange>>>();
  const bool unlimited = setup_.trigger.kind == Trigger::Kind::once;
  run(
      [this, ranges, unlimited, release = std::exchange(release_, {})] {
        release_sources(setup_, release);
        *ranges = plan_sources(setup_, unlimited);
      },
      [this, ranges] {
        planning_ = false;
        planned(std::move(*ranges));
      });
}

void Coordinator::planned(std::vector<std::optional<PlannedRange>> ranges) {
  if (phase_ != Phase::running || stopping_) return;
  const bool planned = std::any_of(ranges.begin(), ranges.end(),
                                   [](const auto& range) { return range.has_value(); });
  const bool once = setup_.trigger.kind == Trigger::Kind::once;
  if (planned || first_epoch_due() || no_data_epoch_due() || timeout_due()) {
    begin_epoch(std::move(ranges));
    exhausted_ = once;
  } else if (once || setup_.trigger.kind == Trigger::Kind::available_now) {
    exhausted_ = true;
    // A start that finds nothing to do still tells where the query stands.
    if (next_epoch_ == first_epoch_) announce_idle();
  } else {
    if (quiet()) answer_waiters();
    if (each_trigger() && waiters_.empty()) {
      begin_epoch(std::move(ranges));
    } else {
      idle();
    }
  }
}

bool Coordinator::no_data_epoch_due() const {
  return setup_.no_data_epochs && no_data_due_ &&
         std::any_of(setup_.topology.nodes.begin(), setup_.topology.nodes.end(),
                     [](const auto& node) { return node.wants_no_data_epoch; });
}

bool Coordinator::first_epoch_due() const {
  return number(next_epoch_) == 0 &&
         std::any_of(setup_.topology.nodes.begin(), setup_.topology.nodes.end(),
                     [](const auto& node) { return node.wants_first_epoch; });
}

/// A timeout by processing time that is over is worth an epoch of its own.
bool Coordinator::timeout_due() const {
  if (!setup_.no_data_epochs || !timeout_) return false;
  return *timeout_ <= std::max(last_timestamp_, setup_.environment.clock->now_milliseconds());
}

/// Where there are such timeouts Structured Streaming runs an epoch at every trigger, once there
/// was one in this run, whether or not a timeout is over. Triggers without an interval come as
/// often as sources are looked at.
bool Coordinator::each_trigger() const {
  if (!setup_.strict || !setup_.no_data_epochs || next_epoch_ == first_epoch_) return false;
  if (!next_slot_ && idle_since_ < 0) return false;
  return std::any_of(setup_.topology.nodes.begin(), setup_.topology.nodes.end(),
                     [](const auto& node) { return node.wants_epoch_each_trigger; });
}

/// Time and seed of the next epoch: its recorded ones, where it comes from a recording.
EpochContext Coordinator::next_context(const std::vector<std::optional<PlannedRange>>& ranges) {
  auto& environment = setup_.environment;
  EpochContext context;
  const auto recorded = std::find_if(ranges.begin(), ranges.end(),
                                     [](const auto& range) { return range && range->context; });
  if (recorded != ranges.end()) {
    context = *(*recorded)->context;
  } else {
    context = {environment.clock->now_milliseconds(), environment.random->next()};
  }
  last_timestamp_ = std::max(last_timestamp_, context.timestamp_milliseconds);
  context.timestamp_milliseconds = last_timestamp_;
  return context;
}

void Coordinator::begin_epoch(std::vector<std::optional<PlannedRange>> ranges) {
  auto& environment = setup_.environment;
  idle_since_ = -1;
  running_.emplace();
  auto& run = *running_;
  run.trigger_wall_ms = trigger_wall_ms_;
  run.triggered = triggered_;
  run.began = environment.clock->steady_microseconds();
  run.starts = ends_;
  run.ranges = std::move(ranges);
  run.missing = wiring_.size();
  run.entry.epoch = next_epoch_;
  run.entry.context = next_context(run.ranges);
  run.entry.watermark = next_watermark_;
  std::vector<bool> reads;
  for (const auto& range : run.ranges) reads.push_back(range && !range->idle);
  const bool no_data = std::find(reads.begin(), reads.end(), true) == reads.end();
  run.entry.no_data = no_data;
  inputs_idle_since_ = watermarks_.idle_since(inputs_idle_since_, reads, last_timestamp_);
  run.entry.idle_since = inputs_idle_since_;
  next_epoch_ = next(next_epoch_);
  query_->set_status(no_data ? "No new data but cleaning up state" : "Processing new data");
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    auto& range = run.ranges[i];
    if (!range) continue;
    ends_[i] = range->end;
    if (!range->changelog.empty()) {
      store(setup_.topology.nodes[sources_[i]].id, 0, std::exchange(range->changelog, {}),
            std::nullopt);
    }
  }
  run.entry.source_ends = ends_;
  prepare({run.entry.epoch, run.entry.context});
}

/// Loads the bounded sides of joins; then the tasks begin.
void Coordinator::prepare(const EpochStart& start) {
  if (setup_.topology.static_sides.empty()) return hand_out(start);
  auto versions = std::make_shared<std::vector<std::string>>();
  run(
      [this, versions, start] {
        for (const auto& side : setup_.topology.static_sides) {
          versions->push_back(side->prepare(start.epoch, start.context));
        }
      },
      [this, versions, start] {
        if (!running_ || running_->entry.epoch != start.epoch || phase_ != Phase::running) return;
        running_->entry.static_versions = std::move(*versions);
        hand_out(start);
      });
}

void Coordinator::hand_out(const EpochStart& start) {
  const Barrier barrier{start.epoch, running_->entry.watermark, watermarks_.begin()};
  TaskId task = 0;
  std::size_t source = 0;
  for (const auto& node : setup_.topology.nodes) {
    if (node.kind != TopologyNode::Kind::source) {
      task += node.parallelism;
      continue;
    }
    auto& range = running_->ranges[source++];
    auto shares = share_out(range ? std::exchange(range->units, {}) : std::vector<ReadUnit>{},
                            node.parallelism);
    for (auto& units : shares) {
      host_->send(task++, BeginEpoch{start, barrier, std::move(units)});
    }
  }
}

void Coordinator::store(OperatorId op, std::uint32_t partition, std::string changes,
                        std::optional<ChangeExtent> extent) {
  const auto epoch = running_->entry.epoch;
  if (changes.size() <= Term::inline_limit) {  // goes into the entry: nothing to wait for
    running_->entry.changes.push_back(
        term_->store_changes(op, partition, epoch, std::move(changes), std::move(extent)));
    return;
  }
  ++running_->missing;
  auto stored = std::make_shared<TaskChanges>();
  run(
      [stored, op, partition, epoch, term = term_, changes = std::move(changes),
       extent = std::move(extent)]() mutable {
        *stored = term->store_changes(op, partition, epoch, std::move(changes), std::move(extent));
      },
      [this, stored, epoch] {
        if (!running_ || running_->entry.epoch != epoch || phase_ != Phase::running) return;
        running_->entry.changes.push_back(std::move(*stored));
        part_done();
      });
}

/// A report is in or a changelog is stored; with the last one the epoch is ready to be decided.
void Coordinator::part_done() {
  auto& run = *running_;
  if (--run.missing > 0) return;
  run.reported = setup_.environment.clock->steady_microseconds();
  // Reports come in any order, entries and sums do not depend on it.
  std::sort(run.reports.begin(), run.reports.end(),
            [](const auto& a, const auto& b) { return a.task < b.task; });
  std::sort(run.entry.changes.begin(), run.entry.changes.end(), [](const auto& a, const auto& b) {
    return std::pair(a.op, a.partition) < std::pair(b.op, b.partition);
  });
  close_epoch(setup_, wiring_, run, watermarks_, totals_);
  used_ = run.entry.watermark;
  next_watermark_ = run.entry.next_watermark;
  no_data_due_ = next_watermark_ > used_ || watermarks_.any_rose();
  timeout_ = run.entry.earliest_timeout;
  reported_.push_back(std::move(run));
  running_.reset();
}

void Coordinator::try_decide() {
  if (deciding_ || reported_.empty()) return;
  deciding_ = true;
  auto& front = reported_.front().entry;
  auto changes = std::exchange(front.changes, {});
  auto entry = front;
  entry.changes = std::move(changes);
  run(
      [term = term_, entry = std::move(entry),
       committed = std::exchange(committed_, {})]() mutable {
        for (const auto epoch : committed) term->committed(epoch);
        term->decide(std::move(entry));
      },
      [this] {
        deciding_ = false;
        auto run = std::move(reported_.front());
        reported_.pop_front();
        run.decided = setup_.environment.clock->steady_microseconds();
        release_ = run.entry.source_ends;
        maintenance_due_ = true;
        decided_.push_back(std::move(run));
      });
}

void Coordinator::try_commit() {
  if (committing_ || decided_.empty()) return;
  committing_ = true;
  auto stages = std::make_shared<std::vector<SinkStage>>(std::move(decided_.front().entry.sinks));
  run(
      [this, stages, epoch = decided_.front().entry.epoch] {
        const auto sinks = setup_.sinks();
        for (std::size_t i = 0; i < sinks.size(); ++i) {
          setup_.topology.nodes[sinks[i]].sink->commit(epoch, (*stages)[i].handles);
        }
      },
      [this] {
        committing_ = false;
        auto run = std::move(decided_.front());
        decided_.pop_front();
        committed(std::move(run));
      });
}

void Coordinator::committed(EpochRun run) {
  run.committed = setup_.environment.clock->steady_microseconds();
  committed_.push_back(run.entry.epoch);
  if (!waiters_.empty()) sleeping_ = false;
  auto progress = progress_of(setup_, wiring_, run, previous_trigger_ms_);
  previous_trigger_ms_ = run.trigger_wall_ms;
  last_event_ = run.committed;
  query_->complete(progress);
  last_progress_ = progress;
  announce([query = query_, progress = std::move(progress)] { query->announce(progress); });
}

void Coordinator::try_maintain() {
  if (maintaining_ || !maintenance_due_ || deciding_) return;
  maintaining_ = true;
  maintenance_due_ = false;
  run([term = term_] { term->maintain(); }, [this] { maintaining_ = false; });
}

void Coordinator::announce_idle() {
  QueryProgress progress;
  if (last_progress_) {
    progress = *last_progress_;
  } else if (const auto& last = term_->restored().last) {
    progress.epoch = last->epoch;
    progress.watermark = last->watermark;
    progress.totals = last->totals;
  }
  progress.executed = false;
  progress.timestamp_milliseconds = trigger_wall_ms_;
  progress.input_rows = 0;
  progress.input_rows_per_second = progress.processed_rows_per_second = 0;
  progress.batch_duration_ms = 0;
  progress.duration_ms.clear();
  for (auto& state : progress.state_operators) {
    state.rows_updated = state.rows_dropped_by_watermark = state.rows_removed = 0;
    for (auto& metric : state.custom_metrics) metric.second = 0;
  }
  for (auto& source : progress.sources) source.rows = source.malformed_rows = 0;
  query_->complete(progress);
  announce([query = query_, progress = std::move(progress)] { query->announce(progress); });
}

void Coordinator::idle() {
  auto& clock = *setup_.environment.clock;
  const auto now = clock.steady_microseconds();
  if (idle_since_ < 0) idle_since_ = now;
  query_->set_status("Waiting for data to arrive");
  if (now - last_event_ >= idle_progress_us) {
    last_event_ = now;
    announce_idle();
  }
  if (next_slot_) return;  // the trigger's next slot wakes it
  std::int64_t poll = longest_poll_ms;
  for (const auto node : sources_) {
    poll = std::min(poll, setup_.topology.nodes[node].source->poll_interval_milliseconds());
  }
  // Looking costs (a directory is listed): the longer nothing came, the rarer.
  poll = std::clamp((now - idle_since_) / 10'000, std::max<std::int64_t>(poll, 1), longest_poll_ms);
  if (timeout_) poll = std::clamp<std::int64_t>(*timeout_ - clock.now_milliseconds(), 1, poll);
  sleep(poll);
}

void Coordinator::sleep(std::int64_t milliseconds) {
  sleeping_ = true;
  host_->wake_in(std::chrono::milliseconds(milliseconds), [this, number = ++sleep_] {
    if (number != sleep_ || !sleeping_) return;
    sleeping_ = false;
    advance();
  });
}

void Coordinator::answer_waiters() {
  std::erase_if(waiters_, [this](const Waiter& waiter) {
    if (waiter.round > round_) return false;
    waiter.promise->set_value();
    return true;
  });
}

}  // namespace libstream
