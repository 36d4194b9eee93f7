#pragma once

#include <libstream/resolved_plan.hpp>
#include <libstream/runtime.hpp>
#include <libstream/topology.hpp>

#include <memory>
#include <set>
#include <string>

namespace libstream {

/// Names the sources of a query, each its own: by `named`, the last part of its path, or its kind.
class SourceNames {
 public:
  std::string take(const ResolvedPlan& source);

 private:
  std::set<std::string> taken_;
};

/// The recorded source of that name. Throws Error(incompatible) where it has other columns or
/// splits.
std::shared_ptr<Source> replayed_source(const ResolvedPlan& source, const std::string& name,
                                        const QuerySpec& spec);

/// A sink behind each source that records its rows.
void record_sources(Topology& topology, const std::string& directory,
                    const Environment& environment);

}  // namespace libstream
