#include "keyed_aggregate.hpp"

#include "partial_aggregate.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>

#include <algorithm>
#include <numeric>

namespace libstream {
namespace {

std::optional<std::uint32_t> lateness_key(const AggregateSpec& spec) {
  return spec.mode == OutputMode::complete ? std::nullopt : spec.time_key;
}

/// Arguments are over the input rows: stage final_ has none to evaluate.
std::vector<AggregateCall> evaluated_calls(const AggregateSpec& spec) {
  return spec.stage == AggregateSpec::Stage::final_ ? std::vector<AggregateCall>{}
                                                    : spec.aggregates;
}

}  // namespace

KeyedAggregate::KeyedAggregate(AggregateSpec spec, const OperatorContext& context)
    : spec_(std::move(spec)),
      context_(context),
      arguments_(evaluated_calls(spec_)),
      states_(spec_.key_fields, spec_.aggregates),
      late_(spec_.keys, spec_.key_fields, lateness_key(spec_), spec_.lateness) {}

void KeyedAggregate::set_key_groups(std::size_t rows, const std::uint64_t* hashes) {
  key_groups_.resize(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    key_groups_[i] = spec_.global() ? 0 : key_group(hashes[i], context_.key_groups);
  }
}

void KeyedAggregate::restore(const StateReader& state, Watermark late) {
  late_.set_limit(late);
  states_.restore(state, [this](std::span<const ColumnPtr> keys, std::span<const Group> groups) {
    for (const Group group : groups) held_rows_ += states_.rows_in(group);
    if (!evicts()) return;
    const KeyTime time(*keys[*spec_.time_key]);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (time.has(i)) due_index_.add(time.at(i), groups[i]);
    }
  });
}

void KeyedAggregate::start(const EpochStart& epoch) {
  epoch_ = epoch.context;
  late_.start();
  changes_ = {};
  updated_ = 0;
  evicted_ = 0;
  made_ = absorbed_ = taken_ = released_ = 0;
}

Flow KeyedAggregate::process(BatchPtr batch, std::size_t /*input*/, Output& output) {
  if (batch->kind == Batch::Kind::late_keys) {
    LIBSTREAM_ASSERT(spec_.stage == AggregateSpec::Stage::final_, "late keys end at stage final");
    late_.add_keys(*batch);
  } else if (spec_.stage == AggregateSpec::Stage::final_) {
    merge(*batch);
  } else if (const BatchPtr on_time = late_.take(std::move(batch), output)) {
    update(*on_time);
  }
  return Flow::done;
}

void KeyedAggregate::update(const Batch& batch) {
  const auto keys = columns_at(batch, spec_.keys);
  arguments_.evaluate(batch, epoch_);
  const std::uint64_t* hashes = nullptr;
  if (!spec_.global()) hashes = hashes_.compute(batch, spec_.keys);
  states_.update(keys, batch.rows, hashes, arguments_);
  held_rows_ += batch.rows;
  absorbed_ += batch.rows;
  taken_ += batch.rows;
  index_created(keys);
}

void KeyedAggregate::merge(const Batch& batch) {
  const std::size_t count = spec_.keys.size();
  const std::span columns(batch.columns);
  const std::vector<ColumnPtr> keys(columns.begin(),
                                    columns.begin() + static_cast<std::ptrdiff_t>(count));
  const std::uint64_t* hashes = spec_.global() ? nullptr : hashes_.of(batch, spec_.keys);
  states_.merge(keys, batch.rows, hashes, columns.subspan(count));
  const auto* rows = columns.back()->values<std::int64_t>();
  std::uint64_t stand_for = 0;
  for (std::size_t i = 0; i < batch.rows; ++i) stand_for += static_cast<std::uint64_t>(rows[i]);
  held_rows_ += stand_for;
  taken_ += stand_for;
  absorbed_ += batch.rows;
  index_created(keys);
}

void KeyedAggregate::index_created(const std::vector<ColumnPtr>& keys) {
  const GroupTable& table = states_.table();
  if (!evicts() || table.created().empty()) return;
  const KeyTime time(*keys[*spec_.time_key]);
  for (std::size_t i = 0; i < table.created().size(); ++i) {
    const std::uint32_t row = table.created_by()[i];
    if (time.has(row)) due_index_.add(time.at(row), table.created()[i]);
  }
}

std::vector<KeyedAggregate::Group> KeyedAggregate::groups_to_emit() const {
  if (spec_.mode == OutputMode::append && !spec_.global()) return {};
  if (stores_as_it_emits()) return states_.touched();
  std::vector<Group> all;
  for (Group group = 0; group < states_.table().end(); ++group) {
    if (states_.table().header(group) & GroupHeader::live) all.push_back(group);
  }
  return all;
}

Flow KeyedAggregate::on_barrier(const Barrier& barrier, Output& output) {
  barrier_ = barrier.watermark;
  // The one group of a global aggregate is there without rows; it lives in the first task.
  if (spec_.global() && context_.partition == 0) states_.ensure_single();
  updated_ = states_.touched().size();
  states_.sort_touched();
  emit_ = groups_to_emit();
  emitted_ = 0;
  due_ = evicts() ? due_index_.take(barrier_) : std::vector<Group>{};
  evicted_ = 0;
  return resume(output);
}

