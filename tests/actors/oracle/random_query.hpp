#pragma once

#include "row_steps.hpp"
#include "state_steps.hpp"

#include <libstream/libstream.hpp>

#include <string>
#include <vector>

namespace libstream::oracle {

/// A query: branches, one a stream, that a union joins, and what stands above.
struct RandomQuery {
  std::vector<std::vector<StepPtr>> branches;
  std::vector<StepPtr> trunk;
  OutputMode mode = OutputMode::append;
  bool watermarked = false;
  bool max_policy = false;
  bool no_data_epochs = true;
  std::int64_t batches_per_epoch = 0;     ///< of each stream; 0: no limit
  bool ordered = false;                   ///< depends on the order of rows: one batch an epoch
  bool late_rows = false;                 ///< has a sink for them
  bool panes = false;                     ///< sliding windows in panes, not expanded
  bool sorted = false;                    ///< by "n", descending
  std::function<bool(const Row&)> fails;  ///< may the query end at this row of the input?

  Columns columns() const;
  std::string words() const;
  /// `inputs`: the stream of each branch.
  DataStream build(const std::vector<DataStream>& inputs) const;
  bool wants_no_data_epochs() const;
};

/// The same seed gives the same query.
RandomQuery random_query(std::uint64_t seed);

}  // namespace libstream::oracle
