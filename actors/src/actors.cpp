#include "actors.hpp"

#include <libstream/error.hpp>

#include <caf/scheduled_actor.hpp>

namespace libstream {
namespace {

/// A mailbox around a plain state: the state dies with the actor, and with it all handles it holds,
/// so that cycles of actors end.
template <class State>
class StateActor final : public caf::event_based_actor {
 public:
  template <class... Ts>
  explicit StateActor(caf::actor_config& config, Ts&&... arguments) : event_based_actor(config) {
    set_exception_handler([](std::exception_ptr& error) -> caf::error {
      return caf::make_error(caf::sec::runtime_error, message_of(error));
    });
    set_default_handler(
        [](caf::scheduled_actor* self, caf::message_view&) -> caf::result<caf::message> {
          self->quit(caf::sec::unexpected_message);
          return caf::sec::unexpected_message;
        });
    state_.emplace(this, std::forward<Ts>(arguments)...);
  }
  caf::behavior make_behavior() override { return state_->make_behavior(); }
  void on_exit() override { state_.reset(); }

 private:
  std::optional<State> state_;
};

/// Runs a job and posts its outcome to an actor; the job's captures are gone by then.
void submit(JobRunner& jobs, const caf::actor& self, const QueryRun* query,
            std::function<void()> job, std::function<void(std::exception_ptr)> done) {
  jobs.submit([self, query, job = std::move(job), done = std::move(done)]() mutable {
    std::exception_ptr error;
    try {
      const WorkingFor mark(query);
      job();
    } catch (...) {
      error = std::current_exception();
    }
    job = nullptr;
    caf::anon_send(self, Post{[error, done = std::move(done)] { done(error); }});
  });
}

class TaskState final : public TaskHost {
 public:
  TaskState(caf::event_based_actor* self, JobRunner& jobs, const QueryRun* query,
            std::unique_ptr<Task> task)
      : self_(self), jobs_(jobs), query_(query), task_(std::move(task)) {
    task_->attach(*this);
  }

  caf::behavior make_behavior() {
    return {
        [this](TaskEnvelope& envelope) {
          if (!failed_) guard([&] { task_->receive(envelope.message); });
        },
        [this](Post& post) { guard(post.call); },  // also of a failed task: its job is back
        [this](Attach& attach) {
          tasks_ = std::move(attach.tasks);
          coordinator_ = std::move(attach.coordinator);
        },
        [this](EndTask&) {
          ending_ = true;
          if (jobs_out_ == 0) self_->quit();
        },
    };
  }

  void send(TaskId to, TaskMessage message) override {
    self_->send((*tasks_)[to], TaskEnvelope{std::move(message)});
  }
  void run(std::function<void()> job, std::function<void(std::exception_ptr)> done) override {
    ++jobs_out_;
    submit(jobs_, caf::actor_cast<caf::actor>(self_), query_, std::move(job),
           [this, done = std::move(done)](const std::exception_ptr& error) {
             --jobs_out_;
             if (ending_ && jobs_out_ == 0) self_->quit();
             if (!ending_ && !failed_) done(error);
           });
  }
  void later(std::function<void()> step) override {
    self_->send(caf::actor_cast<caf::actor>(self_), Post{[this, step = std::move(step)] {
                  if (!ending_ && !failed_) step();
                }});
  }
  void report(TaskReport report) override {
    self_->send(coordinator_, CoordinatorPost{[shared = std::make_shared<TaskReport>(
                                                   std::move(report))](Coordinator& coordinator) {
                  coordinator.receive(std::move(*shared));
                }});
  }

 private:
  /// A fault ends the query; this task does nothing more until it is told to go.
  template <class F>
  void guard(F&& call) {
    try {
      call();
    } catch (...) {
      if (std::exchange(failed_, true)) return;
      self_->send(coordinator_,
                  CoordinatorPost{[error = std::current_exception()](Coordinator& coordinator) {
                    coordinator.fail(error);
                  }});
    }
  }

  caf::event_based_actor* self_;
  JobRunner& jobs_;
  const QueryRun* query_;
  std::unique_ptr<Task> task_;
  std::shared_ptr<const std::vector<caf::actor>> tasks_;
  caf::actor coordinator_;
  std::size_t jobs_out_ = 0;
  bool ending_ = false;
  bool failed_ = false;
};

class CoordinatorState final : public CoordinatorHost {
 public:
  CoordinatorState(caf::event_based_actor* self, JobRunner& jobs,
                   std::unique_ptr<Coordinator> coordinator, std::shared_ptr<QueryRun> query)
      : self_(self), jobs_(jobs), query_(std::move(query)), coordinator_(std::move(coordinator)) {}

