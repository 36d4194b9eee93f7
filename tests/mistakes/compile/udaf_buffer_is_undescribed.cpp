// error: the buffer of this udaf (the first parameter of reduce) must be a struct named in
struct Total {
  Undescribed zero() const { return {}; }
  void reduce(Undescribed& sum, double) const { ++sum.rows; }
  void merge(Undescribed&, const Undescribed&) const {}
  std::int64_t finish(const Undescribed& sum) const { return sum.rows; }
};
auto mistake() { return udaf("total", Total{}); }
