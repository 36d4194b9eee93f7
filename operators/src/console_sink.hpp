#pragma once

#include <libstream/logical_plan.hpp>
#include <libstream/sink.hpp>

#include <functional>
#include <memory>
#include <string_view>

namespace libstream {

/// Prints each epoch as a table, as Structured Streaming does, at commit: at least once. Options
/// numRows (20) and truncate (true = 20 characters, false, or a number of characters).
std::shared_ptr<Sink> console_sink(const SinkSpec& spec);
/// The same to another place than the standard output.
std::shared_ptr<Sink> console_sink(const SinkSpec& spec,
                                   std::function<void(std::string_view)> print);

}  // namespace libstream
