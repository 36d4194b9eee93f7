#pragma once

#include <libstream/data_stream.hpp>
#include <libstream/environment.hpp>
#include <libstream/user_function.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace libstream {

struct SessionOptions {
  std::uint32_t threads = 0;       ///< actor workers; 0 = number of cores
  std::uint32_t io_threads = 2;    ///< blocking work: files, fsync, commits
  std::uint32_t partitions = 4;    ///< tasks of a keyed operator; may change at a restart
  std::uint32_t key_groups = 128;  ///< fixed by a query's first start
  /// What a channel may hold unprocessed; also bounds memory under back pressure.
  std::size_t channel_bytes = 1U << 20;
  std::size_t channel_batches = 16;
  /// Reproduces what Structured Streaming loses at a restart, and refuses our extensions. For
  /// conformance tests.
  bool strict = false;
  /// Share of each scheduler pool by name ("weight" in Structured Streaming's FAIR mode).
  std::map<std::string, std::uint32_t> pools{};
  /// Clock, chance and files, from outside.
  Environment environment{};
};

/// The engine, embedded: runs queries as actors in this process. Neither copied nor moved; its end
/// stops its queries at their next epoch boundary. Installs no signal handlers, prints nothing.
class Session {
 public:
  explicit Session(SessionOptions options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  DataStreamReader read_stream();
  /// Bounded data, of the same type as a stream.
  DataStreamReader read();

  /// Names a function for the expression text of queries that start from now on. Throws
  /// Error(invalid_argument) where the name is registered already.
  void register_function(const UserFunction& function);
  void register_function(const UserAggregate& aggregate);

  std::vector<Query> queries() const;  ///< active ones
  /// Waits until any query ended since the last reset_terminated; throws if that one failed. False
  /// on time-out.
  bool await_any_termination(std::chrono::milliseconds timeout = std::chrono::milliseconds::max());
  void reset_terminated();
  void add_listener(std::shared_ptr<QueryListener> listener);
  void remove_listener(const std::shared_ptr<QueryListener>& listener);

  class Engine;

 private:
  std::shared_ptr<Engine> engine_;
};

}  // namespace libstream
