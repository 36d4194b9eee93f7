#pragma once

#include "aggregate_arguments.hpp"
#include "group_table.hpp"

#include <libstream/aggregate.hpp>
#include <libstream/state.hpp>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace libstream {

/// Counts the rows of a group, as its header does.
bool counts_rows(const AggregateCall& call);

/// The groups of an aggregation: a table whose rows hold one accumulator per aggregate and, in the
/// header, the number of input rows that went in. That number is count(*): it has no accumulator of
/// its own.
///
/// Members that take rows want what `rows_of` gave; going through them in that order keeps each
/// group in the cache while keys, results and stored bytes are made of it.
class GroupStates {
 public:
  using Group = GroupTable::Group;

  GroupStates(std::vector<Field> key_fields, const std::vector<AggregateCall>& calls);
  ~GroupStates();
  GroupStates(const GroupStates&) = delete;
  GroupStates& operator=(const GroupStates&) = delete;

  /// Adds rows; table().created() are the groups that are new.
  void update(std::span<const ColumnPtr> keys, std::size_t rows, const std::uint64_t* hashes,
              const AggregateArguments& arguments);
  /// Adds accumulators: the columns that `intermediates` gives.
  void merge(std::span<const ColumnPtr> keys, std::size_t rows, const std::uint64_t* hashes,
             std::span<const ColumnPtr> intermediates);
  /// Without keys: makes the one group where it is missing.
  void ensure_single();

  /// Intermediates of all aggregates, then the number of rows.
  std::vector<ColumnPtr> intermediates(std::span<const Group> groups) const;
  std::vector<ColumnPtr> singletons(std::size_t rows, const AggregateArguments& arguments) const;
  ColumnPtr result(std::size_t aggregate, std::span<const Group> groups) const {
    return result_of(aggregate, rows_of(groups));
  }
  std::vector<ColumnPtr> results(std::span<const Group> groups) const {
    return results_of(rows_of(groups));
  }
  /// The rows of groups; valid until the next call of a member that takes groups.
  std::span<std::byte* const> rows_of(std::span<const Group> groups) const {
    table_.fetch(groups, fetched_);
    return fetched_;
  }
  std::vector<ColumnPtr> results_of(std::span<std::byte* const> rows) const;
  std::uint64_t rows_in(Group group) const {
    return table_.header(group) >> GroupHeader::rows_shift;
  }

  /// Groups since the last forget_touched, in the order of the first touch; some may be erased.
  const std::vector<Group>& touched() const { return touched_; }
  /// Puts them in the order of their rows, where they are so many that it saves going to and fro.
  /// None may be there twice.
  void sort_touched();
  /// `stored`: the state store has them all now.
  void forget_touched(bool stored);
  /// The same after `put` of all that are live.
  void clear_touched() { touched_.clear(); }
  void erase(std::span<const Group> groups, const std::uint64_t* hashes);
  void clear();

  /// Stored bytes. Value: u64 rows; the accumulators that are plain bytes; the encoded
  /// intermediates of the others.
  ///
  /// Writes the entries of groups; these are not touched any more, and stored.
  void put(std::span<std::byte* const> rows, std::span<const std::uint32_t> key_groups,
           ChangelogWriter& changes);
  void put_erased(std::span<std::byte* const> rows, std::span<const std::uint32_t> key_groups,
                  ChangelogWriter& changes) const;
  /// Calls `visit(index, key, value)` for each group.
  void encode(std::span<const Group> groups,
              const std::function<void(std::size_t index, std::string_view key,
                                       std::string_view value)>& visit) const;
  /// Loads all entries; calls `loaded(keys, groups)` for batches of them.
  void restore(
      const StateReader& state,
      const std::function<void(std::span<const ColumnPtr>, std::span<const Group>)>& loaded);

  const GroupTable& table() const { return table_; }
  GroupTable& table() { return table_; }
  std::size_t bytes() const {
    return table_.bytes() + touched_.capacity() * sizeof(Group) +
           touched_bits_.capacity() * sizeof(std::uint64_t);
  }

 private:
  struct Loading;
  std::span<std::byte* const> states_of(std::size_t aggregate, const std::uint8_t* mask);
  std::span<const std::byte* const> states_of(std::size_t aggregate,
                                              std::span<std::byte* const> rows) const;
  ColumnPtr result_of(std::size_t aggregate, std::span<std::byte* const> rows) const;
  ColumnPtr counts_of(std::span<std::byte* const> rows) const;
  bool in_header(std::size_t aggregate) const { return offsets_[aggregate] == 0; }
  struct Values;
  Values values_of(std::span<std::byte* const> rows) const;
  void initialize_created();
  void touch(const std::int64_t* rows_each);
  template <class F>
  void touch_each(F&& rows_of_input);
  void destroy(Group group);
  void decode(std::string_view key, std::string_view value, Loading& loading) const;
  void load(Loading& loading,
            const std::function<void(std::span<const ColumnPtr>, std::span<const Group>)>& loaded);

  std::vector<AggregatePtr> functions_;
  std::vector<std::size_t> offsets_;  // from the start of a row; 0: the header's number of rows
  struct Run {
    std::size_t begin;
    std::size_t size;
  };
  std::vector<Run> plain_runs_;  // accumulators that are plain bytes, joined where they touch
  std::size_t plain_size_ = 0;
  bool trivial_ = true;
  std::vector<Field> key_fields_;
  GroupTable table_;
  std::vector<Group> touched_;
  std::vector<std::byte*> scratch_;
  std::vector<std::uint64_t> touched_bits_;
  mutable std::vector<const std::byte*> const_scratch_;
  mutable std::vector<std::byte*> fetched_;
  mutable std::vector<ChangelogWriter::Part> key_parts_;
  mutable std::vector<ChangelogWriter::Part> value_parts_;
};

}  // namespace libstream
