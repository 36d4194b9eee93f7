#include "simulation.hpp"

#include <algorithm>
#include <utility>

namespace libstream::apps::simulation {
namespace {

constexpr std::uint64_t long_run = 48;      ///< epochs
constexpr std::uint64_t endless = 200'000;  ///< steps of a run; a whole one takes some thousands

class Simulation {
 public:
  Simulation(std::uint64_t seed, const Faults& allowed,
             std::function<void(const std::string&)> tell)
      : world_(make_plan(seed, allowed)), chance_(seed ^ 0x5eed) {
    world_.tell = std::move(tell);
    world_.overtake = [this](Process& frozen) { overtake(frozen); };
    world_.tell(world_.plan.words());
    add_rows(4, 16);
  }

  Outcome run() {
    const auto attempts = world_.plan.faults.empty() ? 0 : chance_.between(1, 5);
    for (std::uint64_t i = 0; i < attempts && !violated(); ++i) {
      attempt();
      if (chance_.one_in(4)) add_rows(1, 4);
    }
    if (!violated()) finish();
    Outcome outcome;
    outcome.violation = world_.ledger.violation();
    outcome.hits = world_.hits;
    outcome.trace = trace_ ^ world_.ledger.trace();
    outcome.epochs = world_.ledger.decided();
    return outcome;
  }

 private:
  bool violated() const { return world_.ledger.violation().has_value(); }
  bool meets(Fault fault) const { return world_.plan.faults.contains(fault); }

  void add_rows(std::uint64_t fewest, std::uint64_t most) {
    for (auto& feed : world_.feeds) {
      for (auto batches = chance_.between(fewest, most); batches > 0; --batches) {
        auto& batch = feed.batches.emplace_back();
        for (auto rows = chance_.between(1, 6); rows > 0; --rows) {
          now_ += static_cast<std::int64_t>(chance_.below(3)) * second;
          Event event{static_cast<std::int64_t>(chance_.below(7)), std::nullopt,
                      static_cast<std::int64_t>(chance_.below(8)), next_id_++};
          if (!chance_.one_in(12)) {
            event.time = now_ - static_cast<std::int64_t>(chance_.below(50)) * second;
          }
          batch.push_back(event);
        }
      }
    }
  }

  Fate calm() {
    Fate fate;
    fate.seed = chance_.next();
    fate.partitions = meets(Fault::rescale) || processes_.empty()
                          ? static_cast<std::uint32_t>(chance_.between(1, 8))
                          : processes_.back()->fate().partitions;
    if (!processes_.empty() && fate.partitions != processes_.back()->fate().partitions) {
      world_.hits.add(Fault::rescale);
    }
    fate.source_tasks = static_cast<std::uint32_t>(chance_.between(1, 4));
    fate.snapshot_epochs = chance_.between(1, 4);
    fate.channel_batches = chance_.between(1, 4);
    fate.channel_bytes = std::size_t{64} << chance_.below(8);
    fate.blocking = chance_.one_in(2);
    fate.after_crash = !processes_.empty() && processes_.back()->dead();
    return fate;
  }

  std::uint64_t some_point(std::uint64_t most) {
    return chance_.below(chance_.one_in(2) ? most / 8 : most);
  }

