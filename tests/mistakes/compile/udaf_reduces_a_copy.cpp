// error: reduce takes the buffer by value and returns nothing
struct Total {
  double zero() const { return 0; }
  void reduce(double sum, double value) const { sum += value; }
  void merge(double& sum, double other) const { sum += other; }
  double finish(double sum) const { return sum; }
};
auto mistake() { return udaf("total", Total{}); }
