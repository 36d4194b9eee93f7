#pragma once

#include <libstream/event_time.hpp>
#include <libstream/topology.hpp>

#include <optional>
#include <vector>

namespace libstream {

/// Passes the first row of each key on and drops the others, which it counts as filtered. Rows come
/// exchanged by the keys.
struct DeduplicateSpec {
  std::vector<std::uint32_t> keys;
  std::vector<Field> key_fields;
  /// Input column (a timestamp, or a window whose end counts) by which rows are late.
  std::optional<std::uint32_t> event_column;
  /// Which of `keys` carries the event time: keys go when the watermark has passed it.
  std::optional<std::uint32_t> time_key;
  /// Set: keys go when the watermark has passed the event time of their first row plus this, ms.
  std::optional<std::int64_t> within_milliseconds;
  /// by_row: the input has the row's watermark behind the columns that come out, and within the
  /// watermark a key counts as gone for a row whose own watermark has passed its time.
  Lateness lateness = Lateness::by_epoch;
};
OperatorFactory deduplicate(DeduplicateSpec spec);

/// Passes the first `rows` rows on and drops the others, which it counts as filtered. One task.
struct LimitSpec {
  std::uint64_t rows = 0;
  bool stateful = true;  ///< over the query's life; otherwise in each epoch anew
};
OperatorFactory limit_rows(LimitSpec spec);

}  // namespace libstream
