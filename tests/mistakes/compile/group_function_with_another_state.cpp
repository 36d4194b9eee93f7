// error: the function on groups must be callable as f(const Key&
struct Other {
  double sum = 0;
};
BOOST_DESCRIBE_STRUCT(Other, (), (sum))
auto mistake() {
  return by_auction().map_groups_with_state<Count>(
      GroupTimeout::none,
      [](std::int64_t, std::span<const Bid>, GroupState<Other>&) { return Count{}; });
}