  Fate random_fate() {
    auto fate = calm();
    std::vector<Fault> ends;
    for (const auto fault : {Fault::crash, Fault::power, Fault::freeze, Fault::stop}) {
      if (meets(fault)) ends.push_back(fault);
    }
    if (!ends.empty()) {
      fate.end = ends[chance_.below(ends.size())];
      fate.at_operation = *fate.end != Fault::stop && chance_.one_in(2);
      fate.point = some_point(fate.at_operation ? 320 : 1600);
      if (fate.at_operation && chance_.one_in(2)) {
        fate.aim = static_cast<Aim>(chance_.between(1, 5));
        fate.point = chance_.below(12);
      }
      fate.after = chance_.one_in(2);
    }
    for (const auto fault : {Fault::fsync, Fault::full, Fault::write, Fault::read, Fault::sink,
                             Fault::source, Fault::task}) {
      if (meets(fault) && chance_.one_in(3)) fate.errors[fault] = some_point(60);
    }
    fate.full_for = chance_.between(1, 12);
    fate.after_effect = chance_.one_in(2);
    fate.while_staged = chance_.one_in(2);
    fate.restarts = chance_.one_in(2) ? chance_.between(1, 3) : 0;
    const auto trigger = chance_.below(6);
    if (trigger == 0) fate.trigger = Trigger::once();
    if (trigger == 1 && fate.end) fate.trigger = {};
    return fate;
  }

  std::shared_ptr<Process> new_process(Fate fate) {
    world_.tell("process " + std::to_string(processes_.size()) + ": " + fate.words());
    processes_.push_back(std::make_shared<Process>(world_, std::move(fate), processes_.size()));
    if (frozen_) processes_.back()->overlap();
    return processes_.back();
  }

  void attempt() {
    if (!frozen_ && meets(Fault::flip) && chance_.one_in(3)) damage(Fault::flip);
    if (!frozen_ && meets(Fault::missing) && chance_.one_in(3)) damage(Fault::missing);
    const auto process = new_process(random_fate());
    if (process->start()) run_to_its_end(*process);
    settle(process);
  }

  /// Damages a file that the next start must read: it must refuse, name what is wrong and harm
  /// nothing. Then all is as before.
  void damage(Fault kind) {
    const auto files =
        kind == Fault::flip ? world_.ledger.read_files() : world_.ledger.needed_files();
    if (files.empty() || violated()) return;
    const auto& path = files[chance_.below(files.size())];
    const auto bytes = world_.disk.content(path);
    if (kind == Fault::flip) {
      auto flipped = bytes;
      const auto bit = chance_.below(bytes.size() * 8);
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      world_.disk.replace(path, flipped);
    } else {
      world_.disk.erase(path);
    }
    world_.tell(std::string(name_of(kind)) + ": " + path);
    world_.hits.add(kind);
    world_.hits.add(CrashPoint::c21);
    const auto process = new_process(calm());
    // Files of state are read when the tasks are made.
    if (process->start()) run_to_its_end(*process);
    const auto error = process->error();
    if (process->error_code() != ErrorCode::corrupt) {
      world_.ledger.violate("a start over the damaged " + path +
                            " does not refuse as corrupt: " + error);
    } else if (!names_damage(error, path)) {
      world_.ledger.violate("the error over the damaged " + path + " does not name it: " + error);
    }
    process->bury();
    world_.disk.replace(path, bytes);
  }

  /// What is gone from the log cannot be named by file; its place or its epoch will do.
  static bool names_damage(const std::string& error, const std::string& path) {
    const auto name = path.substr(std::string_view(checkpoint_directory).size() + 1);
    return error.find(name) != std::string::npos ||
           (name.starts_with("log/") && error.find("missing in ") != std::string::npos &&
            error.find("log") != std::string::npos);
  }

  /// Steps a process, and a frozen one beside it when its time has come.
  void run_to_its_end(Process& process) {
    std::uint64_t steps = 0;
    while (process.active() && !process.frozen() && !violated()) {
      if (!process.step() && process.active() && !process.frozen()) {
        return world_.ledger.violate("nothing is left to do, yet the query has not ended");
      }
      if (++steps > endless) return world_.ledger.violate("the query does not end");
      if (steps > 3000 && process.fate().trigger.kind == Trigger::Kind::as_soon_as_possible) {
        process.request_stop();
      }
      wake_some();
    }
  }

  void wake_some() {
    if (frozen_ == nullptr || !chance_.one_in(3)) return;
    if (asleep_ > 0) {
      --asleep_;
      return;
    }
    step_frozen();
  }

