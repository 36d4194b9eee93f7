#pragma once

#include <libstream/group_state.hpp>
#include <libstream/operators/group_operation.hpp>
#include <libstream/operators/state_variables.hpp>
#include <libstream/state_bytes.hpp>
#include <libstream/typed_stream.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace libstream {

/// A key's columns under the names of K's fields.
template <RowType K>
Schema key_schema(const Schema& keys) {
  auto fields = keys.fields();
  const Schema wanted = schema_of<K>();
  for (std::size_t i = 0; i < fields.size() && i < wanted.size(); ++i) {
    fields[i].name = wanted[i].name;
  }
  return Schema(std::move(fields));
}

/// States of groups by their numbers, in chunks that never move.
template <class S>
class GroupStore {
 public:
  S& operator[](std::uint32_t group) {
    while (group >= chunks_.size() * chunk_size) chunks_.push_back(std::make_unique<Chunk>());
    return chunks_[group / chunk_size]->values[group % chunk_size];
  }
  bool exists(std::uint32_t group) const {
    return group < chunks_.size() * chunk_size &&
           chunks_[group / chunk_size]->exists[group % chunk_size] != 0;
  }
  const S& at(std::uint32_t group) const {
    return chunks_[group / chunk_size]->values[group % chunk_size];
  }
  void set_exists(std::uint32_t group, bool exists) {
    if (!exists && group >= chunks_.size() * chunk_size) return;
    S& value = (*this)[group];
    chunks_[group / chunk_size]->exists[group % chunk_size] = exists ? 1 : 0;
    if (!exists) value = S{};
  }
  /// On its way into the cache.
  void fetch(std::uint32_t group) const {
    if (group >= chunks_.size() * chunk_size) return;
    const Chunk& chunk = *chunks_[group / chunk_size];
    __builtin_prefetch(&chunk.values[group % chunk_size], 1);
    __builtin_prefetch(&chunk.exists[group % chunk_size], 1);
  }
  /// Without what values own outside themselves.
  std::size_t bytes() const { return chunks_.size() * sizeof(Chunk); }

 private:
  static constexpr std::size_t chunk_size = 512;
  struct Chunk {
    // Not by an initialiser: compilers would write one out for each of the values.
    Chunk() {
      for (S& value : values) value = S{};
    }
    S values[chunk_size];
    std::uint8_t exists[chunk_size]{};
  };
  std::vector<std::unique_ptr<Chunk>> chunks_;
};

/// A user's function `f(const K&, std::span<const T>, GroupState<S>&)` in one task.
template <class K, class T, class S, class U, class F, bool OneRow>
class TypedGroupFunction final : public GroupFunction {
 public:
  TypedGroupFunction(const F& function, std::string name, const Schema& rows, const Schema& keys,
                     const Schema& states)
      : function_(function),
        name_(std::move(name)),
        row_reader_(rows),
        key_reader_(key_schema<K>(keys)) {
    if (states.size() > 0) state_reader_.emplace(states);
  }

  void set_rows(std::span<const BatchPtr> batches, std::span<const std::uint32_t> places) override {
    batches_.assign(batches.begin(), batches.end());  // views in the rows point there
    rows_.clear();
    rows_.resize(places.size());
    std::size_t next = 0;
    for (const BatchPtr& batch : batches) {
      row_reader_.read(*batch, decoded_);
      for (T& row : decoded_) rows_[places[next++]] = std::move(row);
    }
  }

