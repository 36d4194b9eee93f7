#pragma once

#include "coordinator.hpp"
#include "job_runner.hpp"
#include "query_run.hpp"

#include <chrono>
#include <cstdint>
#include <memory>

namespace libstream {

/// Hosts coordinators and tasks as actors. The only face of the actor library.
class QueryActors {
 public:
  virtual ~QueryActors() = default;  ///< waits for all actors: end the queries first
  /// Starts a coordinator; its tasks follow when it has launched.
  virtual void spawn(std::unique_ptr<Coordinator> coordinator, std::shared_ptr<QueryRun> query) = 0;
};

/// Actors on `threads` workers and jobs on `io_threads` more.
std::unique_ptr<QueryActors> make_threaded_actors(std::uint32_t threads, std::uint32_t io_threads);

/// Everything on the calling thread and on virtual time: messages and jobs run one at a time, which
/// one is next comes from the seed. The same seed and input give the same trace.
class SimulatedActors : public QueryActors {
 public:
  /// Runs one message or job, or, when none waits, moves the clock to the next timer. False when
  /// there is neither.
  virtual bool step() = 0;
  virtual std::int64_t now_microseconds() const = 0;  ///< virtual time since the start
  virtual std::uint64_t trace() const = 0;            ///< hash over the schedule so far
};
std::unique_ptr<SimulatedActors> make_simulated_actors(std::uint64_t seed);

}  // namespace libstream
