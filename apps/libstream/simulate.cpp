#include "simulate.hpp"

#include "simulation/simulation.hpp"

#include <libstream/error.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <map>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace libstream::apps {
namespace {

using namespace simulation;

constexpr std::uint64_t repeated = 100;  ///< one seed in so many runs twice

/// The seed that this thread runs, for the line that an abort leaves behind.
thread_local std::uint64_t seed_of_thread = 0;

void print_seed_of_abort(int) {
  char line[128];
  const auto size = std::snprintf(
      line, sizeof line, "seed %llu aborts: libstream simulate --from %llu --seeds 1 --print\n",
      static_cast<unsigned long long>(seed_of_thread),
      static_cast<unsigned long long>(seed_of_thread));
  [[maybe_unused]] const auto written = ::write(1, line, static_cast<std::size_t>(size));
  std::signal(SIGABRT, SIG_DFL);
  std::raise(SIGABRT);
}

Faults chosen_faults(const std::vector<std::string>& names) {
  if (names.empty()) return all_faults();
  Faults faults;
  for (const auto& name : names) {
    const auto fault = find_fault(name);
    if (!fault) {
      std::string known;
      for (const auto kind : all_faults()) known += " " + std::string(name_of(kind));
      throw Error(ErrorCode::invalid_argument,
                  "there is no kind of fault \"" + name + "\"; known are" + known);
    }
    faults.insert(*fault);
  }
  return faults;
}

/// What all threads found.
class Findings {
 public:
  void add(std::uint64_t seed, const Outcome& outcome) {
    const std::lock_guard lock(mutex_);
    hits_.add(outcome.hits);
    epochs_ += outcome.epochs;
    ++runs_;
    if (outcome.violation) violations_[seed] = *outcome.violation;
  }

  bool finish(const SimulateCommand& command) const {
    std::string faults;
    for (const auto& name : command.faults) faults += (faults.empty() ? "" : ",") + name;
    if (!faults.empty()) faults = " --faults " + faults;
    for (const auto& [seed, what] : violations_) {
      std::printf("seed %llu: %s: libstream simulate --from %llu --seeds 1%s --print\n",
                  static_cast<unsigned long long>(seed), what.c_str(),
                  static_cast<unsigned long long>(seed), faults.c_str());
    }
    bool enough = true;
    for (std::size_t i = 0; i < crash_points; ++i) {
      const auto point = static_cast<CrashPoint>(i);
      enough &= print_hits(name_of(point), words_of(point), hits_.points[i], command.least_hits);
    }
    const auto chosen = chosen_faults(command.faults);
    for (const auto fault : chosen) {
      enough &= print_hits(name_of(fault), "", hits_.faults[static_cast<std::size_t>(fault)],
                           command.least_hits);
    }
    std::printf("%llu epochs; %llu passed, %zu failed, %.1f CPU seconds\n",
                static_cast<unsigned long long>(epochs_),
                static_cast<unsigned long long>(runs_ - violations_.size()), violations_.size(),
                static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
    return enough && violations_.empty();
  }

 private:
  static bool print_hits(std::string_view name, std::string_view words, std::uint64_t hits,
                         std::uint64_t least) {
    std::printf("%-8.*s %-52.*s %9llu%s\n", static_cast<int>(name.size()), name.data(),
                static_cast<int>(words.size()), words.data(), static_cast<unsigned long long>(hits),
                hits < least ? "  TOO FEW" : "");
    return hits >= least;
  }

  std::mutex mutex_;
  Hits hits_;
  std::uint64_t epochs_ = 0;
  std::uint64_t runs_ = 0;
  std::map<std::uint64_t, std::string> violations_;
};

Outcome run_seed(std::uint64_t seed, const Faults& faults, bool print) {
  seed_of_thread = seed;
  const auto tell = [print](const std::string& line) {
    if (print) std::printf("%s\n", line.c_str());
    if (print) std::fflush(stdout);
  };
  auto outcome = simulate(seed, faults, tell);
  if (!print && seed % repeated == 0 && !outcome.violation) {
    if (simulate(seed, faults, tell).trace != outcome.trace) {
      outcome.violation = "two runs of the same seed differ";
    }
  }
  return outcome;
}

}  // namespace

void declare(CLI::App& app, SimulateCommand& command) {
  app.add_option("--seeds", command.seeds, "How many seeds to run")->capture_default_str();
  app.add_option("--from", command.from, "The first of them")->capture_default_str();
  app.add_option("--faults", command.faults, "Only these kinds of faults (otherwise all)")
      ->delimiter(',')
      ->type_name("LIST");
  app.add_option("--threads", command.threads, "Seeds run at once (otherwise one a core)")
      ->check(CLI::Range(1, 1024));
  app.add_option("--least-hits", command.least_hits,
                 "Fail where a crash point or a kind of fault was hit more rarely");
  app.add_flag("--print", command.print, "Tell what happens; one seed after the other");
}

bool run_simulate(const SimulateCommand& command) {
  const auto faults = chosen_faults(command.faults);
  std::signal(SIGABRT, print_seed_of_abort);
  Findings findings;
  std::atomic<std::uint64_t> next{0};
  const auto work = [&] {
    for (auto i = next++; i < command.seeds; i = next++) {
      const auto seed = command.from + i;
      findings.add(seed, run_seed(seed, faults, command.print));
    }
  };
  auto threads =
      command.threads > 0 ? command.threads : std::max(1U, std::thread::hardware_concurrency());
  if (command.print) threads = 1;
  std::vector<std::thread> others;
  for (std::uint32_t i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (auto& other : others) other.join();
  return findings.finish(command);
}

}  // namespace libstream::apps
