#pragma once

#include <libstream/batch.hpp>
#include <libstream/bound_expression.hpp>
#include <libstream/environment.hpp>
#include <libstream/options.hpp>
#include <libstream/time.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace libstream {

/// Names what one sink task staged for one epoch. Survives process and connection.
struct StagedHandle {
  std::string bytes;  ///< opaque: file name, size, CRC; or the rows themselves where they are small
  std::uint64_t rows = 0;
  bool empty() const { return bytes.empty() && rows == 0; }
};

/// Where and as whom a writer stages.
struct StageContext {
  std::uint64_t term = 0;
  std::uint32_t partition = 0;
};

/// Takes the rows of one sink partition. Lives in a sink task. Order per epoch: `start`, `write`
/// any number of times, `stage` once.
class SinkWriter {
 public:
  virtual ~SinkWriter() = default;
  /// True: calls may block and run on the I/O pool; false: they run in the actor.
  virtual bool blocking() const = 0;
  virtual void start(Epoch epoch) = 0;
  virtual void write(const BatchPtr& batch) = 0;
  /// Makes the rows durable under a unique handle. No rows: an empty handle and no trace.
  virtual StagedHandle stage() = 0;
};

/// An epoch that all tasks have reported: what its decision is going to say of it.
struct EpochSummary {
  struct Input {
    bool idle = true;   ///< nothing was new
    std::string start;  ///< position of the source; empty in the first epoch
    std::string end;
  };
  Epoch epoch{};
  EpochContext context;
  Trigger trigger;
  bool no_data = false;
  Watermark watermark;  ///< used in this epoch
  Watermark next_watermark;
  std::vector<Input> inputs;  ///< by source, in the order of the topology
};

/// An output. One object a query and sink. `commit` comes on the I/O pool, in epoch order, after
/// the epoch's decision is durable, and again after a crash: it must be idempotent.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual std::string describe() const = 0;
  /// Once, before anything else. `query_id` marks the target; a target marked by another query is
  /// refused with Error(incompatible), one that cannot be reached with Error(unreachable).
  virtual void open(const std::string& /*query_id*/) {}
  virtual std::unique_ptr<SinkWriter> writer(const StageContext& context) = 0;
  /// What the sink wants to know of the epoch besides the rows, as a handle that the decision keeps
  /// and `commit` gets behind those of the partitions; empty: none. Does not block.
  virtual StagedHandle note(const EpochSummary& /*epoch*/) { return {}; }
  /// All handles of the epoch, by partition; also called for epochs without rows (foreach_batch).
  virtual void commit(Epoch epoch, std::span<const StagedHandle> handles) = 0;
  /// Removes what was staged and never decided, except handles in `keep`. Comes once, after the
  /// term's own open entry is durable.
  virtual void sweep(std::uint64_t /*term*/, std::span<const StagedHandle> /*keep*/) {}
  /// Complete mode replaces, update mode upserts; said once, before open.
  virtual void set_schema(const Schema& schema) = 0;
};

}  // namespace libstream
