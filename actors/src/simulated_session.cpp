#include "engine.hpp"

#include <libstream/testing/simulated_session.hpp>

#include <algorithm>
#include <utility>

namespace libstream::testing {
namespace {

/// The actors' time, which stands still while they do.
class SessionClock final : public Clock {
 public:
  SessionClock(const SimulatedActors& actors, std::int64_t start)
      : actors_(actors), start_(start) {}
  std::int64_t now_milliseconds() override { return steady_microseconds() / 1000; }
  std::int64_t steady_microseconds() override { return start_ + actors_.now_microseconds(); }
  void sleep_until(std::int64_t microseconds) {
    start_ += std::max<std::int64_t>(0, microseconds - steady_microseconds());
  }

 private:
  const SimulatedActors& actors_;
  std::int64_t start_;
};

SessionOptions with_clock(SessionOptions options, std::shared_ptr<Clock> clock) {
  options.environment.clock = std::move(clock);
  return options;
}

}  // namespace

class SimulatedSession::Parts {
 public:
  Parts(SessionOptions options, std::unique_ptr<SimulatedActors> simulated, std::int64_t start)
      : actors(*simulated),
        files(options.environment.files),
        clock(std::make_shared<SessionClock>(actors, start)),
        engine(std::make_shared<Session::Engine>(with_clock(std::move(options), clock),
                                                 std::move(simulated))) {}

  SimulatedActors& actors;  // the engine's
  std::shared_ptr<FileSystem> files;
  std::shared_ptr<SessionClock> clock;
  std::shared_ptr<Session::Engine> engine;
};

SimulatedSession::SimulatedSession(SessionOptions options, std::uint64_t seed,
                                   std::int64_t start_microseconds)
    : parts_(std::make_unique<Parts>(std::move(options), make_simulated_actors(seed),
                                     start_microseconds)) {}
SimulatedSession::~SimulatedSession() = default;

DataStreamReader SimulatedSession::read_stream() { return {parts_->engine, true}; }
DataStreamReader SimulatedSession::read() { return {parts_->engine, false}; }
const std::shared_ptr<FileSystem>& SimulatedSession::files() const { return parts_->files; }
bool SimulatedSession::step() { return parts_->actors.step(); }
void SimulatedSession::request_stop() { parts_->engine->request_stop(); }
std::int64_t SimulatedSession::now_microseconds() const {
  return parts_->clock->steady_microseconds();
}
void SimulatedSession::sleep_until(std::int64_t microseconds) {
  parts_->clock->sleep_until(microseconds);
}
std::uint64_t SimulatedSession::trace() const { return parts_->actors.trace(); }

}  // namespace libstream::testing
