#include "group_table.hpp"
#include "key_time.hpp"
#include "key_timers.hpp"
#include "late_rows.hpp"
#include "variable_entries.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/transform_operation.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace libstream {
namespace {

using Group = GroupTable::Group;

constexpr std::size_t calls_at_once = 1024;

/// Gathers the rows of an epoch by key; at the barrier calls the processor for the initial states,
/// for each key with rows and for each timer that is due, then removes what has expired.
class TransformOperator final : public Operator {
 public:
  TransformOperator(TransformOperatorSpec spec, const OperatorContext& context)
      : spec_(std::move(spec)),
        context_(context),
        function_(spec_.function()),
        variables_(function_->variables()),
        table_(spec_.key_fields, sizeof(std::uint64_t)),
        entries_(spec_.key_fields, table_, variables_, context),
        late_(spec_.event_column) {}

  void restore(const StateReader& state, Watermark late) override {
    late_.set_limit(late);
    late_limit_ = late;
    entries_.restore(state);
  }
  void start(const EpochStart& epoch) override;
  Flow process(BatchPtr batch, std::size_t input, Output& output) override;
  Flow on_barrier(const Barrier& barrier, Output& output) override;
  Flow resume(Output& output) override { return step_ == Step::idle ? Flow::done : work(output); }
  void collect_changes(ChangelogWriter& changes) override;
  OperatorMetrics metrics() const override;
  /// By processing time rows of any event time can come out at any time.
  Watermark output_watermark(Watermark input) const override {
    return spec_.time == TimeMode::processing_time ? Watermark{} : input;
  }

 private:
  enum class Step : std::uint8_t { idle, data, timers };
  struct Rows {
    BatchPtr batch;
    std::vector<Group> groups;
  };
  struct Call {
    Group group;
    std::uint32_t begin;
    std::uint32_t end;
  };

  std::span<const Group> find(const Batch& batch, std::span<const std::uint32_t> keys);
  void call_initial(Output& output);
  void arrange();
  Flow work(Output& output);
  void call_rows(std::span<const Call> calls);
  void call_timers(std::span<const KeyTimers::Due> due);
  void emit(Output& output);
  void check_on_time(const Batch& batch) const;
  void finish();
  void touch(Group group);
  void touch_changed();
  void drop_unused();
  void count_expired();

  TransformOperatorSpec spec_;
  OperatorContext context_;
  std::unique_ptr<TransformFunction> function_;
  StateVariables& variables_;
  GroupTable table_;
  VariableEntries entries_;
  LateFilter late_;

