#pragma once

#include "group_table.hpp"

#include <libstream/operators/state_variables.hpp>
#include <libstream/state.hpp>
#include <libstream/topology.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace libstream {

/// State variables and timers in the state store: restores them, and writes what changed.
///
/// Entries: u32 tag, key, suffix → bytes. Tag: 0 for timers, else of the variable's name; suffix
/// and bytes are the variable's. Beside them one entry with an empty key in each key group: a line
/// "kind name layout" for each variable that has, or had, entries there. What a processor does not
/// make any more stays in the store, unseen, until delete_if_exists names it.
class VariableEntries final : public StateEntries {
 public:
  VariableEntries(std::vector<Field> key_fields, GroupTable& table, StateVariables& variables,
                  const OperatorContext& context);

  void start() { put_ = erased_ = 0; }
  void restore(const StateReader& state);
  /// Of the rows that the table was asked for last: those of new groups are kept.
  void set_hashes(const std::uint64_t* hashes);
  void collect(ChangelogWriter& changes);

  void put(std::uint32_t group, std::string_view suffix, std::string_view value) override;
  void erase(std::uint32_t group, std::string_view suffix) override;

  std::uint64_t put() const { return put_; }
  std::uint64_t erased() const { return erased_; }
  /// Named as Structured Streaming's metrics; those of the first task stand for all.
  std::map<std::string, std::uint64_t> variable_counts() const;

 private:
  using Group = GroupTable::Group;
  struct Loading {
    std::uint32_t tag;
    std::string suffix;
    std::string value;
  };

  std::uint64_t& hash(Group group) const;
  std::string layout() const;
  void read_layout(std::uint32_t key_group, std::string_view text);
  void restore_layout(StateVariable& variable, std::string_view kind, const std::string& was);
  void load(std::vector<ColumnBuilder>& keys, std::vector<Loading>& loading);
  void begin_variable(std::uint32_t tag);
  void begin(Group group);
  void write_layout(std::uint32_t key_group);

  std::vector<Field> key_fields_;
  GroupTable& table_;
  StateVariables& variables_;
  OperatorContext context_;
  std::vector<bool> layouts_;             ///< key groups whose layout entry is as it is now
  std::vector<std::string> unused_;       ///< by key group: lines of variables not made any more
  std::vector<std::uint32_t> rewritten_;  ///< tags, in the key group at hand
  std::vector<std::uint32_t> removed_;    ///< tags
  std::vector<std::pair<std::uint32_t, std::string>> erasing_;  ///< entries of removed variables

  ChangelogWriter* changes_ = nullptr;
  std::uint32_t tag_ = 0;
  Group group_ = GroupTable::none;  ///< whose entries `key_` begins
  std::uint32_t key_group_ = 0;
  std::size_t key_bytes_ = 0;
  std::string key_;
  std::uint64_t put_ = 0;
  std::uint64_t erased_ = 0;
};

}  // namespace libstream
