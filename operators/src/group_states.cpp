#include "group_states.hpp"

#include "name_key.hpp"

#include <libstream/batch.hpp>
#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

namespace libstream {
namespace {

std::size_t total_state(const std::vector<AggregateCall>& calls) {
  std::size_t bytes = 0;
  for (const AggregateCall& call : calls) {
    if (!counts_rows(call)) bytes += call.function->state_size();
  }
  return bytes;
}

std::uint64_t rows_in_row(const std::byte* row) {
  return *reinterpret_cast<const std::uint64_t*>(row) >> GroupHeader::rows_shift;
}

}  // namespace

bool counts_rows(const AggregateCall& call) {
  return call.function->name() == "count" && call.function->argument_types().empty() &&
         call.filter == nullptr && !call.distinct;
}

GroupStates::GroupStates(std::vector<Field> key_fields, const std::vector<AggregateCall>& calls)
    : key_fields_(std::move(key_fields)), table_(key_fields_, total_state(calls)) {
  std::size_t offset = table_.state_offset();
  for (const AggregateCall& call : calls) {
    functions_.push_back(call.function);
    offsets_.push_back(counts_rows(call) ? 0 : offset);
    if (counts_rows(call)) continue;
    const std::size_t size = call.function->state_size();
    if (!call.function->trivial()) {
      trivial_ = false;
    } else if (!plain_runs_.empty() &&
               plain_runs_.back().begin + plain_runs_.back().size == offset) {
      plain_runs_.back().size += size;
    } else {
      plain_runs_.push_back({offset, size});
    }
    if (call.function->trivial()) plain_size_ += size;
    offset += size;
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
      if (in_header(a)) continue;
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
    if (in_header(a)) continue;
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
    if (!in_header(a)) {
      naming_key(
          [&] { functions_[a]->merge(states_of(a, nullptr), intermediates.subspan(first, count)); },
          [&] { return std::vector<ColumnPtr>(keys.begin(), keys.end()); });
    }
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
      if (!in_header(a)) functions_[a]->initialize(row + offsets_[a]);
    }
  }
}

void GroupStates::touch(const std::int64_t* rows_each) {
  if (rows_each == nullptr) {
    touch_each([](std::size_t) { return std::uint64_t{1}; });
  } else {
    touch_each([rows_each](std::size_t i) { return static_cast<std::uint64_t>(rows_each[i]); });
  }
}

template <class F>
void GroupStates::touch_each(F&& rows_of_input) {
  const auto rows = table_.rows();
  const auto groups = table_.groups();
  std::size_t end = touched_.size();
  // Without a branch: whether a group was touched before is anyone's guess.
  touched_.resize(end + rows.size());
  Group* touched = touched_.data();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& word = *reinterpret_cast<std::uint64_t*>(rows[i]);
    const std::uint64_t header = word;
    touched[end] = groups[i];
    end += (header & GroupHeader::touched) == 0 ? 1 : 0;
    word = (header | GroupHeader::touched) + (rows_of_input(i) << GroupHeader::rows_shift);
  }
  touched_.resize(end);
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
                                                         std::span<std::byte* const> rows) const {
  const std::size_t offset = offsets_[aggregate];
  const_scratch_.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) const_scratch_[i] = rows[i] + offset;
  return const_scratch_;
}

ColumnPtr GroupStates::counts_of(std::span<std::byte* const> rows) const {
  auto buffer = Buffer::allocate(rows.size() * sizeof(std::int64_t));
  auto* counts = buffer->as<std::int64_t>();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    counts[i] = static_cast<std::int64_t>(rows_in_row(rows[i]));
  }
  return Column::fixed(TypeId::bigint, rows.size(), std::move(buffer));
}

