#include "group_states.hpp"

#include "name_key.hpp"

#include <libstream/batch.hpp>
#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace libstream {
namespace {

std::size_t total_state(const std::vector<AggregateCall>& calls) {
  std::size_t bytes = 0;
  for (const AggregateCall& call : calls) bytes += call.function->state_size();
  return bytes;
}

}  // namespace

GroupStates::GroupStates(std::vector<Field> key_fields, const std::vector<AggregateCall>& calls)
    : key_fields_(std::move(key_fields)), table_(key_fields_, total_state(calls)) {
  std::size_t offset = table_.state_offset();
  for (const AggregateCall& call : calls) {
    functions_.push_back(call.function);
    offsets_.push_back(offset);
    offset += call.function->state_size();
    trivial_ = trivial_ && call.function->trivial();
  }
}

GroupStates::~GroupStates() { clear(); }

void GroupStates::update(std::span<const ColumnPtr> keys, std::size_t rows,
                         const std::uint64_t* hashes, const AggregateArguments& arguments) {
  if (key_fields_.empty()) {
    ensure_single();
    std::byte* row = table_.row(0);
    table_.header(0) += std::uint64_t{rows} << GroupHeader::rows_shift;
    for (std::size_t a = 0; a < functions_.size(); ++a) {
      if (std::find(arguments.arguments(a).begin(), arguments.arguments(a).end(), nullptr) !=
          arguments.arguments(a).end()) {
        continue;  // the filter let no row through
      }
      functions_[a]->update_single(row + offsets_[a], arguments.arguments(a), arguments.mask(a),
                                   rows);
    }
    return;
  }
  table_.find(keys, rows, hashes);
  initialize_created();
  touch(nullptr);
  for (std::size_t a = 0; a < functions_.size(); ++a) {
    const auto columns = arguments.arguments(a);
    if (std::find(columns.begin(), columns.end(), nullptr) != columns.end()) continue;
    naming_key([&] { functions_[a]->update(states_of(a, arguments.mask(a)), columns); },
               [&] { return std::vector<ColumnPtr>(keys.begin(), keys.end()); });
  }
}

void GroupStates::merge(std::span<const ColumnPtr> keys, std::size_t rows,
                        const std::uint64_t* hashes, std::span<const ColumnPtr> intermediates) {
  table_.find(keys, rows, hashes);
  initialize_created();
  touch(intermediates.back()->values<std::int64_t>());
  std::size_t first = 0;
  for (std::size_t a = 0; a < functions_.size(); ++a) {
    const std::size_t count = functions_[a]->intermediate_types().size();
    naming_key(
        [&] { functions_[a]->merge(states_of(a, nullptr), intermediates.subspan(first, count)); },
        [&] { return std::vector<ColumnPtr>(keys.begin(), keys.end()); });
    first += count;
  }
}

void GroupStates::ensure_single() {
  table_.find({}, 1, nullptr);
  initialize_created();
  touch(nullptr);
  table_.header(0) -= std::uint64_t{1} << GroupHeader::rows_shift;  // no row went in
}

void GroupStates::initialize_created() {
  for (const Group group : table_.created()) {
    std::byte* row = table_.row(group);
    for (std::size_t a = 0; a < functions_.size(); ++a) {
      functions_[a]->initialize(row + offsets_[a]);
    }
  }
}

void GroupStates::touch(const std::int64_t* rows_each) {
  const auto rows = table_.rows();
  const auto groups = table_.groups();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& header = *reinterpret_cast<std::uint64_t*>(rows[i]);
    if (!(header & GroupHeader::touched)) {
      header |= GroupHeader::touched;
      touched_.push_back(groups[i]);
    }
    const std::uint64_t count = rows_each ? static_cast<std::uint64_t>(rows_each[i]) : 1;
    header += count << GroupHeader::rows_shift;
  }
}

std::span<std::byte* const> GroupStates::states_of(std::size_t aggregate,
                                                   const std::uint8_t* mask) {
  const auto rows = table_.rows();
  const std::size_t offset = offsets_[aggregate];
  scratch_.resize(rows.size());
  if (mask == nullptr) {
    for (std::size_t i = 0; i < rows.size(); ++i) scratch_[i] = rows[i] + offset;
  } else {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      scratch_[i] = mask[i] ? rows[i] + offset : nullptr;
    }
  }
  return scratch_;
}

