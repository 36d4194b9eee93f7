#include "variable_entries.hpp"

#include "key_time.hpp"
#include "key_timers.hpp"

#include <libstream/batch.hpp>
#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>

namespace libstream {
namespace {

constexpr std::uint32_t timer_tag = 0;

/// Cuts off what stands before `end`, and `end`.
std::string_view take_until(std::string_view& text, char end) {
  const auto place = text.find(end);
  const auto head = text.substr(0, place);
  text.remove_prefix(place == std::string_view::npos ? text.size() : place + 1);
  return head;
}

bool contains(const std::vector<std::uint32_t>& tags, std::uint32_t tag) {
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

}  // namespace

VariableEntries::VariableEntries(std::vector<Field> key_fields, GroupTable& table,
                                 StateVariables& variables, const OperatorContext& context)
    : key_fields_(std::move(key_fields)),
      table_(table),
      variables_(variables),
      context_(context),
      layouts_(context.key_groups, false),
      unused_(context.key_groups) {
  for (const auto& name : variables_.removed()) removed_.push_back(StateVariable::tag_of(name));
}

std::uint64_t& VariableEntries::hash(Group group) const {
  return *reinterpret_cast<std::uint64_t*>(table_.row(group) + table_.state_offset());
}

void VariableEntries::set_hashes(const std::uint64_t* hashes) {
  const auto created = table_.created();
  for (std::size_t i = 0; i < created.size(); ++i) {
    hash(created[i]) = hashes[table_.created_by()[i]];
  }
}

std::string VariableEntries::layout() const {
  std::string text;
  for (const auto& variable : variables_.all()) {
    text += std::string(to_string(variable->kind())) + " " + variable->name() + " " +
            variable->layout() + "\n";
  }
  return text;
}

void VariableEntries::read_layout(std::uint32_t key_group, std::string_view text) {
  rewritten_.clear();
  const std::string stored(text);
  std::string& unused = unused_[key_group];
  while (!text.empty()) {
    const auto line = take_until(text, '\n');
    auto rest = line;
    const auto kind = take_until(rest, ' ');
    const auto name = take_until(rest, ' ');
    const std::uint32_t tag = StateVariable::tag_of(name);
    if (StateVariable* variable = variables_.find(tag)) {
      restore_layout(*variable, kind, std::string(rest));
    } else if (!contains(removed_, tag)) {
      unused += std::string(line) + "\n";
    }
  }
  layouts_[key_group] = stored == layout() + unused;
}

void VariableEntries::restore_layout(StateVariable& variable, std::string_view kind,
                                     const std::string& was) {
  if (kind != to_string(variable.kind())) {
    throw_state_layout(variable.name(), std::string(kind) + " of " + was,
                       std::string(to_string(variable.kind())) + " of " + variable.layout(),
                       "it is another kind of variable");
  }
  try {
    if (!variable.restore_layout(was)) rewritten_.push_back(variable.tag());
  } catch (const Error& error) {
    throw Error(error.code(), std::string(to_string(variable.kind())) + " state \"" +
                                  variable.name() + "\" of " + variables_.processor() + ": " +
                                  error.what());
  }
}

void VariableEntries::restore(const StateReader& state) {
  std::vector<ColumnBuilder> keys;
  for (const Field& field : key_fields_) keys.emplace_back(field.type);
  std::vector<Loading> loading;
  state.for_each([&](std::uint32_t group, std::string_view key, std::string_view value) {
    if (key.empty()) {
      load(keys, loading);  // of another key group, and perhaps of another layout
      return read_layout(group, value);
    }
    const std::string_view whole = key;
    const auto tag = StateBytes<bool>::take_plain<std::uint32_t>(key);
    if (contains(removed_, tag)) {
      erasing_.emplace_back(group, whole);
      return;
    }
    if (tag != timer_tag && variables_.find(tag) == nullptr) return;
    for (ColumnBuilder& builder : keys) decode_value(key, builder);
    loading.push_back({tag, std::string(key), std::string(value)});
    if (loading.size() == batch_rows) load(keys, loading);
  });
  load(keys, loading);
}

void VariableEntries::load(std::vector<ColumnBuilder>& keys, std::vector<Loading>& loading) {
  if (loading.empty()) return;
  std::vector<ColumnPtr> columns;
  for (ColumnBuilder& builder : keys) columns.push_back(builder.finish());
  const BufferPtr hashes = hash_columns(columns, loading.size());
  table_.find(columns, loading.size(), hashes->as<std::uint64_t>());
  set_hashes(hashes->as<std::uint64_t>());
  for (std::size_t i = 0; i < loading.size(); ++i) {
    const Loading& one = loading[i];
    const Group group = table_.groups()[i];
    if (one.tag == timer_tag) {
      variables_.key_timers().load(group, one.suffix);
    } else {
      variables_.find(one.tag)->load(group, one.suffix, one.value, contains(rewritten_, one.tag));
    }
  }
  loading.clear();
}

void VariableEntries::begin(Group group) {
  if (group != group_) {
    group_ = group;
    key_.assign(reinterpret_cast<const char*>(&tag_), sizeof tag_);
    table_.encode_key(group, key_);
    key_bytes_ = key_.size();
    key_group_ = key_group(hash(group), context_.key_groups);
  }
  key_.resize(key_bytes_);
}

void VariableEntries::begin_variable(std::uint32_t tag) {
  tag_ = tag;
  group_ = GroupTable::none;
}

void VariableEntries::put(std::uint32_t group, std::string_view suffix, std::string_view value) {
  begin(group);
  key_.append(suffix);
  write_layout(key_group_);
  changes_->put(key_group_, key_, value);
  ++put_;
}

void VariableEntries::erase(std::uint32_t group, std::string_view suffix) {
  begin(group);
  key_.append(suffix);
  changes_->erase(key_group_, key_);
  ++erased_;
}

void VariableEntries::write_layout(std::uint32_t key_group) {
  if (layouts_[key_group]) return;
  layouts_[key_group] = true;
  changes_->put(key_group, {}, layout() + unused_[key_group]);
}

void VariableEntries::collect(ChangelogWriter& changes) {
  changes_ = &changes;
  for (const auto& [key_group, key] : erasing_) {
    write_layout(key_group);
    changes.erase(key_group, key);
    ++erased_;
  }
  erasing_.clear();
  for (const auto& variable : variables_.all()) {
    begin_variable(variable->tag());
    variable->collect(*this);
  }
  begin_variable(timer_tag);
  variables_.key_timers().collect(*this);
  changes_ = nullptr;
}

std::map<std::string, std::uint64_t> VariableEntries::variable_counts() const {
  std::map<std::string, std::uint64_t> counts;
  const bool first = context_.partition == 0;
  for (const char* kind : {"Value", "List", "Map"}) {
    counts[std::string("num") + kind + "StateVars"] = 0;
    counts[std::string("num") + kind + "StateWithTTLVars"] = 0;
  }
  counts["numDeletedStateVars"] = first ? removed_.size() : 0;
  if (!first) return counts;
  for (const auto& variable : variables_.all()) {
    std::string kind(to_string(variable->kind()));
    kind[0] = static_cast<char>(kind[0] - 'a' + 'A');
    ++counts["num" + kind + (variable->has_ttl() ? "StateWithTTLVars" : "StateVars")];
  }
  return counts;
}

}  // namespace libstream
