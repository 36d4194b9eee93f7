// error: a parameter of this udf has a type that no column holds
auto mistake() {
  return udf("size", [](const std::map<int, int>& m) { return static_cast<int>(m.size()); });
}
