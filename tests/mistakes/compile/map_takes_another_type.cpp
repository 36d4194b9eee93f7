// error: the function of map must take a const T& of the stream's type
auto mistake() {
  return bids().map([](const Count& c) { return c.rows; });
}
