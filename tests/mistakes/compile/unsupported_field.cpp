// error: a field of this struct has a type that no column can hold
struct Event {
  std::map<std::string, int> counts;
};
BOOST_DESCRIBE_STRUCT(Event, (), (counts))
auto mistake() { return table().as<Event>().to_stream(); }
