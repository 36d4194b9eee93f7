#pragma once

#include "messages.hpp"

#include <libstream/topology.hpp>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace libstream {

/// The query's watermark: per watermark operator the running maximum of (event time - delay),
/// joined by the policy, never falling. An operator whose sources had nothing to read for the
/// topology's `idle_timeout_ms` is left out, as long as another is in. By the policy per_side each
/// operator's own one counts as well: what an epoch uses of it is what was known before.
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
    if (per_side()) used_.resize(nodes_.size());
  }

  bool any() const { return !nodes_.empty(); }
  const std::vector<std::uint32_t>& nodes() const { return nodes_; }
  /// What `restore` takes up again: of each operator the maximum. By the policy per_side a mark
  /// comes first, and what the epoch used of each operator last.
  std::vector<std::int64_t> values() const {
    if (!per_side()) return values_;
    std::vector<std::int64_t> values{per_side_mark};
    values.insert(values.end(), values_.begin(), values_.end());
    for (const auto& used : used_) values.push_back(used.milliseconds);
    return values;
  }
  /// Values of a decision that used `joined`; ignored where the plan has another number of
  /// watermark operators.
  void restore(std::span<const std::int64_t> values, Watermark joined) {
    std::fill(used_.begin(), used_.end(), joined);
    const bool marked = !values.empty() && values.front() == per_side_mark;
    if (values.size() != (marked ? 2 * nodes_.size() + 1 : nodes_.size())) return;
    const auto maxima = values.subspan(marked ? 1 : 0, nodes_.size());
    values_.assign(maxima.begin(), maxima.end());
    if (!per_side() || !marked) return;
    std::transform(maxima.end(), values.end(), used_.begin(),
                   [](auto value) { return Watermark{value}; });
  }
  void forget() {
    std::fill(values_.begin(), values_.end(), none);
    std::fill(used_.begin(), used_.end(), Watermark{});
  }
  /// By the policy per_side: what the last epoch used of each operator; else empty.
  const std::vector<Watermark>& used() const { return used_; }
  /// By the policy per_side: begins an epoch, which uses what is known of each operator until now;
  /// else null.
  std::shared_ptr<const std::vector<Watermark>> begin() {
    if (!per_side()) return nullptr;
    for (std::size_t i = 0; i < used_.size(); ++i) used_[i] = known(i);
    return std::make_shared<const std::vector<Watermark>>(used_);
  }
  /// By the policy per_side: an operator's own watermark is higher than what the last epoch used.
  bool any_rose() const {
    for (std::size_t i = 0; i < used_.size(); ++i) {
      if (known(i) > used_[i]) return true;
    }
    return false;
  }

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
    const bool least = policy_ != WatermarkPolicy::max;
    std::int64_t joined = least ? std::numeric_limits<std::int64_t>::max() : std::int64_t{0};
    bool any_in = false;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const bool idle = idle_timeout_ && i < idle_since.size() && idle_since[i] >= 0 &&
                        epoch.timestamp_milliseconds - idle_since[i] >= *idle_timeout_;
      if (idle) continue;
      any_in = true;
      const auto known = values_[i] == none ? 0 : values_[i];
      joined = least ? std::min(joined, known) : std::max(joined, known);
    }
    if (!any_in) return used;
    return std::max(used, Watermark{std::max<std::int64_t>(joined, 0)});
  }

 private:
  static constexpr std::int64_t per_side_mark = std::numeric_limits<std::int64_t>::max();
  bool per_side() const { return policy_ == WatermarkPolicy::per_side; }
  /// Operator `index`'s own watermark.
  Watermark known(std::size_t index) const {
    return std::max(used_[index], Watermark{std::max<std::int64_t>(values_[index], 0)});
  }

  WatermarkPolicy policy_;
  std::optional<std::int64_t> idle_timeout_;
  std::vector<std::uint32_t> nodes_;
  std::vector<std::int64_t> delays_;
  std::vector<std::int64_t> values_;
  std::vector<Watermark> used_;             ///< by the policy per_side: in the newest epoch
  std::vector<std::vector<bool>> sources_;  ///< of each operator, by place among the sources
};

}  // namespace libstream
