// error: the function of group_by_key must take a const T& of the stream's type
auto mistake() {
  return bids().group_by_key([](const std::string& s) { return s; });
}
