#include "coordinator.hpp"

#include "query_run.hpp"

#include <algorithm>

namespace libstream {
namespace {

constexpr std::chrono::milliseconds first_pause{100};
constexpr std::chrono::milliseconds longest_pause{30'000};

}  // namespace

Coordinator::Coordinator(QuerySetup setup, std::unique_ptr<Term> term,
                         std::shared_ptr<QueryRun> query)
    : setup_(std::move(setup)),
      term_(std::move(term)),
      query_(std::move(query)),
      wiring_(wire(setup_.topology)),
      sources_(setup_.sources()),
      watermarks_(setup_.topology) {}

Coordinator::~Coordinator() = default;

void Coordinator::start(CoordinatorHost& host) {
  host_ = &host;
  restore();
  first_epoch_ = next_epoch_;
  query_->set_status("Initializing sources");
  auto tasks = std::make_shared<std::vector<std::unique_ptr<Task>>>();
  run([this, tasks, term = term_] { *tasks = launch(setup_, *term, open_ends_); },
      [this, tasks] { launched(tasks); });
}

/// Takes over where the last decision left off.
void Coordinator::restore() {
  const auto& last = term_->restored().last;
  ends_.assign(sources_.size(), {});
  release_.clear();
  watermarks_.forget();
  next_epoch_ = Epoch{};
  used_ = next_watermark_ = {};
  no_data_due_ = false;
  timeout_.reset();
  inputs_idle_since_.clear();
  totals_.clear();
  if (!last) return;
  next_epoch_ = next(last->epoch);
  last_timestamp_ = last->context.timestamp_milliseconds;
  if (last->source_ends.size() == ends_.size()) ends_ = last->source_ends;
  release_ = ends_;  // the term before may have died between decision and release
  used_ = last->watermark;
  next_watermark_ = last->next_watermark;
  totals_ = last->totals;
  if (setup_.strict) return;  // Structured Streaming forgets maxima and the pending epoch
  timeout_ = last->earliest_timeout;
  watermarks_.restore(last->watermark_values, used_);
  inputs_idle_since_ = last->idle_since;
  no_data_due_ = next_watermark_ > used_ || watermarks_.any_rose();
}

void Coordinator::run(std::function<void()> job, std::function<void()> done) {
  ++jobs_;
  host_->run(std::move(job), [this, done = std::move(done)](const std::exception_ptr& error) {
    --jobs_;
    if (error) {
      end(error);
    } else {
      done();
    }
    advance();
  });
}

void Coordinator::launched(std::shared_ptr<std::vector<std::unique_ptr<Task>>> tasks) {
  if (phase_ != Phase::launching) return;
  phase_ = Phase::running;
  tasks_alive_ = true;
  last_event_ = setup_.environment.clock->steady_microseconds();
  host_->spawn(std::move(*tasks));
}

void Coordinator::advance() {
  if (phase_ == Phase::running) {
    try_decide();
    try_commit();
    try_maintain();
    if ((stopping_ || exhausted_) && quiet()) {
      end(nullptr);
    } else {
      try_plan();
    }
  }
  if (phase_ == Phase::ending) try_close();
}

bool Coordinator::quiet() const {
  return !running_ && reported_.empty() && decided_.empty() && !planning_;
}

void Coordinator::receive(TaskReport report) {
  if (phase_ != Phase::running || !running_) return;
  LIBSTREAM_ASSERT(report.epoch == running_->entry.epoch, "tasks report the epoch under way");
  auto changes = std::exchange(report.changes, {});
  auto extent = std::exchange(report.extent, {});
  const auto& wiring = wiring_[report.task];
  running_->reports.push_back(std::move(report));
  if (!changes.empty()) {
    store(setup_.topology.nodes[wiring.node].id, wiring.partition, std::move(changes),
          std::move(extent));
  }
  part_done();
  advance();
}

void Coordinator::fail(std::exception_ptr error) {
  if (running_) error = with_position(setup_, *running_, std::move(error));
  end(std::move(error));
  advance();
}

void Coordinator::stop(bool finish_epoch) {
  stopping_ = true;
  if (phase_ == Phase::pausing)
    return close();  // with the fault: its epochs were not all committed
  if (!finish_epoch && !dropping_) {
    dropping_ = true;
    running_.reset();
    while (reported_.size() > (deciding_ ? 1U : 0U)) reported_.pop_back();
    end_tasks();
  }
  advance();
}

void Coordinator::process_all(std::shared_ptr<std::promise<void>> waiter) {
  waiters_.push_back({round_ + 1, std::move(waiter)});
  sleeping_ = false;  // look at once; a processing-time trigger still waits for its slot
  advance();
}

void Coordinator::end(std::exception_ptr error) {
  if (phase_ == Phase::closing) {
    if (!error_) error_ = error;
    return;
  }
  if (phase_ == Phase::ending) return;  // the first cause counts
  phase_ = Phase::ending;
  error_ = std::move(error);
  end_tasks();
}

void Coordinator::end_tasks() {
  if (!tasks_alive_ || tasks_ending_) return;
  tasks_ending_ = true;
  host_->end_tasks();
}

void Coordinator::tasks_ended() {
  tasks_alive_ = tasks_ending_ = false;
  advance();
}

bool Coordinator::may_restart() const {
  if (!error_ || stopping_ || restarts_ >= setup_.restarts) return false;
  try {
    std::rethrow_exception(error_);
  } catch (const Error& error) {
    // The others would come again at once, or the checkpoint is another's by now.
    return error.code() == ErrorCode::io || error.code() == ErrorCode::unreachable ||
           error.code() == ErrorCode::user_function || error.code() == ErrorCode::data;
  } catch (...) {
    return true;
  }
}

void Coordinator::try_close() {
  if (jobs_ > 0 || tasks_alive_) return;
  may_restart() ? pause() : close();
}

void Coordinator::close() {
  phase_ = Phase::closing;
  const bool clean = !error_;
  auto term = std::move(term_);
  auto setup = std::make_shared<QuerySetup>(std::move(setup_));
  setup_.environment = setup->environment;
  auto done = [this](const std::exception_ptr& error) {
    if (error && !error_) error_ = error;
    closed();
  };
  host_->run(
      [clean, term = std::move(term), setup, committed = std::move(committed_),
       release = std::exchange(release_, {})]() mutable {
        if (clean) {
          release_sources(*setup, release);
          for (const auto epoch : committed) term->committed(epoch);
          term->close();
        }
        term.reset();
        setup->root.reset();
        setup->topology = {};
        if (clean && setup->temporary) remove_tree(setup->directory);
      },
      done);
}

void Coordinator::closed() {
  query_->set_status(error_ ? "Terminated with an error" : "Stopped");
  announce([query = query_, error = error_] { query->announce_end(error); });
  events_.push_back(nullptr);  // the mark behind the last event
  if (!announcing_) announce(nullptr);
}

/// Gives what failed time to heal, twice as long each time.
void Coordinator::pause() {
  phase_ = Phase::pausing;
  const std::chrono::milliseconds wanted = first_pause * (1 << std::min(restarts_, 10U));
  const auto delay = std::min(wanted, longest_pause);
  ++restarts_;
  query_->set_status("Waiting to restart after: " + message_of(error_));
  host_->wake_in(delay, [this] {
    if (phase_ == Phase::pausing) relaunch();
  });
}

/// Goes on from the last decision in a new term.
void Coordinator::relaunch() {
  phase_ = Phase::launching;
  error_ = nullptr;
  dropping_ = false;
  planning_ = deciding_ = committing_ = maintaining_ = false;
  running_.reset();
  reported_.clear();
  decided_.clear();
  committed_.clear();
  sleeping_ = false;
  query_->set_status("Restarting from the last decision");
  auto tasks = std::make_shared<std::vector<std::unique_ptr<Task>>>();
  auto term = std::make_shared<std::unique_ptr<Term>>();
  term_.reset();
  run(
      [this, tasks, term] {
        *term = Term::open(setup_.root, setup_.meta, setup_.environment, setup_.term_options);
        *tasks = launch(setup_, **term, open_ends_);
      },
      [this, tasks, term] {
        term_ = std::move(*term);
        restore();
        exhausted_ = setup_.trigger.kind == Trigger::Kind::once && next_epoch_ != first_epoch_;
        launched(tasks);
      });
}

/// Calls listeners one at a time, in order, off the actors.
void Coordinator::announce(std::function<void()> event) {
  if (event) events_.push_back(std::move(event));
  if (announcing_ || events_.empty()) return;
  auto next_event = std::move(events_.front());
  events_.pop_front();
  if (!next_event) {
    query_->finish(error_);
    waiters_.clear();
    host_->quit();
    return;
  }
  announcing_ = true;
  host_->run(std::move(next_event), [this](const std::exception_ptr&) {
    announcing_ = false;
    announce(nullptr);
  });
}

}  // namespace libstream
