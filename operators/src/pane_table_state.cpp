#include "pane_table.hpp"

#include <libstream/batch.hpp>
#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

// The entries of a PaneTable as bytes, out and in.
namespace libstream {
namespace {

constexpr std::size_t pane_bytes = sizeof(std::int64_t);
constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

/// Big-endian and without a sign, so that bytes compare like numbers. Returns the end.
char* write_pane(std::int64_t pane, char* to) {
  const std::uint64_t word = __builtin_bswap64(static_cast<std::uint64_t>(pane) ^ sign_bit);
  std::memcpy(to, &word, sizeof word);
  return to + sizeof word;
}

std::int64_t read_pane(std::string_view bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes.data(), sizeof word);
  return static_cast<std::int64_t>(__builtin_bswap64(word) ^ sign_bit);
}

}  // namespace

std::string PaneTable::floor(std::int64_t pane) {
  std::string bytes(pane_bytes, '\0');
  write_pane(pane, bytes.data());
  return bytes;
}

std::optional<std::int64_t> PaneTable::touched_end() const {
  for (auto pane = panes_.rbegin(); pane != panes_.rend(); ++pane) {
    if (!pane->second.touched.empty()) return pane->first + 1;
  }
  return std::nullopt;
}

/// Calls `write(pane's number, keys, entries)` for some touched entries at a time.
template <class F>
void PaneTable::take_touched(F&& write) {
  // In the order of keys memory is read from front to back, which is worth several times the rest.
  constexpr std::size_t dense = 16;  // touched one in so many: looking at all beats sorting
  std::vector<Key> keys;
  std::vector<const std::byte*> entries;
  for (auto& [number, pane] : panes_) {
    const auto add = [&, pane_number = number](Key key, std::byte* entry) {
      std::uint64_t& header = StateLayout::header(entry);
      header &= ~StateLayout::touched;
      keys.push_back(key);
      entries.push_back(entry);
      if (keys.size() < batch_rows) return;
      write(pane_number, std::span<const Key>(keys), std::span<const std::byte* const>(entries));
      keys.clear();
      entries.clear();
    };
    if (pane.touched.size() * dense > pane.entries) {
      pane.states.for_each(pool_, [&](Key key, std::byte* entry) {
        if (StateLayout::header(entry) & StateLayout::touched) add(key, entry);
      });
    } else {
      std::sort(pane.touched.begin(), pane.touched.end());
      for (const Key key : pane.touched) add(key, pane.states.find(pool_, key));
    }
    if (!keys.empty()) {
      write(number, std::span<const Key>(keys), std::span<const std::byte* const>(entries));
    }
    // Most panes are not touched again: their lists would be memory for nothing.
    std::vector<Key>().swap(pane.touched);
    keys.clear();
    entries.clear();
  }
  touched_ = 0;
}

void PaneTable::write_touched(std::uint32_t key_groups, ChangelogWriter& changes) {
  const std::uint64_t touched = touched_;
  bool first = true;
  take_touched([&](std::int64_t number, std::span<const Key> keys,
                   std::span<const std::byte* const> entries) {
    const std::size_t before = changes.bytes().size();
    write_some(number, keys, entries, key_groups, changes);
    // The first entries tell how long all will be.
    if (std::exchange(first, false)) {
      const std::size_t each = (changes.bytes().size() - before) / keys.size() + 1;
      changes.reserve(before + touched * each * 17 / 16);
    }
  });
}

void PaneTable::write_some(std::int64_t number, std::span<const Key> keys,
                           std::span<const std::byte* const> entries, std::uint32_t key_groups,
                           ChangelogWriter& changes) {
  const bool plain = layout_.trivial();
  // Of values that are not plain bytes; each begins where the one before ends.
  std::string values;
  groups_.resize(keys.size());
  key_parts_.resize(keys.size());
  value_parts_.resize(keys.size());
  std::vector<ColumnPtr> encoded;
  if (!plain) {
    const auto columns = layout_.intermediates(entries);
    std::size_t column = 0;
    for (std::size_t f = 0; f < layout_.functions(); ++f) {
      for (std::size_t i = 0; i < layout_.function(f).intermediate_types().size(); ++i, ++column) {
        if (!layout_.function(f).trivial()) encoded.push_back(columns[column]);
      }
    }
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    groups_[i] = key_fields_.empty() ? 0 : key_group(hashes_[keys[i]], key_groups);
    key_parts_[i].size =
        static_cast<std::uint32_t>(pane_bytes + keys_.encoded_size(keys_.row(keys[i])));
    if (plain) {
      value_parts_[i].size = static_cast<std::uint32_t>(layout_.entry_bytes());
      continue;
    }
    const std::size_t before = values.size();
    for (std::size_t f = 0; f < layout_.functions(); ++f) {
      if (!layout_.function(f).trivial()) continue;
      values.append(reinterpret_cast<const char*>(entries[i]) + layout_.offset(f),
                    layout_.function(f).state_size());
    }
    for (const ColumnPtr& column : encoded) encode_value(*column, i, values);
    value_parts_[i].size =
        static_cast<std::uint32_t>(sizeof(std::uint64_t) + values.size() - before);
  }
  changes.append(groups_, key_parts_, value_parts_);
  const char* from = values.data();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys_.encode_key(keys_.row(keys[i]), write_pane(number, key_parts_[i].bytes));
    const std::uint64_t rows = StateLayout::rows(entries[i]);
    char* const to = value_parts_[i].bytes;
    const std::size_t rest = value_parts_[i].size - sizeof rows;
    std::memcpy(to, &rows, sizeof rows);
    if (plain) from = reinterpret_cast<const char*>(entries[i]) + sizeof rows;
    std::memcpy(to + sizeof rows, from, rest);
    from += rest;
  }
}

