#include "aggregate_arguments.hpp"
#include "group_states.hpp"
#include "key_time.hpp"
#include "late_rows.hpp"
#include "plan_state_columns.hpp"
#include "session_index.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/operators/keyed_aggregate.hpp>

#include <algorithm>

namespace libstream {
namespace {

/// max(session.end): kept as one more aggregate, so that it is in the stored state.
AggregateCall end_of(const Field& session, std::uint32_t column) {
  std::vector<Field> fields(column, Field{"", TypeId::boolean, true});
  fields.push_back({"session", session.type, true});
  const DataType types[] = {TypeId::timestamp};
  return {resolve_aggregate("max", types, {}, false),
          {bind(col("session").field("end"), Schema(std::move(fields)))},
          nullptr,
          "end"};
}

std::vector<AggregateCall> with_end(const AggregateSpec& spec, std::uint32_t session) {
  auto calls = spec.aggregates;
  calls.push_back(end_of(spec.key_fields[session], spec.keys[session]));
  return calls;
}

template <class T>
std::vector<T> without(std::vector<T> list, std::uint32_t index) {
  list.erase(list.begin() + index);
  return list;
}

std::vector<Field> state_fields(const AggregateSpec& spec, std::uint32_t session) {
  auto fields = without(spec.key_fields, session);
  fields.push_back({"start", TypeId::timestamp, false});
  return fields;
}

/// Groups by key and session. The accumulators are filed under the other keys and the session's
/// start; which sessions there are, and what merges, SessionIndex knows.
class SessionAggregate final : public Operator {
 public:
  SessionAggregate(const AggregateSpec& spec, std::uint32_t session, const OperatorContext& context)
      : spec_(spec),
        session_(session),
        context_(context),
        keys_(without(spec.keys, session)),
        arguments_(with_end(spec, session)),
        states_(state_fields(spec, session), with_end(spec, session)),
        index_(without(spec.key_fields, session), evicts()),
        late_(spec.keys, spec.key_fields, spec.time_key, spec.lateness) {}

  void restore(const StateReader& state, Watermark late) override {
    late_.set_limit(late);
    states_.restore(state, [this](std::span<const ColumnPtr> keys, std::span<const Group> groups) {
      const std::vector<ColumnPtr> own(keys.begin(), keys.end() - 1);
      const BufferPtr hashes = hash_columns(own, groups.size());
      const auto found = index_.find(own, groups.size(), hashes->as<std::uint64_t>());
      const auto* starts = keys.back()->values<EventTime>();
      const ColumnPtr ends = states_.result(spec_.aggregates.size(), groups);
      for (std::size_t i = 0; i < groups.size(); ++i) {
        index_.load(found[i], starts[i], ends->values<EventTime>()[i], groups[i]);
        held_rows_ += states_.rows_in(groups[i]);
      }
    });
  }

  void start(const EpochStart& epoch) override {
    epoch_ = epoch.context;
    late_.start();
    index_.start();
    erased_.clear();
    updated_ = removed_ = made_ = taken_ = released_ = 0;
  }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    if (const BatchPtr on_time = late_.take(std::move(batch), output)) add(*on_time);
    return Flow::done;
  }

  Flow on_barrier(const Barrier& barrier, Output& output) override {
    barrier_ = barrier.watermark;
    updated_ = index_.touched();
    emit_ = spec_.mode == OutputMode::complete ? index_.all()
                                               : index_.take_due(output_watermark(barrier_));
    emitted_ = 0;
    return resume(output);
  }

  Flow resume(Output& output) override {
    while (emitted_ < emit_.size()) {
      if (output.full()) return Flow::more;
      const std::size_t count = std::min(batch_rows, emit_.size() - emitted_);
      const auto ids = std::span<const Id>(emit_).subspan(emitted_, count);
      const auto groups = groups_of(ids);
      emit(ids, groups, output);
      if (spec_.mode != OutputMode::complete) evict(ids, groups);
      emitted_ += count;
    }
    emit_.clear();
    emitted_ = 0;
    late_.set_limit(barrier_);
    return Flow::done;
  }

