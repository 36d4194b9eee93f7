#include "ranked_rows.hpp"

#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace libstream {
namespace {

constexpr auto no_bar = std::numeric_limits<std::uint64_t>::max();

std::vector<Field> fields_at(const Schema& schema, const std::vector<std::uint32_t>& columns) {
  std::vector<Field> fields;
  for (const auto column : columns) fields.push_back(schema[column]);
  return fields;
}

template <class T>
bool same_values(const Column& column, std::size_t rows) {
  const T* values = column.values<T>();
  if (values[0] != values[rows - 1]) return false;
  T differences = 0;
  for (std::size_t i = 0; i < rows; ++i) differences |= values[i] ^ values[0];
  return differences == 0;
}

/// True where the rows of a column are known to have one value without much looking.
bool one_value(const Column& column, std::size_t rows) {
  if (column.has_validity()) return false;
  if (column.type().id() == TypeId::structure) {
    for (std::size_t f = 0; f < column.children(); ++f) {
      if (!one_value(*column.child(f), rows)) return false;
    }
    return true;
  }
  const bool integers = column.type().is_integral() || column.type().id() == TypeId::date ||
                        column.type().id() == TypeId::timestamp;
  if (!integers) return false;
  switch (column.type().width()) {
    case 4:
      return same_values<std::uint32_t>(column, rows);
    case 8:
      return same_values<std::uint64_t>(column, rows);
    default:
      return false;
  }
}

int sign_of(int order) { return (order > 0 ? 1 : 0) - (order < 0 ? 1 : 0); }

int compare_bytes(std::string_view a, std::string_view b) { return sign_of(a.compare(b)); }

}  // namespace

RankedRows::RankedRows(const Schema& schema, std::vector<std::uint32_t> key_columns,
                       std::uint64_t count, bool keep_ties)
    : key_columns_(std::move(key_columns)),
      count_(count),
      keep_ties_(keep_ties),
      table_(fields_at(schema, key_columns_), sizeof(Ranked)) {
  LIBSTREAM_ASSERT(count_ > 0, "at least one row a key");
}

void RankedRows::start_groups() {
  for (const Group group : table_.created()) of(group) = {no_bar, nullptr, 0, 0, 0};
}

void RankedRows::offer(const Batch& batch, const RankKeys& ranks) {
  candidates_.clear();
  candidate_groups_.clear();
  if (!find_candidates(batch, ranks)) return;
  const bool whole = candidates_.size() == batch.rows;
  const BatchPtr picked = whole ? nullptr : gather(batch, candidates_);
  encode(whole ? batch : *picked);
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const std::uint64_t word = ranks.words()[candidates_[i]];
    if (word > of(candidate_groups_[i]).bar) continue;  // raised by the rows before it
    order_.clear();
    ranks.append_bytes(candidates_[i], order_);
    insert(candidate_groups_[i], {word, order_, encoded_rows_[i].view()});
  }
}

void RankedRows::encode(const Batch& batch) {
  std::vector<const Column*> columns;
  for (const auto& column : batch.columns) columns.push_back(column.get());
  encode_rows(columns, batch.rows, encoded_, encoded_rows_);
}

/// Lists the rows at or below the bars, with their groups; false where there are none.
bool RankedRows::find_candidates(const Batch& batch, const RankKeys& ranks) {
  const auto keys = columns_at(batch, key_columns_);
  const bool one_group = std::all_of(
      keys.begin(), keys.end(), [&](const ColumnPtr& key) { return one_value(*key, batch.rows); });
  if (one_group) return find_in_one_group(keys, ranks.words());
  table_.find(keys, batch.rows, hashes_.compute(batch, key_columns_));
  start_groups();
  find_in_many(ranks.words());
  return !candidates_.empty();
}

