#include "query_run.hpp"

#include "coordinator.hpp"

#include <libstream/error.hpp>

#include <filesystem>
#include <future>
#include <system_error>

namespace libstream {
namespace {

constexpr std::size_t kept_progress = 100;
thread_local const QueryRun* working_for = nullptr;

}  // namespace

WorkingFor::WorkingFor(const QueryRun* query) : outer_(working_for) { working_for = query; }
WorkingFor::~WorkingFor() { working_for = outer_; }
const QueryRun* WorkingFor::current() { return working_for; }

std::string message_of(const std::exception_ptr& error) {
  if (!error) return {};
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "unknown error";
  }
}

void remove_tree(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
}

QueryRun::QueryRun(Identity identity, Hooks hooks)
    : identity_(std::move(identity)), hooks_(std::move(hooks)) {}

bool QueryRun::active() const {
  const std::lock_guard lock(mutex_);
  return !ended_;
}

bool QueryRun::await(std::optional<std::chrono::milliseconds> timeout) {
  if (working_for == this) {
    throw Error(ErrorCode::invalid_argument,
                "a query's own function or listener cannot wait for its end");
  }
  std::unique_lock lock(mutex_);
  const auto ended = [this] { return ended_; };
  // Longer than any clock can count is for ever.
  if (!timeout || *timeout > std::chrono::hours(24 * 365)) {
    changed_.wait(lock, ended);
    return true;
  }
  return changed_.wait_for(lock, *timeout, ended);
}

void QueryRun::request_stop(bool finish_epoch) {
  post([finish_epoch](Coordinator& coordinator) { coordinator.stop(finish_epoch); });
}

void QueryRun::stop(bool finish_epoch) {
  request_stop(finish_epoch);
  if (working_for == this) return;  // it ends when the caller is back
  await(std::nullopt);
}

void QueryRun::process_all_available() {
  if (working_for == this) {
    throw Error(ErrorCode::invalid_argument,
                "a query's own function or listener cannot wait for its progress");
  }
  auto waiter = std::make_shared<std::promise<void>>();
  auto done = waiter->get_future();
  post([waiter](Coordinator& coordinator) { coordinator.process_all(waiter); });
  waiter.reset();
  try {
    done.get();
  } catch (const std::future_error&) {  // the query ended before
    if (const auto error = exception()) std::rethrow_exception(error);
  }
}

std::exception_ptr QueryRun::exception() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

std::vector<QueryProgress> QueryRun::recent_progress() const {
  const std::lock_guard lock(mutex_);
  return {progress_.begin(), progress_.end()};
}

std::string QueryRun::status_message() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void QueryRun::connect(std::shared_ptr<CoordinatorMailbox> mailbox) {
  const std::lock_guard lock(mutex_);
  if (!ended_) mailbox_ = std::move(mailbox);
}

void QueryRun::post(std::function<void(Coordinator&)> call) {
  std::shared_ptr<CoordinatorMailbox> mailbox;
  {
    const std::lock_guard lock(mutex_);
    mailbox = mailbox_;
  }
  if (mailbox) mailbox->post(std::move(call));
}

void QueryRun::set_status(std::string status) {
  const std::lock_guard lock(mutex_);
  status_ = std::move(status);
}

void QueryRun::complete(QueryProgress& progress) {
  progress.id = identity_.id;
  progress.run_id = identity_.run_id;
  progress.name = identity_.name;
  const std::lock_guard lock(mutex_);
  progress_.push_back(progress);
  if (progress_.size() > kept_progress) progress_.pop_front();
}

void QueryRun::announce_start() {
  hooks_.each_listener([this](QueryListener& listener) {
    listener.on_started(identity_.id, identity_.run_id, identity_.name);
  });
}

void QueryRun::announce(const QueryProgress& progress) {
  hooks_.each_listener([&progress](QueryListener& listener) {
    listener.on_progress(progress);
    if (!progress.executed) listener.on_idle(progress.id, progress.run_id);
  });
}

void QueryRun::announce_end(const std::exception_ptr& error) {
  const auto message = message_of(error);
  hooks_.each_listener([&](QueryListener& listener) {
    listener.on_terminated(identity_.id, identity_.run_id, message);
  });
}

void QueryRun::finish(std::exception_ptr error) {
  {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
  }
  hooks_.ended(*this);
  std::shared_ptr<CoordinatorMailbox> mailbox;  // dropped behind the lock
  const std::lock_guard lock(mutex_);
  mailbox = std::move(mailbox_);
  ended_ = true;
  changed_.notify_all();
}

}  // namespace libstream
