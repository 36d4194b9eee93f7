// error: the function on groups must be callable as f(const Key&
auto mistake() {
  return by_auction().map_groups_with_state<Count>(
      GroupTimeout::none, [](std::int64_t, std::span<const Bid> rows) { return rows.size(); });
}
