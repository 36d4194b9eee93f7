// error: the state must be a struct named in BOOST_DESCRIBE_STRUCT
auto mistake() {
  return by_auction().map_groups_with_state<Undescribed>(
      GroupTimeout::none,
      [](std::int64_t, std::span<const Bid>, GroupState<Undescribed>&) { return Count{}; });
}
