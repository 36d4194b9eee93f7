#pragma once

#include "messages.hpp"

#include <libstream/topology.hpp>

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

namespace libstream {

/// The query's watermark: per watermark operator the running maximum of (event time - delay),
/// joined by the policy, never falling.
class WatermarkTracker {
 public:
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();

  explicit WatermarkTracker(const Topology& topology) : policy_(topology.watermark_policy) {
    for (std::uint32_t i = 0; i < topology.nodes.size(); ++i) {
      if (!topology.nodes[i].is_watermark) continue;
      nodes_.push_back(i);
      delays_.push_back(topology.nodes[i].watermark_delay_ms);
      values_.push_back(none);
    }
  }

  bool any() const { return !nodes_.empty(); }
  const std::vector<std::uint32_t>& nodes() const { return nodes_; }
  const std::vector<std::int64_t>& values() const { return values_; }
  /// Values of a decision; ignored where the plan has another number of watermark operators.
  void restore(const std::vector<std::int64_t>& values) {
    if (values.size() == values_.size()) values_ = values;
  }
  void forget() { std::fill(values_.begin(), values_.end(), none); }

  /// Largest event time that operator `index` (into `nodes`) saw, µs.
  void observe(std::size_t index, EventTime largest) {
    values_[index] = std::max(values_[index], floor_to_milliseconds(largest) - delays_[index]);
  }
  /// The watermark after an epoch that used `used`.
  Watermark next(Watermark used) const {
    if (values_.empty()) return used;
    std::int64_t joined = policy_ == WatermarkPolicy::min ? std::numeric_limits<std::int64_t>::max()
                                                          : std::int64_t{0};
    for (const auto value : values_) {
      const auto known = value == none ? 0 : value;
      joined = policy_ == WatermarkPolicy::min ? std::min(joined, known) : std::max(joined, known);
    }
    return std::max(used, Watermark{std::max<std::int64_t>(joined, 0)});
  }

 private:
  WatermarkPolicy policy_;
  std::vector<std::uint32_t> nodes_;
  std::vector<std::int64_t> delays_;
  std::vector<std::int64_t> values_;
};

}  // namespace libstream
