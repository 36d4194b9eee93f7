#pragma once

#include <libstream/operators/keyed_stream.hpp>
#include <libstream/operators/transform_operation.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace libstream {

template <class P>
concept NamesTimerHandler = requires {
  &P::handle_expired_timer;
};
template <class P>
concept NamesInitialHandler = requires {
  &P::handle_initial_state;
};

/// A processor of the user's, P, in one task. S: of the initial states, void without any.
template <class K, class T, class U, class S, class P>
class TypedTransform final : public TransformFunction {
 public:
  TypedTransform(const P& prototype, OutputMode mode, TimeMode time, const Schema& rows,
                 const Schema& keys, const Schema& states)
      : prototype_(prototype),
        mode_(mode),
        variables_(time, type_name<P>(), NamesTimerHandler<P>),
        row_reader_(rows),
        key_reader_(key_schema<K>(keys)) {
    if constexpr (!std::is_void_v<S>) state_reader_.emplace(states);
    begin();
  }
  ~TypedTransform() override = default;

  StateVariables& variables() override { return variables_; }

  void begin() override {
    if (processor_) return;
    processor_.emplace(prototype_);
    guarded("init", nullptr, [&] {
      variables_.begin_init();
      processor_->init(ProcessorHandle(variables_), mode_, variables_.mode());
      variables_.end_init();
    });
  }
  void end() override {
    if constexpr (requires(P & processor) { processor.close(); }) {
      guarded("close", nullptr, [&] { processor_->close(); });
    }
    processor_.reset();
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
  void set_keys(BatchPtr keys) override {
    key_batch_ = std::move(keys);
    key_reader_.read(*key_batch_, keys_);
  }
  void rows(std::size_t key, std::uint32_t begin, std::uint32_t end,
            const TimerValues& times) override {
    const std::span<const T> rows(rows_.data() + begin, end - begin);
    guarded("handle_input_rows", &key,
            [&] { add(processor_->handle_input_rows(keys_[key], rows, times)); });
  }
  void timer(std::size_t key, std::int64_t expiry, const TimerValues& times) override {
    if constexpr (NamesTimerHandler<P>) {
      const ExpiredTimer timer{GroupTimes::TimePoint(std::chrono::milliseconds(expiry))};
      guarded("handle_expired_timer", &key,
              [&] { add(processor_->handle_expired_timer(keys_[key], times, timer)); });
    }
  }
  void set_initial(const BatchPtr& batch) override {
    if constexpr (!std::is_void_v<S>) state_reader_->read(*batch, initial_);
  }
  void initial(std::size_t row, const TimerValues& times) override {
    if constexpr (!std::is_void_v<S>) {
      guarded("handle_initial_state", &row,
              [&] { processor_->handle_initial_state(keys_[row], initial_[row], times); });
    }
  }
  BatchPtr take_output() override {
    if (output_.empty()) return nullptr;
    auto batch = writer_.write(output_);
    output_.clear();
    return batch;
  }

 private:
  using Initial = std::conditional_t<std::is_void_v<S>, K, S>;

  template <class F>
  void guarded(const char* method, const std::size_t* key, F&& call) {
    try {
      call();
    } catch (...) {
      throw_user_error(
          variables_.processor() + "::" + method +
          (key == nullptr ? "" : " at key [" + to_text(*slice(*key_batch_, *key, 1)) + "]"));
    }
  }
  template <class Range>
  void add(Range&& rows) {
    for (auto&& row : rows) output_.push_back(std::forward<decltype(row)>(row));
  }

  const P prototype_;
  OutputMode mode_;
  StateVariables variables_;
  std::optional<P> processor_;
  RowReader<T> row_reader_;
  RowReader<K> key_reader_;
  std::optional<RowReader<Initial>> state_reader_;
  RowWriter<U> writer_;
  std::vector<BatchPtr> batches_;
  BatchPtr key_batch_;
  std::vector<T> decoded_;
  std::vector<T> rows_;
  std::vector<K> keys_;
  std::vector<Initial> initial_;
  std::vector<U> output_;
};

/// What the methods of a processor must look like, and what it gives.
template <class K, class T, class P>
struct ProcessorTraits {
  static constexpr bool has_init = requires(P & p, ProcessorHandle h, OutputMode m, TimeMode t) {
    p.init(h, m, t);
  };
  static constexpr bool has_rows =
      requires(P & p, const K& key, std::span<const T> rows, const TimerValues& times) {
    std::begin(p.handle_input_rows(key, rows, times));
  };
  static constexpr bool timers_fit =
      !NamesTimerHandler<P> ||
      requires(P & p, const K& key, const TimerValues& times, const ExpiredTimer& timer) {
    std::begin(p.handle_expired_timer(key, times, timer));
  };
  template <class S>
  static constexpr bool has_initial = requires(P& p, const K& key, const S& state,
                                               const TimerValues& times) {
    p.handle_initial_state(key, state, times);
  };
  static constexpr bool valid = std::copy_constructible<P> && has_init && has_rows && timers_fit;

  static constexpr void check() {
    static_assert(std::copy_constructible<P>,
                  "libstream: a processor must be copyable: each task has its own");
    static_assert(has_init,
                  "libstream: a processor needs init(ProcessorHandle, OutputMode, "
                  "TimeMode), which makes its state variables");
    static_assert(has_rows,
                  "libstream: a processor needs handle_input_rows(const Key&, "
                  "std::span<const Row>, const TimerValues&) that returns a range");
    static_assert(timers_fit,
                  "libstream: handle_expired_timer must be callable as (const Key&, const "
                  "TimerValues&, const ExpiredTimer&) and return a range");
  }
};

template <class K, class T>
template <class S, class P>
auto KeyedStream<K, T>::transform(OutputMode mode, TimeMode time, const DataStream* initial,
                                  P processor, std::string event_time_column) const {
  using Traits = ProcessorTraits<K, T, P>;
  Traits::check();
  constexpr bool initial_fits = [] {
    if constexpr (std::is_void_v<S>) {
      return true;
    } else {
      return Traits::template has_initial<S>;
    }
  }();
  static_assert(initial_fits,
                "libstream: with initial states a processor needs "
                "handle_initial_state(const Key&, const State&, const TimerValues&)");
  if constexpr (Traits::valid && initial_fits) {
    using Rows = decltype(std::declval<P&>().handle_input_rows(std::declval<const K&>(),
                                                               std::declval<std::span<const T>>(),
                                                               std::declval<const TimerValues&>()));
    using U =
        std::remove_cvref_t<decltype(*std::begin(std::declval<std::remove_cvref_t<Rows>&>()))>;
    TransformOperationSpec spec;
    spec.processor = type_name<P>();
    spec.keys = keys_;
    spec.output = schema_of<U>();
    spec.time = time;
    spec.mode = mode;
    spec.event_time = std::move(event_time_column);
    spec.initial_states = initial != nullptr;
    spec.function = [processor = std::move(processor), mode, time](
                        const Schema& rows, const Schema& keys,
                        const Schema& states) -> std::unique_ptr<TransformFunction> {
      return std::make_unique<TypedTransform<K, T, U, S, P>>(processor, mode, time, rows, keys,
                                                             states);
    };
    spec.columns = [](const Schema& schema, std::size_t input) {
      if constexpr (!std::is_void_v<S>) {
        if (input == 1) return RowReader<S>(schema).columns();
      }
      return RowReader<T>(schema).columns();
    };
    std::vector<DataStream> others;
    if (initial != nullptr) others.push_back(*initial);
    return TypedStream<U>::exact(
        base_.apply(transform_operation(std::move(spec)), std::move(others)));
  }
}

}  // namespace libstream
