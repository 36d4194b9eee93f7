#include "group_table.hpp"
#include "key_time.hpp"
#include "late_rows.hpp"
#include "timeout_index.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/operators/group_operation.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace libstream {
namespace {

using Group = GroupFunction::Group;
using Call = GroupFunction::Call;
using Outcome = GroupFunction::Outcome;
using Cell = TimeoutIndex::Cell;

constexpr std::size_t calls_at_once = 1024;

/// Gathers the rows of an epoch by key; at the barrier calls the function for each key with rows,
/// then for each key whose timeout is over.
///
/// State entries: key → i64 timeout, u8 exists, the state's bytes; and one with an empty key in
/// each key group, the layout of the states there.
class GroupOperator final : public Operator {
 public:
  GroupOperator(GroupOperatorSpec spec, const OperatorContext& context)
      : spec_(std::move(spec)),
        context_(context),
        function_(spec_.function()),
        table_(spec_.key_fields, sizeof(Cell)),
        late_(spec_.timeout == GroupTimeout::event_time ? spec_.event_column : std::nullopt),
        layouts_(context.key_groups, false) {}

  void restore(const StateReader& state, Watermark late) override;
  void start(const EpochStart& epoch) override;
  Flow process(BatchPtr batch, std::size_t input, Output& output) override;
  Flow on_barrier(const Barrier& barrier, Output& output) override;
  Flow resume(Output& output) override { return step_ == Step::idle ? Flow::done : work(output); }
  void collect_changes(ChangelogWriter& changes) override;
  OperatorMetrics metrics() const override;
  /// Nothing is known of the event times of what a user's function gives.
  Watermark output_watermark(Watermark /*input*/) const override { return {}; }

 private:
  enum class Step : std::uint8_t { idle, data, timeouts };
  struct Erased {
    std::uint32_t key_group;
    std::string key;
  };

  Cell& cell(Group group) const { return cell_in(table_.row(group)); }
  Cell& cell_in(std::byte* row) const {
    return *reinterpret_cast<Cell*>(row + table_.state_offset());
  }
  bool live(Group group) const { return table_.header(group) & GroupHeader::live; }
  auto cells() const {
    return [this](Group group) { return live(group) ? &cell(group) : nullptr; };
  }
  std::span<const Group> find(const Batch& batch, std::span<const std::uint32_t> keys);
  void add_initial();
  void arrange();
  Flow work(Output& output);
  void call(std::span<const Call> calls);
  void settle(Group group, std::byte* row, const Outcome& outcome);
  void collect(std::span<const Group> groups, ChangelogWriter& changes);
  void drop_unused();
  void load(std::vector<ColumnBuilder>& keys, std::vector<std::string_view>& values, bool changed);
  std::int64_t limit() const {
    return spec_.timeout == GroupTimeout::processing_time ? processing_ms_
                                                          : watermark_.milliseconds;
  }

  GroupOperatorSpec spec_;
  OperatorContext context_;
  std::unique_ptr<GroupFunction> function_;
  mutable GroupTable table_;
  mutable TimeoutIndex timeouts_;  ///< `earliest` tidies it
  LateFilter late_;
  KeyHashes hashes_;
  std::vector<bool> layouts_;  ///< key groups whose layout entry is stored
  std::uint64_t stored_ = 0;   ///< groups that the state store has

