// error: the function of flat_map must return a range
auto mistake() {
  return bids().flat_map([](const Bid& b) { return b; });
}