  // Of the epoch.
  TimerValues times_{0, std::nullopt};
  std::int64_t processing_ms_ = 0;
  Watermark watermark_;
  Watermark late_limit_;
  Step step_ = Step::idle;
  KeyHashes hashes_;
  std::vector<Rows> pending_;
  std::vector<BatchPtr> initial_;
  std::vector<Group> with_rows_;
  std::vector<Call> calls_;
  std::vector<KeyTimers::Due> due_;
  std::size_t next_ = 0;
  std::vector<Group> groups_;   ///< of a slice of calls
  std::vector<Group> touched_;  ///< that may hold nothing any more
  std::uint64_t expired_ = 0;
  std::uint64_t rows_in_ = 0;
  std::uint64_t made_ = 0;
};

void TransformOperator::start(const EpochStart& epoch) {
  processing_ms_ = epoch.context.timestamp_milliseconds;
  variables_.set_now(processing_ms_);
  variables_.key_timers().start();
  late_.start();
  expired_ = rows_in_ = made_ = 0;
  entries_.start();
  function_->begin();
}

std::span<const Group> TransformOperator::find(const Batch& batch,
                                               std::span<const std::uint32_t> keys) {
  const auto columns = columns_at(batch, keys);
  const std::uint64_t* hashes = hashes_.compute(batch, keys);
  table_.find(columns, batch.rows, hashes);
  entries_.set_hashes(hashes);
  return table_.groups();
}

Flow TransformOperator::process(BatchPtr batch, std::size_t input, Output& output) {
  rows_in_ += batch->rows;
  if (input == 1) {
    initial_.push_back(std::move(batch));
    return Flow::done;
  }
  const BatchPtr on_time = late_.take(std::move(batch), output);
  if (on_time == nullptr) return Flow::done;
  const auto groups = find(*on_time, spec_.keys);
  // The header counts the rows of this epoch.
  for (const Group group : groups) {
    auto& header = table_.header(group);
    if (header >> GroupHeader::rows_shift == 0) with_rows_.push_back(group);
    header += std::uint64_t{1} << GroupHeader::rows_shift;
  }
  pending_.push_back({on_time, {groups.begin(), groups.end()}});
  return Flow::done;
}

Flow TransformOperator::on_barrier(const Barrier& barrier, Output& output) {
  watermark_ = barrier.watermark;
  late_.set_limit(watermark_);
  times_ =
      TimerValues(processing_ms_, spec_.watermarked ? std::optional(watermark_) : std::nullopt);
  call_initial(output);
  arrange();
  step_ = Step::data;
  return work(output);
}

void TransformOperator::call_initial(Output& output) {
  for (const BatchPtr& batch : initial_) {
    const auto found = find(*batch, spec_.initial_keys);
    const std::vector<Group> groups(found.begin(), found.end());
    function_->set_keys(make_batch(columns_at(*batch, spec_.initial_keys), batch->rows));
    function_->set_initial(batch);
    for (std::size_t row = 0; row < batch->rows; ++row) {
      touch(groups[row]);
      variables_.enter(groups[row]);
      function_->initial(row, times_);
    }
    variables_.leave();
    emit(output);
  }
  initial_.clear();
}

/// Gives each key with rows a range, and each row its place in its key's range, in order of
/// arrival.
void TransformOperator::arrange() {
  constexpr std::uint64_t bits = (std::uint64_t{1} << GroupHeader::rows_shift) - 1;
  std::uint64_t begin = 0;
  for (const Group group : with_rows_) {
    auto& header = table_.header(group);
    const std::uint64_t rows = header >> GroupHeader::rows_shift;
    header = (header & bits) | (begin << GroupHeader::rows_shift);
    calls_.push_back(
        {group, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(begin + rows)});
    begin += rows;
  }
  LIBSTREAM_ASSERT(begin <= std::numeric_limits<std::uint32_t>::max(),
                   "an epoch has less than 2^32 rows a task");
  std::vector<std::uint32_t> places;
  places.reserve(begin);
  std::vector<BatchPtr> batches;
  for (Rows& rows : pending_) {
    for (const Group group : rows.groups) {
      auto& header = table_.header(group);
      places.push_back(static_cast<std::uint32_t>(header >> GroupHeader::rows_shift));
      header += std::uint64_t{1} << GroupHeader::rows_shift;
    }
    batches.push_back(std::move(rows.batch));
  }
  for (const Group group : with_rows_) {
    table_.header(group) &= bits;
    touch(group);
  }
  function_->set_rows(batches, places);
  with_rows_.clear();
  pending_.clear();
}

Flow TransformOperator::work(Output& output) {
  while (step_ == Step::data) {
    const auto count = std::min(calls_at_once, calls_.size() - next_);
    call_rows(std::span<const Call>(calls_).subspan(next_, count));
    next_ += count;
    emit(output);
    if (next_ == calls_.size()) {
      calls_.clear();
      next_ = 0;
      step_ = Step::timers;
      if (spec_.time != TimeMode::none) {
        due_ = variables_.key_timers().take(
            spec_.time == TimeMode::processing_time ? processing_ms_ : watermark_.milliseconds);
      }
    }
    if (output.full()) return Flow::more;
  }
  while (next_ < due_.size()) {
    const auto count = std::min(calls_at_once, due_.size() - next_);
    call_timers(std::span<const KeyTimers::Due>(due_).subspan(next_, count));
    next_ += count;
    emit(output);
    if (output.full()) return Flow::more;
  }
  finish();
  return Flow::done;
}

void TransformOperator::call_rows(std::span<const Call> calls) {
  if (calls.empty()) return;
  groups_.clear();
  for (const Call& call : calls) groups_.push_back(call.group);
  function_->set_keys(make_batch(table_.keys(groups_), groups_.size()));
  for (std::size_t i = 0; i < calls.size(); ++i) {
    variables_.enter(calls[i].group);
    function_->rows(i, calls[i].begin, calls[i].end, times_);
  }
  variables_.leave();
}

void TransformOperator::call_timers(std::span<const KeyTimers::Due> due) {
  groups_.clear();
  for (const auto& one : due) groups_.push_back(one.group);
  function_->set_keys(make_batch(table_.keys(groups_), groups_.size()));
  KeyTimers& timers = variables_.key_timers();
  variables_.set_firing(true);
  for (std::size_t i = 0; i < due.size(); ++i) {
    if (!timers.fires(due[i])) continue;
    touch(due[i].group);
    variables_.enter(due[i].group);
    function_->timer(i, due[i].time, times_);
    timers.fired(due[i]);
  }
  variables_.leave();
  variables_.set_firing(false);
}

void TransformOperator::emit(Output& output) {
  BatchPtr batch = function_->take_output();
  if (batch == nullptr) return;
  check_on_time(*batch);
  made_ += batch->rows;
  output.emit(std::move(batch));
}

/// Operators behind this one would drop such a row as late.
void TransformOperator::check_on_time(const Batch& batch) const {
  if (!spec_.emitted_time) return;
  const KeyTime times(*batch.columns[*spec_.emitted_time]);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    if (!times.has(row) || !late_limit_.covers(times.at(row))) continue;
    throw Error(ErrorCode::data, "EMITTING_ROWS_OLDER_THAN_WATERMARK_NOT_ALLOWED",
                "transform_with_state: " + spec_.name + " emitted a row of " +
                    format_timestamp(times.at(row)) + ", at or behind the watermark, " +
                    format_timestamp(late_limit_.milliseconds * 1000) +
                    ", which operators behind it would drop as late: [" +
                    to_text(*slice(batch, row, 1)) + "]; give it a later event time");
  }
}

