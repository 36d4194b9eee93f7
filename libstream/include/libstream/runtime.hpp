#pragma once

#include <libstream/logical_plan.hpp>
#include <libstream/options.hpp>
#include <libstream/query.hpp>
#include <libstream/recording.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace libstream {

/// Everything that `DataStreamWriter::start` hands over.
struct QuerySpec {
  PlanPtr plan;
  std::vector<SinkSpec> sinks;  ///< at least one; all under one decision
  std::optional<SinkSpec> late_sink;
  OutputMode output_mode = OutputMode::append;
  Trigger trigger;
  std::string checkpoint;  ///< directory; empty: a temporary one, for sinks that allow it
  std::shared_ptr<CheckpointRoot> checkpoint_root;  ///< instead of a directory
  std::string name;
  std::string scheduler_pool;
  std::string record_to;                    ///< directory of a recording to write; empty: none
  std::shared_ptr<const Recording> replay;  ///< what stands in for all sources
  ReplayRules replay_rules;
  Options options;  ///< "noDataEpochs", "watermarkPolicy", "snapshotEpochs", …
};

/// What starts queries: the embedded session, later a cluster.
class Runtime {
 public:
  virtual ~Runtime() = default;
  /// Analyses, plans and starts. Analysis errors throw here.
  virtual Query start(QuerySpec spec) = 0;
  /// Every stage of the plan as text; starts nothing.
  virtual std::string explain(const QuerySpec& spec) = 0;
};

}  // namespace libstream
