// error: the key must be a struct named in BOOST_DESCRIBE_STRUCT
auto mistake() {
  return bids().group_by_key([](const Bid&) { return Undescribed{}; });
}
