#pragma once

#include "messages.hpp"

#include <libstream/topology.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace libstream {

/// The query's watermark: per watermark operator the running maximum of (event time - delay),
/// joined by the policy, never falling. An operator whose sources had nothing to read for the
/// topology's `idle_timeout_ms` is left out, as long as another is in.
class WatermarkTracker {
 public:
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();

  explicit WatermarkTracker(const Topology& topology)
      : policy_(topology.watermark_policy), idle_timeout_(topology.idle_timeout_ms) {
    std::vector<std::vector<bool>> sources;  // of each node: the sources it gets rows from
    std::size_t count = 0;
    for (const auto& node : topology.nodes) {
      if (node.kind == TopologyNode::Kind::source) ++count;
    }
    std::size_t source = 0;
    for (std::uint32_t i = 0; i < topology.nodes.size(); ++i) {
      auto& mine = sources.emplace_back(count, false);
      if (topology.nodes[i].kind == TopologyNode::Kind::source) mine[source++] = true;
      for (const auto& edge : topology.edges) {
        if (edge.to != i) continue;
        for (std::size_t s = 0; s < count; ++s) mine[s] = mine[s] || sources[edge.from][s];
      }
      if (!topology.nodes[i].is_watermark) continue;
      nodes_.push_back(i);
      delays_.push_back(topology.nodes[i].watermark_delay_ms);
      values_.push_back(none);
      sources_.push_back(mine);
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
  /// The watermark of operator `index` itself, ms.
  void set(std::size_t index, std::int64_t value) { values_[index] = value; }

  /// Since when (ms) each operator's sources have had nothing to read, for an epoch that reads of
  /// the sources in `reads`; -1 where they have. `before`: the same of the epoch before.
  std::vector<std::int64_t> idle_since(const std::vector<std::int64_t>& before,
                                       const std::vector<bool>& reads, std::int64_t now) const {
    if (!idle_timeout_) return {};
    std::vector<std::int64_t> since(nodes_.size(), -1);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      bool idle = true;
      for (std::size_t s = 0; s < reads.size(); ++s) idle = idle && !(reads[s] && sources_[i][s]);
      if (!idle) continue;
      since[i] = i < before.size() && before[i] >= 0 ? before[i] : now;
    }
    return since;
  }

  /// The watermark after an epoch that used `used`.
  Watermark next(Watermark used, const std::vector<std::int64_t>& idle_since,
                 const EpochContext& epoch) const {
    std::int64_t joined = policy_ == WatermarkPolicy::min ? std::numeric_limits<std::int64_t>::max()
                                                          : std::int64_t{0};
    bool any_in = false;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const bool idle = idle_timeout_ && i < idle_since.size() && idle_since[i] >= 0 &&
                        epoch.timestamp_milliseconds - idle_since[i] >= *idle_timeout_;
      if (idle) continue;
      any_in = true;
      const auto known = values_[i] == none ? 0 : values_[i];
      joined = policy_ == WatermarkPolicy::min ? std::min(joined, known) : std::max(joined, known);
    }
    if (!any_in) return used;
    return std::max(used, Watermark{std::max<std::int64_t>(joined, 0)});
  }

 private:
  WatermarkPolicy policy_;
  std::optional<std::int64_t> idle_timeout_;
  std::vector<std::uint32_t> nodes_;
  std::vector<std::int64_t> delays_;
  std::vector<std::int64_t> values_;
  std::vector<std::vector<bool>> sources_;  ///< of each operator, by place among the sources
};

}  // namespace libstream
