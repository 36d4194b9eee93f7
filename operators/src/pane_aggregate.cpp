#include "pane_aggregate.hpp"

#include "name_key.hpp"
#include "pane_partial.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <utility>

namespace libstream {
namespace {

using Stage = AggregateSpec::Stage;

/// Arguments are over the input rows: stage final_ has none to evaluate.
std::vector<AggregateCall> evaluated_calls(const AggregateSpec& spec) {
  return spec.stage == Stage::final_ ? std::vector<AggregateCall>{} : spec.aggregates;
}

}  // namespace

PaneAggregate::PaneAggregate(PaneSpec spec, const OperatorContext& context)
    : spec_(std::move(spec)),
      context_(context),
      grid_(spec_.window),
      keys_(pane_keys(spec_)),
      arguments_(evaluated_calls(spec_.aggregate)),
      table_(pane_key_fields(spec_), spec_.aggregate.aggregates),
      windows_(table_, grid_),
      rows_(spec_.window, spec_.aggregate.key_fields[spec_.window_key].type, evicts()) {
  if (spec_.aggregate.stage == Stage::final_) std::iota(keys_.begin(), keys_.end(), 0);
}

void PaneAggregate::restore(const StateReader& state, Watermark late) {
  late_ = late;
  rows_.set_limit(late);
  table_.restore(state);
}

void PaneAggregate::start(const EpochStart& epoch) {
  epoch_ = epoch.context;
  rows_.start();
  dropped_.reset();
  updated_ = removed_ = late_upstream_ = 0;
  made_ = absorbed_ = taken_ = released_ = 0;
}

Flow PaneAggregate::process(BatchPtr batch, std::size_t /*input*/, Output& output) {
  if (batch->kind == Batch::Kind::late_keys) {
    late_upstream_ += batch->rows;
  } else if (spec_.aggregate.stage == Stage::final_) {
    merge(*batch);
  } else if (const BatchPtr taken = rows_.take(std::move(batch), output)) {
    update(*taken);
  }
  return Flow::done;
}

void PaneAggregate::update(const Batch& batch) {
  arguments_.evaluate(batch, epoch_);
  const std::uint64_t* hashes = keys_.empty() ? nullptr : hashes_.compute(batch, keys_);
  table_.update(columns_at(batch, keys_), rows_.panes(), batch.rows, hashes, arguments_);
  absorbed_ += batch.rows;
  taken_ += batch.rows;
}

void PaneAggregate::merge(const Batch& batch) {
  const std::size_t count = keys_.size();
  const std::span columns(batch.columns);
  const std::uint64_t* hashes = keys_.empty() ? nullptr : hashes_.of(batch, keys_);
  table_.merge(columns.first(count), columns[count]->values<std::int64_t>(), batch.rows, hashes,
               columns.subspan(count + 1));
  absorbed_ += batch.rows;
  const auto* stand_for = columns.back()->values<std::int64_t>();
  for (std::size_t i = 0; i < batch.rows; ++i) taken_ += static_cast<std::uint64_t>(stand_for[i]);
}

Flow PaneAggregate::on_barrier(const Barrier& barrier, Output& output) {
  barrier_ = barrier.watermark;
  updated_ = table_.touched();
  windows_.refresh();
  plan_windows();
  return resume(output);
}

void PaneAggregate::plan_windows() {
  const OutputMode mode = spec_.aggregate.mode;
  work_.clear();
  for (const auto& [number, pane] : table_.panes()) {
    if (mode != OutputMode::update || !pane.touched.empty()) work_.push_back(number);
  }
  window_.reset();
  if (work_.empty()) return;
  window_limit_ =
      mode == OutputMode::append ? grid_.first_open(barrier_) : grid_.last_window(work_.back()) + 1;
  std::int64_t first = grid_.first_window(work_.front());
  // A window that the last watermark covered is gone, whatever its panes still do for later ones.
  if (evicts()) first = std::max(first, grid_.first_open(late_));
  window_ = next_window(first);
  if (window_) open_window(*window_);
}

std::optional<std::int64_t> PaneAggregate::next_window(std::int64_t window) const {
  const auto pane = std::lower_bound(work_.begin(), work_.end(), grid_.first_pane(window));
  if (pane == work_.end()) return std::nullopt;
  window = std::max(window, grid_.first_window(*pane));
  if (window >= window_limit_) return std::nullopt;
  return window;
}

void PaneAggregate::open_window(std::int64_t window) {
  windows_.open(window);
  wanted_done_ = 0;
  if (spec_.aggregate.mode == OutputMode::update) wanted_ = touched_keys(window);
}

std::vector<PaneAggregate::Key> PaneAggregate::touched_keys(std::int64_t window) {
  std::vector<Key> keys;
  seen_.resize(table_.key_limit());
  ++seen_windows_;
  const std::int64_t first = grid_.first_pane(window);
  const std::int64_t end = first + grid_.panes_per_window();
  for (auto number = std::lower_bound(work_.begin(), work_.end(), first);
       number != work_.end() && *number < end; ++number) {
    for (const Key key : table_.find(*number)->touched) {
      if (std::exchange(seen_[key], seen_windows_) != seen_windows_) keys.push_back(key);
    }
  }
  return keys;
}

bool PaneAggregate::next_keys() {
  if (spec_.aggregate.mode != OutputMode::update) return windows_.next_keys();
  if (wanted_done_ == wanted_.size()) return false;
  const std::size_t count = std::min(batch_rows, wanted_.size() - wanted_done_);
  windows_.add(std::span<const Key>(wanted_).subspan(wanted_done_, count));
  wanted_done_ += count;
  return true;
}

Flow PaneAggregate::resume(Output& output) {
  while (window_) {
    if (output.full()) return Flow::more;
    if (next_keys()) {
      emit(output);
    } else {
      window_ = next_window(*window_ + 1);
      if (window_) open_window(*window_);
    }
  }
  drop_panes();
  late_ = barrier_;
  rows_.set_limit(barrier_);
  return Flow::done;
}

void PaneAggregate::emit(Output& output) {
  const auto keys = windows_.keys();
  std::vector<ColumnPtr> columns = table_.keys(keys);
  const DataType& type = spec_.aggregate.key_fields[spec_.window_key].type;
  columns.insert(
      columns.begin() + spec_.window_key,
      window_column(type, grid_.window_start(*window_), grid_.window_end(*window_), keys.size()));
  auto results = naming_key([&] { return windows_.results(); }, [&] { return columns; });
  for (ColumnPtr& column : results) columns.push_back(std::move(column));
  made_ += keys.size();
  output.emit(make_batch(std::move(columns), keys.size()));
}

void PaneAggregate::drop_panes() {
  if (!evicts()) return;
  const std::int64_t open = grid_.first_open(barrier_);
  const std::uint64_t held = table_.rows();
  windows_.forget_before(grid_.first_pane(open));
  while (!table_.panes().empty() && grid_.last_window(table_.panes().begin()->first) < open) {
    dropped_ = table_.panes().begin()->first;
    removed_ += table_.drop_first();
  }
  released_ += held - table_.rows();
}

void PaneAggregate::collect_changes(ChangelogWriter& changes) {
  const auto first = [this](std::uint32_t partition) {
    return first_group(partition, context_.key_groups, context_.partitions);
  };
  // Panes go in the order of time, and with the last of its panes a changelog is of no use.
  auto end = table_.touched_end();
  if (dropped_) end = std::max(end.value_or(*dropped_ + 1), *dropped_ + 1);
  if (!end) return;
  const bool keyed = !keys_.empty();
  changes.within(
      {keyed ? first(context_.partition) : 0, keyed ? first(context_.partition + 1) - 1 : 0,
       dropped_ ? PaneTable::floor(*dropped_ + 1) : std::string(), PaneTable::floor(*end)});
  dropped_.reset();
  table_.write_touched(context_.key_groups, changes);
}

OperatorMetrics PaneAggregate::metrics() const {
  OperatorMetrics metrics;
  metrics.late_rows = rows_.late_rows();
  metrics.dropped_groups = rows_.late_rows() + late_upstream_;
  metrics.filtered_rows = rows_.filtered_rows();
  metrics.stateful = true;
  metrics.state_rows = table_.entries();
  metrics.state_updated = updated_;
  metrics.state_removed = removed_;
  metrics.state_bytes =
      table_.bytes() + windows_.bytes() + seen_.capacity() * sizeof(std::uint64_t);
  metrics.held_rows = table_.rows();
  metrics.made_rows = made_;
  metrics.absorbed_rows = absorbed_;
  metrics.taken_rows = taken_;
  metrics.released_rows = released_;
  return metrics;
}

std::vector<std::uint32_t> pane_keys(const PaneSpec& spec) {
  auto keys = spec.aggregate.keys;
  keys.erase(keys.begin() + spec.window_key);
  return keys;
}

std::vector<Field> pane_key_fields(const PaneSpec& spec) {
  auto fields = spec.aggregate.key_fields;
  fields.erase(fields.begin() + spec.window_key);
  return fields;
}

Schema pane_schema(const PaneSpec& spec) {
  if (spec.aggregate.stage != Stage::partial) return aggregate_schema(spec.aggregate);
  auto fields = pane_key_fields(spec);
  fields.push_back({"#pane", TypeId::bigint, false});
  const Schema keyed = aggregate_schema(spec.aggregate);
  for (std::size_t i = spec.aggregate.keys.size(); i < keyed.size(); ++i) {
    fields.push_back(keyed[i]);
  }
  return Schema(std::move(fields));
}

std::string pane_text(const WindowSpec& window) { return PaneGrid(window).text(); }

bool follows_arrival(const AggregateCall& call) {
  static constexpr std::array names{"any_value", "array_agg",   "collect_list", "collect_set",
                                    "first",     "first_value", "last",         "last_value",
                                    "listagg",   "max_by",      "min_by",       "string_agg"};
  return std::find(names.begin(), names.end(), call.function->name()) != names.end();
}

OperatorFactory pane_aggregate(PaneSpec spec) {
  const AggregateSpec& aggregate = spec.aggregate;
  LIBSTREAM_ASSERT(aggregate.keys.size() == aggregate.key_fields.size(), "one field a key");
  LIBSTREAM_ASSERT(spec.window_key < aggregate.keys.size(), "the window is a key");
  LIBSTREAM_ASSERT(!aggregate.time_key || *aggregate.time_key == spec.window_key,
                   "rows are late by their window");
  return [spec = std::move(spec)](const OperatorContext& context) -> std::unique_ptr<Operator> {
    if (spec.aggregate.stage == Stage::partial) return std::make_unique<PanePartial>(spec);
    return std::make_unique<PaneAggregate>(spec, context);
  };
}

}  // namespace libstream
