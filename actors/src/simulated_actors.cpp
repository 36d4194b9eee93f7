#include "actors.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <caf/resumable.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <algorithm>

namespace libstream {
namespace {

struct Config : caf::actor_system_config {
  Config() { set("scheduler.policy", caf::atom("testing")); }
};

class Simulation final : public SimulatedActors, public JobRunner {
 public:
  explicit Simulation(std::uint64_t seed)
      : system_(config_),
        scheduler_(dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())),
        start_(scheduler_.clock().now()),
        state_(seed),
        slow_disk_(next() % 2 == 0) {}

  ~Simulation() override {
    // A crash: whatever waits is lost. What runs in a mailbox may post again, hence the loop.
    jobs_.clear();
    for (const auto& coordinator : coordinators_) {
      caf::anon_send_exit(coordinator, caf::exit_reason::kill);
    }
    coordinators_.clear();
    while (scheduler_.try_run_once()) jobs_.clear();
  }

  void spawn(std::unique_ptr<Coordinator> coordinator, std::shared_ptr<QueryRun> query) override {
    coordinators_.push_back(
        spawn_coordinator(system_, *this, std::move(coordinator), std::move(query)));
  }
  void submit(std::function<void()> job) override {
    jobs_.push_back({std::move(job), slow_disk_ && next() % 4 == 0});
  }

  bool step() override {
    const auto waiting = scheduler_.jobs.size() + jobs_.size();
    if (waiting == 0) {
      note(~std::uint64_t{0});
      return scheduler_.trigger_timeout();
    }
    const auto choice = choose(waiting);
    note(choice + (waiting << 32));
    if (choice < scheduler_.jobs.size()) {
      const auto chosen = scheduler_.jobs.begin() + static_cast<std::ptrdiff_t>(choice);
      auto* actor = *chosen;
      scheduler_.jobs.erase(chosen);
      scheduler_.jobs.push_front(actor);
      scheduler_.run_once();
    } else {
      const auto chosen =
          jobs_.begin() + static_cast<std::ptrdiff_t>(choice - scheduler_.jobs.size());
      auto job = std::move(chosen->run);
      jobs_.erase(chosen);
      job();
    }
    return true;
  }

  std::int64_t now_microseconds() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(scheduler_.clock().now() - start_)
        .count();
  }
  std::uint64_t trace() const override { return trace_; }

 private:
  struct Job {
    std::function<void()> run;
    bool slow = false;  ///< while others get on
  };

  /// Any of those that wait; a slow job has to be chosen again and again.
  std::size_t choose(std::size_t waiting) {
    constexpr int patience = 8;
    auto choice = next() % waiting;
    for (int again = 0; again < patience && is_slow(choice); ++again) choice = next() % waiting;
    return choice;
  }
  bool is_slow(std::size_t choice) const {
    return choice >= scheduler_.jobs.size() && jobs_[choice - scheduler_.jobs.size()].slow;
  }
  std::uint64_t next() { return hash_word(state_ += 0x9e3779b97f4a7c15ULL); }
  void note(std::uint64_t event) { trace_ = hash_word(trace_ ^ event); }

  Config config_;
  caf::actor_system system_;
  caf::scheduler::test_coordinator& scheduler_;
  caf::actor_clock::time_point start_;
  std::uint64_t state_;
  std::uint64_t trace_ = 0;
  bool slow_disk_;
  std::vector<Job> jobs_;
  std::vector<caf::actor> coordinators_;
};

}  // namespace

std::unique_ptr<SimulatedActors> make_simulated_actors(std::uint64_t seed) {
  return std::make_unique<Simulation>(seed);
}

}  // namespace libstream