  caf::behavior make_behavior() {
    // Tasks are linked, so that they never outlive this actor; their ends arrive as DOWN.
    self_->set_exit_handler([](caf::exit_msg&) {});
    self_->set_down_handler([this](caf::down_msg& down) { task_down(down); });
    coordinator_->start(*this);
    return {
        [this](Post& post) { guard(post.call); },
        [this](CoordinatorPost& post) { guard([&] { post.call(*coordinator_); }); },
    };
  }

  void run(std::function<void()> job, std::function<void(std::exception_ptr)> done) override {
    submit(jobs_, caf::actor_cast<caf::actor>(self_), query_.get(), std::move(job),
           std::move(done));
  }
  void wake_in(std::chrono::milliseconds delay, std::function<void()> wake) override {
    self_->delayed_send(caf::actor_cast<caf::actor>(self_), delay, Post{std::move(wake)});
  }
  void spawn(std::vector<std::unique_ptr<Task>> tasks) override {
    ending_ = false;
    auto handles = std::make_shared<std::vector<caf::actor>>();
    for (auto& task : tasks) {
      handles->push_back(self_->spawn<StateActor<TaskState>, caf::monitored + caf::linked>(
          std::ref(jobs_), query_.get(), std::move(task)));
    }
    alive_ = handles->size();
    tasks_ = handles;
    for (const auto& task : *tasks_) {
      self_->send(task, Attach{tasks_, caf::actor_cast<caf::actor>(self_)});
    }
  }
  void send(TaskId task, TaskMessage message) override {
    self_->send((*tasks_)[task], TaskEnvelope{std::move(message)});
  }
  void end_tasks() override {
    ending_ = true;
    for (const auto& task : *tasks_) self_->send(task, EndTask{});
  }
  void quit() override { self_->quit(); }

 private:
  void task_down(const caf::down_msg& down) {
    --alive_;
    if (!ending_) {
      const auto reason = self_->system().render(down.reason);
      guard([&] {
        coordinator_->fail(std::make_exception_ptr(
            Error(ErrorCode::unsupported, "a task ended by itself: " + reason)));
      });
    }
    if (alive_ > 0) return;
    tasks_.reset();
    guard([&] { coordinator_->tasks_ended(); });
  }

  /// The coordinator throws only what a broken rule of ours lets through.
  template <class F>
  void guard(F&& call) {
    try {
      call();
    } catch (...) {
      coordinator_->fail(std::current_exception());
    }
  }

  caf::event_based_actor* self_;
  JobRunner& jobs_;
  std::shared_ptr<QueryRun> query_;
  std::unique_ptr<Coordinator> coordinator_;
  std::shared_ptr<const std::vector<caf::actor>> tasks_;
  std::size_t alive_ = 0;
  bool ending_ = false;
};

class Mailbox final : public CoordinatorMailbox {
 public:
  explicit Mailbox(caf::actor actor) : actor_(std::move(actor)) {}
  void post(std::function<void(Coordinator&)> call) override {
    caf::anon_send(actor_, CoordinatorPost{std::move(call)});
  }

 private:
  caf::actor actor_;
};

class ThreadedActors final : public QueryActors {
 public:
  ThreadedActors(std::uint32_t threads, std::uint32_t io_threads)
      : config_(threads), system_(config_), pool_(io_threads) {}

  void spawn(std::unique_ptr<Coordinator> coordinator, std::shared_ptr<QueryRun> query) override {
    spawn_coordinator(system_, pool_, std::move(coordinator), std::move(query));
  }

 private:
  struct Config : caf::actor_system_config {
    explicit Config(std::uint32_t threads) {
      // Stealing starves under ping-pong and ramps up late; without a limit of messages a turn one
      // actor can keep a worker for ever.
      set("scheduler.policy", caf::atom("sharing"));
      set("scheduler.max-threads", threads);
      set("scheduler.max-throughput", std::size_t{32});
    }
  };
  Config config_;
  caf::actor_system system_;
  IoPool pool_;  // ends first: its jobs hold handles
};

}  // namespace

caf::actor spawn_coordinator(caf::actor_system& system, JobRunner& jobs,
                             std::unique_ptr<Coordinator> coordinator,
                             std::shared_ptr<QueryRun> query) {
  auto actor =
      system.spawn<StateActor<CoordinatorState>>(std::ref(jobs), std::move(coordinator), query);
  query->connect(std::make_shared<Mailbox>(actor));
  return actor;
}

std::unique_ptr<QueryActors> make_threaded_actors(std::uint32_t threads, std::uint32_t io_threads) {
  return std::make_unique<ThreadedActors>(threads, io_threads);
}

}  // namespace libstream
