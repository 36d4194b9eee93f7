#pragma once

#include <libstream/environment.hpp>
#include <libstream/runtime.hpp>
#include <libstream/topology.hpp>

namespace libstream {

struct PlannerOptions {
  std::uint32_t partitions = 4;  ///< tasks of a keyed operator; of a source at most this
  std::uint32_t key_groups = 128;
  bool strict = false;  ///< refuse our extensions (conformance)
};

/// Analyses, optimises and turns a query into a physical graph. Opens nothing: sources and sinks
/// are made, not reached. Throws Error(analysis) for every rule of the output modes.
Topology plan_query(const QuerySpec& spec, const PlannerOptions& options,
                    const Environment& environment);

/// Parsed, analysed, optimised and physical plan as text.
std::string explain_query(const QuerySpec& spec, const PlannerOptions& options,
                          const Environment& environment);

}  // namespace libstream
