#include "faulty_disk.hpp"

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

constexpr auto checkpoint_directory = "/checkpoint";
/// A disk is full for 1 to so many operations.
constexpr std::uint64_t full_operations = 12;
/// Kinds of operations that fail are rarer than steps.
constexpr std::uint64_t scales_of_failures = 6;

using Events = std::vector<std::pair<std::int64_t, std::function<void()>>>;

bool any(const DiskFaults& faults) {
  return faults.power_cuts || faults.failing_syncs > 0 || faults.full_disks > 0 ||
         faults.bit_flips > 0;
}

/// One query from its first start to its end.
class Course {
 public:
  Course(const SimulationOptions& options, const Events& events)
      : options_(options),
        events_(events),
        random_(seeded_random(options.seed)),
        disk_(options.disk || !any(options.faults) ? options.disk
                                                   : std::make_shared<SimulatedDisk>()),
        memory_(options.checkpoint ? options.checkpoint : memory_root()),
        now_(options.start_milliseconds * 1000) {}

  SimulationResult run(const Simulation::Program& program) {
    while (true) {
      const bool over = live(program) == End::over;
      const bool more = next_event_ < events_.size();
      if (over && !more && flips_to_come_ == 0) break;
      maybe_cut_power();
      if (!over) continue;
      if (more) now_ = std::max(now_, events_[next_event_].first);
      flip_next_ = !more;
    }
    if (options_.faults.power_cuts) cut_power();
    return std::move(result_);
  }

 private:
  enum class End : std::uint8_t {
    over,    ///< the query has ended
    died,    ///< its process has
    failed,  ///< it ended with an error, as it must where the disk failed
  };

  std::uint64_t pick(std::uint64_t limit) { return random_->next() % limit; }
  /// 0 to 2^scales, any scale as likely as the others.
  std::uint64_t drawn(std::uint64_t scales) {
    const auto scale = pick(scales);
    return pick(std::uint64_t{1} << scale);
  }
  bool drawn(std::uint32_t met, std::uint32_t most) { return met < most && pick(2) == 0; }

  /// What a process is to meet. One that reads a flipped bit meets nothing else: what must come of
  /// it is clear.
  struct Fate {
    std::optional<std::uint64_t> death;  ///< behind so many steps
    DiskFate disk;
  };
  Fate drawn_fate() {
    Fate fate;
    if (disk_ && (flip_next_ || (result_.starts > 1 && drawn(0, flips_to_come_)))) {
      flip_next_ = false;
      --flips_to_come_;
      fate.disk.flip = drawn(4);
      fate.disk.bit = random_->next();
      fate.disk.checked = options_.faults.checked;
      fate.disk.checked.emplace_back(checkpoint_directory);
      return fate;
    }
    if (result_.crashes < options_.crashes) {
      const bool at_operation = disk_ && pick(2) == 0;
      (at_operation ? fate.disk.death : fate.death) = 1 + drawn(scales_of_deaths);
      fate.disk.after = at_operation && pick(2) == 0;
    }
    const auto& faults = options_.faults;
    if (drawn(result_.failed_syncs, faults.failing_syncs)) {
      fate.disk.failing_sync = drawn(scales_of_failures);
    }
    if (drawn(result_.full_disks, faults.full_disks)) {
      fate.disk.full = drawn(scales_of_failures);
      fate.disk.full_for = 1 + pick(full_operations);
    }
    return fate;
  }

  /// From a start to the end, however it comes.
  End live(const Simulation::Program& program) {
    ++result_.starts;
    const auto fate = drawn_fate();
    const auto disk = disk_ ? std::make_shared<FaultyDisk>(disk_, fate.disk) : nullptr;
    SimulatedSession session(session_options(disk), random_->next(), now_);
    happen();
    std::optional<Query> query;
    std::exception_ptr error;
    try {
      query = start(program(session), session);
    } catch (const Died&) {
      // The disk knows.
    } catch (const Error&) {
      error = std::current_exception();
    }
    if (query) error = run(*query, session, disk.get(), fate.death);
    leave(session);
    if (disk) return judge(*disk, error, query && query->is_active());
    if (query && query->is_active()) return died();
    if (error) fail(error);
    return End::over;
  }