bool RankedRows::find_in_one_group(const std::vector<ColumnPtr>& keys,
                                   std::span<const std::uint64_t> words) {
  std::vector<ColumnPtr> first;
  for (const ColumnPtr& key : keys) first.push_back(key->slice(0, 1));
  const BufferPtr hash = hash_columns(first, 1);
  table_.find(first, 1, hash->as<std::uint64_t>());
  start_groups();
  const Group group = table_.groups()[0];
  std::uint64_t best = no_bar;
  for (const std::uint64_t word : words) best = std::min(best, word);
  auto bar = of(group).bar;
  if (best > bar) return false;
  // Of one row only the best has a chance, or those that may equal it.
  if (count_ == 1) bar = best;
  candidates_.resize(words.size());
  std::size_t found = 0;
  for (std::uint32_t i = 0; i < words.size(); ++i) {
    candidates_[found] = i;
    found += words[i] <= bar ? 1 : 0;
  }
  candidates_.resize(found);
  candidate_groups_.assign(found, group);
  return true;
}

void RankedRows::find_in_many(std::span<const std::uint64_t> words) {
  const auto groups = table_.groups();
  const auto rows = table_.rows();
  const std::size_t offset = table_.state_offset();
  // Of one row only the best of the batch has a chance, or those that may equal it.
  for (std::size_t i = 0; count_ == 1 && i < words.size(); ++i) {
    auto& ranked = *reinterpret_cast<Ranked*>(rows[i] + offset);
    ranked.bar = std::min(ranked.bar, words[i]);
  }
  candidates_.resize(words.size());
  candidate_groups_.resize(words.size());
  std::size_t found = 0;
  for (std::uint32_t i = 0; i < words.size(); ++i) {
    const auto& ranked = *reinterpret_cast<const Ranked*>(rows[i] + offset);
    candidates_[found] = i;
    candidate_groups_[found] = groups[i];
    found += words[i] <= ranked.bar ? 1 : 0;
  }
  candidates_.resize(found);
  candidate_groups_.resize(found);
}

/// Below 0 where the candidate is better.
int RankedRows::compare(const Candidate& candidate, const Entry& entry) const {
  if (candidate.word != entry.word) return candidate.word < entry.word ? -1 : 1;
  const int order = compare_bytes(candidate.order, entry.row->order());
  return order != 0 || keep_ties_ ? order : compare_bytes(candidate.row, entry.row->row());
}

/// Behind the rows that are as good.
std::size_t RankedRows::place_of(const Ranked& ranked, const Candidate& candidate) const {
  const std::span entries(ranked.entries, ranked.count);
  const auto place = std::partition_point(entries.begin(), entries.end(), [&](const Entry& entry) {
    return compare(candidate, entry) >= 0;
  });
  return static_cast<std::size_t>(place - entries.begin());
}

void RankedRows::insert(Group group, const Candidate& candidate) {
  Ranked& ranked = of(group);
  const std::size_t place = place_of(ranked, candidate);
  if (ranked.count >= count_ && place == ranked.count) {
    if (!keep_ties_ || compare(candidate, ranked.entries[count_ - 1]) > 0) return;
  }
  Stored* row = make(candidate);
  put(ranked, place, {candidate.word, row});
  ++counts_.entered;
  const auto order_at = [&](std::size_t i) { return ranked.entries[i].row->order(); };
  if (ranked.count > count_ && (!keep_ties_ || order_at(count_ - 1) != order_at(count_))) {
    displace(group, *row);
  } else {
    row->id = static_cast<std::uint32_t>(ranked.next_id++);
    LIBSTREAM_ASSERT(ranked.next_id < std::numeric_limits<std::uint32_t>::max(),
                     "a key holds fewer than 2^32 - 1 rows");
  }
  set_bar(ranked);
  std::uint64_t& header = table_.header(group);
  if ((header & GroupHeader::touched) == 0) touched_.push_back(group);
  header |= GroupHeader::touched;
}

void RankedRows::put(Ranked& ranked, std::size_t place, const Entry& entry) {
  if (ranked.count == ranked.capacity) {
    const std::uint32_t capacity = ranked.capacity == 0 ? 1 : ranked.capacity * 2;
    auto* entries = reinterpret_cast<Entry*>(arena_.allocate(capacity * sizeof(Entry)));
    std::copy_n(ranked.entries, ranked.count, entries);
    if (ranked.capacity > 0) {
      arena_.release(reinterpret_cast<char*>(ranked.entries), ranked.capacity * sizeof(Entry));
    }
    ranked.entries = entries;
    ranked.capacity = capacity;
  }
  Entry* at = ranked.entries + place;
  std::copy_backward(at, ranked.entries + ranked.count, ranked.entries + ranked.count + 1);
  *at = entry;
  ++ranked.count;
  ++size_;
}

