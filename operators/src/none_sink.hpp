#pragma once

#include <libstream/logical_plan.hpp>
#include <libstream/sink.hpp>

#include <memory>

namespace libstream {

/// Counts rows and keeps nothing.
std::shared_ptr<Sink> none_sink(const SinkSpec& spec);

}  // namespace libstream
