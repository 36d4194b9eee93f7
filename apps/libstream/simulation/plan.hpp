#pragma once

// What a seed chooses: the query, its rows and which kinds of faults it meets.

#include <libstream/batch.hpp>
#include <libstream/hash.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace libstream::apps::simulation {

enum class Fault : std::uint8_t {
  crash,    ///< the process dies; what it wrote stays
  power,    ///< it dies, and what was not synced may be lost or torn
  freeze,   ///< it stops while a successor runs, and wakes
  stop,     ///< it is stopped
  rescale,  ///< the next start has other partitions
  fsync,    ///< a sync of a file or a directory fails
  full,     ///< the disk is full for a while
  write,    ///< an operation fails though it was done
  read,     ///< a read or a listing fails
  sink,     ///< a commit fails before or after its effect
  source,   ///< a read of input fails
  task,     ///< a task that stages output fails
  flip,     ///< a bit of a checkpoint file is flipped while nothing runs
  missing,  ///< a checkpoint file is gone while nothing runs
};
inline constexpr std::size_t fault_kinds = 14;
std::string_view name_of(Fault fault);
std::optional<Fault> find_fault(std::string_view name);
using Faults = std::set<Fault>;
Faults all_faults();

/// Random numbers that are the same on every machine.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(hash_word(seed + 0x51d)) {}
  std::uint64_t next() { return hash_word(state_ += 0x9e3779b97f4a7c15ULL); }
  std::uint64_t below(std::uint64_t limit) { return next() % limit; }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + below(high - low + 1);
  }
  bool one_in(std::uint64_t count) { return below(count) == 0; }

 private:
  std::uint64_t state_;
};

struct Event {
  std::int64_t key = 0;
  std::optional<std::int64_t> time;  ///< µs
  std::int64_t value = 0;
  std::int64_t id = 0;
};

enum class QueryKind : std::uint8_t { rows, totals, windows, distinct, join };
std::string_view name_of(QueryKind kind);

inline constexpr std::int64_t unwanted_value = 3;  ///< the rows that queries filter out
inline constexpr std::int64_t second = 1'000'000;
inline constexpr std::int64_t window_size = 10 * second;
inline constexpr std::int64_t watermark_delay = 15 * second;

struct Plan {
  std::uint64_t seed = 0;
  Faults faults;
  QueryKind kind = QueryKind::rows;
  bool append = true;  ///< output mode of windows
  std::size_t streams = 1;
  std::uint64_t batches_per_epoch = 1;
  std::size_t ledger_sinks = 1;
  bool staged_outside = false;  ///< their rows wait in the sink, not in the decision
  bool file_sink = false;
  bool large = false;  ///< state and handles too large for an entry of the log

  std::string words() const;
};
Plan make_plan(std::uint64_t seed, const Faults& allowed);

/// A stream's rows, in batches; more may come.
struct Feed {
  std::vector<std::vector<Event>> batches;
};
/// Text of a row's `text` column: long where the plan is large.
std::string text_of(const Plan& plan, const Event& event);

}  // namespace libstream::apps::simulation
