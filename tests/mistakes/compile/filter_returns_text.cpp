// error: the function of filter must take a const T& and return a bool
auto mistake() {
  return bids().filter([](const Bid& b) { return b.bidder; });
}
