#pragma once

#include <libstream/memory.hpp>
#include <libstream/testing/simulated_disk.hpp>
#include <libstream/testing/simulated_session.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace libstream::testing {

/// What goes wrong with the disk of a simulated process, beside its deaths. Where and when is drawn
/// from the seed. All numbers are upper ones: a query that ends before meets fewer.
struct DiskFaults {
  /// Half of the deaths and failed ends are power cuts: of bytes that were not synced any may be
  /// lost, cut or torn, of names made or removed since their directory was synced each may be as
  /// before. Power is cut once more when the query has ended: what it has committed must be there.
  bool power_cuts = false;
  /// So many syncs of a file or a directory fail; the process may end with an Error of code io or
  /// unreachable (of a place that cannot be written) and starts again.
  std::uint32_t failing_syncs = 0;
  /// So often the disk is full for some operations; as above.
  std::uint32_t full_disks = 0;
  /// So often one bit of a file of the checkpoint is flipped as a process reads it: it must end
  /// with Error(corrupt), whose message names the file. Then the bit is put back.
  std::uint32_t bit_flips = 0;
  /// Directories beside the checkpoint in which a flipped bit must be found in the same way: those
  /// of sources and sinks that keep checksums of what they store.
  std::vector<std::string> checked{};
};

struct SimulationOptions {
  std::uint64_t seed = 1;
  /// How often the process dies, each time behind a random step, and starts again over its
  /// checkpoint; fewer where the query ends before.
  std::uint32_t crashes = 3;
  /// Each start takes one of these numbers of partitions.
  std::vector<std::uint32_t> partitions{1, 2, 3, 8};
  /// A query that does not end by itself is stopped this long, in virtual time, behind its last
  /// start and the last event.
  std::chrono::milliseconds run_for{10'000};
  std::uint64_t most_steps = 20'000'000;                ///< a query that takes more does not end
  std::int64_t start_milliseconds = 1'700'000'000'000;  ///< virtual time begins here, since 1970
  /// Null: one in memory or, where there is a disk, its directory /checkpoint.
  std::shared_ptr<CheckpointRoot> checkpoint{};
  /// The files of the process, and of what it reads and writes by path; with it deaths come within
  /// operations on files, too. Null: the files of `session.environment` or, where `faults` wants
  /// any, a disk that goes with the run.
  std::shared_ptr<SimulatedDisk> disk{};
  DiskFaults faults{};
  /// Of these, partitions, channels, clock and chance are the simulation's.
  SessionOptions session{};
};

struct SimulationResult {
  MemoryTable output;         ///< rows that the query has committed, by epoch
  std::uint32_t starts = 0;   ///< of the process
  std::uint32_t crashes = 0;  ///< those that came before the end
  // Faults of the disk that were met; power cuts without the one at the end.
  std::uint32_t power_cuts = 0;
  std::uint32_t failed_syncs = 0;
  std::uint32_t full_disks = 0;
  std::uint32_t bit_flips = 0;
  std::uint64_t steps = 0;
  std::uint64_t trace = 0;  ///< hash over all schedules: equal where a run was repeated exactly

  std::vector<Row> rows() const { return output.rows(); }
  std::string text() const { return output.text(); }  ///< "ada 2 | bob 1", rows sorted
};

/// Runs a query on the real planner, tasks, coordinator and checkpoint, on one thread and on
/// virtual time: which actor or job is next, when the process dies and with how many partitions it
/// comes back is drawn from the seed, and is the same each time. What is outside of the process
/// (memory streams, whatever custom sources and sinks share) lives on over its deaths.
///
///   MemoryStream words("word string");
///   words.add({{"ada"}, {"bob"}, {"ada"}});
///   for (std::uint64_t seed = 0; seed < 100; ++seed) {
///     Simulation simulation({.seed = seed, .crashes = 3});
///     const auto result = simulation.run([&](SimulatedSession& session) {
///       return session.read_stream().memory(words).group_by("word").count().write_stream()
///           .output_mode(OutputMode::complete).trigger(Trigger::available_now());
///     });
///     CHECK(result.text() == "ada 2 | bob 1");
///   }
class Simulation {
 public:
  /// What main() would do up to `start`. Called for each start of the process.
  using Program = std::function<DataStreamWriter(SimulatedSession&)>;

  explicit Simulation(SimulationOptions options);

  /// Something happens outside, once, `after` the start of virtual time, whether or not the process
  /// is up: rows arrive, a file appears. In order of time, of equal ones in order of the calls. A
  /// query that has ended by itself (once, available_now) is started again at the next event.
  void at(std::chrono::milliseconds after, std::function<void()> event);

  /// Throws the query's Error, its message with seed and start, where no fault of the disk explains
  /// it; Error(corrupt) where a flipped bit was read and not found; Error(invalid_argument) where
  /// the program names a checkpoint, which is the simulation's; Error(unsupported) where the query
  /// does not end.
  SimulationResult run(const Program& program);

 private:
  SimulationOptions options_;
  std::vector<std::pair<std::int64_t, std::function<void()>>> events_;  ///< by time, µs since 1970
};

}  // namespace libstream::testing
