#pragma once

#include <libstream/libstream.hpp>

#include <map>
#include <string>
#include <vector>

// What the snippets share: a stream of described structs, and a state.
using namespace libstream;

struct Bid {
  std::int64_t auction = 0;
  std::string bidder;
  double price = 0;
};
BOOST_DESCRIBE_STRUCT(Bid, (), (auction, bidder, price))
struct Count {
  std::int64_t rows = 0;
};
BOOST_DESCRIBE_STRUCT(Count, (), (rows))
struct Undescribed {
  std::int64_t rows = 0;
};

DataStream table();
inline TypedStream<Bid> bids() { return table().as<Bid>(); }
inline auto by_auction() {
  return bids().group_by_key([](const Bid& b) { return b.auction; });
}
