#pragma once

#include "aggregate_arguments.hpp"
#include "eviction_index.hpp"
#include "group_states.hpp"
#include "key_time.hpp"
#include "late_rows.hpp"

#include <libstream/operator.hpp>
#include <libstream/operators/keyed_aggregate.hpp>

#include <string>
#include <vector>

namespace libstream {

/// Stages single and final_: keeps the groups across epochs and emits by output mode.
///
/// At the barrier it works through two lists, a batch at a time so that it can stop where the
/// output is full: the groups to emit (update: touched, complete: all), then those that the
/// watermark evicts (append: emitted as they go). In update mode the groups to emit are those whose
/// changes are stored: keys, results and stored bytes are made of each batch while its rows are in
/// the cache.
class KeyedAggregate final : public Operator {
 public:
  KeyedAggregate(AggregateSpec spec, const OperatorContext& context);

  void restore(const StateReader& state, Watermark late) override;
  void start(const EpochStart& epoch) override;
  Flow process(BatchPtr batch, std::size_t input, Output& output) override;
  Flow on_barrier(const Barrier& barrier, Output& output) override;
  Flow resume(Output& output) override;
  void collect_changes(ChangelogWriter& changes) override;
  OperatorMetrics metrics() const override;

 private:
  using Group = GroupTable::Group;

  void update(const Batch& batch);
  void merge(const Batch& batch);
  void index_created(const std::vector<ColumnPtr>& keys);
  std::vector<Group> groups_to_emit() const;
  /// Update mode, where groups are emitted and stored in one go.
  bool stores_as_it_emits() const { return spec_.mode == OutputMode::update && !spec_.global(); }
  void emit(std::span<const Group> groups, Output& output);
  void store(std::span<std::byte* const> rows, const std::vector<ColumnPtr>& keys);
  void store_touched();
  void evict(std::span<const Group> groups);
  bool evicts() const { return spec_.time_key && spec_.mode != OutputMode::complete; }
  /// The key groups that state is filed under.
  void set_key_groups(std::size_t rows, const std::uint64_t* hashes);

  AggregateSpec spec_;
  OperatorContext context_;
  AggregateArguments arguments_;
  GroupStates states_;
  EvictionIndex due_index_;
  LateRows late_;
  EpochContext epoch_;
  KeyHashes hashes_;

  Watermark barrier_;
  std::vector<Group> emit_;  // of the running barrier, with the place reached
  std::size_t emitted_ = 0;
  std::vector<Group> due_;
  std::size_t evicted_ = 0;

  ChangelogWriter changes_;  // of the epoch, until they are collected
  std::vector<std::uint32_t> key_groups_;
  std::vector<std::byte*> rows_;
  std::uint64_t held_rows_ = 0;
  std::uint64_t updated_ = 0;
  std::uint64_t made_ = 0;
  std::uint64_t absorbed_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t released_ = 0;
};

}  // namespace libstream