/// Entries on their way into the table, column by column.
struct PaneTable::Loading {
  std::vector<ColumnBuilder> keys;
  std::vector<ColumnBuilder> intermediates;  // of aggregates that are not plain bytes
  std::vector<std::int64_t> panes;
  std::vector<std::int64_t> rows;
  std::string plain;  // the plain accumulators, entry by entry
};

void PaneTable::restore(const StateReader& state) {
  Loading loading;
  for (const Field& field : key_fields_) loading.keys.emplace_back(field.type);
  for (std::size_t f = 0; f < layout_.functions(); ++f) {
    if (layout_.function(f).trivial()) continue;
    for (const DataType& type : layout_.function(f).intermediate_types()) {
      loading.intermediates.emplace_back(type);
    }
  }
  state.for_each([&](std::uint32_t, std::string_view key, std::string_view value) {
    decode(key, value, loading);
    if (loading.rows.size() == batch_rows) load(loading);
  });
  if (!loading.rows.empty()) load(loading);
  // What was just read is not touched.
  take_touched([](std::int64_t, std::span<const Key>, std::span<const std::byte* const>) {});
}

void PaneTable::decode(std::string_view key, std::string_view value, Loading& loading) const {
  const auto take = [](std::string_view& bytes, std::size_t size) {
    if (bytes.size() < size) {
      throw Error(ErrorCode::corrupt,
                  "state entry of an aggregate in panes has the wrong length; restart from an "
                  "older checkpoint");
    }
    const auto front = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return front;
  };
  const auto number = [&](std::string_view& bytes) {
    std::int64_t result;
    std::memcpy(&result, take(bytes, sizeof result).data(), sizeof result);
    return result;
  };
  loading.panes.push_back(read_pane(take(key, pane_bytes)));
  for (ColumnBuilder& builder : loading.keys) decode_value(key, builder);
  loading.rows.push_back(number(value));
  for (std::size_t f = 0; f < layout_.functions(); ++f) {
    if (!layout_.function(f).trivial()) continue;
    loading.plain.append(take(value, layout_.function(f).state_size()));
  }
  for (ColumnBuilder& builder : loading.intermediates) decode_value(value, builder);
  if (!key.empty() || !value.empty()) take(key = {}, 1);
}

void PaneTable::load(Loading& loading) {
  const std::size_t rows = loading.rows.size();
  std::vector<ColumnPtr> keys;
  for (ColumnBuilder& builder : loading.keys) keys.push_back(builder.finish());
  std::vector<ColumnPtr> intermediates;
  for (ColumnBuilder& builder : loading.intermediates) intermediates.push_back(builder.finish());
  std::vector<std::uint32_t> columns(keys.size());
  std::iota(columns.begin(), columns.end(), 0);
  std::vector<std::uint64_t> hashes(rows);
  hash_keys(*make_batch(keys, rows), columns, hashes);
  const std::uint64_t before = entries_;
  find_keys(keys, rows, keys.empty() ? nullptr : hashes.data());
  locate(loading.panes.data(), rows, loading.rows.data());
  LIBSTREAM_ASSERT(entries_ - before == rows, "every stored pane of a key is there once");

  const char* plain = loading.plain.data();
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t f = 0; f < layout_.functions(); ++f) {
      const AggregateFunction& function = layout_.function(f);
      if (!function.trivial()) continue;
      std::memcpy(located_[i] + layout_.offset(f), plain, function.state_size());
      plain += function.state_size();
    }
  }
  std::size_t first = 0;
  for (std::size_t f = 0; f < layout_.functions(); ++f) {
    if (layout_.function(f).trivial()) continue;
    const std::size_t count = layout_.function(f).intermediate_types().size();
    layout_.function(f).merge(states_of(f, nullptr),
                              std::span(intermediates).subspan(first, count));
    first += count;
  }
  loading.panes.clear();
  loading.rows.clear();
  loading.plain.clear();
}

}  // namespace libstream
