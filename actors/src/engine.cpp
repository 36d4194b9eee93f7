#include "engine.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/operators/physical_planner.hpp>

#include <algorithm>
#include <filesystem>
#include <unistd.h>

namespace libstream {
namespace {

/// Sinks that keep nothing a restart could contradict: their checkpoint may be a temporary one.
bool allows_temporary(const SinkSpec& sink) {
  return sink.format == "console" || sink.format == "memory" || sink.format == "foreach_batch" ||
         sink.format == "none";
}

/// What makes a checkpoint the same one within this process.
std::string place_of(const QuerySpec& spec, Random& random) {
  if (spec.checkpoint_root) {
    return spec.checkpoint_root->describe() + " (" +
           std::to_string(reinterpret_cast<std::uintptr_t>(spec.checkpoint_root.get())) + ")";
  }
  if (!spec.checkpoint.empty()) {
    const auto path = std::filesystem::weakly_canonical(spec.checkpoint).string();
    return path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  }
  const bool allowed = std::all_of(spec.sinks.begin(), spec.sinks.end(), allows_temporary) &&
                       (!spec.late_sink || allows_temporary(*spec.late_sink));
  if (!allowed) {
    throw Error(
        ErrorCode::analysis,
        "this sink needs a checkpoint directory: name one with .checkpoint(…); only console, "
        "memory, foreach_batch and none do without");
  }
  return (std::filesystem::temp_directory_path() / ("libstream-" + random.uuid())).string();
}

/// A query over bounded sources alone reads all there is in one epoch and ends.
Trigger bounded_trigger(const Trigger& wanted) {
  if (wanted.kind == Trigger::Kind::processing_time) {
    throw Error(ErrorCode::analysis, "TRIGGER_WITHOUT_STREAM",
                "trigger: this query reads no stream, so it runs once and ends; leave the trigger "
                "out, or begin with read_stream()");
  }
  return Trigger::once();
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown";
}

std::uint64_t positive(const Options& options, std::string_view name, std::uint64_t fallback) {
  const auto value = options.integer(name);
  if (!value) return fallback;
  if (*value < 0) {
    throw Error(ErrorCode::invalid_argument,
                "option " + std::string(name) + ": " + std::to_string(*value) + " is negative");
  }
  return static_cast<std::uint64_t>(*value);
}

}  // namespace

Session::Engine::Engine(SessionOptions options, std::unique_ptr<QueryActors> actors)
    : options_(std::move(options)), actors_(std::move(actors)) {}

Session::Engine::~Engine() = default;

PlanPtr Session::Engine::with_functions(const PlanPtr& plan) const {
  const std::lock_guard lock(mutex_);
  return functions_.resolve(plan);
}

std::string Session::Engine::explain(const QuerySpec& spec) {
  QuerySpec bound = spec;
  bound.plan = with_functions(spec.plan);
  return explain_query(bound, {options_.partitions, options_.key_groups, options_.strict},
                       options_.environment);
}

Query Session::Engine::start(QuerySpec spec) {
  spec.plan = with_functions(spec.plan);
  if (!spec.plan->streaming()) spec.trigger = bounded_trigger(spec.trigger);
  auto topology = plan_query(spec, {options_.partitions, options_.key_groups, options_.strict},
                             options_.environment);
  auto explanation = explain(spec);
  return Query(start(std::move(topology), spec, std::move(explanation)));
}

CheckpointMeta Session::Engine::meta(const Topology& topology) const {
  CheckpointMeta meta;
  meta.query_id = options_.environment.random->uuid();
  meta.key_groups = topology.key_groups;
  meta.hash_id = key_hash_id;
  for (const auto& node : topology.nodes) {
    if (node.kind == TopologyNode::Kind::source) meta.sources.push_back(source_kind(*node.source));
    if (node.kind == TopologyNode::Kind::op && (node.stateful || node.shared_state)) {
      meta.operators.push_back(
          {node.id, node.state_name, node.state_signature, node.state_columns});
    }
  }
  return meta;
}

QuerySetup Session::Engine::setup(Topology topology, const QuerySpec& spec,
                                  const std::string& place) const {
  QuerySetup setup;
  setup.meta = meta(topology);
  setup.topology = std::move(topology);
  setup.trigger = spec.trigger;
  setup.no_data_epochs = spec.options.boolean("noDataEpochs", true);
  setup.strict = options_.strict;
  setup.hashes = spec.options.boolean("hashes", false);
  setup.restarts = static_cast<std::uint32_t>(positive(spec.options, "restarts", 0));
  const auto pool = options_.pools.find(spec.scheduler_pool);
  setup.quantum = pool == options_.pools.end() ? 1 : std::clamp(pool->second, 1U, 64U);
  setup.limits = {options_.channel_bytes, options_.channel_batches};
  setup.environment = options_.environment;
  if (spec.replay) {
    setup.environment.clock = spec.replay->clock();
    // Those of the recording are all there are, with data or without.
    if (spec.replay_rules.epoch_rows == 0) setup.no_data_epochs = false;
  }
  setup.term_options.host = host_name();
  setup.term_options.process = ::getpid();
  setup.term_options.snapshot_epochs =
      positive(spec.options, "snapshotEpochs", setup.term_options.snapshot_epochs);
  setup.term_options.snapshot_bytes =
      positive(spec.options, "snapshotBytes", setup.term_options.snapshot_bytes);
  if (spec.checkpoint_root) {
    setup.root = spec.checkpoint_root;
  } else {
    setup.root = directory_root(place, options_.environment.files);
    setup.directory = place;
    setup.temporary = spec.checkpoint.empty();
  }
  return setup;
}

void Session::Engine::reserve(const std::string& name, const std::string& place) {
  const std::lock_guard lock(mutex_);
  if (closed_) throw Error(ErrorCode::invalid_argument, "the session has ended");
  for (const auto& active : active_) {
    if (!name.empty() && active.name == name) {
      throw Error(ErrorCode::invalid_argument,
                  "a query named " + name + " is active: stop it or choose another name");
    }
    if (active.place == place) {
      throw Error(ErrorCode::conflict,
                  "the checkpoint " + place + " is in use by an active query: stop it first");
    }
  }
  active_.push_back({nullptr, name, place});
}

void Session::Engine::give_back(const std::string& place) {
  const std::lock_guard lock(mutex_);
  std::erase_if(active_, [&](const Active& active) { return active.place == place; });
  changed_.notify_all();
}

std::shared_ptr<QueryRun> Session::Engine::start(Topology topology, const QuerySpec& spec,
                                                 std::string explanation) {
  const auto place = place_of(spec, *options_.environment.random);
  reserve(spec.name, place);
  try {
    auto set = setup(std::move(topology), spec, place);
    auto term = Term::open(set.root, set.meta, set.environment, set.term_options);
    set.topology.key_groups = term->restored().key_groups;  // the recorded number wins
    auto query = std::make_shared<QueryRun>(
        QueryRun::Identity{term->restored().query_id, options_.environment.random->uuid(),
                           spec.name, std::move(explanation)},
        QueryRun::Hooks{[this](const auto& call) { each_listener(call); },
                        [this](const QueryRun& run) { ended(run); }});
    auto coordinator = std::make_unique<Coordinator>(std::move(set), std::move(term), query);
    {
      const std::lock_guard lock(mutex_);
      for (auto& active : active_) {
        if (active.place == place) active.query = query;
      }
    }
    query->announce_start();
    actors_->spawn(std::move(coordinator), query);
    return query;
  } catch (...) {
    give_back(place);
    throw;
  }
}

void Session::Engine::ended(const QueryRun& query) {
  const std::lock_guard lock(mutex_);
  std::erase_if(active_, [&](const Active& active) { return active.query.get() == &query; });
  terminated_.push_back(query.exception());
  changed_.notify_all();
}

std::vector<Query> Session::Engine::queries() const {
  const std::lock_guard lock(mutex_);
  std::vector<Query> queries;
  for (const auto& active : active_) {
    if (active.query) queries.emplace_back(active.query);
  }
  return queries;
}

bool Session::Engine::await_any(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const auto any = [this] { return !terminated_.empty(); };
  if (timeout > std::chrono::hours(24 * 365)) {
    changed_.wait(lock, any);
  } else if (!changed_.wait_for(lock, timeout, any)) {
    return false;
  }
  for (const auto& error : terminated_) {
    if (error) std::rethrow_exception(error);
  }
  return true;
}

void Session::Engine::reset_terminated() {
  const std::lock_guard lock(mutex_);
  terminated_.clear();
}

void Session::Engine::add_listener(std::shared_ptr<QueryListener> listener) {
  const std::lock_guard lock(mutex_);
  listeners_.push_back(std::move(listener));
}

void Session::Engine::remove_listener(const std::shared_ptr<QueryListener>& listener) {
  const std::lock_guard lock(mutex_);
  std::erase(listeners_, listener);
}

void Session::Engine::each_listener(const std::function<void(QueryListener&)>& call) {
  std::vector<std::shared_ptr<QueryListener>> listeners;
  {
    const std::lock_guard lock(mutex_);
    listeners = listeners_;
  }
  for (const auto& listener : listeners) {
    try {
      call(*listener);
    } catch (...) {  // a listener harms neither the query nor other listeners
      continue;
    }
  }
}

void Session::Engine::request_stop() {
  const std::lock_guard lock(mutex_);
  for (const auto& active : active_) {
    if (active.query) active.query->request_stop(true);
  }
}

void Session::Engine::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  while (!active_.empty()) {  // also of a start under way on another thread
    for (const auto& active : active_) {
      if (active.query) active.query->request_stop(true);
    }
    changed_.wait_for(lock, std::chrono::milliseconds(100));
  }
  lock.unlock();
  actors_.reset();
}

}  // namespace libstream
