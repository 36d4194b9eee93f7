#pragma once

#include "group_states.hpp"
#include "key_time.hpp"

#include <libstream/event_time.hpp>
#include <libstream/operator.hpp>

#include <optional>
#include <span>
#include <vector>

namespace libstream {

/// Sets late rows aside, hands them to the late port and counts them.
class LateFilter {
 public:
  /// `time_column`: of the input, a timestamp or a window; absent = nothing is late.
  explicit LateFilter(std::optional<std::uint32_t> time_column,
                      Lateness lateness = Lateness::by_epoch)
      : time_column_(lateness == Lateness::tested ? std::nullopt : time_column),
        by_row_(time_column && lateness == Lateness::by_row) {}

  void set_limit(Watermark late) { late_ = late; }
  void start() { rows_ = 0; }
  /// The rows of `batch` that are on time: the batch itself, a part of it, or null where none is.
  /// Rows that carry their watermark lose that column, the late ones, too.
  BatchPtr take(BatchPtr batch, Output& output);
  /// Watermarks (ms) of the rows that `take` gave back last, where they carried one.
  const ColumnPtr& row_watermarks() const { return row_watermarks_; }
  /// The late rows of the batch taken last; null where none was.
  const BatchPtr& late() const { return late_batch_; }
  std::uint64_t rows() const { return rows_; }

 private:
  bool all_on_time(const Batch& batch) const;
  template <class IsLate>
  BatchPtr part(BatchPtr batch, const IsLate& is_late, Output& output);

  std::optional<std::uint32_t> time_column_;
  bool by_row_;
  ColumnPtr row_watermarks_;
  Watermark late_;
  std::uint64_t rows_ = 0;
  BatchPtr late_batch_;
};

/// Sets late rows aside before they are aggregated, and remembers the keys of their groups for the
/// epoch.
class LateRows {
 public:
  /// `time_key`: index into `keys`; absent = nothing is late.
  LateRows(std::vector<std::uint32_t> keys, std::vector<Field> key_fields,
           std::optional<std::uint32_t> time_key, Lateness lateness);

  void set_limit(Watermark late) { filter_.set_limit(late); }
  void start();
  /// The rows of `batch` that are on time: the batch itself, a part of it, or null where none is.
  BatchPtr take(BatchPtr batch, Output& output);
  /// Adds keys that another task found late. The first columns of `batch` are the keys.
  void add_keys(const Batch& batch);

  std::uint64_t rows() const { return filter_.rows(); }
  std::uint64_t groups() const { return groups_.table().size(); }
  std::vector<ColumnPtr> keys(std::span<const GroupTable::Group> groups) const {
    return groups_.table().keys(groups);
  }

 private:
  std::vector<std::uint32_t> keys_;
  LateFilter filter_;
  GroupStates groups_;
};

}  // namespace libstream
