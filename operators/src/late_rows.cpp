#include "late_rows.hpp"

#include <libstream/hash.hpp>

#include <numeric>

namespace libstream {

LateRows::LateRows(std::vector<std::uint32_t> keys, std::vector<Field> key_fields,
                   std::optional<std::uint32_t> time_key)
    : keys_(std::move(keys)), time_key_(time_key), groups_(std::move(key_fields), {}) {}

void LateRows::start() {
  rows_ = 0;
  groups_.clear();
}

bool LateRows::all_on_time(const Batch& batch) const {
  // A window ends behind every event time in it, so the batch's range answers for windows too.
  return batch.event_time && !late_.covers(batch.event_time->min);
}

BatchPtr LateRows::take(BatchPtr batch, Output& output) {
  if (!time_key_ || all_on_time(*batch)) return batch;
  const KeyTime time(*batch->columns[keys_[*time_key_]]);
  const auto is_late = [&](std::uint32_t i) { return time.has(i) && late_.covers(time.at(i)); };
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
  const BatchPtr late_batch = gather(*batch, late);
  const auto key_columns = columns_at(*late_batch, keys_);
  const BufferPtr hashes = hash_columns(key_columns, late_batch->rows);
  groups_.table().find(key_columns, late_batch->rows, hashes->as<std::uint64_t>());
  if (output.connected(Output::late_port)) output.emit(late_batch, Output::late_port);
  return on_time.empty() ? nullptr : gather(*batch, on_time);
}

void LateRows::add_keys(const Batch& batch) {
  std::vector<std::uint32_t> indices(keys_.size());
  std::iota(indices.begin(), indices.end(), 0);
  const auto key_columns = columns_at(batch, indices);
  const BufferPtr hashes = hash_columns(key_columns, batch.rows);
  groups_.table().find(key_columns, batch.rows, hashes->as<std::uint64_t>());
}

}  // namespace libstream
