// error: the function of map must return a struct named in BOOST_DESCRIBE_STRUCT
auto mistake() {
  return bids().map([](const Bid&) {});
}
