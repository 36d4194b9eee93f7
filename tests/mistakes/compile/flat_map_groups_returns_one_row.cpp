// error: the function of flat_map_groups_with_state must return a range
auto mistake() {
  return by_auction().flat_map_groups_with_state<Count>(
      OutputMode::append, GroupTimeout::none,
      [](std::int64_t, std::span<const Bid>, GroupState<Count>&) { return Count{}; });
}
