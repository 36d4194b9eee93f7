#include "late_rows.hpp"

#include <libstream/hash.hpp>

#include <numeric>

namespace libstream {

bool LateFilter::all_on_time(const Batch& batch) const {
  // A window ends behind every event time in it, so the batch's range answers for windows too.
  return batch.event_time && !late_.covers(batch.event_time->min);
}

BatchPtr LateFilter::take(BatchPtr batch, Output& output) {
  late_batch_ = nullptr;
  if (!time_column_) return batch;
  if (!by_row_) {
    if (all_on_time(*batch)) return batch;
    const KeyTime time(*batch->columns[*time_column_]);
    return part(
        std::move(batch), [&](std::uint32_t i) { return time.has(i) && late_.covers(time.at(i)); },
        output);
  }
  auto bare = std::make_shared<Batch>(*batch);
  row_watermarks_ = std::move(bare->columns.back());
  bare->columns.pop_back();
  const KeyTime time(*batch->columns[*time_column_]);
  const auto limits = row_watermarks_;
  const auto* limit = limits->values<std::int64_t>();
  return part(
      std::move(bare),
      [&](std::uint32_t i) { return time.has(i) && Watermark{limit[i]}.covers(time.at(i)); },
      output);
}

template <class IsLate>
BatchPtr LateFilter::part(BatchPtr batch, const IsLate& is_late, Output& output) {
  // A batch that begins before the watermark mostly has no late row all the same: its windows end
  // behind it. Lists are for batches that have one.
  std::uint32_t first = 0;
  while (first < batch->rows && !is_late(first)) ++first;
  if (first == batch->rows) return batch;
  std::vector<std::uint32_t> late{first};
  std::vector<std::uint32_t> on_time(first);
  std::iota(on_time.begin(), on_time.end(), 0);
  for (std::uint32_t i = first + 1; i < batch->rows; ++i) {
    (is_late(i) ? late : on_time).push_back(i);
  }
  rows_ += late.size();
  late_batch_ = gather(*batch, late);
  if (output.connected(Output::late_port)) output.emit(late_batch_, Output::late_port);
  if (by_row_) row_watermarks_ = row_watermarks_->gather(on_time);
  return on_time.empty() ? nullptr : gather(*batch, on_time);
}

LateRows::LateRows(std::vector<std::uint32_t> keys, std::vector<Field> key_fields,
                   std::optional<std::uint32_t> time_key, Lateness lateness)
    : keys_(std::move(keys)),
      filter_(time_key ? std::optional(keys_[*time_key]) : std::nullopt, lateness),
      groups_(std::move(key_fields), {}) {}

void LateRows::start() {
  filter_.start();
  groups_.clear();
}

BatchPtr LateRows::take(BatchPtr batch, Output& output) {
  BatchPtr on_time = filter_.take(std::move(batch), output);
  if (const BatchPtr& late = filter_.late()) {
    const auto key_columns = columns_at(*late, keys_);
    const BufferPtr hashes = hash_columns(key_columns, late->rows);
    groups_.table().find(key_columns, late->rows, hashes->as<std::uint64_t>());
  }
  return on_time;
}

void LateRows::add_keys(const Batch& batch) {
  std::vector<std::uint32_t> indices(keys_.size());
  std::iota(indices.begin(), indices.end(), 0);
  const auto key_columns = columns_at(batch, indices);
  const BufferPtr hashes = hash_columns(key_columns, batch.rows);
  groups_.table().find(key_columns, batch.rows, hashes->as<std::uint64_t>());
}

}  // namespace libstream
