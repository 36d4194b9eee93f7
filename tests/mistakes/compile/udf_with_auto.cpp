// error: udf needs a function or a lambda whose parameters have types (not auto)
auto mistake() {
  return udf("twice", [](auto x) { return x + x; });
}