  void call(std::span<const Call> calls, const Batch& keys, const GroupTimes& times,
            std::span<Outcome> outcomes) override {
    key_reader_.read(keys, keys_);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const Call& call = calls[i];
      GroupState<S> state(times, states_[call.group], states_.exists(call.group), call.timed_out);
      const std::span<const T> rows(rows_.data() + call.begin, call.end - call.begin);
      try {
        invoke(keys_[i], rows, state);
      } catch (...) {
        throw_user_error(name_ + " at key [" + to_text(*slice(keys, i, 1)) + "]");
      }
      states_.set_exists(call.group, state.exists());
      outcomes[i].timeout = state.timeout();
      outcomes[i].change =
          state.change() == GroupState<S>::Change::updated   ? Outcome::Change::updated
          : state.change() == GroupState<S>::Change::removed ? Outcome::Change::removed
                                                             : Outcome::Change::none;
    }
  }

  BatchPtr take_output() override {
    if (output_.empty()) return nullptr;
    auto batch = writer_.write(output_);
    output_.clear();
    return batch;
  }

  std::string layout() const override { return StateLayout<S>::text(); }
  bool restore_layout(const std::string& was) override {
    layout_.emplace(was);
    return layout_->same();
  }
  void fetch(std::span<const Group> groups) const override {
    for (const Group group : groups) states_.fetch(group);
  }
  bool exists(Group group) const override { return states_.exists(group); }
  void save(Group group, std::string& bytes) const override {
    StateBytes<S>::append(bytes, states_.at(group));
  }
  void load(Group group, std::string_view bytes) override {
    LIBSTREAM_ASSERT(layout_.has_value(), "a layout stands before the states");
    layout_->take(bytes, states_[group]);
    states_.set_exists(group, true);
  }
  void set_initial(std::span<const Group> groups, const Batch& batch) override {
    std::vector<S> values;
    state_reader_->read(batch, values);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      states_[groups[i]] = std::move(values[i]);
      states_.set_exists(groups[i], true);
    }
  }
  void erase(Group group) override { states_.set_exists(group, false); }
  std::size_t bytes() const override { return states_.bytes(); }

 private:
  void invoke(const K& key, std::span<const T> rows, GroupState<S>& state) {
    if constexpr (OneRow) {
      output_.push_back(std::invoke(function_, key, rows, state));
    } else {
      for (auto&& row : std::invoke(function_, key, rows, state)) {
        output_.push_back(std::forward<decltype(row)>(row));
      }
    }
  }

  F function_;
  std::string name_;
  RowReader<T> row_reader_;
  RowReader<K> key_reader_;
  std::optional<RowReader<S>> state_reader_;
  RowWriter<U> writer_;
  GroupStore<S> states_;
  std::optional<StateLayout<S>> layout_;
  std::vector<BatchPtr> batches_;
  std::vector<T> decoded_;
  std::vector<T> rows_;
  std::vector<K> keys_;
  std::vector<U> output_;
};

/// Rows of a typed stream by key: a K for each, which lies in columns of the stream below.
template <class K, class T>
class KeyedStream {
 public:
  static_assert(
      check_row<K>() || Described<K>,
      "libstream: the key must be a struct named in BOOST_DESCRIBE_STRUCT, or a type that "
      "one column holds; see field_type.hpp");
  KeyedStream(DataStream base, std::vector<std::string> keys)
      : base_(std::move(base)), keys_(std::move(keys)) {}

  /// Calls `f(const K&, std::span<const T> rows, GroupState<S>&)`, which gives one row, once an
  /// epoch for each key with rows and for each key whose timeout is over. Output mode: update.
  template <class S, class F>
  auto map_groups_with_state(GroupTimeout timeout, F f) const {
    return groups<S, true>(timeout, OutputMode::update, std::move(f), nullptr);
  }
  template <class S, class F>
  auto map_groups_with_state(GroupTimeout timeout, const KeyedStream<K, S>& initial, F f) const {
    return groups<S, true>(timeout, OutputMode::update, std::move(f), &initial);
  }
  /// The same; `f` gives a range of rows. `mode`: append where rows are never taken back by later
  /// ones, else update.
  template <class S, class F>
  auto flat_map_groups_with_state(OutputMode mode, GroupTimeout timeout, F f) const {
    return groups<S, false>(timeout, mode, std::move(f), nullptr);
  }
  /// `initial`: states of the first epoch, one a key, from data that is not a stream.
  template <class S, class F>
  auto flat_map_groups_with_state(OutputMode mode, GroupTimeout timeout,
                                  const KeyedStream<K, S>& initial, F f) const {
    return groups<S, false>(timeout, mode, std::move(f), &initial);
  }

