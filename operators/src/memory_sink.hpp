#pragma once

#include <libstream/logical_plan.hpp>
#include <libstream/sink.hpp>

#include <memory>

namespace libstream {

/// Rows into a MemoryTable, once per epoch; complete mode replaces.
std::shared_ptr<Sink> memory_sink(const SinkSpec& spec, OutputMode mode);

}  // namespace libstream
