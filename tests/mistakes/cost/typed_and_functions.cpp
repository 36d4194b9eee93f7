// A unit that uses what is made of templates: typed rows, state by key, functions of its own.
#include <libstream/libstream.hpp>

using namespace libstream;

struct Bid {
  std::int64_t auction = 0;
  std::string bidder;
  std::optional<double> price;
};
BOOST_DESCRIBE_STRUCT(Bid, (), (auction, bidder, price))
struct Seen {
  std::int64_t bids = 0;
  double highest = 0;
};
BOOST_DESCRIBE_STRUCT(Seen, (), (bids, highest))

struct Highest {
  Seen zero() const { return {}; }
  void reduce(Seen& seen, const Bid& bid) const { merge(seen, {1, bid.price.value_or(0)}); }
  void merge(Seen& a, const Seen& b) const {
    a = {a.bids + b.bids, std::max(a.highest, b.highest)};
  }
  double finish(const Seen& seen) const { return seen.highest; }
};

DataStream typed(const DataStream& stream) {
  return stream.as<Bid>()
      .filter([](const Bid& bid) { return bid.price > 0.0; })
      .group_by_key([](const Bid& bid) { return bid.auction; })
      .map_groups_with_state<Seen>(
          GroupTimeout::processing_time,
          [](std::int64_t, std::span<const Bid> bids, GroupState<Seen>& state) {
            Seen seen = state.get_or_default();
            seen.bids += static_cast<std::int64_t>(bids.size());
            state.update(seen);
            state.set_timeout_duration("1 minute");
            return seen;
          })
      .to_stream();
}

DataStream columns(const DataStream& stream) {
  const auto in_cents = udf("in_cents", [](double price) { return price * 100; });
  return stream.with_column("price", in_cents("price"))
      .group_by("auction", window("time", std::chrono::minutes(1)))
      .agg(count(), udaf("highest", Highest{})());
}
