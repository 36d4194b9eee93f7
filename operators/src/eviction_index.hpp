#pragma once

#include "group_table.hpp"

#include <libstream/time.hpp>

#include <cstdint>
#include <map>
#include <vector>

namespace libstream {

/// Groups by when they are due. Watermarks are whole milliseconds, so groups due at the same
/// watermark share a bucket; the bucket used last is remembered, so that adding is mostly O(1).
class EvictionIndex {
 public:
  /// The first watermark that covers `time`, in milliseconds.
  static std::int64_t due(EventTime time) {
    return floor_to_milliseconds(time) + (time % 1000 != 0 ? 1 : 0);
  }

  void add(EventTime time, GroupTable::Group group) {
    const std::int64_t at = due(time);
    if (last_ == buckets_.end() || last_->first != at) last_ = buckets_.try_emplace(at).first;
    last_->second.push_back(group);
  }

  /// Removes the groups that `watermark` covers, earliest first, within a millisecond in the order
  /// they were added.
  std::vector<GroupTable::Group> take(Watermark watermark) {
    std::vector<GroupTable::Group> taken;
    auto end = buckets_.begin();
    for (; end != buckets_.end() && end->first <= watermark.milliseconds; ++end) {
      taken.insert(taken.end(), end->second.begin(), end->second.end());
    }
    buckets_.erase(buckets_.begin(), end);
    last_ = buckets_.end();
    return taken;
  }

 private:
  using Buckets = std::map<std::int64_t, std::vector<GroupTable::Group>>;
  Buckets buckets_;
  Buckets::iterator last_ = buckets_.end();
};

}  // namespace libstream
