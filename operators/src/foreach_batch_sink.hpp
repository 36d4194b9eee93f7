#pragma once

#include <libstream/logical_plan.hpp>
#include <libstream/sink.hpp>

#include <memory>

namespace libstream {

/// Calls the user's function at each commit, also of epochs without rows: at least once, after a
/// crash again with the same epoch and the same rows. What it throws becomes Error(user_function).
std::shared_ptr<Sink> foreach_batch_sink(const SinkSpec& spec);

}  // namespace libstream
