#pragma once

#include "aggregate_arguments.hpp"
#include "key_time.hpp"
#include "pane_rows.hpp"
#include "pane_table.hpp"
#include "pane_windows.hpp"

#include <libstream/operator.hpp>
#include <libstream/operators/pane_aggregate.hpp>

#include <optional>
#include <string>
#include <vector>

namespace libstream {

/// Stages single and final_ of an aggregation in panes.
///
/// At the barrier it goes through the windows to emit in the order of time (append: those that the
/// watermark newly covers; update: open ones with a touched pane; complete: all), each a batch of
/// keys at a time so that it can stop where the output is full, then drops the panes whose last
/// window is closed.
class PaneAggregate final : public Operator {
 public:
  PaneAggregate(PaneSpec spec, const OperatorContext& context);

  void restore(const StateReader& state, Watermark late) override;
  void start(const EpochStart& epoch) override;
  Flow process(BatchPtr batch, std::size_t input, Output& output) override;
  Flow on_barrier(const Barrier& barrier, Output& output) override;
  Flow resume(Output& output) override;
  void collect_changes(ChangelogWriter& changes) override;
  OperatorMetrics metrics() const override;

 private:
  using Key = PaneTable::Key;
  void update(const Batch& batch);
  void merge(const Batch& batch);
  bool evicts() const {
    return spec_.aggregate.time_key && spec_.aggregate.mode != OutputMode::complete;
  }
  void plan_windows();
  /// The first window from `window` on that is to be emitted.
  std::optional<std::int64_t> next_window(std::int64_t window) const;
  void open_window(std::int64_t window);
  std::vector<Key> touched_keys(std::int64_t window);
  bool next_keys();
  void emit(Output& output);
  void drop_panes();

  PaneSpec spec_;
  OperatorContext context_;
  PaneGrid grid_;
  std::vector<std::uint32_t> keys_;
  AggregateArguments arguments_;
  PaneTable table_;
  PaneWindows windows_;
  PaneRows rows_;
  EpochContext epoch_;
  KeyHashes hashes_;
  Watermark late_;
  Watermark barrier_;

  std::vector<std::int64_t> work_;  // panes whose windows are emitted, in the order of time
  std::int64_t window_limit_ = 0;   // windows from here on are not
  std::optional<std::int64_t> window_;
  std::vector<Key> wanted_;  // update: keys of the open window, with the place reached
  std::size_t wanted_done_ = 0;
  std::vector<std::uint64_t> seen_;  // by key: the window it was wanted for last, + 1
  std::uint64_t seen_windows_ = 0;

  std::optional<std::int64_t> dropped_;  // the last pane dropped in this epoch
  std::uint64_t updated_ = 0;
  std::uint64_t removed_ = 0;
  std::uint64_t late_upstream_ = 0;  // rows that stage partial found late
  std::uint64_t made_ = 0;
  std::uint64_t absorbed_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t released_ = 0;
};

}  // namespace libstream
