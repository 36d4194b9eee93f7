// error: this udf returns a type that no column holds (or nothing)
auto mistake() {
  return udf("print", [](std::int64_t) {});
}
