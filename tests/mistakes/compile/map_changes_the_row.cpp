// error: the function of map must take a const T& of the stream's type
auto mistake() {
  return bids().map([](Bid& b) {
    b.price = 0;
    return b;
  });
}
