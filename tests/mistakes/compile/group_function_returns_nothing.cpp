// error: the function of map_groups_with_state must return a row
auto mistake() {
  return by_auction().map_groups_with_state<Count>(
      GroupTimeout::none, [](std::int64_t, std::span<const Bid>, GroupState<Count>&) {});
}