  /// State variables and timers of each key for a processor of the user's: a copyable class with
  ///   void init(ProcessorHandle, OutputMode, TimeMode)    makes the state variables
  ///   range handle_input_rows(const K&, std::span<const T>, const TimerValues&)
  /// and, where wanted,
  ///   range handle_expired_timer(const K&, const TimerValues&, const ExpiredTimer&)
  ///   void handle_initial_state(const K&, const S&, const TimerValues&)
  ///   void close()
  /// Each task makes a copy an epoch. `event_time_column`: of the result, where operators behind
  /// need it; no row of it may then be late.
  template <class P>
  auto transform_with_state(OutputMode mode, TimeMode time, P processor,
                            std::string event_time_column = {}) const {
    return transform<void>(mode, time, nullptr, std::move(processor), std::move(event_time_column));
  }
  /// `initial`: states for handle_initial_state in the first epoch, from data that is not a stream.
  template <class S, class P>
  auto transform_with_state(OutputMode mode, TimeMode time, const KeyedStream<K, S>& initial,
                            P processor, std::string event_time_column = {}) const {
    return transform<S>(mode, time, &initial.base(), std::move(processor),
                        std::move(event_time_column));
  }

  const DataStream& base() const { return base_; }
  const std::vector<std::string>& keys() const { return keys_; }

 private:
  /// In transform_stream.hpp.
  template <class S, class P>
  auto transform(OutputMode mode, TimeMode time, const DataStream* initial, P processor,
                 std::string event_time_column) const;

  /// False where something does not fit; says what.
  template <class S, class F, bool OneRow>
  static constexpr bool check() {
    static_assert(check_row<S>() || Described<S>,
                  "libstream: the state must be a struct named in BOOST_DESCRIBE_STRUCT, or a type "
                  "that one column holds; see the table in docs/typed-streams.md");
    if constexpr (RowType<S>) {
      static_assert(owns_fields<S>,
                    "libstream: state must own its fields: take std::string instead of "
                    "std::string_view");
      using Called = GroupFunctionOf<S, F>;
      static_assert(Called::callable,
                    "libstream: the function on groups must be callable as f(const Key&, "
                    "std::span<const Row>, GroupState<State>&)");
      if constexpr (Called::callable && OneRow) {
        static_assert(check_row<typename Called::result>(),
                      "libstream: the function of map_groups_with_state must return a row: a "
                      "struct named in BOOST_DESCRIBE_STRUCT, or a type that one column holds");
        return owns_fields<S> && RowType<typename Called::result>;
      } else if constexpr (Called::callable) {
        constexpr bool range = RangeOfRows<typename Called::result>;
        static_assert(range,
                      "libstream: the function of flat_map_groups_with_state must return a range, "
                      "such as std::vector<Row>");
        return owns_fields<S> && range;
      }
    }
    return false;
  }
  template <class S, class F>
  struct GroupFunctionOf {
    static constexpr bool callable =
        std::is_invocable_v<F&, const K&, std::span<const T>, GroupState<S>&>;
    template <bool Callable, class = void>
    struct Result {
      using type = void;
    };
    template <class Unused>
    struct Result<true, Unused> {
      using type = std::remove_cvref_t<
          std::invoke_result_t<F&, const K&, std::span<const T>, GroupState<S>&>>;
    };
    using result = typename Result<callable>::type;
  };

