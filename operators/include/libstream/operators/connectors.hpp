#pragma once

#include <libstream/environment.hpp>
#include <libstream/logical_plan.hpp>

namespace libstream {

/// Makes the source of a spec ("json", "csv", "text", "rate", "socket", "memory", "custom"). Checks
/// the options; opens nothing. Throws Error(invalid_argument) naming the option or, for an unknown
/// format, the known ones.
std::shared_ptr<Source> make_source(const SourceSpec& spec, const Environment& environment);
/// The schema a source of this spec will have ("rate" and "text" have one of their own; "custom"
/// and "memory" know it); throws Error(analysis) where the user must give one and did not.
Schema source_schema(const SourceSpec& spec);

/// How many splits a source of this spec has; see Source::splits.
std::uint32_t source_splits(const SourceSpec& spec);

/// Makes the sink of a spec ("console", "json", "csv", "memory", "foreach_batch", "none",
/// "custom"). `mode`: file sinks take append only.
std::shared_ptr<Sink> make_sink(const SinkSpec& spec, OutputMode mode,
                                const Environment& environment);

/// Rows as the json sink writes them, a line each.
std::string to_json_lines(const Schema& schema, const Batch& batch);

}  // namespace libstream
