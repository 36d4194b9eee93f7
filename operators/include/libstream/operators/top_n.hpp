#pragma once

#include <libstream/operators/keyed_aggregate.hpp>
#include <libstream/options.hpp>
#include <libstream/topology.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace libstream {

/// Keeps the best rows of each key and nothing else; docs/top-n.md. Rows come exchanged by the
/// keys and go out with the columns that they came with.
///
/// Mode append: a key's rows go out, the best first, when the watermark passes its event time; so
/// `time_key` is set. Mode update: at the barrier, the rows that entered in the epoch and are still
/// in. Mode complete: each epoch by itself, and no state.
struct TopNSpec {
  std::uint64_t count = 1;
  /// Also keeps the rows that are equal in the order to the last one (rank ≤ count). Otherwise
  /// exactly `count`: of equal rows those whose stored bytes are the smaller, so that which ones
  /// stay does not depend on the order they come in.
  bool keep_ties = false;
  Schema schema;  ///< of the rows
  std::vector<std::uint32_t> keys;
  /// The best first; nulls are the smallest values. Deterministic: worked out anew at a restart.
  std::vector<SortSpec::Key> order;
  /// Which of `keys` carries the event time: a timestamp, or a window struct whose end counts.
  /// Absent: nothing is late, nothing is evicted.
  std::optional<std::uint32_t> time_key;
  OutputMode mode = OutputMode::append;
};
OperatorFactory top_n(TopNSpec spec);

}  // namespace libstream
