// What a checkpoint costs, one JSON line a result; by hand on a quiet machine:
//   checkpoint_cost pairs count|q5 PER_SECOND [PAIRS] [SECONDS]  CPU beside the same epochs whose
//       checkpoint goes nowhere: nothing is written or folded; median of interleaved pairs, and the
//       interval that holds it with 95 % confidence
//   checkpoint_cost epochs [SECONDS]   how long epochs take with and without snapshots: median, p99
//   checkpoint_cost restart KEYS       from the start of a process to its first decided epoch,
//   after
//       one with so many keys was killed; three times
#include "event_source.hpp"
#include "keyed_rows.hpp"
#include "process_usage.hpp"
#include "queries.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace libstream;
using namespace libstream::apps;

namespace {

namespace fs = std::filesystem;
constexpr std::size_t keys = 1'000'000;
constexpr std::uint64_t never = 1'000'000'000;

/// Reads what is there and writes nothing.
class NowhereRoot final : public CheckpointRoot {
 public:
  explicit NowhereRoot(std::shared_ptr<CheckpointRoot> root) : root_(std::move(root)) {}
  bool put_if_absent(const std::string& name, std::span<const std::byte> bytes) override {
    // The start of a term looks for its own entry.
    if (name.starts_with("log/") && ++entries_ == 1) return root_->put_if_absent(name, bytes);
    return true;
  }
  std::optional<std::string> read(const std::string& name) override { return root_->read(name); }
  std::vector<std::string> list(const std::string& prefix) override { return root_->list(prefix); }
  void remove(const std::string& name) override { root_->remove(name); }
  std::string describe() const override { return root_->describe(); }