std::vector<ColumnPtr> GroupStates::intermediates(std::span<const Group> groups) const {
  const auto rows = rows_of(groups);
  const ColumnPtr counts = counts_of(rows);
  std::vector<ColumnPtr> columns;
  for (std::size_t a = 0; a < functions_.size(); ++a) {
    if (in_header(a)) {
      columns.push_back(counts);
      continue;
    }
    for (auto& column : functions_[a]->intermediates(states_of(a, rows))) {
      columns.push_back(std::move(column));
    }
  }
  columns.push_back(counts);
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

ColumnPtr GroupStates::result_of(std::size_t aggregate, std::span<std::byte* const> rows) const {
  if (in_header(aggregate)) return counts_of(rows);
  return naming_key([&] { return functions_[aggregate]->finish(states_of(aggregate, rows)); },
                    [&] { return table_.keys_of(rows); });
}

std::vector<ColumnPtr> GroupStates::results_of(std::span<std::byte* const> rows) const {
  std::vector<ColumnPtr> columns;
  for (std::size_t a = 0; a < functions_.size(); ++a) columns.push_back(result_of(a, rows));
  return columns;
}

void GroupStates::sort_touched() {
  constexpr std::size_t few = 1024;  // their rows stay in the cache
  if (touched_.size() < few || touched_.size() < table_.end() / 64) return;
  touched_bits_.assign((table_.end() + 63) / 64, 0);
  for (const Group group : touched_) touched_bits_[group >> 6] |= std::uint64_t{1} << (group & 63);
  std::size_t next = 0;
  for (std::size_t w = 0; w < touched_bits_.size(); ++w) {
    for (std::uint64_t word = touched_bits_[w]; word != 0; word &= word - 1) {
      touched_[next++] = static_cast<Group>(w * 64 + static_cast<unsigned>(std::countr_zero(word)));
    }
  }
  LIBSTREAM_ASSERT(next == touched_.size(), "a group is touched once");
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
  for (std::size_t a = 0; a < functions_.size(); ++a) {
    if (!in_header(a)) functions_[a]->destroy(row + offsets_[a]);
  }
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

/// The stored values of groups, about to be written.
struct GroupStates::Values {
  const GroupStates& states;
  std::span<std::byte* const> rows;
  std::string encoded;  // intermediates of aggregates that are not plain bytes, row by row
  std::vector<std::size_t> ends;

  std::size_t begin(std::size_t i) const { return i == 0 ? 0 : ends[i - 1]; }
  std::size_t size(std::size_t i) const {
    const std::size_t plain = sizeof(std::uint64_t) + states.plain_size_;
    return ends.empty() ? plain : plain + ends[i] - begin(i);
  }
  void write(std::size_t i, char* to) const {
    const std::uint64_t count = rows_in_row(rows[i]);
    std::memcpy(to, &count, sizeof count);
    to += sizeof count;
    for (const Run& run : states.plain_runs_) {
      // Words: a call of memcpy for each would cost more than the copy.
      for (std::size_t at = 0; at < run.size; at += sizeof(std::uint64_t)) {
        std::memcpy(to + at, rows[i] + run.begin + at, sizeof(std::uint64_t));
      }
      to += run.size;
    }
    if (!ends.empty()) std::memcpy(to, encoded.data() + begin(i), ends[i] - begin(i));
  }
};

GroupStates::Values GroupStates::values_of(std::span<std::byte* const> rows) const {
  Values values{*this, rows, {}, {}};
  if (trivial_) return values;
  std::vector<ColumnPtr> columns;
  for (std::size_t a = 0; a < functions_.size(); ++a) {
    if (functions_[a]->trivial()) continue;
    for (auto& column : functions_[a]->intermediates(states_of(a, rows))) {
      columns.push_back(std::move(column));
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const ColumnPtr& column : columns) encode_value(*column, i, values.encoded);
    values.ends.push_back(values.encoded.size());
  }
  return values;
}

void GroupStates::put(std::span<std::byte* const> rows, std::span<const std::uint32_t> key_groups,
                      ChangelogWriter& changes) {
  const Values values = values_of(rows);
  key_parts_.resize(rows.size());
  value_parts_.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    key_parts_[i].size = static_cast<std::uint32_t>(table_.encoded_size(rows[i]));
    value_parts_[i].size = static_cast<std::uint32_t>(values.size(i));
  }
  changes.append(key_groups, key_parts_, value_parts_);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    table_.encode_key(rows[i], key_parts_[i].bytes);
    values.write(i, value_parts_[i].bytes);
    auto& header = *reinterpret_cast<std::uint64_t*>(rows[i]);
    header = (header & ~GroupHeader::touched) | GroupHeader::stored;
  }
}

void GroupStates::put_erased(std::span<std::byte* const> rows,
                             std::span<const std::uint32_t> key_groups,
                             ChangelogWriter& changes) const {
  key_parts_.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    key_parts_[i].size = static_cast<std::uint32_t>(table_.encoded_size(rows[i]));
  }
  changes.append(key_groups, key_parts_, {});
  for (std::size_t i = 0; i < rows.size(); ++i) table_.encode_key(rows[i], key_parts_[i].bytes);
}

void GroupStates::encode(
    std::span<const Group> groups,
    const std::function<void(std::size_t, std::string_view, std::string_view)>& visit) const {
  const auto rows = rows_of(groups);
  const Values values = values_of(rows);
  std::string key;
  std::string value;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    key.resize(table_.encoded_size(rows[i]));
    table_.encode_key(rows[i], key.data());
    value.resize(values.size(i));
    values.write(i, value.data());
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
  if (value.size() < plain_size_) cut_short();
  loading.plain.append(value.substr(0, plain_size_));
  value.remove_prefix(plain_size_);
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
    for (const Run& run : plain_runs_) {
      std::memcpy(row + run.begin, plain, run.size);
      plain += run.size;
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
