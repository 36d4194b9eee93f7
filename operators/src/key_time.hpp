#pragma once

#include <libstream/batch.hpp>
#include <libstream/bound_expression.hpp>
#include <libstream/time.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace libstream {

/// The event time of rows: a timestamp, or the end of a window struct.
class KeyTime {
 public:
  explicit KeyTime(const Column& column);
  bool has(std::size_t row) const { return !outer_->is_null(row) && !times_->is_null(row); }
  EventTime at(std::size_t row) const { return values_[row]; }
  bool has_nulls() const { return outer_->has_validity() || times_->has_validity(); }

 private:
  const Column* outer_;
  const Column* times_;
  const EventTime* values_;
};

/// Key hashes of a batch.
class KeyHashes {
 public:
  /// Ignores the hashes that the batch carries: they may be those of another operator's keys.
  const std::uint64_t* compute(const Batch& batch, std::span<const std::uint32_t> key_columns);
  /// Those that the batch carries, if any. For batches that a partial aggregation made.
  const std::uint64_t* of(const Batch& batch, std::span<const std::uint32_t> key_columns);

 private:
  std::vector<std::uint64_t> scratch_;
};

std::vector<ColumnPtr> columns_at(const Batch& batch, std::span<const std::uint32_t> indices);
/// The hashes of key columns on their own, as a buffer that a batch can carry.
BufferPtr hash_columns(const std::vector<ColumnPtr>& keys, std::size_t rows);

}  // namespace libstream