  Watermark output_watermark(Watermark input) const override {
    const Watermark waited{std::max<std::int64_t>(input.milliseconds - spec_.session_wait, 0)};
    return std::min(input, waited);
  }

  void collect_changes(ChangelogWriter& changes) override {
    for (const auto& [group, key] : erased_) changes.erase(group, key);
    erased_.clear();
    // A group's number may be there twice, where another session took it over.
    std::vector<Group> groups;
    for (const Group group : states_.touched()) {
      auto& header = states_.table().header(group);
      if (!(header & GroupHeader::live) || !(header & GroupHeader::touched)) continue;
      header &= ~GroupHeader::touched;
      groups.push_back(group);
    }
    for (std::size_t begin = 0; begin < groups.size(); begin += batch_rows) {
      const auto some = std::span<const Group>(groups).subspan(
          begin, std::min(batch_rows, groups.size() - begin));
      const auto key_groups = key_groups_of(some);
      states_.encode(some, [&](std::size_t i, std::string_view key, std::string_view value) {
        changes.put(key_groups[i], key, value);
      });
    }
    states_.forget_touched(true);
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.late_rows = late_.rows();
    metrics.dropped_groups = late_.groups();
    metrics.stateful = true;
    metrics.state_rows = states_.table().size();
    metrics.state_updated = updated_;
    metrics.state_removed = removed_;
    metrics.state_bytes = states_.bytes() + index_.bytes();
    metrics.held_rows = held_rows_;
    metrics.made_rows = made_;
    metrics.absorbed_rows = metrics.taken_rows = taken_;
    metrics.released_rows = released_;
    return metrics;
  }

 private:
  using Group = GroupTable::Group;
  using Id = SessionIndex::Id;

  bool evicts() const { return spec_.time_key && spec_.mode != OutputMode::complete; }

  void add(const Batch& batch) {
    auto keys = columns_at(batch, keys_);
    const auto found = index_.find(keys, batch.rows, hashes_.compute(batch, keys_));
    const Column& pieces = *batch.columns[spec_.keys[session_]];
    index_.add(found, pieces.child(0)->values<EventTime>(), pieces.child(1)->values<EventTime>());

    auto starts = Buffer::allocate(batch.rows * sizeof(EventTime));
    for (std::size_t i = 0; i < batch.rows; ++i) {
      starts->as<EventTime>()[i] = index_.session(index_.sessions()[i]).start;
    }
    keys.push_back(Column::fixed(TypeId::timestamp, batch.rows, std::move(starts)));
    if (!index_.absorbed().empty()) absorb(keys);
    const BufferPtr hashes = hash_columns(keys, batch.rows);
    arguments_.evaluate(batch, epoch_);
    states_.update(keys, batch.rows, hashes->as<std::uint64_t>(), arguments_);
    index_.set_groups(states_.table().groups());
    held_rows_ += batch.rows;
    taken_ += batch.rows;
  }

  /// Moves the accumulators of absorbed sessions to those that absorbed them.
  /// `keys`: of the batch's rows, with the starts of the sessions they went into.
  void absorb(const std::vector<ColumnPtr>& keys) {
    const auto absorbed = index_.absorbed();
    std::vector<std::uint32_t> row_of;  // by session: a row that went into it
    for (std::uint32_t i = 0; i < index_.sessions().size(); ++i) {
      const Id id = index_.sessions()[i];
      if (row_of.size() <= id) row_of.resize(id + 1);
      row_of[id] = i;
    }
    std::vector<Group> groups;
    std::vector<std::uint32_t> rows;
    for (const auto& [group, into] : absorbed) {
      groups.push_back(group);
      rows.push_back(row_of[into]);
    }
    std::vector<ColumnPtr> targets;
    for (const ColumnPtr& key : keys) targets.push_back(key->gather(rows));
    const BufferPtr hashes = hash_columns(targets, rows.size());
    const auto accumulators = states_.intermediates(groups);
    for (const Group group : groups) {
      if (states_.table().header(group) & GroupHeader::stored) ++removed_;
    }
    states_.merge(targets, rows.size(), hashes->as<std::uint64_t>(), accumulators);
    erase(groups);
  }

