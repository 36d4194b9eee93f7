#pragma once

#include "aggregate_arguments.hpp"
#include "key_time.hpp"
#include "pane_rows.hpp"
#include "pane_table.hpp"

#include <libstream/operator.hpp>
#include <libstream/operators/pane_aggregate.hpp>

#include <cstdint>
#include <vector>

namespace libstream {

/// Stage partial of an aggregation in panes: adds rows up by key and pane before the exchange. As
/// PartialAggregate it hands rows on one by one where that saves less than half of them.
class PanePartial final : public Operator {
 public:
  explicit PanePartial(PaneSpec spec);

  void restore(const StateReader& state, Watermark late) override;
  void start(const EpochStart& epoch) override;
  Flow process(BatchPtr batch, std::size_t input, Output& output) override;
  Flow on_barrier(const Barrier& barrier, Output& output) override;
  Flow resume(Output& output) override;
  OperatorMetrics metrics() const override;

 private:
  static constexpr std::size_t flush_entries = 16384;
  static constexpr std::uint64_t pass_rows = 64 * flush_entries;

  void pass_late(const Batch& late, Output& output) const;
  void pass(const Batch& batch, Output& output);
  void begin_flush();
  void emit_some(std::int64_t number, const PaneTable::Pane& pane, Output& output);

  PaneSpec spec_;
  std::vector<std::uint32_t> keys_;
  AggregateArguments arguments_;
  PaneTable table_;
  PaneRows rows_;
  EpochContext epoch_;
  KeyHashes hashes_;
  Watermark barrier_;

  std::uint64_t rows_to_pass_ = 0;  // until adding up is tried again; 0 = adding up
  bool flushing_ = false;
  bool at_barrier_ = false;
  std::vector<std::int64_t> panes_;  // to flush, with the place reached
  std::size_t pane_ = 0;
  std::size_t flushed_ = 0;
  std::uint64_t made_ = 0;
  std::uint64_t taken_ = 0;
};

}  // namespace libstream
