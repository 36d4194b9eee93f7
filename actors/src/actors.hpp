#pragma once

// Includes CAF: only for the sources that host actors.

#include "query_actors.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <optional>

namespace libstream {

/// A call into the actor that gets it: answers of jobs, timers, calls from other threads.
struct Post {
  std::function<void()> call;
};
struct CoordinatorPost {
  std::function<void(Coordinator&)> call;
};
struct TaskEnvelope {
  TaskMessage message;
};
/// Tells a task whom it talks to; comes before anything else.
struct Attach {
  std::shared_ptr<const std::vector<caf::actor>> tasks;
  caf::actor coordinator;
};
/// Ends a task as soon as its job is back.
struct EndTask {};

}  // namespace libstream

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(libstream::Post)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(libstream::CoordinatorPost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(libstream::TaskEnvelope)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(libstream::Attach)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(libstream::EndTask)

namespace libstream {

/// Spawns the coordinator's actor and connects the query to it.
caf::actor spawn_coordinator(caf::actor_system& system, JobRunner& jobs,
                             std::unique_ptr<Coordinator> coordinator,
                             std::shared_ptr<QueryRun> query);

}  // namespace libstream