  std::vector<Group> groups_of(std::span<const Id> ids) const {
    std::vector<Group> groups;
    for (const Id id : ids) groups.push_back(index_.session(id).group);
    return groups;
  }

  void emit(std::span<const Id> ids, std::span<const Group> groups, Output& output) {
    auto starts = Buffer::allocate(ids.size() * sizeof(EventTime));
    auto ends = Buffer::allocate(ids.size() * sizeof(EventTime));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      starts->as<EventTime>()[i] = index_.session(ids[i]).start;
      ends->as<EventTime>()[i] = index_.session(ids[i]).end;
    }
    std::vector<ColumnPtr> columns = states_.table().keys(groups);
    columns.pop_back();
    columns.insert(
        columns.begin() + session_,
        Column::structure(spec_.key_fields[session_].type, ids.size(),
                          {Column::fixed(TypeId::timestamp, ids.size(), std::move(starts)),
                           Column::fixed(TypeId::timestamp, ids.size(), std::move(ends))}));
    for (std::size_t a = 0; a < spec_.aggregates.size(); ++a) {
      columns.push_back(states_.result(a, groups));
    }
    made_ += ids.size();
    output.emit(make_batch(std::move(columns), ids.size()));
  }

  void evict(std::span<const Id> ids, std::span<const Group> groups) {
    for (const Group group : groups) {
      held_rows_ -= states_.rows_in(group);
      released_ += states_.rows_in(group);
    }
    removed_ += ids.size();
    erase(groups);
    index_.erase(ids);
  }

  void erase(std::span<const Group> groups) {
    const auto key_groups = key_groups_of(groups);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (!(states_.table().header(groups[i]) & GroupHeader::stored)) continue;
      erased_.emplace_back(key_groups[i], std::string());
      states_.table().encode_key(groups[i], erased_.back().second);
    }
    const BufferPtr hashes = hash_columns(states_.table().keys(groups), groups.size());
    states_.erase(groups, hashes->as<std::uint64_t>());
  }

  /// Sessions are filed by their keys alone: rows are exchanged by them, the start changes.
  std::vector<std::uint32_t> key_groups_of(std::span<const Group> groups) const {
    auto keys = states_.table().keys(groups);
    keys.pop_back();
    const BufferPtr hashes = hash_columns(keys, groups.size());
    std::vector<std::uint32_t> key_groups;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      key_groups.push_back(key_group(hashes->as<std::uint64_t>()[i], context_.key_groups));
    }
    return key_groups;
  }

  AggregateSpec spec_;
  std::uint32_t session_;
  OperatorContext context_;
  std::vector<std::uint32_t> keys_;  ///< input columns, without the session
  AggregateArguments arguments_;
  GroupStates states_;
  SessionIndex index_;
  LateRows late_;
  EpochContext epoch_;
  KeyHashes hashes_;

  Watermark barrier_;
  std::vector<Id> emit_;  // of the running barrier, with the place reached
  std::size_t emitted_ = 0;

  std::vector<std::pair<std::uint32_t, std::string>> erased_;
  std::uint64_t held_rows_ = 0;
  std::uint64_t updated_ = 0;
  std::uint64_t removed_ = 0;
  std::uint64_t made_ = 0;
  std::uint64_t taken_ = 0;
  std::uint64_t released_ = 0;
};

}  // namespace

std::string session_state_columns(const AggregateSpec& spec, std::uint32_t session_key) {
  return state_columns_of(state_fields(spec, session_key), with_end(spec, session_key));
}

OperatorFactory session_aggregate(AggregateSpec spec, std::uint32_t session_key) {
  LIBSTREAM_ASSERT(spec.keys.size() == spec.key_fields.size() && spec.keys.size() > 1,
                   "a session has further keys, one field each");
  LIBSTREAM_ASSERT(spec.mode != OutputMode::update, "sessions merge: there is no update of one");
  return [spec = std::move(spec), session_key](const OperatorContext& context) {
    return std::make_unique<SessionAggregate>(spec, session_key, context);
  };
}

}  // namespace libstream
