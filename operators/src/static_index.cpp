#include "static_index.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace libstream {
namespace {

constexpr std::size_t block_rows = 64;
constexpr std::uint32_t no_slot = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t null_slot = no_slot - 1;

bool fits_word(const DataType& type) {
  const auto width = type.width();
  return width > 0 && width <= 8 && type.id() != TypeId::array;
}

template <class From, class F>
void widen(const Column& column, std::vector<std::uint64_t>& words, F&& f) {
  const From* values = column.values<From>();
  words.resize(column.size());
  for (std::size_t i = 0; i < words.size(); ++i)
    words[i] = static_cast<std::uint64_t>(f(values[i]));
}

/// Values of a type of up to 8 bytes, equal where the keys are.
const std::uint64_t* words_of(const Column& column, std::vector<std::uint64_t>& words) {
  const auto id = column.type().id();
  const auto width = column.type().width();
  if (id == TypeId::float64) {
    widen<double>(column, words, [](double v) { return canonical_bits(v); });
  } else if (id == TypeId::float32) {
    widen<float>(column, words, [](float v) { return canonical_bits(v); });
  } else if (width == 8) {
    return column.values<std::uint64_t>();
  } else if (width == 4) {
    widen<std::uint32_t>(column, words, [](std::uint32_t v) { return v; });
  } else if (width == 2) {
    widen<std::uint16_t>(column, words, [](std::uint16_t v) { return v; });
  } else {
    widen<std::uint8_t>(column, words, [](std::uint8_t v) { return v; });
  }
  return words.data();
}

/// Slots for so many rows: a third is filled where they may fit the cache, else half at most.
std::size_t capacity_for(std::size_t rows) {
  return std::bit_ceil(std::max<std::size_t>(rows * (rows < 40'000 ? 3 : 2), 16));
}

}  // namespace

StaticIndex::StaticIndex(const Batch& table, std::size_t rows, std::vector<std::uint32_t> keys,
                         std::vector<bool> null_safe, const Groups& groups)
    : keys_(std::move(keys)), null_safe_(std::move(null_safe)) {
  LIBSTREAM_ASSERT(keys_.size() == null_safe_.size(), "a key is null-safe or not");
  if (rows >= null_slot) {
    throw Error(ErrorCode::unsupported,
                "a static side of a join has " + std::to_string(rows) +
                    " rows; fewer than 2^32 - 2 are possible: filter it, or read it as a stream");
  }
  if (keys_.empty()) {
    kind_ = Kind::none;
    nulls_ = {0, static_cast<std::uint32_t>(rows)};
    order_.resize(rows);
    for (std::uint32_t i = 0; i < rows; ++i) order_[i] = i;
    return;
  }
  const auto& first = *table.columns[keys_[0]];
  if (keys_.size() == 1 && fits_word(first.type())) {
    kind_ = Kind::word;
  } else if (keys_.size() == 1 && first.type().is_string_like()) {
    kind_ = Kind::text;
  } else {
    kind_ = Kind::encoded;
  }
  insert_all(table, rows, groups);
}

const StringView* StaticIndex::views_of(const Batch& batch, std::span<const std::uint32_t> keys,
                                        Scratch& scratch) const {
  if (kind_ == Kind::text) return batch.columns[keys[0]]->values<StringView>();
  std::vector<const Column*> columns;
  for (const auto key : keys) columns.push_back(batch.columns[key].get());
  encode_rows(columns, batch.rows, scratch.encoded, scratch.views);
  return scratch.views.data();
}

template <class Same>
StaticIndex::Slot& StaticIndex::slot_for(std::uint64_t hash, std::uint64_t tag, Same same) {
  for (std::size_t position = hash & mask_;; position = (position + 1) & mask_) {
    auto& slot = slots_[position];
    if (slot.matches.count == 0 || (slot.tag == tag && same(slot.matches.first))) return slot;
  }
}

/// First every key gets its slot and its number of rows, `first` being one of them; then the rows
/// of keys that have several are put in order.
void StaticIndex::insert_all(const Batch& table, std::size_t rows, const Groups& groups) {
  std::vector<std::uint64_t> hashes(table.rows);
  hash_keys(table, keys_, hashes);
  std::vector<bool> wanted(rows, true);
  for (std::size_t k = 0; k < keys_.size(); ++k) {
    const auto& column = *table.columns[keys_[k]];
    if (null_safe_[k] || !column.has_validity()) continue;
    for (std::size_t i = 0; i < rows; ++i) wanted[i] = wanted[i] && !column.is_null(i);
  }
  if (!groups.all()) {
    for (std::size_t i = 0; i < rows; ++i) {
      const auto group = key_group(hashes[i], groups.of);
      wanted[i] = wanted[i] && group >= groups.begin && group < groups.end;
    }
  }
  const auto kept = static_cast<std::size_t>(std::count(wanted.begin(), wanted.end(), true));
  slots_.resize(capacity_for(kept));
  mask_ = slots_.size() - 1;
  const auto& column = *table.columns[keys_[0]];
  const auto* words = kind_ == Kind::word ? words_of(column, own_.words) : nullptr;
  if (kind_ != Kind::word) texts_ = views_of(table, keys_, own_);

  std::vector<std::uint32_t> slot_of(rows, no_slot);
  for (std::uint32_t i = 0; i < rows; ++i) {
    if (!wanted[i]) continue;
    if (kind_ != Kind::encoded && column.is_null(i)) {
      if (nulls_.count++ == 0) nulls_.first = i;
      slot_of[i] = null_slot;
      continue;
    }
    auto& slot = words ? slot_for(hashes[i], words[i], [](std::uint32_t) { return true; })
                       : slot_for(hashes[i], hashes[i], [&](std::uint32_t row) {
                           return texts_[row].view() == texts_[i].view();
                         });
    if (slot.matches.count++ == 0) {
      slot.tag = words ? words[i] : hashes[i];
      slot.matches.first = i;
    }
    slot_of[i] = static_cast<std::uint32_t>(&slot - slots_.data());
  }
  put_in_order(slot_of);
  own_.words = {};
}

void StaticIndex::put_in_order(const std::vector<std::uint32_t>& slot_of) {
  std::uint32_t next = 0;
  const auto reserve = [&](Matches& matches) {
    if (matches.count < 2) return;
    matches.first = next;
    next += std::exchange(matches.count, 0);
  };
  // Counts of several are counted anew below; those of one stay.
  std::vector<bool> several(slots_.size(), false);
  const bool several_nulls = nulls_.count > 1;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    several[i] = slots_[i].matches.count > 1;
    reserve(slots_[i].matches);
  }
  reserve(nulls_);
  if (next == 0) return;
  order_.resize(next);
  for (std::uint32_t row = 0; row < slot_of.size(); ++row) {
    const auto slot = slot_of[row];
    if (slot == no_slot || (slot == null_slot ? !several_nulls : !several[slot])) continue;
    auto& matches = slot == null_slot ? nulls_ : slots_[slot].matches;
    order_[matches.first + matches.count++] = row;
  }
}

template <class Same>
void StaticIndex::probe(const std::uint64_t* hashes, const std::uint64_t* tags, Same same,
                        std::span<Matches> found) const {
  const auto rows = found.size();
  for (std::size_t i = 0; i < std::min(rows, block_rows); ++i) {
    __builtin_prefetch(&slots_[hashes[i] & mask_]);
  }
  for (std::size_t i = 0; i < rows; ++i) {
    if (i + block_rows < rows) __builtin_prefetch(&slots_[hashes[i + block_rows] & mask_]);
    std::size_t position = hashes[i] & mask_;
    const Slot* slot = &slots_[position];
    while (slot->matches.count != 0 && !(slot->tag == tags[i] && same(slot->matches, i))) {
      position = (position + 1) & mask_;
      slot = &slots_[position];
    }
    found[i] = slot->matches;
  }
}

void StaticIndex::drop_nulls(const Batch& batch, std::span<const std::uint32_t> keys,
                             std::span<Matches> found) const {
  for (std::size_t k = 0; k < keys.size(); ++k) {
    const auto& column = *batch.columns[keys[k]];
    if (!column.has_validity() || (null_safe_[k] && kind_ == Kind::encoded)) continue;
    const auto none = null_safe_[k] ? nulls_ : Matches{};
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (column.is_null(i)) found[i] = none;
    }
  }
}

void StaticIndex::find(const Batch& batch, std::span<const std::uint32_t> keys,
                       const std::uint64_t* hashes, Scratch& scratch,
                       std::span<Matches> found) const {
  LIBSTREAM_ASSERT(found.size() == batch.rows && keys.size() == keys_.size(), "one result a row");
  if (kind_ == Kind::none) {
    std::fill(found.begin(), found.end(), nulls_);
    return;
  }
  if (kind_ == Kind::word) {
    const auto* words = words_of(*batch.columns[keys[0]], scratch.words);
    probe(
        hashes, words, [](const Matches&, std::size_t) { return true; }, found);
  } else {
    const auto* views = views_of(batch, keys, scratch);
    probe(
        hashes, hashes,
        [&](const Matches& matches, std::size_t i) {
          return texts_[row_of(matches)].view() == views[i].view();
        },
        found);
  }
  drop_nulls(batch, keys, found);
}

std::size_t StaticIndex::bytes() const {
  return slots_.size() * sizeof(Slot) + order_.size() * sizeof(std::uint32_t) +
         own_.encoded.size() + own_.views.size() * sizeof(StringView);
}

}  // namespace libstream