  // Of the epoch.
  std::int64_t processing_ms_ = 0;
  Watermark watermark_;
  Step step_ = Step::idle;
  std::vector<BatchPtr> pending_;
  std::vector<std::uint32_t> ordinals_;  ///< of each pending row: which of `with_rows_` it is of
  std::vector<std::uint32_t> counts_;    ///< rows of each of `with_rows_`
  std::vector<BatchPtr> initial_;
  std::vector<Group> initial_groups_;
  std::vector<Group> with_rows_;
  std::vector<Call> calls_;
  std::size_t next_call_ = 0;
  std::vector<Outcome> outcomes_;
  std::vector<std::byte*> group_rows_;
  std::string key_;
  std::string value_;
  std::vector<Group> changed_;
  std::vector<Group> unused_;
  std::vector<Erased> erased_;
  std::uint64_t updated_ = 0;
  std::uint64_t removed_ = 0;
  std::uint64_t absorbed_ = 0;
  std::uint64_t made_ = 0;
};

void GroupOperator::start(const EpochStart& epoch) {
  processing_ms_ = epoch.context.timestamp_milliseconds;
  late_.start();
  updated_ = removed_ = absorbed_ = made_ = 0;
}

std::span<const Group> GroupOperator::find(const Batch& batch,
                                           std::span<const std::uint32_t> keys) {
  const auto columns = columns_at(batch, keys);
  table_.find(columns, batch.rows, hashes_.compute(batch, keys));
  for (const Group group : table_.created()) cell(group) = {};
  return table_.groups();
}

Flow GroupOperator::process(BatchPtr batch, std::size_t input, Output& output) {
  if (input == 1) {
    absorbed_ += batch->rows;
    initial_.push_back(std::move(batch));
    return Flow::done;
  }
  const BatchPtr on_time = late_.take(std::move(batch), output);
  if (on_time == nullptr) return Flow::done;
  absorbed_ += on_time->rows;
  const auto groups = find(*on_time, spec_.keys);
  const auto rows = table_.rows();
  // The header of a group with rows in this epoch says the how manieth of them it is, from 1.
  for (std::size_t i = 0; i < groups.size(); ++i) {
    auto& header = *reinterpret_cast<std::uint64_t*>(rows[i]);
    auto ordinal = header >> GroupHeader::rows_shift;
    if (ordinal == 0) {
      with_rows_.push_back(groups[i]);
      counts_.push_back(0);
      ordinal = with_rows_.size();
      header |= ordinal << GroupHeader::rows_shift;
    }
    ++counts_[ordinal - 1];
    ordinals_.push_back(static_cast<std::uint32_t>(ordinal - 1));
  }
  pending_.push_back(on_time);
  return Flow::done;
}

Flow GroupOperator::on_barrier(const Barrier& barrier, Output& output) {
  watermark_ = barrier.watermark;
  late_.set_limit(watermark_);
  add_initial();
  arrange();
  step_ = Step::data;
  return work(output);
}

/// Initial states are there before any call; a key's second one is an error.
void GroupOperator::add_initial() {
  for (const BatchPtr& batch : initial_) {
    const auto groups = find(*batch, spec_.initial_keys);
    for (std::size_t row = 0; row < batch->rows; ++row) {
      auto& header = table_.header(groups[row]);
      if (header & GroupHeader::touched) {
        throw Error(ErrorCode::data, spec_.name + ": the initial states hold the key [" +
                                         to_text(*make_batch(table_.keys({&groups[row], 1}), 1)) +
                                         "] twice; make them one a key");
      }
      header |= GroupHeader::touched | GroupHeader::stored;
      ++stored_;
      changed_.push_back(groups[row]);
      if (header >> GroupHeader::rows_shift == 0) initial_groups_.push_back(groups[row]);
    }
    function_->set_initial(groups, *batch);
  }
  initial_.clear();
}

/// Gives each key with rows a range, and each row its place in its key's range, in order of
/// arrival.
void GroupOperator::arrange() {
  LIBSTREAM_ASSERT(ordinals_.size() <= std::numeric_limits<std::uint32_t>::max(),
                   "an epoch has less than 2^32 rows a task");
  std::uint32_t begin = 0;
  for (std::size_t i = 0; i < with_rows_.size(); ++i) {
    const auto rows = std::exchange(counts_[i], begin);
    calls_.push_back({with_rows_[i], begin, begin + rows, false});
    begin += rows;
  }
  for (const Group group : initial_groups_) calls_.push_back({group, 0, 0, false});
  for (auto& ordinal : ordinals_) ordinal = counts_[ordinal]++;  // now the row's place
  function_->set_rows(pending_, ordinals_);
  with_rows_.clear();
  initial_groups_.clear();
  pending_.clear();
  ordinals_.clear();
  counts_.clear();
}

Flow GroupOperator::work(Output& output) {
  while (step_ != Step::idle) {
    while (next_call_ < calls_.size()) {
      const auto count = std::min(calls_at_once, calls_.size() - next_call_);
      call(std::span<const Call>(calls_).subspan(next_call_, count));
      next_call_ += count;
      if (BatchPtr rows = function_->take_output()) {
        made_ += rows->rows;
        output.emit(std::move(rows));
      }
      if (output.full()) return Flow::more;
    }
    calls_.clear();
    next_call_ = 0;
    if (step_ == Step::data && spec_.timeout != GroupTimeout::none) {
      timeouts_.take(limit(), cells(), [this](Group group) {
        calls_.push_back({group, 0, 0, true});
      });
      step_ = Step::timeouts;
    } else {
      step_ = Step::idle;
    }
  }
  function_->set_rows({}, {});
  drop_unused();
  timeouts_.tidy(table_.size(), cells());
  return Flow::done;
}

void GroupOperator::call(std::span<const Call> calls) {
  std::vector<Group> groups;
  for (const Call& call : calls) groups.push_back(call.group);
  function_->fetch(groups);
  table_.fetch(groups, group_rows_);
  const GroupTimes times(spec_.timeout, processing_ms_,
                         spec_.watermarked ? std::optional(watermark_) : std::nullopt);
  outcomes_.assign(calls.size(), {});
  function_->call(calls, *make_batch(table_.keys_of(group_rows_), groups.size()), times, outcomes_);
  for (std::size_t i = 0; i < calls.size(); ++i) settle(groups[i], group_rows_[i], outcomes_[i]);
}

/// By the rules of Structured Streaming: removed without a timeout is deleted; what was updated,
/// removed or got another timeout is stored.
void GroupOperator::settle(Group group, std::byte* row, const Outcome& outcome) {
  constexpr std::uint64_t bits = (std::uint64_t{1} << GroupHeader::rows_shift) - 1;
  Cell& mine = cell_in(row);
  const bool moved = mine.timeout != outcome.timeout;
  mine.timeout = outcome.timeout;
  auto& header = *reinterpret_cast<std::uint64_t*>(row);
  header &= bits;
  if (outcome.change == Outcome::Change::removed && outcome.timeout == GroupTimes::never) {
    ++removed_;
    unused_.push_back(group);
    return;
  }
  if (outcome.change != Outcome::Change::none || moved) {
    ++updated_;
    timeouts_.set(group, mine);
    if (!(header & GroupHeader::touched)) {
      header |= GroupHeader::touched;
      changed_.push_back(group);
    }
    if (!(header & GroupHeader::stored)) {
      header |= GroupHeader::stored;
      ++stored_;
    }
  } else if (!(header & GroupHeader::stored)) {
    unused_.push_back(group);
  }
}

/// Groups that keep nothing leave the table.
void GroupOperator::drop_unused() {
  if (unused_.empty()) return;
  const BufferPtr hashes = hash_columns(table_.keys(unused_), unused_.size());
  const auto* values = hashes->as<std::uint64_t>();
  for (std::size_t i = 0; i < unused_.size(); ++i) {
    const Group group = unused_[i];
    if (table_.header(group) & GroupHeader::stored) {
      --stored_;
      erased_.push_back({key_group(values[i], context_.key_groups), {}});
      table_.encode_key(group, erased_.back().key);
    }
    function_->erase(group);
    cell(group) = {};
  }
  table_.erase(unused_, values);
  std::erase_if(changed_, [this](Group group) { return !live(group); });
  unused_.clear();
}

void GroupOperator::collect_changes(ChangelogWriter& changes) {
  for (const Erased& erased : erased_) changes.erase(erased.key_group, erased.key);
  erased_.clear();
  for (std::size_t next = 0; next < changed_.size(); next += calls_at_once) {
    // The first entries tell how long all will be.
    if (next == calls_at_once) {
      changes.reserve(changes.bytes().size() * (changed_.size() / calls_at_once + 1) * 9 / 8);
    }
    collect(std::span<const Group>(changed_).subspan(
                next, std::min(calls_at_once, changed_.size() - next)),
            changes);
  }
  changed_.clear();
}

void GroupOperator::collect(std::span<const Group> groups, ChangelogWriter& changes) {
  function_->fetch(groups);
  table_.fetch(groups, group_rows_);
  const BufferPtr hashes = hash_columns(table_.keys_of(group_rows_), groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::byte* row = group_rows_[i];
    const auto target = key_group(hashes->as<std::uint64_t>()[i], context_.key_groups);
    if (!layouts_[target]) changes.put(target, {}, function_->layout());
    layouts_[target] = true;
    key_.resize(table_.encoded_size(row));
    table_.encode_key(row, key_.data());
    const bool exists = function_->exists(groups[i]);
    value_.assign(reinterpret_cast<const char*>(&cell_in(row).timeout), sizeof(std::int64_t));
    value_.push_back(exists ? '\1' : '\0');
    if (exists) function_->save(groups[i], value_);
    changes.put(target, key_, value_);
    *reinterpret_cast<std::uint64_t*>(row) &= ~GroupHeader::touched;
  }
}

void GroupOperator::restore(const StateReader& state, Watermark late) {
  late_.set_limit(late);
  std::vector<ColumnBuilder> keys;
  for (const Field& field : spec_.key_fields) keys.emplace_back(field.type);
  std::vector<std::string_view> values;
  std::vector<std::string> storage;
  storage.reserve(batch_rows);
  bool changed = false;
  const auto flush = [&] {
    if (storage.empty()) return;
    values.assign(storage.begin(), storage.end());
    load(keys, values, changed);
    storage.clear();
  };
  state.for_each([&](std::uint32_t group, std::string_view key, std::string_view value) {
    if (key.empty()) {
      flush();
      changed = !function_->restore_layout(std::string(value));
      layouts_[group] = !changed;  // another layout: it and all states are written anew
      return;
    }
    for (ColumnBuilder& builder : keys) decode_value(key, builder);
    storage.emplace_back(value);
    if (storage.size() == batch_rows) flush();
  });
  flush();
}

void GroupOperator::load(std::vector<ColumnBuilder>& keys, std::vector<std::string_view>& values,
                         bool changed) {
  std::vector<ColumnPtr> columns;
  for (ColumnBuilder& builder : keys) columns.push_back(builder.finish());
  const BufferPtr hashes = hash_columns(columns, values.size());
  table_.find(columns, values.size(), hashes->as<std::uint64_t>());
  LIBSTREAM_ASSERT(table_.created().size() == values.size(), "every stored key is there once");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Group group = table_.groups()[i];
    auto value = values[i];
    if (value.size() < sizeof(std::int64_t) + 1) {
      throw Error(ErrorCode::corrupt, "a state entry of " + spec_.name +
                                          " is too short; restart from an older checkpoint");
    }
    Cell& mine = cell(group) = {};
    std::memcpy(&mine.timeout, value.data(), sizeof mine.timeout);
    const bool exists = value[sizeof mine.timeout] != 0;
    value.remove_prefix(sizeof mine.timeout + 1);
    if (exists) function_->load(group, value);
    timeouts_.set(group, mine);
    table_.header(group) |= GroupHeader::stored;
    ++stored_;
    if (changed) {
      table_.header(group) |= GroupHeader::touched;
      changed_.push_back(group);
    }
  }
}

OperatorMetrics GroupOperator::metrics() const {
  OperatorMetrics metrics;
  metrics.late_rows = late_.rows();
  metrics.made_rows = made_;
  metrics.dropped_groups = late_.rows();  // counted in rows here
  metrics.absorbed_rows = absorbed_;
  metrics.stateful = true;
  metrics.state_rows = stored_;
  metrics.state_updated = updated_;
  metrics.state_removed = removed_;
  metrics.state_bytes = table_.bytes() + timeouts_.bytes() + function_->bytes();
  if (spec_.timeout == GroupTimeout::processing_time) {
    const auto earliest = timeouts_.earliest(cells());
    if (earliest != GroupTimes::never) metrics.next_epoch_milliseconds = earliest + 1;
  }
  return metrics;
}

}  // namespace

OperatorFactory group_operator(GroupOperatorSpec spec) {
  return [spec = std::move(spec)](const OperatorContext& context) -> std::unique_ptr<Operator> {
    return std::make_unique<GroupOperator>(spec, context);
  };
}

}  // namespace libstream