void TransformOperator::finish() {
  function_->set_rows({}, {});
  variables_.key_timers().settle(due_);
  due_.clear();
  next_ = 0;
  late_limit_ = watermark_;
  if (spec_.time == TimeMode::processing_time) {
    for (const auto& variable : variables_.all()) variable->expire();
  }
  count_expired();
  function_->end();
  step_ = Step::idle;
}

void TransformOperator::count_expired() {
  for (const auto& variable : variables_.all()) expired_ += variable->take_expired();
}

void TransformOperator::touch(Group group) {
  auto& header = table_.header(group);
  if (header & GroupHeader::touched) return;
  header |= GroupHeader::touched;
  touched_.push_back(group);
}

void TransformOperator::touch_changed() {
  for (const auto& variable : variables_.all()) {
    for (const Group group : variable->changed()) touch(group);
  }
  for (const Group group : variables_.key_timers().changed()) touch(group);
}

void TransformOperator::collect_changes(ChangelogWriter& changes) {
  touch_changed();
  entries_.collect(changes);
  drop_unused();
}

/// Keys without a variable and a timer leave the table.
void TransformOperator::drop_unused() {
  std::vector<Group> unused;
  for (const Group group : touched_) {
    table_.header(group) &= ~GroupHeader::touched;
    const bool held = variables_.key_timers().holds(group) ||
                      std::any_of(variables_.all().begin(), variables_.all().end(),
                                  [&](const auto& variable) { return variable->holds(group); });
    if (!held) unused.push_back(group);
  }
  touched_.clear();
  if (unused.empty()) return;
  const BufferPtr hashes = hash_columns(table_.keys(unused), unused.size());
  for (const Group group : unused) {
    for (const auto& variable : variables_.all()) variable->forget(group);
    variables_.key_timers().forget(group);
  }
  table_.erase(unused, hashes->as<std::uint64_t>());
}

OperatorMetrics TransformOperator::metrics() const {
  OperatorMetrics metrics;
  metrics.late_rows = late_.rows();
  metrics.absorbed_rows = rows_in_ - late_.rows();
  metrics.made_rows = made_;
  metrics.dropped_groups = late_.rows();  // counted in rows here
  metrics.stateful = true;
  KeyTimers& timers = variables_.key_timers();
  metrics.state_rows = timers.entries();
  metrics.state_bytes = table_.bytes() + timers.bytes();
  for (const auto& variable : variables_.all()) {
    metrics.state_rows += variable->entries();
    metrics.state_bytes += variable->bytes();
  }
  metrics.state_updated = entries_.put();
  metrics.state_removed = entries_.erased();
  metrics.custom = entries_.variable_counts();
  metrics.custom["numRegisteredTimers"] = timers.counts().registered;
  metrics.custom["numDeletedTimers"] = timers.counts().deleted;
  metrics.custom["numExpiredTimers"] = timers.counts().expired;
  metrics.custom["numValuesRemovedDueToTTLExpiry"] = expired_;
  if (spec_.time != TimeMode::processing_time) return metrics;
  std::int64_t next = timers.earliest();
  for (const auto& variable : variables_.all()) next = std::min(next, variable->next_expiry());
  if (next != GroupTimes::never) metrics.next_epoch_milliseconds = next;
  return metrics;
}

}  // namespace

OperatorFactory transform_operator(TransformOperatorSpec spec) {
  return [spec = std::move(spec)](const OperatorContext& context) -> std::unique_ptr<Operator> {
    return std::make_unique<TransformOperator>(spec, context);
  };
}

}  // namespace libstream
