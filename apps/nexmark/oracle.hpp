#pragma once

#include "supply.hpp"

#include <libstream/batch.hpp>
#include <libstream/schema.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace libstream::apps {

/// Rows as a query's sink got them, epoch by epoch.
class CollectedRows final {
 public:
  void add(const std::vector<BatchPtr>& batches);
  const std::vector<BatchPtr>& batches() const { return batches_; }

 private:
  std::vector<BatchPtr> batches_;
};

/// Works the query out over the first `events` events of its streams with sorted vectors and maps,
/// and compares: an empty text, or the first difference. Knows the windows that a watermark of the
/// last event's time less the delay leaves open. Throws Error where the query has no oracle.
std::string difference(const std::string& query, const Supplies& supplies, std::uint64_t events,
                       const CollectedRows& rows);

}  // namespace libstream::apps