  /// Steps to the end or the death; the error that it ended with.
  std::exception_ptr run(const Query& query, SimulatedSession& session, const FaultyDisk* disk,
                         std::optional<std::uint64_t> death) {
    const auto end = std::max(now_, events_.empty() ? now_ : events_.back().first) +
                     std::chrono::microseconds(options_.run_for).count();
    bool stopping = false;
    for (std::uint64_t steps = 0; query.is_active(); ++steps) {
      if (steps == death || (disk != nullptr && disk->dead())) return nullptr;
      if (!stopping && now_ >= end) {
        session.request_stop();
        stopping = true;
      }
      step(session, end, stopping);
    }
    return query.exception();
  }

  End died() {
    ++result_.crashes;
    return End::died;
  }

  /// What came of a process with faults of the disk: nothing else may end it with an error, and a
  /// flipped bit must.
  End judge(FaultyDisk& disk, const std::exception_ptr& error, bool active) {
    const bool dead = disk.dead() || active;
    disk.die();
    if (disk.sync_failed()) ++result_.failed_syncs;
    if (disk.was_full()) ++result_.full_disks;
    if (!disk.flipped().empty()) return judge_flip(disk, error);
    if (dead) return died();
    if (!error) return End::over;
    const auto code = code_of(error);
    const bool explained = disk.sync_failed() || disk.was_full();
    if (!explained || (code != ErrorCode::io && code != ErrorCode::unreachable)) fail(error);
    return End::failed;
  }

  End judge_flip(FaultyDisk& disk, const std::exception_ptr& error) {
    ++result_.bit_flips;
    disk.mend();
    const std::string where = "a bit of " + disk.flipped() + " was flipped";
    if (!error) {
      throw Error(ErrorCode::corrupt, where + ", was read and went unnoticed" + place());
    }
    try {
      std::rethrow_exception(error);
    } catch (const Error& thrown) {
      const std::string message = thrown.what();
      if (thrown.code() != ErrorCode::corrupt ||
          message.find(disk.flipped_name()) == std::string::npos) {
        throw Error(ErrorCode::corrupt, where + ", and the error is not one of code corrupt that " +
                                            "names the file: " + message + place());
      }
    }
    return End::failed;
  }

  void maybe_cut_power() {
    if (!options_.faults.power_cuts || pick(2) == 0) return;
    cut_power();
    ++result_.power_cuts;
  }
  void cut_power() { disk_->cut_power(*seeded_random(random_->next())); }

  SessionOptions session_options(const std::shared_ptr<FaultyDisk>& disk) {
    auto options = options_.session;
    if (disk) options.environment.files = disk_->files(disk);
    options.partitions = options_.partitions[pick(options_.partitions.size())];
    options.channel_batches = 1 + pick(4);
    options.channel_bytes = 64U << pick(8);
    options.environment.random = seeded_random(random_->next());
    return options;
  }

  Query start(DataStreamWriter writer, const SimulatedSession& session) {
    if (!writer.spec().checkpoint.empty() || writer.spec().checkpoint_root) {
      throw Error(
          ErrorCode::invalid_argument,
          "the checkpoint of a simulated query is the simulation's: leave checkpoint() out, "
          "or set SimulationOptions::checkpoint");
    }
    const auto snapshots = static_cast<std::int64_t>(1 + pick(4));
    if (!writer.spec().options.find("snapshotEpochs")) writer.option("snapshotEpochs", snapshots);
    return writer.checkpoint(checkpoint(session.files())).memory(result_.output).start();
  }

  std::shared_ptr<CheckpointRoot> checkpoint(const std::shared_ptr<FileSystem>& files) const {
    if (!disk_ || options_.checkpoint) return memory_;
    return unlocked_directory_root(checkpoint_directory, files,
                                   "start" + std::to_string(result_.starts));
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

  static ErrorCode code_of(const std::exception_ptr& exception) {
    try {
      std::rethrow_exception(exception);
    } catch (const Error& error) {
      return error.code();
    }
  }

  const SimulationOptions& options_;
  const Events& events_;
  std::shared_ptr<Random> random_;
  std::shared_ptr<SimulatedDisk> disk_;  ///< may be null
  std::shared_ptr<CheckpointRoot> memory_;
  std::uint32_t flips_to_come_ = options_.faults.bit_flips;
  bool flip_next_ = false;
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
  if (options_.checkpoint && options_.faults.bit_flips > 0 && options_.faults.checked.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "DiskFaults::bit_flips damage the checkpoint on the simulated disk: leave "
                "SimulationOptions::checkpoint out, or name DiskFaults::checked");
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
