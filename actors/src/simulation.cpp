#include <libstream/checkpoint/term.hpp>
#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/testing/simulation.hpp>

#include <algorithm>
#include <optional>

namespace libstream::testing {
namespace {

/// Deaths come behind 1 to 2^scale steps, any scale as likely as the others: queries are short and
/// long.
constexpr std::uint64_t scales_of_deaths = 13;

using Events = std::vector<std::pair<std::int64_t, std::function<void()>>>;

/// One query from its first start to its end.
class Course {
 public:
  Course(const SimulationOptions& options, const Events& events)
      : options_(options),
        events_(events),
        random_(seeded_random(options.seed)),
        checkpoint_(options.checkpoint ? options.checkpoint : memory_root()),
        now_(options.start_milliseconds * 1000) {}

  SimulationResult run(const Simulation::Program& program) {
    while (true) {
      const bool dies = result_.crashes < options_.crashes;
      if (!live(program, dies ? std::optional(drawn_death()) : std::nullopt)) continue;
      if (next_event_ == events_.size()) return std::move(result_);
      now_ = std::max(now_, events_[next_event_].first);
    }
  }

 private:
  std::uint64_t pick(std::uint64_t limit) { return random_->next() % limit; }
  std::uint64_t drawn_death() {
    const auto scale = pick(scales_of_deaths);
    return 1 + pick(std::uint64_t{1} << scale);
  }

  /// From a start to the end, or to the death; false for a death.
  bool live(const Simulation::Program& program, std::optional<std::uint64_t> death) {
    ++result_.starts;
    SimulatedSession session(session_options(), random_->next(), now_);
    happen();
    Query query = start(program(session));
    const auto end = std::max(now_, events_.empty() ? now_ : events_.back().first) +
                     std::chrono::microseconds(options_.run_for).count();
    bool stopping = false;
    for (std::uint64_t steps = 0; query.is_active(); ++steps) {
      if (steps == death) {
        ++result_.crashes;
        leave(session);
        return false;
      }
      if (!stopping && now_ >= end) {
        session.request_stop();
        stopping = true;
      }
      step(session, end, stopping);
    }
    leave(session);
    if (query.exception()) fail(query.exception());
    return true;
  }

  SessionOptions session_options() {
    auto options = options_.session;
    options.partitions = options_.partitions[pick(options_.partitions.size())];
    options.channel_batches = 1 + pick(4);
    options.channel_bytes = 64U << pick(8);
    options.environment.random = seeded_random(random_->next());
    return options;
  }

  Query start(DataStreamWriter writer) {
    if (!writer.spec().checkpoint.empty() || writer.spec().checkpoint_root) {
      throw Error(
          ErrorCode::invalid_argument,
          "the checkpoint of a simulated query is the simulation's: leave checkpoint() out, "
          "or set SimulationOptions::checkpoint");
    }
    const auto snapshots = static_cast<std::int64_t>(1 + pick(4));
    if (!writer.spec().options.find("snapshotEpochs")) writer.option("snapshotEpochs", snapshots);
    return writer.checkpoint(checkpoint_).memory(result_.output).start();
  }

  void step(SimulatedSession& session, std::int64_t end, bool stopping) {
    if (++result_.steps > options_.most_steps) does_not_end();
    const bool moved = session.step();
    if (!moved) {
      // Nothing waits, no timer runs: what comes next comes from outside.
      if (next_event_ < events_.size()) {
        session.sleep_until(events_[next_event_].first);
      } else if (!stopping && now_ < end) {
        session.sleep_until(end);
      } else {
        does_not_end();
      }
    }
    now_ = session.now_microseconds();
    happen();
  }

  /// The events that are due.
  void happen() {
    while (next_event_ < events_.size() && events_[next_event_].first <= now_) {
      events_[next_event_++].second();
    }
  }

  void leave(const SimulatedSession& session) {
    now_ = session.now_microseconds();
    result_.trace = hash_word(result_.trace ^ session.trace());
  }

  std::string place() const {
    return " (simulation with seed " + std::to_string(options_.seed) + ", start " +
           std::to_string(result_.starts) + ")";
  }
  [[noreturn]] void does_not_end() const {
    throw Error(ErrorCode::unsupported, "the simulated query does not end" + place());
  }
  [[noreturn]] void fail(const std::exception_ptr& exception) const {
    try {
      std::rethrow_exception(exception);
    } catch (const Error& error) {
      throw Error(error.code(), error.error_class(), error.what() + place());
    }
  }

  const SimulationOptions& options_;
  const Events& events_;
  std::shared_ptr<Random> random_;
  std::shared_ptr<CheckpointRoot> checkpoint_;
  std::int64_t now_;  ///< µs since 1970
  std::size_t next_event_ = 0;
  SimulationResult result_;
};

}  // namespace

Simulation::Simulation(SimulationOptions options) : options_(std::move(options)) {
  if (options_.partitions.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "SimulationOptions::partitions is empty: name one number at least");
  }
}

void Simulation::at(std::chrono::milliseconds after, std::function<void()> event) {
  const std::int64_t time = (options_.start_milliseconds + after.count()) * 1000;
  const auto place = std::upper_bound(events_.begin(), events_.end(), time,
                                      [](std::int64_t t, const auto& e) { return t < e.first; });
  events_.emplace(place, time, std::move(event));
}

SimulationResult Simulation::run(const Program& program) {
  return Course(options_, events_).run(program);
}

}  // namespace libstream::testing
