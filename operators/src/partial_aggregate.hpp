#pragma once

#include "aggregate_arguments.hpp"
#include "group_states.hpp"
#include "key_time.hpp"
#include "late_rows.hpp"

#include <libstream/operator.hpp>
#include <libstream/operators/keyed_aggregate.hpp>

#include <vector>

namespace libstream {

/// Stage partial: groups rows before the exchange, so that fewer cross it. Where grouping saves
/// less than half of the rows it hands each row on as a group of its own, and looks again now and
/// then. Nothing stays from one epoch to the next but that choice, which changes no result.
class PartialAggregate final : public Operator {
 public:
  explicit PartialAggregate(AggregateSpec spec);

  void restore(const StateReader& state, Watermark late) override;
  void start(const EpochStart& epoch) override;
  Flow process(BatchPtr batch, std::size_t input, Output& output) override;
  Flow on_barrier(const Barrier& barrier, Output& output) override;
  Flow resume(Output& output) override;
  OperatorMetrics metrics() const override;

 private:
  using Group = GroupTable::Group;
  /// Groups kept before they are flushed; the table stays in the cache.
  static constexpr std::size_t flush_groups = 16384;
  /// Rows passed on as they are before grouping is tried again.
  static constexpr std::uint64_t pass_rows = 64 * flush_groups;

  void pass(const Batch& batch, Output& output);
  void group(const Batch& batch);
  void begin_flush();
  void emit_groups(std::size_t begin, std::size_t end, Output& output);
  void emit_late_keys(std::size_t begin, std::size_t end, Output& output) const;

  AggregateSpec spec_;
  AggregateArguments arguments_;
  GroupStates states_;
  LateRows late_;
  EpochContext epoch_;
  KeyHashes hashes_;

  std::uint64_t grouped_rows_ = 0;  // since the last flush
  std::uint64_t rows_to_pass_ = 0;  // until grouping is tried again; 0 = grouping

  bool flushing_ = false;
  std::size_t flushed_ = 0;
  bool at_barrier_ = false;
  std::size_t late_flushed_ = 0;
  Watermark barrier_;

  std::uint64_t taken_ = 0;
  std::uint64_t released_ = 0;
  std::uint64_t made_ = 0;
};

}  // namespace libstream