 private:
  std::shared_ptr<CheckpointRoot> root_;
  int entries_ = 0;
};

struct Epochs final : QueryListener {
  std::function<void(const QueryProgress&)> then;
  void on_progress(const QueryProgress& progress) override {
    if (progress.executed && then) then(progress);
  }
};

struct Run {
  std::string directory;
  bool nowhere = false;
  bool snapshots = true;
  bool hot_items = false;    ///< q5, else a count by key
  std::uint64_t events = 0;  ///< in all, those of earlier runs included
  std::uint64_t epoch_events = 0;
  std::uint64_t per_second = 0;  ///< epochs; 0: as fast as they go, to the end
  std::uint64_t epochs = 0;      ///< where they are paced: stops after so many
  std::function<void(const QueryProgress&)> each = nullptr;
};

std::shared_ptr<const Supply> keyed_rows(std::size_t count, KeyedRows::Draw draw) {
  return std::make_shared<KeyedRows>(count, count / KeyedRows::rows_per_batch + 1, draw);
}

void run(const Run& wanted, const std::shared_ptr<const Supply>& supply) {
  EventSourceOptions source;
  source.events = wanted.events;
  source.epoch_events = wanted.epoch_events;
  const auto listener = std::make_shared<Epochs>();
  std::atomic<std::uint64_t> epochs = 0;
  listener->then = [&](const QueryProgress& progress) {
    if (wanted.each) wanted.each(progress);
    ++epochs;
  };
  SessionOptions options;
  options.threads = 1;
  options.partitions = 1;
  Session session(options);
  session.add_listener(listener);
  const auto input = session.read_stream().source(
      std::make_shared<EventSource>(supply, std::make_shared<Meter>(), source));
  auto query = wanted.hot_items ? query_of("q5", [&](const std::string&) { return input; })
                                : NexmarkQuery{input.group_by("key").count(), OutputMode::update};
  auto writer = query.stream.write_stream();
  writer.output_mode(query.mode);
  writer.trigger(wanted.per_second == 0 ? Trigger::available_now()
                                        : Trigger::processing_time(
                                              std::chrono::milliseconds(1000 / wanted.per_second)));
  std::shared_ptr<CheckpointRoot> root = directory_root(wanted.directory, local_file_system());
  if (wanted.nowhere) root = std::make_shared<NowhereRoot>(root);
  writer.checkpoint(root);
  if (!wanted.snapshots || wanted.nowhere) {
    writer.option("snapshotEpochs", static_cast<std::int64_t>(never));
    writer.option("snapshotBytes", static_cast<std::int64_t>(never) * 1000);
  }
  auto running = writer.none().start();
  if (wanted.per_second > 0) {
    while (epochs < wanted.epochs && running.is_active()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    running.stop();
  }
  running.await_termination();
}

class Directory final {
 public:
  Directory()
      : path_(
            (fs::temp_directory_path() / ("checkpoint-cost-" + system_random()->uuid())).string()) {
  }
  ~Directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

double at(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  const auto place = static_cast<std::size_t>(part * static_cast<double>(values.size()));
  return values[std::min(place, values.size() - 1)];
}

/// A checkpoint of all keys, to start from.
void fill(const std::string& directory, std::size_t count, bool kill_at_end) {
  Run whole{directory};
  const std::uint64_t batch = KeyedRows::rows_per_batch;
  whole.events = (count / batch + 1) * batch;
  whole.epoch_events = 1'000'000 / batch * batch;
  if (kill_at_end) {
    whole.each = [&](const QueryProgress& progress) {
      if (progress.totals.at("inputRows") >= whole.events) ::kill(::getpid(), SIGKILL);
    };
  }
  run(whole, keyed_rows(count, KeyedRows::Draw::in_turn));
}

int pairs(const std::string& query, std::uint64_t per_second, int count, std::uint64_t seconds) {
  const bool hot_items = query == "q5";
  const Directory full;
  const auto supply = hot_items ? std::shared_ptr<const Supply>(bid_supply({}, false))
                                : keyed_rows(keys, KeyedRows::Draw::evenly);
  if (!hot_items) fill(full.path(), keys, false);
  const std::uint64_t each = hot_items ? 4'000'000 / per_second : 105'000 / per_second;
  const auto cpu_of = [&](bool nowhere) {
    const Directory directory;
    if (!hot_items) fs::copy(full.path(), directory.path(), fs::copy_options::recursive);
    Run paced{directory.path(), nowhere};
    paced.hot_items = hot_items;
    paced.epoch_events = each;
    paced.events = never;
    paced.per_second = per_second;
    paced.epochs = per_second * seconds + 1;
    double begin = 0;
    double end = 0;
    // The first epoch has the restart's work behind it.
    paced.each = [&](const QueryProgress&) { (begin == 0 ? begin : end) = cpu_seconds(); };
    run(paced, supply);
    return (end - begin) / static_cast<double>(seconds);
  };
  std::vector<double> with;
  std::vector<double> without;
  std::vector<double> cost;
  for (int i = 0; i < count; ++i) {
    // In turn the one or the other first.
    if (i % 2 == 0) with.push_back(cpu_of(false));
    without.push_back(cpu_of(true));
    if (i % 2 == 1) with.push_back(cpu_of(false));
    cost.push_back(with.back() - without.back());
  }
  // Places of the order statistics around the median, from the binomial distribution.
  const double spread = 0.98 / std::sqrt(static_cast<double>(count));
  std::printf(
      "{\"case\":\"%s\",\"epochs_per_second\":%llu,\"pairs\":%d,"
      "\"cpu_per_second\":%.4f,\"without\":%.4f,\"cost_of_one_cpu\":%.4f,\"low\":%.4f,"
      "\"high\":%.4f,\"cost_of_query\":%.4f}\n",
      query.c_str(), static_cast<unsigned long long>(per_second), count, at(with, 0.5),
      at(without, 0.5), at(cost, 0.5), at(cost, 0.5 - spread), at(cost, 0.5 + spread),
      at(cost, 0.5) / at(without, 0.5));
  return 0;
}

int epochs(std::uint64_t seconds) {
  const Directory full;
  fill(full.path(), keys, false);
  const auto supply = keyed_rows(keys, KeyedRows::Draw::evenly);
  for (const bool snapshots : {true, false}) {
    const Directory directory;
    fs::copy(full.path(), directory.path(), fs::copy_options::recursive);
    Run paced{directory.path(), false, snapshots};
    paced.epoch_events = 10'500;
    paced.events = never;
    paced.per_second = 10;
    paced.epochs = 10 * seconds;
    std::vector<double> durations;
    paced.each = [&](const QueryProgress& progress) {
      durations.push_back(static_cast<double>(progress.batch_duration_ms));
    };
    run(paced, supply);
    std::printf(
        "{\"case\":\"epochs\",\"snapshots\":%s,\"epochs\":%zu,\"median_ms\":%.0f,\"p99_ms\":%.0f,"
        "\"most_ms\":%.0f}\n",
        snapshots ? "true" : "false", durations.size(), at(durations, 0.5), at(durations, 0.99),
        at(durations, 1));
  }
  return 0;
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Runs this program again, which ends by SIGKILL; returns its CPU seconds.
double killed(const std::vector<std::string>& arguments) {
  std::vector<char*> words;
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const auto child = ::fork();
  if (child == 0) {
    ::execv("/proc/self/exe", words.data());
    std::_Exit(1);
  }
  int status = 0;
  rusage usage{};
  if (child < 0 || ::wait4(child, &status, 0, &usage) != child || !WIFSIGNALED(status)) {
    std::fprintf(stderr, "the run that was to be killed failed\n");
    std::exit(1);
  }
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

int restart(const std::string& self, const std::string& count) {
  const Directory directory;
  killed({self, "fill", directory.path(), count});
  for (int i = 0; i < 3; ++i) {
    const double begin = seconds_now();
    const double cpu = killed({self, "resume", directory.path(), count});
    std::printf("{\"case\":\"restart\",\"keys\":%s,\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n",
                count.c_str(), seconds_now() - begin, cpu);
    std::fflush(stdout);
  }
  return 0;
}

/// Goes on until the first epoch is decided and out, and dies.
int resume(const std::string& directory) {
  Run next{directory};
  next.epoch_events = 10 * KeyedRows::rows_per_batch;
  next.events = never;
  next.each = [](const QueryProgress&) { ::kill(::getpid(), SIGKILL); };
  run(next, keyed_rows(next.epoch_events, KeyedRows::Draw::evenly));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  const auto number = [&](std::size_t place, std::uint64_t otherwise) {
    return words.size() > place ? std::stoull(words[place]) : otherwise;
  };
  const std::string what = words.size() > 1 ? words[1] : "";
  if (what == "pairs" && words.size() > 2 && (words[2] == "count" || words[2] == "q5")) {
    return pairs(words[2], number(3, 1), static_cast<int>(number(4, 20)), number(5, 10));
  }
  if (what == "epochs") return epochs(number(2, 60));
  if (what == "restart") return restart(words[0], std::to_string(number(2, keys)));
  if (what == "fill") fill(words.at(2), number(3, keys), true);
  if (what == "resume") return resume(words.at(2));
  std::fprintf(stderr, "see the head of checkpoint_cost.cpp for what to run\n");
  return 2;
}