Flow KeyedAggregate::resume(Output& output) {
  while (emitted_ < emit_.size()) {
    if (output.full()) return Flow::more;
    const std::size_t count = std::min(batch_rows, emit_.size() - emitted_);
    emit(std::span(emit_).subspan(emitted_, count), output);
    emitted_ += count;
  }
  while (evicted_ < due_.size()) {
    const bool emits = spec_.mode == OutputMode::append;
    if (emits && output.full()) return Flow::more;
    const std::size_t count = std::min(batch_rows, due_.size() - evicted_);
    const auto groups = std::span<const Group>(due_).subspan(evicted_, count);
    if (emits) emit(groups, output);
    evict(groups);
    evicted_ += count;
  }
  late_.set_limit(barrier_);
  emit_.clear();
  emitted_ = 0;
  return Flow::done;
}

void KeyedAggregate::emit(std::span<const Group> groups, Output& output) {
  const auto rows = states_.rows_of(groups);
  std::vector<ColumnPtr> columns = states_.table().keys_of(rows);
  if (stores_as_it_emits()) store(rows, columns);
  for (auto& column : states_.results_of(rows)) columns.push_back(std::move(column));
  made_ += groups.size();
  output.emit(make_batch(std::move(columns), groups.size()));
}

/// Writes the changes of groups, but of those that this barrier evicts.
void KeyedAggregate::store(std::span<std::byte* const> rows, const std::vector<ColumnPtr>& keys) {
  const BufferPtr hashes = hash_columns(keys, rows.size());
  set_key_groups(rows.size(), hashes->as<std::uint64_t>());
  if (evicts()) {
    const KeyTime time(*keys[*spec_.time_key]);
    rows_.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (time.has(i) && EvictionIndex::due(time.at(i)) <= barrier_.milliseconds) continue;
      key_groups_[rows_.size()] = key_groups_[i];
      rows_.push_back(rows[i]);
    }
    rows = rows_;
  }
  if (rows.empty()) return;
  const bool first = changes_.empty();
  states_.put(rows, key_groups_, changes_);
  // The first batch tells how long all entries will be.
  if (first) changes_.reserve(changes_.bytes().size() / rows.size() * updated_ * 9 / 8);
}

void KeyedAggregate::evict(std::span<const Group> groups) {
  const auto rows = states_.rows_of(groups);
  const BufferPtr hashes = hash_columns(states_.table().keys_of(rows), groups.size());
  set_key_groups(rows.size(), hashes->as<std::uint64_t>());
  rows_.clear();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    held_rows_ -= states_.rows_in(groups[i]);
    released_ += states_.rows_in(groups[i]);
    if (!(states_.table().header(groups[i]) & GroupHeader::stored)) continue;
    key_groups_[rows_.size()] = key_groups_[i];
    rows_.push_back(rows[i]);
  }
  if (!rows_.empty()) states_.put_erased(rows_, key_groups_, changes_);
  states_.erase(groups, hashes->as<std::uint64_t>());
}

void KeyedAggregate::store_touched() {
  std::vector<Group> groups;
  const auto& touched = states_.touched();
  for (std::size_t begin = 0; begin < touched.size(); begin += batch_rows) {
    groups.clear();
    const std::size_t end = std::min(begin + batch_rows, touched.size());
    for (std::size_t i = begin; i < end; ++i) {
      if (states_.table().header(touched[i]) & GroupHeader::live) groups.push_back(touched[i]);
    }
    const auto rows = states_.rows_of(groups);
    store(rows, states_.table().keys_of(rows));
  }
}

void KeyedAggregate::collect_changes(ChangelogWriter& changes) {
  if (!stores_as_it_emits()) store_touched();
  states_.clear_touched();
  changes.append(std::move(changes_));
}

OperatorMetrics KeyedAggregate::metrics() const {
  OperatorMetrics metrics;
  metrics.late_rows = late_.rows();
  metrics.dropped_groups = late_.groups();
  metrics.stateful = true;
  metrics.state_rows = states_.table().size();
  metrics.state_updated = updated_;
  metrics.state_removed = evicted_;
  metrics.state_bytes = states_.bytes();
  metrics.held_rows = held_rows_;
  metrics.made_rows = made_;
  metrics.absorbed_rows = absorbed_;
  metrics.taken_rows = taken_;
  metrics.released_rows = released_;
  return metrics;
}

Schema aggregate_schema(const AggregateSpec& spec) {
  std::vector<Field> fields = spec.key_fields;
  for (const AggregateCall& call : spec.aggregates) {
    if (spec.stage == AggregateSpec::Stage::partial) {
      const auto& types = call.function->intermediate_types();
      for (std::size_t i = 0; i < types.size(); ++i) {
        fields.push_back({call.name + "#" + std::to_string(i), types[i], true});
      }
    } else {
      const bool counts = call.function->name() == "count" || call.function->name() == "count_if";
      fields.push_back({call.name, call.function->result_type(), !counts});
    }
  }
  if (spec.stage == AggregateSpec::Stage::partial)
    fields.push_back({"#rows", TypeId::bigint, true});
  return Schema(std::move(fields));
}

OperatorFactory keyed_aggregate(AggregateSpec spec) {
  LIBSTREAM_ASSERT(spec.keys.size() == spec.key_fields.size(), "one field a key");
  if (spec.stage == AggregateSpec::Stage::final_) {
    // The input is the output of stage partial: keys first.
    std::iota(spec.keys.begin(), spec.keys.end(), 0);
  }
  return [spec = std::move(spec)](const OperatorContext& context) -> std::unique_ptr<Operator> {
    if (spec.stage == AggregateSpec::Stage::partial) {
      return std::make_unique<PartialAggregate>(spec);
    }
    return std::make_unique<KeyedAggregate>(spec, context);
  };
}

}  // namespace libstream