std::span<const std::byte* const> GroupStates::states_of(std::size_t aggregate,
                                                         std::span<const Group> groups) const {
  const_scratch_.resize(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const_scratch_[i] = table_.row(groups[i]) + offsets_[aggregate];
  }
  return const_scratch_;
}

std::vector<ColumnPtr> GroupStates::intermediates(std::span<const Group> groups) const {
  std::vector<ColumnPtr> columns;
  for (std::size_t a = 0; a < functions_.size(); ++a) {
    for (auto& column : functions_[a]->intermediates(states_of(a, groups))) {
      columns.push_back(std::move(column));
    }
  }
  const auto buffer = Buffer::allocate(groups.size() * sizeof(std::int64_t));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    buffer->as<std::int64_t>()[i] = static_cast<std::int64_t>(rows_in(groups[i]));
  }
  columns.push_back(Column::fixed(TypeId::bigint, groups.size(), buffer));
  return columns;
}

std::vector<ColumnPtr> GroupStates::singletons(std::size_t rows,
                                               const AggregateArguments& arguments) const {
  std::vector<ColumnPtr> columns;
  for (std::size_t a = 0; a < functions_.size(); ++a) {
    std::vector<ColumnPtr> own(arguments.arguments(a).begin(), arguments.arguments(a).end());
    for (std::size_t i = 0; i < own.size(); ++i) {
      // The filter let no row through, so nothing was evaluated.
      if (own[i] == nullptr) own[i] = Column::nulls(functions_[a]->argument_types()[i], rows);
    }
    for (auto& column : functions_[a]->singletons(own, arguments.mask(a), rows)) {
      columns.push_back(std::move(column));
    }
  }
  const auto buffer = Buffer::allocate(rows * sizeof(std::int64_t));
  std::fill_n(buffer->as<std::int64_t>(), rows, 1);
  columns.push_back(Column::fixed(TypeId::bigint, rows, buffer));
  return columns;
}

ColumnPtr GroupStates::result(std::size_t aggregate, std::span<const Group> groups) const {
  return naming_key([&] { return functions_[aggregate]->finish(states_of(aggregate, groups)); },
                    [&] { return table_.keys(groups); });
}

std::vector<ColumnPtr> GroupStates::results(std::span<const Group> groups) const {
  std::vector<ColumnPtr> columns;
  for (std::size_t a = 0; a < functions_.size(); ++a) {
    columns.push_back(result(a, groups));
  }
  return columns;
}

void GroupStates::forget_touched(bool stored) {
  for (const Group group : touched_) {
    auto& header = table_.header(group);
    header &= ~GroupHeader::touched;
    if (stored && (header & GroupHeader::live)) header |= GroupHeader::stored;
  }
  touched_.clear();
}

void GroupStates::destroy(Group group) {
  std::byte* row = table_.row(group);
  for (std::size_t a = 0; a < functions_.size(); ++a) functions_[a]->destroy(row + offsets_[a]);
}

void GroupStates::erase(std::span<const Group> groups, const std::uint64_t* hashes) {
  if (!trivial_) {
    for (const Group group : groups) destroy(group);
  }
  table_.erase(groups, hashes);
}

void GroupStates::clear() {
  if (!trivial_) {
    for (Group group = 0; group < table_.end(); ++group) {
      if (table_.header(group) & GroupHeader::live) destroy(group);
    }
  }
  table_.clear();
  touched_.clear();
}

void GroupStates::encode(
    std::span<const Group> groups,
    const std::function<void(std::size_t, std::string_view, std::string_view)>& visit) const {
  std::vector<ColumnPtr> encoded;
  for (std::size_t a = 0; a < functions_.size(); ++a) {
    if (functions_[a]->trivial()) continue;
    for (auto& column : functions_[a]->intermediates(states_of(a, groups))) {
      encoded.push_back(std::move(column));
    }
  }
  std::string key;
  std::string value;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    key.clear();
    value.clear();
    table_.encode_key(groups[i], key);
    const std::uint64_t rows = rows_in(groups[i]);
    value.append(reinterpret_cast<const char*>(&rows), sizeof rows);
    const auto* row = reinterpret_cast<const char*>(table_.row(groups[i]));
    for (std::size_t a = 0; a < functions_.size(); ++a) {
      if (functions_[a]->trivial()) value.append(row + offsets_[a], functions_[a]->state_size());
    }
    for (const ColumnPtr& column : encoded) encode_value(*column, i, value);
    visit(i, key, value);
  }
}

