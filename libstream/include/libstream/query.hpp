#pragma once

#include <libstream/progress.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace libstream {

/// What the engine must do for a handle; implemented by the runtime.
class QueryControl {
 public:
  virtual ~QueryControl() = default;
  virtual std::string id() const = 0;
  virtual std::string run_id() const = 0;
  virtual std::string name() const = 0;
  virtual bool active() const = 0;
  /// Waits until the query ended; false on time-out.
  virtual bool await(std::optional<std::chrono::milliseconds> timeout) = 0;
  /// Ends at the next epoch boundary: what is decided is committed, the epoch under way is dropped
  /// unless `finish_epoch`.
  virtual void stop(bool finish_epoch) = 0;
  virtual void process_all_available() = 0;
  virtual std::exception_ptr exception() const = 0;
  virtual std::vector<QueryProgress> recent_progress() const = 0;
  virtual std::string explain() const = 0;
  virtual std::string status_message() const = 0;
};

/// Handle of a running query; copies share it, dropping it stops nothing.
class Query {
 public:
  explicit Query(std::shared_ptr<QueryControl> control) : control_(std::move(control)) {}

  std::string id() const { return control_->id(); }          ///< survives restarts
  std::string run_id() const { return control_->run_id(); }  ///< of this start
  std::string name() const { return control_->name(); }
  bool is_active() const { return control_->active(); }

  /// Returns when the query was stopped or ran out (once, available_now); throws its Error if it
  /// failed.
  void await_termination();
  /// The same; false where it is still active after `timeout`.
  bool await_termination(std::chrono::milliseconds timeout);
  /// Ends the query and waits. The epoch under way is finished and committed first; after a clean
  /// stop the next start reads on.
  void stop() { control_->stop(true); }
  /// Ends at once: the epoch under way is given up and will be planned afresh.
  void abort() { control_->stop(false); }
  /// Waits until all data that is there now, and the no-data epochs it asks for, are processed and
  /// committed. For tests. Throws the query's Error if it fails meanwhile.
  void process_all_available() { control_->process_all_available(); }
  /// The failure, if it failed.
  std::exception_ptr exception() const { return control_->exception(); }
  /// The last 100 entries, oldest first.
  std::vector<QueryProgress> recent_progress() const { return control_->recent_progress(); }
  std::optional<QueryProgress> last_progress() const;
  std::string explain() const { return control_->explain(); }
  std::string status() const { return control_->status_message(); }

 private:
  std::shared_ptr<QueryControl> control_;
};

/// Hears of a session's queries. Calls come one at a time per query, in order; a listener that
/// throws is ignored.
class QueryListener {
 public:
  virtual ~QueryListener() = default;
  /// Before `start` returns.
  virtual void on_started(const std::string& /*id*/, const std::string& /*run_id*/,
                          const std::string& /*name*/) {}
  virtual void on_progress(const QueryProgress& /*progress*/) {}
  virtual void on_idle(const std::string& /*id*/, const std::string& /*run_id*/) {}
  /// `error`: empty after a clean end, else the message.
  virtual void on_terminated(const std::string& /*id*/, const std::string& /*run_id*/,
                             const std::string& /*error*/) {}
};

}  // namespace libstream
