#pragma once

#include <libstream/query.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace libstream {

class Coordinator;

/// Takes calls to a coordinator from any thread; drops them once it has ended.
class CoordinatorMailbox {
 public:
  virtual ~CoordinatorMailbox() = default;
  virtual void post(std::function<void(Coordinator&)> call) = 0;
};

/// What threads see of a query. Safe from any thread; the session and the coordinator feed it.
class QueryRun final : public QueryControl {
 public:
  struct Hooks {
    std::function<void(const std::function<void(QueryListener&)>&)> each_listener;
    std::function<void(const QueryRun&)> ended;  ///< before anyone sees the end
  };
  struct Identity {
    std::string id;
    std::string run_id;
    std::string name;
    std::string explain;
  };
  QueryRun(Identity identity, Hooks hooks);

  std::string id() const override { return identity_.id; }
  std::string run_id() const override { return identity_.run_id; }
  std::string name() const override { return identity_.name; }
  bool active() const override;
  bool await(std::optional<std::chrono::milliseconds> timeout) override;
  void stop(bool finish_epoch) override;
  void process_all_available() override;
  std::exception_ptr exception() const override;
  std::vector<QueryProgress> recent_progress() const override;
  std::string explain() const override { return identity_.explain; }
  std::string status_message() const override;

  /// Asks for the end without waiting for it.
  void request_stop(bool finish_epoch);

  // For the session and the coordinator.
  void connect(std::shared_ptr<CoordinatorMailbox> mailbox);
  void post(std::function<void(Coordinator&)> call);
  void set_status(std::string status);
  /// Fills in the identity and keeps the entry.
  void complete(QueryProgress& progress);
  void announce_start();
  void announce(const QueryProgress& progress);
  void announce_end(const std::exception_ptr& error);
  void finish(std::exception_ptr error);

 private:
  Identity identity_;
  Hooks hooks_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<CoordinatorMailbox> mailbox_;
  bool ended_ = false;
  std::exception_ptr error_;
  std::string status_ = "Initializing";
  std::deque<QueryProgress> progress_;
};

/// Text of an error for listeners and messages.
std::string message_of(const std::exception_ptr& error);
/// Removes a directory of ours with all that is in it; failures are left to the next clean-up.
void remove_tree(const std::string& directory);

/// Marks the calling thread as working for a query (or none) while it lives: what waits for the
/// query would then wait for itself, and is refused.
class WorkingFor {
 public:
  explicit WorkingFor(const QueryRun* query);
  ~WorkingFor();
  WorkingFor(const WorkingFor&) = delete;
  WorkingFor& operator=(const WorkingFor&) = delete;
  static const QueryRun* current();

 private:
  const QueryRun* outer_;
};

}  // namespace libstream