/// Entries on their way into the table, column by column.
struct GroupStates::Loading {
  std::vector<ColumnBuilder> keys;
  std::vector<ColumnBuilder> intermediates;  // of aggregates that are not plain bytes
  std::vector<std::uint64_t> rows;
  std::string plain;  // the plain accumulators, entry by entry
};

void GroupStates::restore(
    const StateReader& state,
    const std::function<void(std::span<const ColumnPtr>, std::span<const Group>)>& loaded) {
  Loading loading;
  for (const Field& field : key_fields_) loading.keys.emplace_back(field.type);
  for (const AggregatePtr& function : functions_) {
    if (function->trivial()) continue;
    for (const DataType& type : function->intermediate_types()) {
      loading.intermediates.emplace_back(type);
    }
  }
  state.for_each([&](std::uint32_t, std::string_view key, std::string_view value) {
    decode(key, value, loading);
    if (loading.rows.size() == batch_rows) load(loading, loaded);
  });
  if (!loading.rows.empty()) load(loading, loaded);
}

void GroupStates::decode(std::string_view key, std::string_view value, Loading& loading) const {
  const auto cut_short = [] {
    throw Error(
        ErrorCode::corrupt,
        "state entry of an aggregate has the wrong length; restart from an older checkpoint");
  };
  for (ColumnBuilder& builder : loading.keys) decode_value(key, builder);
  std::uint64_t rows = 0;
  if (value.size() < sizeof rows) cut_short();
  std::memcpy(&rows, value.data(), sizeof rows);
  value.remove_prefix(sizeof rows);
  loading.rows.push_back(rows);
  for (const AggregatePtr& function : functions_) {
    if (!function->trivial()) continue;
    if (value.size() < function->state_size()) cut_short();
    loading.plain.append(value.substr(0, function->state_size()));
    value.remove_prefix(function->state_size());
  }
  for (ColumnBuilder& builder : loading.intermediates) decode_value(value, builder);
  if (!key.empty() || !value.empty()) cut_short();
}

void GroupStates::load(
    Loading& loading,
    const std::function<void(std::span<const ColumnPtr>, std::span<const Group>)>& loaded) {
  std::vector<ColumnPtr> keys;
  for (ColumnBuilder& builder : loading.keys) keys.push_back(builder.finish());
  std::vector<ColumnPtr> intermediates;
  for (ColumnBuilder& builder : loading.intermediates) intermediates.push_back(builder.finish());
  const std::size_t rows = loading.rows.size();
  const BatchPtr batch = make_batch(keys, rows);
  std::vector<std::uint32_t> columns(keys.size());
  std::iota(columns.begin(), columns.end(), 0);
  std::vector<std::uint64_t> hashes(rows);
  hash_keys(*batch, columns, hashes);
  table_.find(keys, rows, hashes.data());
  LIBSTREAM_ASSERT(table_.created().size() == rows, "every stored key is there once");
  initialize_created();

  const char* plain = loading.plain.data();
  for (std::size_t i = 0; i < rows; ++i) {
    std::byte* row = table_.rows()[i];
    table_.header(table_.groups()[i]) |= GroupHeader::stored | loading.rows[i]
                                                                   << GroupHeader::rows_shift;
    for (std::size_t a = 0; a < functions_.size(); ++a) {
      if (!functions_[a]->trivial()) continue;
      std::memcpy(row + offsets_[a], plain, functions_[a]->state_size());
      plain += functions_[a]->state_size();
    }
  }
  std::size_t first = 0;
  for (std::size_t a = 0; a < functions_.size(); ++a) {
    if (functions_[a]->trivial()) continue;
    const std::size_t count = functions_[a]->intermediate_types().size();
    functions_[a]->merge(states_of(a, nullptr), std::span(intermediates).subspan(first, count));
    first += count;
  }
  loaded(keys, table_.groups());
  loading.rows.clear();
  loading.plain.clear();
}

}  // namespace libstream
