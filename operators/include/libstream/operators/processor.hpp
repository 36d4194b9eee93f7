#pragma once

#include <libstream/operators/state_collections.hpp>
#include <libstream/operators/state_variables.hpp>
#include <libstream/row_type.hpp>

#include <chrono>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace libstream {

/// What a processor of transform_with_state is told about time.
class TimerValues {
 public:
  using TimePoint = GroupTimes::TimePoint;
  TimerValues(std::int64_t processing_ms, std::optional<Watermark> watermark)
      : times_(GroupTimeout::none, processing_ms, watermark) {}
  /// The epoch's timestamp, the same in every call of an epoch and in its repetition.
  TimePoint current_processing_time() const { return times_.current_processing_time(); }
  /// The epoch's watermark. Throws where the input has none.
  TimePoint current_watermark() const { return times_.current_watermark(); }

 private:
  GroupTimes times_;
};

/// The timer that handle_expired_timer is called for.
struct ExpiredTimer {
  GroupTimes::TimePoint expiry;
};

template <class T>
inline constexpr bool is_state_type = RowType<T> && !std::is_same_v<T, std::string_view>;

[[noreturn]] void throw_unmade_state();
[[noreturn]] void throw_empty_list(const std::string& name);

/// What the variables of a processor have in common: made by ProcessorHandle in init, used in calls
/// for a key, whose value they then are. Copies stand for the same variable.
template <class V>
class StateReference {
 public:
  StateReference() = default;
  StateReference(StateVariables& variables, V& variable)
      : variables_(&variables), variable_(&variable) {}

 protected:
  StateVariable::Group group() const {
    if (variables_ == nullptr) throw_unmade_state();
    return variables_->group(variable_->name());
  }
  V& variable() const { return *variable_; }

 private:
  StateVariables* variables_ = nullptr;
  V* variable_ = nullptr;
};
/// One value a key. What `get` points to is valid until the next change of the variable.
template <class T>
class ValueState : public StateReference<ValueVariable<T>> {
 public:
  using StateReference<ValueVariable<T>>::StateReference;
  bool exists() const { return get() != nullptr; }
  /// Null where there is none.
  const T* get() const {
    const auto group = this->group();
    return this->variable().get(group);
  }
  T get_or_default() const {
    const T* value = get();
    return value != nullptr ? *value : T{};
  }
  void update(T value) const {
    const auto group = this->group();
    this->variable().update(group, std::move(value));
  }
  void clear() const {
    const auto group = this->group();
    this->variable().clear(group);
  }
};

/// A list a key. With a time to live, each element has its own.
template <class T>
class ListState : public StateReference<ListVariable<T>> {
 public:
  using StateReference<ListVariable<T>>::StateReference;
  bool exists() const { return !get().empty(); }
  /// Valid until the next change of the variable.
  std::span<const T> get() const {
    const auto group = this->group();
    return this->variable().get(group);
  }
  /// Replaces the list, by at least one element.
  void put(std::vector<T> values) const {
    const auto group = this->group();
    if (values.empty()) throw_empty_list(this->variable().name());
    this->variable().clear(group);
    this->variable().append(group, values);
  }
  void append_value(const T& value) const {
    const T copy = value;  // may lie in the list
    const auto group = this->group();
    this->variable().append(group, std::span<const T>(&copy, 1));
  }
  void append_list(std::vector<T> values) const {
    const auto group = this->group();
    if (values.empty()) throw_empty_list(this->variable().name());
    this->variable().append(group, values);
  }
  void clear() const {
    const auto group = this->group();
    this->variable().clear(group);
  }
};

/// A map a key, in the order of its keys (structs field by field). With a time to live, each entry
/// has its own. Entries may be changed and removed while it is iterated.
template <class K, class V>
class MapState : public StateReference<MapVariable<K, V>> {
 public:
  using Variable = MapVariable<K, V>;
  using StateReference<Variable>::StateReference;

  class Iterator {
   public:
    using Position = typename Variable::Entries::const_iterator;
    Iterator(const Variable& variable, Position position, Position end)
        : variable_(&variable), position_(position), end_(end) {
      skip();
    }
    std::pair<const K&, const V&> operator*() const {
      return {position_->first, position_->second.value};
    }
    Iterator& operator++() {
      ++position_;
      skip();
      return *this;
    }
    bool operator!=(const Iterator& other) const { return position_ != other.position_; }

