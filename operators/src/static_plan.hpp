#pragma once

#include "static_rows.hpp"

#include <libstream/operators/physical_planner.hpp>
#include <libstream/resolved_plan.hpp>
#include <libstream/topology.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace libstream {

/// A bounded plan that is run in one go, by one thread, with the same operators as streams: its
/// rows, as long as nothing has changed, else afresh. Blocking.
class StaticPlan {
 public:
  StaticPlan(const ResolvedPtr& plan, const QuerySpec& spec, const PlannerOptions& options,
             const Environment& environment);

  /// True where the rows are others than after the last call, or may be: plans with rand() or
  /// current_timestamp() run at each.
  bool look(Epoch epoch, const EpochContext& context);
  /// The rows; a caller that has what it needs of them gives them up.
  const std::vector<BatchPtr>& batches() const { return batches_; }
  void drop_batches() { batches_.clear(); }
  std::string version() const;   ///< of all sources, JSON
  std::string describe() const;  ///< of all sources, in plan order
  std::uint64_t size_estimate() const;

 private:
  class Run;
  Topology topology_;
  std::uint32_t result_;                                                        ///< its node
  std::vector<std::pair<std::uint32_t, std::unique_ptr<StaticRows>>> sources_;  ///< by node
  std::vector<std::string> descriptions_;
  std::map<const StaticSide*, std::string> nested_versions_;
  bool changing_;      ///< its result depends on the epoch
  bool stale_ = true;  ///< something has changed since `batches_` was made
  std::vector<BatchPtr> batches_;
};

}  // namespace libstream
