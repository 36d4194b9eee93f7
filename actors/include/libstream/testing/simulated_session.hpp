#pragma once

#include <libstream/data_stream.hpp>
#include <libstream/environment.hpp>
#include <libstream/session.hpp>

#include <cstdint>
#include <memory>

namespace libstream::testing {

/// A session whose actors and jobs run one at a time on the calling thread, on virtual time; which
/// one is next comes from a seed. The same seed, queries and input give the same trace. Its end is
/// a crash: nothing is finished, nothing is closed. Nothing may wait on it (Query::stop,
/// await_termination and process_all_available never come back): step until the query has ended.
class SimulatedSession {
 public:
  /// `options.environment.clock` is replaced: time begins at `start_microseconds` since 1970.
  SimulatedSession(SessionOptions options, std::uint64_t seed, std::int64_t start_microseconds);
  ~SimulatedSession();

  DataStreamReader read_stream();
  DataStreamReader read();
  /// The files of this process, for sources and sinks of one's own.
  const std::shared_ptr<FileSystem>& files() const;

  /// Runs one message or job or, when none waits, moves the clock to the next timer. False when
  /// there is neither.
  bool step();
  /// Asks all queries to end at their next epoch boundary; steps bring it about.
  void request_stop();
  std::int64_t now_microseconds() const;  ///< since 1970
  /// Time that passed while nothing of this session ran.
  void sleep_until(std::int64_t microseconds);
  std::uint64_t trace() const;  ///< hash over the schedule so far

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace libstream::testing
