#include "latest_rows.hpp"

#include "row_block.hpp"

#include <libstream/error.hpp>
#include <libstream/hash.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace libstream {
namespace {

constexpr EventTime never = std::numeric_limits<EventTime>::max();

}  // namespace

void LatestRows::load(std::string_view value) {
  const BatchPtr rows = decode_row_block(spec_.schema, value);
  if (rows->rows != 1) {
    throw Error(ErrorCode::corrupt, "state of an as-of join is damaged: a key with " +
                                        std::to_string(rows->rows) +
                                        " latest rows; restart from an older checkpoint");
  }
  replace(rows);
  for (const std::uint32_t entry : changed_) entries_[entry].stored = true;
  changed_.clear();
}

void LatestRows::find_entries(const Batch& batch, std::span<const std::uint32_t> keys,
                              const std::uint64_t* hashes, std::span<const std::uint32_t> probes) {
  found_.clear();
  found_entries_.clear();
  walking_.clear();
  heads_.clear();
  table_.find(hashes, probes, walking_, heads_);
  RowList rows;
  std::vector<std::uint8_t> same;
  // Nearly all of them end at the first entry: others have the same hash and another key.
  while (!walking_.empty()) {
    rows.clear();
    for (const JoinTable::Row head : heads_) {
      rows.push_back(batches_[entries_[head].batch].get(), entries_[head].row);
    }
    match_columns(rows, spec_.keys, batch, keys, walking_, same);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < walking_.size(); ++i) {
      const JoinTable::Row entry = heads_[i];
      if (same[i] != 0) {
        found_.push_back(walking_[i]);
        found_entries_.push_back(entry);
      } else if (table_.next(entry) != JoinTable::none) {
        walking_[kept] = walking_[i];
        heads_[kept++] = table_.next(entry);
      }
    }
    walking_.resize(kept);
    heads_.resize(kept);
  }
}

void LatestRows::find(const Batch& batch, std::span<const std::uint32_t> keys,
                      const std::uint64_t* hashes, std::span<const std::uint32_t> probes,
                      std::vector<std::uint32_t>& found, RowList& latest) {
  find_entries(batch, keys, hashes, probes);
  for (std::size_t i = 0; i < found_.size(); ++i) {
    const Entry& entry = entries_[found_entries_[i]];
    if (!entry.live) continue;
    found.push_back(found_[i]);
    latest.push_back(batches_[entry.batch].get(), entry.row);
  }
}

void LatestRows::set(Entry& entry, std::uint32_t row) {
  entry.batch = static_cast<std::uint32_t>(batches_.size() - 1);
  entry.row = row;
  entry.time = KeyTime(*batches_.back()->columns[spec_.time]).at(row);
  live_ += entry.live ? 0 : 1;
  entry.live = true;
  next_due_ = std::min(live_ == 1 ? never : next_due_, entry.time);
  changed_.push_back(static_cast<std::uint32_t>(&entry - entries_.data()));
}

void LatestRows::replace(const BatchPtr& rows) {
  const std::uint64_t* hashes = hashes_.compute(*rows, spec_.keys);
  std::vector<std::uint32_t> all(rows->rows);
  std::iota(all.begin(), all.end(), 0);
  find_entries(*rows, spec_.keys, hashes, all);
  batches_.push_back(rows);
  rows_ += rows->rows;
  batch_bytes_ += owned_bytes(*rows);
  std::vector<std::uint8_t> known(rows->rows, 0);
  for (std::size_t i = 0; i < found_.size(); ++i) {
    known[found_[i]] = 1;
    set(entries_[found_entries_[i]], found_[i]);
  }
  for (const std::uint32_t row : all) {
    if (known[row] != 0) continue;
    table_.insert(hashes + row, 1, nullptr);
    entries_.push_back({hashes[row], 0, 0, 0, false, false});
    set(entries_.back(), row);
  }
}

std::string LatestRows::key_of(const Entry& entry) const {
  std::string key(1, spec_.tag);
  for (const std::uint32_t column : spec_.keys) {
    encode_value(*batches_[entry.batch]->columns[column], entry.row, key);
  }
  return key;
}

void LatestRows::evict(EventTime limit) {
  evicted_ = 0;
  if (live_ == 0 || next_due_ > limit) return;
  next_due_ = never;
  for (Entry& entry : entries_) {
    if (!entry.live) continue;
    if (entry.time > limit) {
      next_due_ = std::min(next_due_, entry.time);
      continue;
    }
    entry.live = false;
    ++evicted_;
    if (entry.stored) {
      erased_.push_back({key_group(entry.hash, spec_.key_groups), key_of(entry)});
    }
    entry.stored = false;
  }
  live_ -= evicted_;
}

void LatestRows::collect(ChangelogWriter& changes) {
  for (const Erased& one : erased_) changes.erase(one.group, one.key);
  erased_.clear();
  std::vector<const Batch*> batches;
  std::vector<std::uint32_t> from;
  std::vector<std::uint32_t> rows;
  std::vector<std::uint32_t> written;
  for (const std::uint32_t changed : changed_) {
    Entry& entry = entries_[changed];
    if (!entry.live) continue;
    const Batch* batch = batches_[entry.batch].get();
    if (batches.empty() || batches.back() != batch) batches.push_back(batch);
    from.push_back(static_cast<std::uint32_t>(batches.size() - 1));
    rows.push_back(entry.row);
    written.push_back(changed);
    entry.stored = true;
  }
  changed_.clear();
  RowBlockEncoder encoder(spec_.schema, batches, from, rows);
  std::string value;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const Entry& entry = entries_[written[i]];
    value.clear();
    encoder.encode(i, i + 1, value);
    changes.put(key_group(entry.hash, spec_.key_groups), key_of(entry), value);
  }
  if (rows_ > 2 * live_ + batch_rows || entries_.size() > 2 * live_ + batch_rows) rewrite();
}

/// Leaves out what is dead or replaced.
void LatestRows::rewrite() {
  std::vector<Entry> entries;
  std::vector<BatchPtr> batches;
  JoinTable table;
  table.reserve(live_);
  rows_ = batch_bytes_ = 0;
  RowList rows;
  const auto flush = [&] {
    if (rows.size() == 0) return;
    std::vector<ColumnPtr> columns;
    for (std::size_t c = 0; c < spec_.schema.size(); ++c) {
      columns.push_back(gather_column(spec_.schema[c].type, rows, c, Texts::copied));
    }
    batches.push_back(make_batch(std::move(columns), rows.size()));
    rows_ += rows.size();
    batch_bytes_ += owned_bytes(*batches.back());
    rows.clear();
  };
  for (Entry& entry : entries_) {
    if (!entry.live) continue;
    rows.push_back(batches_[entry.batch].get(), entry.row);
    entry.batch = static_cast<std::uint32_t>(batches.size());
    entry.row = static_cast<std::uint32_t>(rows.size() - 1);
    table.insert(&entry.hash, 1, nullptr);
    entries.push_back(entry);
    if (rows.size() == batch_rows) flush();
  }
  flush();
  entries_ = std::move(entries);
  batches_ = std::move(batches);
  table_ = std::move(table);
}

std::size_t LatestRows::bytes() const {
  return batch_bytes_ + table_.bytes() + entries_.capacity() * sizeof(Entry);
}

}  // namespace libstream
