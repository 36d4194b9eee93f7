#include "pane_table.hpp"

#include <libstream/batch.hpp>
#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>
#include <numeric>

// The entries of a PaneTable as bytes, out and in.
namespace libstream {

void PaneTable::append_key(Key key, std::int64_t pane, std::string& bytes) const {
  keys_.encode_key(key, bytes);
  bytes.append(reinterpret_cast<const char*>(&pane), sizeof pane);
}

void PaneTable::encode_touched(const Entry& visit) {
  // In the order of keys memory is read from front to back, which is worth several times the rest.
  constexpr std::size_t dense = 16;  // touched one in so many: looking at all beats sorting
  std::vector<Key> keys;
  std::vector<const std::byte*> entries;
  for (auto& [number, pane] : panes_) {
    const auto add = [&, pane_number = number](Key key, std::byte* entry) {
      std::uint64_t& header = StateLayout::header(entry);
      header = (header & ~StateLayout::touched) | StateLayout::stored;
      keys.push_back(key);
      entries.push_back(entry);
      if (keys.size() < batch_rows) return;
      encode_some(pane_number, keys, entries, visit);
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
    if (!keys.empty()) encode_some(number, keys, entries, visit);
    // Most panes are not touched again: their lists would be memory for nothing.
    std::vector<Key>().swap(pane.touched);
    keys.clear();
    entries.clear();
  }
  touched_ = 0;
}

void PaneTable::encode_some(std::int64_t number, std::span<const Key> keys,
                            std::span<const std::byte* const> entries, const Entry& visit) {
  if (!visit) return;
  std::vector<ColumnPtr> encoded;
  if (!layout_.trivial()) {
    const auto columns = layout_.intermediates(entries);
    std::size_t column = 0;
    for (std::size_t f = 0; f < layout_.functions(); ++f) {
      for (std::size_t i = 0; i < layout_.function(f).intermediate_types().size(); ++i, ++column) {
        if (!layout_.function(f).trivial()) encoded.push_back(columns[column]);
      }
    }
  }
  std::string key;
  std::string value;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    key.clear();
    value.clear();
    append_key(keys[i], number, key);
    const std::uint64_t rows = StateLayout::rows(entries[i]);
    value.append(reinterpret_cast<const char*>(&rows), sizeof rows);
    const auto* bytes = reinterpret_cast<const char*>(entries[i]);
    if (layout_.trivial()) {
      value.append(bytes + sizeof rows, layout_.entry_bytes() - sizeof rows);
    } else {
      for (std::size_t f = 0; f < layout_.functions(); ++f) {
        if (!layout_.function(f).trivial()) continue;
        value.append(bytes + layout_.offset(f), layout_.function(f).state_size());
      }
    }
    for (const ColumnPtr& column : encoded) encode_value(*column, i, value);
    visit(hashes_[keys[i]], key, value);
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
  // What was just read is stored, and nothing is touched yet.
  encode_touched(nullptr);
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
  for (ColumnBuilder& builder : loading.keys) decode_value(key, builder);
  loading.panes.push_back(number(key));
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
