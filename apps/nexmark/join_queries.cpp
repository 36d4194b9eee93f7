#include "join_queries.hpp"

#include <libstream/libstream.hpp>

namespace libstream::apps {
namespace {

/// The delay of the original's watermark.
constexpr const char* delay = "4 seconds";

/// Bids with names that auctions do not have.
DataStream renamed(const DataStream& bids) {
  return bids.with_column_renamed("dateTime", "bidTime").with_column_renamed("extra", "bidExtra");
}

}  // namespace

DataStream q3(const DataStream& auctions, const DataStream& persons) {
  return auctions.as("a")
      .join(persons.as("p"), "seller = p.id AND category = 10 AND state IN ('OR', 'ID', 'CA')")
      .select(col("name"), col("city"), col("state"), col("a.id"));
}

DataStream q8(const DataStream& persons, const DataStream& auctions) {
  // Each person comes out at most once, and no two have the same id.
  const auto opened = window("dateTime", "10 seconds");
  const auto people =
      persons.with_watermark("dateTime", delay).select(col("id"), col("name"), opened);
  const auto sellers = auctions.with_watermark("dateTime", delay).select(col("seller"), opened);
  return people.as("p")
      .join(sellers.as("a"), "id = seller AND p.window = a.window", JoinType::left_semi)
      .select(col("id"), col("name"), col("p.window.start").as("starttime"));
}

DataStream q9(const DataStream& auctions, const DataStream& bids) {
  // By the time of its end an auction is over when the watermark passes it, and its result final.
  return auctions.with_watermark("expires", delay)
      .join(renamed(bids).with_watermark("bidTime", delay),
            "id = auction AND bidTime BETWEEN dateTime AND expires")
      .top_n(1, {col("price").desc(), col("bidTime")}, {"id", "expires"})
      .select("id", "itemName", "description", "initialBid", "reserve", "dateTime", "expires",
              "seller", "category", "extra", "auction", "bidder", "price", "bidTime", "bidExtra");
}

DataStream q20(const DataStream& bids, const DataStream& auctions) {
  return renamed(bids)
      .join(auctions, "auction = id AND category = 10")
      .select("auction", "bidder", "price", "channel", "url", "bidTime", "bidExtra", "itemName",
              "description", "initialBid", "reserve", "dateTime", "expires", "seller", "category",
              "extra");
}

}  // namespace libstream::apps
