// error: a field of this struct has a type that no column can hold
struct Event {
  std::uint64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Event, (), (count))
auto mistake() { return table().as<Event>(); }
