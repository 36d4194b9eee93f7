#include "../functions/comparison.hpp"
#include "object.hpp"
#include "percentages.hpp"
#include "value_bytes.hpp"

#include <algorithm>
#include <numeric>

namespace libstream::aggregates {
namespace {

/// How often each value came.
struct Counted {
  ByteSet values;
  std::vector<std::int64_t> counts;
  std::string scratch;

  void clear() {
    values.clear();
    counts.clear();
  }
  void add(std::string_view value, std::int64_t count) {
    const std::uint32_t number = values.add(value);
    if (number == counts.size()) counts.push_back(0);
    counts[number] += count;
  }
};

/// The part that percentile and mode share: accumulators are the values and their counts.
struct CountingPolicy {
  using Object = Counted;
  ValueBytes values;
  std::vector<DataType> argument_types;
  std::vector<DataType> intermediate_types;
  DataType result_type;

  CountingPolicy(const DataType& type, DataType result)
      : values(type),
        argument_types{type},
        intermediate_types{DataType::array(type, false), DataType::array(TypeId::bigint, false)},
        result_type(std::move(result)) {}

  std::unique_ptr<Object> make() const { return std::make_unique<Object>(); }
  void add(Object& o, std::span<const ColumnPtr> arguments, std::size_t row) const {
    o.add(values.read(*arguments[0], row, o.scratch), 1);
  }
  void merge(Object& o, std::span<const ColumnPtr> columns, std::size_t row) const {
    const auto* counts = columns[1]->child(0)->values<std::int64_t>();
    auto at = static_cast<std::size_t>(columns[1]->offsets()[row]);
    for_elements(*columns[0], row, [&](std::size_t i) {
      o.add(values.read(*columns[0]->child(0), i, o.scratch), counts[at++]);
    });
  }
  void write(const Object& o, std::vector<ColumnBuilder>& builders) const {
    for (std::size_t i = 0; i < o.counts.size(); ++i) {
      values.append(o.values.at(i), builders[0].child(0));
      builders[1].child(0).append(o.counts[i]);
    }
    builders[0].append_array(o.counts.size());
    builders[1].append_array(o.counts.size());
  }
};

struct PercentilePolicy : CountingPolicy {
  Percentages percentages;
  enum class Kind { interpolated, discrete, discrete_descending } kind;

  PercentilePolicy(Percentages wanted, Kind how)
      : CountingPolicy(TypeId::float64, wanted.type(TypeId::float64)),
        percentages(std::move(wanted)),
        kind(how) {}

  void finish(const Object* o, ColumnBuilder& builder) const {
    if (o == nullptr) return builder.append_null();
    std::vector<std::pair<double, std::int64_t>> sorted(o->counts.size());
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      std::memcpy(&sorted[i].first, o->values.at(i).data(), sizeof(double));
      sorted[i].second = o->counts[i];
    }
    const bool descending = kind == Kind::discrete_descending;
    std::sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) {
      return descending ? less(b.first, a.first) : less(a.first, b.first);
    });
    for (std::size_t i = 1; i < sorted.size(); ++i) sorted[i].second += sorted[i - 1].second;
    percentages.append(builder, [&](ColumnBuilder& to, double p) { to.append(at(sorted, p)); });
  }

 private:
  using Sorted = std::vector<std::pair<double, std::int64_t>>;  // with running counts

  static double value_at(const Sorted& sorted, std::int64_t rank) {
    return std::lower_bound(sorted.begin(), sorted.end(), rank + 1,
                            [](const auto& entry, std::int64_t r) { return entry.second < r; })
        ->first;
  }
  double at(const Sorted& sorted, double p) const {
    const std::int64_t count = sorted.back().second;
    if (kind != Kind::interpolated) {  // the first value with that share of rows up to it
      const auto rank = static_cast<std::int64_t>(std::ceil(static_cast<double>(count) * p));
      return value_at(sorted, std::max<std::int64_t>(rank - 1, 0));
    }
    const double position = static_cast<double>(count - 1) * p;
    const double lower = std::floor(position);
    const double higher = std::ceil(position);
    const double low = value_at(sorted, static_cast<std::int64_t>(lower));
    const double high = value_at(sorted, static_cast<std::int64_t>(higher));
    if (lower == higher || low == high) return low;
    return (higher - position) * low + (position - lower) * high;
  }
};

/// The most frequent value; of several the least.
struct ModePolicy : CountingPolicy {
  explicit ModePolicy(const DataType& type) : CountingPolicy(type, type) {}

  void finish(const Object* o, ColumnBuilder& builder) const {
    if (o == nullptr) return builder.append_null();
    const std::int64_t most = *std::max_element(o->counts.begin(), o->counts.end());
    ColumnBuilder candidates(result_type);
    for (std::size_t i = 0; i < o->counts.size(); ++i) {
      if (o->counts[i] == most) values.append(o->values.at(i), candidates);
    }
    const ColumnPtr column = candidates.finish();
    std::size_t best = 0;
    for (std::size_t i = 1; i < column->size(); ++i) {
      if (compare_rows(*column, i, *column, best) < 0) best = i;
    }
    builder.append_from(*column, best);
  }
};

void expect_number(const Request& request) {
  const DataType& type = request.arguments[0];
  if (!type.is_numeric() && type.id() != TypeId::string && type.id() != TypeId::null) {
    wrong_types(request, "a number");
  }
}

AggregatePtr percentile(const Request& request, Percentages wanted, PercentilePolicy::Kind kind) {
  expect_number(request);
  return std::make_shared<ObjectAggregate<PercentilePolicy>>(
      request, PercentilePolicy(std::move(wanted), kind));
}

}  // namespace

AggregatePtr resolve_percentile(const Request& request) {
  return percentile(request, Percentages::parse(request), PercentilePolicy::Kind::interpolated);
}

AggregatePtr resolve_percentile_discrete(const Request& request) {
  bool descending = false;
  if (request.options.size() > 1) {
    if (!std::holds_alternative<bool>(request.options[1].data)) {
      wrong_types(request, "true or false behind the percentage: descending order");
    }
    descending = request.options[1].boolean();
  }
  return percentile(
      request, Percentages::parse(request),
      descending ? PercentilePolicy::Kind::discrete_descending : PercentilePolicy::Kind::discrete);
}

AggregatePtr resolve_median(const Request& request) {
  return percentile(request, Percentages{{0.5}, false}, PercentilePolicy::Kind::interpolated);
}

AggregatePtr resolve_mode(const Request& request) {
  const DataType& type = request.arguments[0];
  if (type.id() == TypeId::null) wrong_types(request, "a typed value; cast the NULL to a type");
  return std::make_shared<ObjectAggregate<ModePolicy>>(request, ModePolicy(type));
}

}  // namespace libstream::aggregates
