// error: this udaf needs void merge(Buffer&, const Buffer&) const
struct Total {
  double zero() const { return 0; }
  void reduce(double& sum, double value) const { sum += value; }
  double finish(double sum) const { return sum; }
};
auto mistake() { return udaf("total", Total{}); }