  template <class S, bool OneRow, class F>
  auto groups(GroupTimeout timeout, OutputMode mode, F f, const KeyedStream<K, S>* initial) const {
    if constexpr (check<S, F, OneRow>()) {
      using Result = typename GroupFunctionOf<S, F>::result;
      using U = typename GroupResult<Result, OneRow>::type;
      GroupOperationSpec spec;
      spec.name = OneRow ? "map_groups_with_state" : "flat_map_groups_with_state";
      spec.keys = keys_;
      spec.output = schema_of<U>();
      spec.timeout = timeout;
      spec.mode = mode;
      spec.one_row_a_call = OneRow;
      spec.initial_states = initial != nullptr;
      spec.function = [f = std::move(f), name = spec.name](const Schema& rows, const Schema& keys,
                                                           const Schema& states) {
        return std::unique_ptr<GroupFunction>(
            new TypedGroupFunction<K, T, S, U, F, OneRow>(f, name, rows, keys, states));
      };
      spec.columns = [](const Schema& schema, std::size_t input) {
        return input == 0 ? RowReader<T>(schema).columns() : RowReader<S>(schema).columns();
      };
      std::vector<DataStream> others;
      if (initial != nullptr) others.push_back(initial->base());
      return TypedStream<U>::exact(
          base_.apply(group_operation(std::move(spec)), std::move(others)));
    }
  }

  template <class Result, bool OneRow>
  struct GroupResult {
    using type = Result;
  };
  template <class Result>
  struct GroupResult<Result, false> {
    using type = std::remove_cvref_t<decltype(*std::begin(std::declval<Result&>()))>;
  };

  DataStream base_;
  std::vector<std::string> keys_;
};

/// Adds the key of each row as columns behind those of the stream.
template <class T, class K, class F>
class AppendKey final : public BatchTransform {
 public:
  AppendKey(const F& function, const Schema& schema) : function_(function), reader_(schema) {}
  BatchPtr run(const Batch& batch) override {
    reader_.read(batch, rows_);
    keys_.clear();
    try {
      ApplyMap()(function_, rows_, keys_);
    } catch (...) {
      throw_user_error("group_by_key");
    }
    auto columns = batch.columns;
    const BatchPtr keys = writer_.write(keys_);
    columns.insert(columns.end(), keys->columns.begin(), keys->columns.end());
    auto result = std::make_shared<Batch>(batch);
    result->columns = std::move(columns);
    result->hashes = nullptr;
    return result;
  }

 private:
  F function_;
  RowReader<T> reader_;
  RowWriter<K> writer_;
  std::vector<T> rows_;
  std::vector<K> keys_;
};

/// `keys`: columns that the key makes, behind those of the input.
std::shared_ptr<const Operation> append_key_operation(Schema keys, BindTransform bind);

template <class T>
template <class F>
requires(!RowType<F>) auto TypedStream<T>::group_by_key(F f) const {
  static_assert(
      std::is_invocable_v<F&, const T&>,
      "libstream: the function of group_by_key must take a const T& of the stream's type");
  if constexpr (std::is_invocable_v<F&, const T&>) {
    using K = std::remove_cvref_t<std::invoke_result_t<F&, const T&>>;
    constexpr bool key = check_row<K>();
    static_assert(key || Described<K>,
                  "libstream: the key must be a struct named in BOOST_DESCRIBE_STRUCT, or a type "
                  "that one column holds; see the table in docs/typed-streams.md");
    if constexpr (key) {
      const DataStream rows = stages_ ? to_stream() : base_;
      std::vector<std::string> names;
      std::vector<Field> fields;
      for (Field field : schema_of<K>()) {
        field.name = "key." + field.name;
        names.push_back(field.name);
        fields.push_back(std::move(field));
      }
      auto operation =
          append_key_operation(Schema(std::move(fields)), [f = std::move(f)](const Schema& schema) {
            return std::unique_ptr<BatchTransform>(new AppendKey<T, K, F>(f, schema));
          });
      return KeyedStream<K, T>(rows.apply(std::move(operation)), std::move(names));
    }
  }
}

template <class T>
template <class K>
KeyedStream<K, T> TypedStream<T>::group_by_key(std::string_view column) const {
  return KeyedStream<K, T>(stages_ ? to_stream() : base_, {std::string(column)});
}

}  // namespace libstream