  void step_frozen() {
    if (frozen_->frozen()) world_.tell("  process " + std::to_string(frozen_->number()) + " wakes");
    frozen_->thaw();
    frozen_->sleep_until(world_.now);
    if (!frozen_->active() || !frozen_->step()) retire_frozen();
  }

  void retire_frozen() {
    check_error(*frozen_);
    trace_ = hash_word(trace_ ^ frozen_->trace());
    frozen_->bury();
    frozen_.reset();
  }

  /// In the middle of an operation of `frozen` another goes on, a successor or one that was frozen
  /// before; then `frozen` does.
  void overtake(Process& frozen) {
    if (nested_) return;
    nested_ = true;
    if (frozen_ && chance_.one_in(2)) {
      for (auto steps = some_point(1200); steps > 0 && frozen_; --steps) step_frozen();
      nested_ = false;
      return;
    }
    const auto successor = new_process(calm());
    successor->overlap();
    frozen.overlap();
    if (successor->start()) {
      for (auto steps = some_point(1200); steps > 0 && successor->active(); --steps) {
        successor->step();
      }
    }
    check_error(*successor);
    successor->bury();
    frozen.sleep_until(world_.now);
    nested_ = false;
  }

  void settle(const std::shared_ptr<Process>& process) {
    check_error(*process);
    if (process->frozen()) {
      if (frozen_) retire_frozen();
      frozen_ = process;
      frozen_->overlap();
      asleep_ = some_point(600);
      return;
    }
    trace_ = hash_word(trace_ ^ process->trace());
    process->bury();
    if (!process->lost_power()) return;
    world_.hits.add(CrashPoint::c28);
    if (frozen_) retire_frozen();
    const auto random = seeded_random(chance_.next());
    world_.disk.cut_power(*random);
    world_.ledger.power_cut();
  }

  /// Only a fault that it met, or another process, may end a query with an error.
  void check_error(const Process& process) {
    const auto error = process.error();
    if (error.empty() || process.dead()) return;
    const auto code = process.error_code();
    if (process.overlapped() && (code == ErrorCode::conflict || process.overtaken())) return;
    if (process.faults_met() > 0 && (code == ErrorCode::io || code == ErrorCode::unreachable)) {
      return;
    }
    world_.ledger.violate("process " + std::to_string(process.number()) +
                          " ends with an error that no fault explains: " + error);
  }

  void finish() {
    if (frozen_) retire_frozen();
    for (int round = 0; round < 2 && !violated(); ++round) {
      const auto process = new_process(calm());
      if (process->start()) run_to_its_end(*process);
      settle(process);
    }
    if (!violated() && chance_.one_in(32)) check_disk();
    if (!violated()) world_.ledger.check_complete();
  }

  /// I8: one process decides many epochs in calm, the next one has nothing to read.
  void check_disk() {
    const auto batches = long_run * world_.plan.batches_per_epoch;
    add_rows(batches, batches);
    std::uint64_t snapshot_epochs = 0;
    for (int round = 0; round < 2 && !violated(); ++round) {
      const auto process = new_process(calm());
      if (round == 0) snapshot_epochs = process->fate().snapshot_epochs;
      if (process->start()) run_to_its_end(*process);
      settle(process);
    }
    if (!violated()) world_.ledger.check_disk(snapshot_epochs);
  }

  World world_;
  Chance chance_;
  std::vector<std::shared_ptr<Process>> processes_;
  std::shared_ptr<Process> frozen_;
  std::uint64_t asleep_ = 0;
  bool nested_ = false;
  std::int64_t now_ = 1'700'000'000 * second;
  std::int64_t next_id_ = 0;
  std::uint64_t trace_ = 0;
};

}  // namespace

Outcome simulate(std::uint64_t seed, const Faults& allowed,
                 const std::function<void(const std::string&)>& tell) {
  return Simulation(seed, allowed, tell).run();
}

}  // namespace libstream::apps::simulation
