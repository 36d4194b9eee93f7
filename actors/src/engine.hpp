#pragma once

#include "query_actors.hpp"

#include <libstream/runtime.hpp>
#include <libstream/session.hpp>
#include <libstream/user_function.hpp>

#include <condition_variable>
#include <mutex>

namespace libstream {

/// The runtime behind a session: starts queries and knows those that run.
class Session::Engine final : public Runtime, public std::enable_shared_from_this<Engine> {
 public:
  Engine(SessionOptions options, std::unique_ptr<QueryActors> actors);
  ~Engine() override;

  Query start(QuerySpec spec) override;
  std::string explain(const QuerySpec& spec) override;

  /// Starts a topology made elsewhere; of `spec` only what is not plan, sources and sinks counts.
  /// Opens the checkpoint on the calling thread.
  std::shared_ptr<QueryRun> start(Topology topology, const QuerySpec& spec, std::string explain);

  template <class Function>
  void register_function(const Function& function) {
    const std::lock_guard lock(mutex_);
    functions_.add(function);
  }
  std::vector<Query> queries() const;
  bool await_any(std::chrono::milliseconds timeout);
  void reset_terminated();
  void add_listener(std::shared_ptr<QueryListener> listener);
  void remove_listener(const std::shared_ptr<QueryListener>& listener);
  /// Asks all queries to end at their next epoch boundary.
  void request_stop();
  /// Ends all queries at their next epoch boundary; no more can start.
  void close();

 private:
  struct Active {
    std::shared_ptr<QueryRun> query;
    std::string name;
    std::string place;  ///< identity of the checkpoint
  };
  QuerySetup setup(Topology topology, const QuerySpec& spec, const std::string& place) const;
  PlanPtr with_functions(const PlanPtr& plan) const;
  CheckpointMeta meta(const Topology& topology) const;
  void reserve(const std::string& name, const std::string& place);
  void give_back(const std::string& place);
  void ended(const QueryRun& query);
  void each_listener(const std::function<void(QueryListener&)>& call);

  SessionOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  UserFunctionRegistry functions_;
  bool closed_ = false;
  std::vector<Active> active_;                  ///< in order of start
  std::vector<std::exception_ptr> terminated_;  ///< since the last reset
  std::vector<std::shared_ptr<QueryListener>> listeners_;
  std::unique_ptr<QueryActors> actors_;  // ends first
};

}  // namespace libstream
