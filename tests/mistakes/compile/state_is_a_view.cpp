// error: state must own its fields
struct Last {
  std::string_view bidder;
};
BOOST_DESCRIBE_STRUCT(Last, (), (bidder))
auto mistake() {
  return by_auction().map_groups_with_state<Last>(
      GroupTimeout::none,
      [](std::int64_t, std::span<const Bid>, GroupState<Last>&) { return Count{}; });
}