   private:
    void skip() {
      while (position_ != end_ && !variable_->visible(position_->second)) ++position_;
    }
    const Variable* variable_;
    Position position_;
    Position end_;
  };

  bool exists() const { return begin() != end(); }
  /// Null where there is none; valid until the next change of the entry.
  const V* get_value(const K& key) const {
    const auto group = this->group();
    return this->variable().get(group, key);
  }
  bool contains_key(const K& key) const { return get_value(key) != nullptr; }
  void update_value(K key, V value) const {
    const auto group = this->group();
    this->variable().update(group, std::move(key), std::move(value));
  }
  void remove_key(const K& key) const {
    const K copy = key;  // may lie in the map
    const auto group = this->group();
    this->variable().remove(group, copy);
  }
  void clear() const {
    const auto group = this->group();
    this->variable().clear(group);
  }
  std::vector<K> keys() const {
    std::vector<K> result;
    for (const auto& [key, value] : *this) result.push_back(key);
    return result;
  }
  std::vector<V> values() const {
    std::vector<V> result;
    for (const auto& [key, value] : *this) result.push_back(value);
    return result;
  }
  Iterator begin() const {
    const auto& all = entries();
    return Iterator(this->variable(), all.begin(), all.end());
  }
  Iterator end() const {
    const auto& all = entries();
    return Iterator(this->variable(), all.end(), all.end());
  }

 private:
  const typename Variable::Entries& entries() const {
    static const typename Variable::Entries none;
    const auto group = this->group();
    const auto* found = this->variable().entries_of(group);
    return found != nullptr ? *found : none;
  }
};

/// What a processor gets in init, to make its variables with and to keep for its timers. Variables
/// are known by name across restarts. A time to live needs TimeMode::processing_time: what is
/// written is gone that long after the epoch's timestamp.
class ProcessorHandle {
 public:
  using Milliseconds = std::chrono::milliseconds;
  using TimePoint = GroupTimes::TimePoint;

  ProcessorHandle() = default;
  explicit ProcessorHandle(StateVariables& variables) : variables_(&variables) {}

  template <class T>
  ValueState<T> value_state(std::string_view name,
                            std::optional<Milliseconds> time_to_live = {}) const {
    check<T>();
    if constexpr (is_state_type<T>) {
      auto& variables = made();
      return {variables, variables.template variable<ValueVariable<T>>(name, time_to_live)};
    }
  }
  template <class T>
  ListState<T> list_state(std::string_view name,
                          std::optional<Milliseconds> time_to_live = {}) const {
    check<T>();
    static_assert(!std::is_same_v<T, bool>, "libstream: a list of bool has no elements to show");
    if constexpr (is_state_type<T> && !std::is_same_v<T, bool>) {
      auto& variables = made();
      return {variables, variables.template variable<ListVariable<T>>(name, time_to_live)};
    }
  }
  template <class K, class V>
  MapState<K, V> map_state(std::string_view name,
                           std::optional<Milliseconds> time_to_live = {}) const {
    check<K>();
    check<V>();
    if constexpr (is_state_type<K> && is_state_type<V>) {
      auto& variables = made();
      return {variables, variables.template variable<MapVariable<K, V>>(name, time_to_live)};
    }
  }
  /// Drops a variable that earlier runs had.
  void delete_if_exists(std::string_view name) const { made().remove(name); }

  // Timers of the key at hand, each known by its time, in ms. Due at or before the epoch's
  // timestamp or watermark. One that is due when rows are handled fires in the same epoch, one
  // that handle_expired_timer registers not before the next.
  void register_timer(TimePoint time) const { made().register_timer(time); }
  void delete_timer(TimePoint time) const { made().delete_timer(time); }
  std::vector<TimePoint> list_timers() const { return made().timers(); }  ///< ascending

 private:
  template <class T>
  static constexpr void check() {
    static_assert(is_state_type<T>,
                  "libstream: a state variable holds a struct named in BOOST_DESCRIBE_STRUCT, or a "
                  "type that one column holds and that owns its bytes; see field_type.hpp");
  }
  StateVariables& made() const {
    if (variables_ == nullptr) throw_unmade_state();
    return *variables_;
  }

  StateVariables* variables_ = nullptr;
};

}  // namespace libstream
