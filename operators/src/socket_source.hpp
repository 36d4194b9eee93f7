#pragma once

#include <libstream/logical_plan.hpp>
#include <libstream/source.hpp>

#include <memory>

namespace libstream {

/// Text lines from host:port (column value; with includeTimestamp also timestamp, the time of
/// arrival). A socket cannot be read twice: lines are written to the journal directory before they
/// count as received, and read from there. Lines longer than 1 MiB are cut.
std::shared_ptr<Source> socket_source(const SourceSpec& spec, const Environment& environment);
Schema socket_schema(const Options& options);

}  // namespace libstream
