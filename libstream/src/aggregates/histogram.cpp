#include "object.hpp"
#include "percentages.hpp"

#include <algorithm>

namespace libstream::aggregates {
namespace {

/// Bins with a centre and a weight (Ben-Haim and Tom-Tov 2010): a new value is a bin of its own,
/// then the two nearest bins become one until there are few enough.
struct Histogram {
  struct Bin {
    double centre;
    double weight;
  };
  std::vector<Bin> bins;

  void clear() { bins.clear(); }
  void add(double centre, double weight, std::size_t most) {
    const auto at = std::lower_bound(bins.begin(), bins.end(), centre,
                                     [](const Bin& bin, double c) { return less(bin.centre, c); });
    if (at != bins.end() && at->centre == centre) {
      at->weight += weight;
    } else {
      bins.insert(at, {centre, weight});
    }
    while (bins.size() > most) join_nearest();
  }

 private:
  void join_nearest() {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < bins.size(); ++i) {
      if (bins[i + 1].centre - bins[i].centre < bins[best + 1].centre - bins[best].centre) best = i;
    }
    Bin& left = bins[best];
    const Bin& right = bins[best + 1];
    const double weight = left.weight + right.weight;
    left.centre = (left.centre * left.weight + right.centre * right.weight) / weight;
    left.weight = weight;
    bins.erase(bins.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
};

template <class T>
struct HistogramPolicy {
  using Object = Histogram;
  std::size_t most;
  std::vector<DataType> argument_types;
  std::vector<DataType> intermediate_types{DataType::array(TypeId::float64, false),
                                           DataType::array(TypeId::float64, false)};
  DataType result_type;

  HistogramPolicy(const DataType& type, std::size_t bins)
      : most(bins),
        argument_types{type},
        result_type(DataType::array(
            DataType::structure({{"x", type, true}, {"y", TypeId::float64, true}}), true)) {}

  std::unique_ptr<Object> make() const { return std::make_unique<Object>(); }
  void add(Object& o, std::span<const ColumnPtr> arguments, std::size_t row) const {
    o.add(static_cast<double>(arguments[0]->values<T>()[row]), 1, most);
  }
  void merge(Object& o, std::span<const ColumnPtr> columns, std::size_t row) const {
    const auto* weights = columns[1]->child(0)->values<double>();
    auto at = static_cast<std::size_t>(columns[1]->offsets()[row]);
    for_elements(*columns[0], row, [&](std::size_t i) {
      o.add(columns[0]->child(0)->values<double>()[i], weights[at++], most);
    });
  }
  void write(const Object& o, std::vector<ColumnBuilder>& builders) const {
    for (const Histogram::Bin& bin : o.bins) {
      builders[0].child(0).append(bin.centre);
      builders[1].child(0).append(bin.weight);
    }
    for (ColumnBuilder& builder : builders) builder.append_array(o.bins.size());
  }
  void finish(const Object* o, ColumnBuilder& builder) const {
    if (o == nullptr) return builder.append_null();
    for (const Histogram::Bin& bin : o->bins) {
      builder.child(0).child(0).append(static_cast<T>(bin.centre));
      builder.child(0).child(1).append(bin.weight);
      builder.child(0).append_structure();
    }
    builder.append_array(o->bins.size());
  }
};

}  // namespace

AggregatePtr resolve_histogram(const Request& request) {
  const DataType& type = request.arguments[0];
  double bins = 0;
  if (type.id() == TypeId::boolean || type.id() == TypeId::decimal || !is_fixed_width(type)) {
    wrong_types(request, "a number (no decimal), date, timestamp or interval");
  }
  if (request.options.empty() || !number_of(request.options[0], bins) || !(bins >= 2) ||
      bins > 1e6) {
    wrong_types(request, "a constant number of bins, at least 2, behind the value");
  }
  return visit_storage(type, [&](auto zero) -> AggregatePtr {
    using Policy = HistogramPolicy<decltype(zero)>;
    return std::make_shared<ObjectAggregate<Policy>>(request,
                                                     Policy(type, static_cast<std::size_t>(bins)));
  });
}

}  // namespace libstream::aggregates
