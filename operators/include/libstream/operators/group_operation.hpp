#pragma once

#include <libstream/group_state.hpp>
#include <libstream/operation.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace libstream {

/// The typed side of an operator on groups, in one task: the user's function, and the states of the
/// groups by their numbers, which are dense and reused.
class GroupFunction {
 public:
  using Group = std::uint32_t;

  /// One call of the function: the rows [begin, end) of those given to `set_rows`.
  struct Call {
    Group group = 0;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    bool timed_out = false;
  };
  struct Outcome {
    enum class Change : std::uint8_t { none, updated, removed };
    Change change = Change::none;
    std::int64_t timeout = GroupTimes::never;  ///< ms since 1970
  };

  virtual ~GroupFunction() = default;
  /// Rows of the epoch. Row i in the order of the batches comes to stand at `places[i]`.
  virtual void set_rows(std::span<const BatchPtr> batches,
                        std::span<const std::uint32_t> places) = 0;
  /// Calls the function for each of `calls`, whose keys are the rows of `keys`.
  virtual void call(std::span<const Call> calls, const Batch& keys, const GroupTimes& times,
                    std::span<Outcome> outcomes) = 0;
  /// Rows that the function gave since the last time; null for none.
  virtual BatchPtr take_output() = 0;

  /// Text of the layout of states, kept beside them; `restore_layout` takes the text that was kept
  /// and is true where it is this one. Throws Error(incompatible).
  virtual std::string layout() const = 0;
  virtual bool restore_layout(const std::string& was) = 0;
  /// States that are asked for next, on their way into the cache.
  virtual void fetch(std::span<const Group> /*groups*/) const {}
  virtual bool exists(Group group) const = 0;
  virtual void save(Group group, std::string& bytes) const = 0;
  /// Of the layout restored last.
  virtual void load(Group group, std::string_view bytes) = 0;
  /// State `row` of a batch of initial states.
  virtual void set_initial(std::span<const Group> groups, const Batch& batch) = 0;
  virtual void erase(Group group) = 0;
  virtual std::size_t bytes() const = 0;
};

/// What a typed operator on groups is made of; see keyed_stream.hpp.
struct GroupOperationSpec {
  std::string name;               ///< "flat_map_groups_with_state"
  std::vector<std::string> keys;  ///< columns of input 0, and of input 1 where there is one
  Schema output;
  GroupTimeout timeout = GroupTimeout::none;
  OutputMode mode = OutputMode::append;  ///< of the operator
  bool one_row_a_call = false;           ///< map_groups_with_state
  /// They are input 1; keys without rows are called too.
  bool initial_states = false;
  /// `rows`, `states`: schemas of the inputs; `states` is empty without initial states.
  std::function<std::unique_ptr<GroupFunction>(const Schema& rows, const Schema& keys,
                                               const Schema& states)>
      function;
  /// Columns that are read of each input, beside the keys and the event time.
  std::function<std::vector<std::uint32_t>(const Schema& schema, std::size_t input)> columns;
};
std::shared_ptr<const Operation> group_operation(GroupOperationSpec spec);

/// The operator in one task. Input 0: rows; input 1: initial states, in the first epoch only.
struct GroupOperatorSpec {
  std::string name;
  std::vector<std::uint32_t> keys;  ///< columns of input 0
  std::vector<std::uint32_t> initial_keys;
  std::vector<Field> key_fields;
  std::optional<std::uint32_t> event_column;  ///< by which rows are late
  bool watermarked = false;
  GroupTimeout timeout = GroupTimeout::none;
  std::function<std::unique_ptr<GroupFunction>()> function;
};
OperatorFactory group_operator(GroupOperatorSpec spec);

}  // namespace libstream