/// Takes out the rows behind the last of the best. `successor` takes over the state entry of one.
void RankedRows::displace(Group group, Stored& successor) {
  Ranked& ranked = of(group);
  for (std::size_t i = count_; i < ranked.count; ++i) {
    Stored* left = ranked.entries[i].row;
    ++((left->marks & Stored::fresh) != 0 ? counts_.left_fresh : counts_.left_stored);
    if (i == count_) {
      successor.id = left->id;
      successor.marks |= left->marks & Stored::stored;
    } else if ((left->marks & Stored::stored) != 0) {
      dropped_.emplace_back(group, left->id);
    }
    release(left);
    --size_;
  }
  const bool several = ranked.count > count_ + 1;
  ranked.count = static_cast<std::uint32_t>(count_);
  if (!several) return;
  ranked.next_id = 0;
  for (const Entry& entry : rows(group)) {
    ranked.next_id = std::max<std::uint64_t>(ranked.next_id, entry.row->id + std::uint64_t{1});
  }
}

void RankedRows::set_bar(Ranked& ranked) const {
  ranked.bar = ranked.count >= count_ ? ranked.entries[count_ - 1].word : no_bar;
}

RankedRows::Stored* RankedRows::make(const Candidate& candidate) {
  const std::size_t size = sizeof(Stored) + candidate.order.size() + candidate.row.size();
  auto* row = reinterpret_cast<Stored*>(arena_.allocate(size));
  *row = {0, Stored::fresh, static_cast<std::uint32_t>(candidate.order.size()),
          static_cast<std::uint32_t>(candidate.row.size())};
  auto* to = reinterpret_cast<char*>(row + 1);
  std::memcpy(to, candidate.order.data(), candidate.order.size());
  std::memcpy(to + candidate.order.size(), candidate.row.data(), candidate.row.size());
  return row;
}

void RankedRows::release(Stored* row) {
  arena_.release(reinterpret_cast<char*>(row), sizeof(Stored) + row->order_bytes + row->row_bytes);
}

void RankedRows::load(const Batch& batch, const RankKeys& ranks,
                      std::span<const std::uint32_t> ids) {
  const auto keys = columns_at(batch, key_columns_);
  table_.find(keys, batch.rows, hashes_.compute(batch, key_columns_));
  start_groups();
  encode(batch);
  for (std::size_t i = 0; i < batch.rows; ++i) {
    order_.clear();
    ranks.append_bytes(i, order_);
    const Candidate candidate{ranks.words()[i], order_, encoded_rows_[i].view()};
    Ranked& ranked = of(table_.groups()[i]);
    Stored* row = make(candidate);
    row->id = ids[i];
    row->marks = Stored::stored;
    put(ranked, place_of(ranked, candidate), {candidate.word, row});
    ranked.next_id = std::max<std::uint64_t>(ranked.next_id, row->id + std::uint64_t{1});
    set_bar(ranked);
  }
}

void RankedRows::clear_marks() {
  for (const Group group : touched_) {
    std::uint64_t& header = table_.header(group);
    if ((header & GroupHeader::live) == 0) continue;
    header &= ~GroupHeader::touched;
    for (const Entry& entry : rows(group)) {
      if ((entry.row->marks & Stored::fresh) != 0) entry.row->marks = Stored::stored;
    }
  }
  touched_.clear();
}

void RankedRows::erase(std::span<const Group> groups, const std::uint64_t* hashes) {
  for (const Group group : groups) {
    const Ranked& ranked = of(group);
    for (const Entry& entry : rows(group)) release(entry.row);
    size_ -= ranked.count;
    if (ranked.capacity > 0) {
      arena_.release(reinterpret_cast<char*>(ranked.entries), ranked.capacity * sizeof(Entry));
    }
  }
  table_.erase(groups, hashes);
}

}  // namespace libstream
