#include "engine.hpp"

#include <libstream/error.hpp>
#include <libstream/session.hpp>

#include <algorithm>
#include <thread>

namespace libstream {
namespace {

std::unique_ptr<QueryActors> actors_for(const SessionOptions& options) {
  const auto threads =
      options.threads > 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
  return make_threaded_actors(threads, options.io_threads);
}

SessionOptions checked(SessionOptions options) {
  const auto require = [](bool met, const char* what) {
    if (!met) throw Error(ErrorCode::invalid_argument, what);
  };
  require(options.partitions > 0, "SessionOptions::partitions must be at least 1");
  require(options.key_groups >= options.partitions && options.key_groups <= 65536,
          "SessionOptions::key_groups must be between partitions and 65536");
  require(options.channel_bytes > 0 && options.channel_batches > 0,
          "SessionOptions: a channel holds at least 1 batch and 1 byte");
  return options;
}

}  // namespace

Session::Session(SessionOptions options) {
  auto set = checked(std::move(options));
  auto actors = actors_for(set);
  engine_ = std::make_shared<Engine>(std::move(set), std::move(actors));
}

Session::~Session() { engine_->close(); }

DataStreamReader Session::read_stream() { return {engine_, true}; }
DataStreamReader Session::read() { return {engine_, false}; }

void Session::register_function(const UserFunction& function) {
  engine_->register_function(function);
}
void Session::register_function(const UserAggregate& aggregate) {
  engine_->register_function(aggregate);
}

std::vector<Query> Session::queries() const { return engine_->queries(); }
bool Session::await_any_termination(std::chrono::milliseconds timeout) {
  return engine_->await_any(timeout);
}
void Session::reset_terminated() { engine_->reset_terminated(); }
void Session::add_listener(std::shared_ptr<QueryListener> listener) {
  engine_->add_listener(std::move(listener));
}
void Session::remove_listener(const std::shared_ptr<QueryListener>& listener) {
  engine_->remove_listener(listener);
}

}  // namespace libstream
