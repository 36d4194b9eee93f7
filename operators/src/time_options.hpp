#pragma once

#include <libstream/runtime.hpp>
#include <libstream/topology.hpp>

#include <cstdint>
#include <optional>

namespace libstream {

/// Option "idleTimeout" in ms: an input that had nothing to read for so long does not hold the
/// watermark back. Throws Error(invalid_argument) for a text that is no duration, and with policy
/// max, under which no input holds it back.
std::optional<std::int64_t> idle_timeout(const Options& options, WatermarkPolicy policy);

/// Refuses options and modes with which event time per source partition would depend on how the
/// input is cut into epochs.
void check_per_source_partition(const QuerySpec& spec);

}  // namespace libstream
