#pragma once

#include "supply.hpp"

#include <libstream/data_stream.hpp>

#include <cstdint>
#include <memory>

namespace libstream::apps {

struct AdsOptions {
  std::uint64_t seed = 1;
  /// Impressions that ten seconds have.
  std::uint64_t live = 1'000'000;
};

/// Impressions at a steady rate, and clicks on a tenth of them, each after a delay that is
/// exponential with a mean of two seconds. Both in order of time. A few seconds are made before
/// and then cycled, with times and ids shifted on, so that no id comes twice.
class Ads final {
 public:
  explicit Ads(AdsOptions options);

  /// Both count in impressions: the clicks of so many impressions are those up to their times. They
  /// share what this one has, which need not outlive them.
  std::shared_ptr<const Supply> impressions() const;
  std::shared_ptr<const Supply> clicks() const;
  /// Impressions that an epoch of either has to be a multiple of.
  static std::uint64_t step();

  /// Rows of both that were made from the first `impressions`, a multiple of step(), and the pairs
  /// that the join has to give for them.
  struct Truth {
    std::uint64_t rows = 0;
    std::uint64_t pairs = 0;
  };
  Truth truth(std::uint64_t impressions) const;

  /// The same join as a bare loop on one thread: rows per CPU second, the best of some passes.
  double reference_rate() const;

 private:
  struct Pool;
  std::shared_ptr<const Pool> pool_;
};

/// Each click with the impression that it follows within ten seconds.
DataStream interval_join(const DataStream& impressions, const DataStream& clicks);

}  // namespace libstream::apps
