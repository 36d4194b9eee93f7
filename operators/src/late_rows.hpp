#pragma once

#include "group_states.hpp"
#include "key_time.hpp"

#include <libstream/operator.hpp>

#include <optional>
#include <span>
#include <vector>

namespace libstream {

/// Sets late rows aside before they are aggregated: hands them to the late port, counts them, and
/// remembers the keys of their groups for the epoch.
class LateRows {
 public:
  /// `time_key`: index into `keys`; absent = nothing is late.
  LateRows(std::vector<std::uint32_t> keys, std::vector<Field> key_fields,
           std::optional<std::uint32_t> time_key);

  void set_limit(Watermark late) { late_ = late; }
  void start();
  /// The rows of `batch` that are on time: the batch itself, a part of it, or null where none is.
  BatchPtr take(BatchPtr batch, Output& output);
  /// Adds keys that another task found late. The first columns of `batch` are the keys.
  void add_keys(const Batch& batch);

  std::uint64_t rows() const { return rows_; }
  std::uint64_t groups() const { return groups_.table().size(); }
  std::vector<ColumnPtr> keys(std::span<const GroupTable::Group> groups) const {
    return groups_.table().keys(groups);
  }

 private:
  bool all_on_time(const Batch& batch) const;

  std::vector<std::uint32_t> keys_;
  std::optional<std::uint32_t> time_key_;
  Watermark late_;
  std::uint64_t rows_ = 0;
  GroupStates groups_;
};

}  // namespace libstream
