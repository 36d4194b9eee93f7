#pragma once

#include <libstream/column.hpp>
#include <libstream/schema.hpp>
#include <libstream/time.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace libstream {

/// Rows the engine puts into a batch where it may choose, and the bytes of columns it aims below.
inline constexpr std::size_t batch_rows = 4096;
inline constexpr std::size_t batch_bytes = 256 * 1024;

/// Smallest and largest event time (µs) of the rows that have one.
struct EventTimeRange {
  EventTime min;
  EventTime max;
};

/// Rows of one schema, columnar and immutable. The schema itself travels with the channel, not
/// with the batch.
struct Batch {
  /// What the rows are: ordinary ones, or only the keys of late groups, which cross the exchange so
  /// that distinct late groups can be counted.
  enum class Kind : std::uint8_t { rows, late_keys };

  std::size_t rows = 0;
  std::vector<ColumnPtr> columns;
  Kind kind = Kind::rows;
  /// Set behind a watermark operator; absent also where every event time is null.
  std::optional<EventTimeRange> event_time;
  /// One 64-bit key hash a row (std::uint64_t), left by the exchange for the next operator.
  BufferPtr hashes;

  /// Bytes charged to credits: the columns' bytes, at least 64.
  std::size_t bytes() const;
};
using BatchPtr = std::shared_ptr<const Batch>;

BatchPtr make_batch(std::vector<ColumnPtr> columns);
/// For batches without columns (count(*) needs only a row count).
BatchPtr make_batch(std::vector<ColumnPtr> columns, std::size_t rows);
/// The given rows; keeps kind, hashes and the event-time range (wide, but true).
BatchPtr gather(const Batch& batch, std::span<const std::uint32_t> rows);
BatchPtr slice(const Batch& batch, std::size_t begin, std::size_t count);

/// Rows as scalars, and back; for tests, memory streams and small sinks.
using Row = std::vector<Value>;
BatchPtr batch_of(const Schema& schema, const std::vector<Row>& rows);
std::vector<Row> rows_of(const Batch& batch);
/// One line a row, values parted by blanks, rows by " | ": "ada 2 | bob null".
std::string to_text(const Batch& batch);

}  // namespace libstream
