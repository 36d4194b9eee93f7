#pragma once

#include <libstream/data_stream.hpp>

namespace libstream::apps {

/// Who sells in category 10 in Oregon, Idaho or California. Both sides are kept for ever.
DataStream q3(const DataStream& auctions, const DataStream& persons);
/// Who opened an auction within the same 10 s in which he came: each once.
DataStream q8(const DataStream& persons, const DataStream& auctions);
/// The winning bid of each auction, when it is over.
DataStream q9(const DataStream& auctions, const DataStream& bids);
/// Bids on category 10, with all of the auction. Both sides are kept for ever.
DataStream q20(const DataStream& bids, const DataStream& auctions);

}  // namespace libstream::apps
