#include "naive_aggregates.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

namespace libstream::oracle {
namespace {

using Rows = std::vector<Row>;
using Options = std::vector<Value>;
/// Of the rows that have no null, at least one of them.
using OfPresent = std::function<Value(const Rows&, const Options&)>;

Rows present(const Rows& rows) {
  Rows kept;
  for (const Row& row : rows) {
    if (std::none_of(row.begin(), row.end(), [](const Value& v) { return v.is_null(); })) {
      kept.push_back(row);
    }
  }
  return kept;
}

double number(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value.data)) {
    return static_cast<double>(*whole);
  }
  // Decimals of the test have two digits.
  if (const auto* d = std::get_if<int128>(&value.data)) return static_cast<double>(*d) / 100;
  return value.real();
}

Value real(long double value) { return static_cast<double>(value); }
long double size(const Rows& rows) { return static_cast<long double>(rows.size()); }

long double mean(const Rows& rows, std::size_t column) {
  long double sum = 0;
  for (const Row& row : rows) sum += number(row[column]);
  return sum / size(rows);
}

/// Sum of (a - mean a) · (b - mean b).
long double product(const Rows& rows, std::size_t a, std::size_t b) {
  const auto mean_a = mean(rows, a);
  const auto mean_b = mean(rows, b);
  long double sum = 0;
  for (const Row& row : rows) sum += (number(row[a]) - mean_a) * (number(row[b]) - mean_b);
  return sum;
}

long double moment(const Rows& rows, int power) {
  const auto center = mean(rows, 0);
  long double sum = 0;
  for (const Row& row : rows) sum += std::pow(number(row[0]) - center, power);
  return sum;
}

Value sum(const Rows& rows, const Options&) {
  std::int64_t whole = 0;
  int128 digits = 0;
  double total = 0;
  for (const Row& row : rows) {
    if (const auto* i = std::get_if<std::int64_t>(&row[0].data)) whole += *i;
    if (const auto* i = std::get_if<int128>(&row[0].data)) digits += *i;
    if (const auto* d = std::get_if<double>(&row[0].data)) total += *d;
  }
  if (std::holds_alternative<std::int64_t>(rows[0][0].data)) return whole;
  if (std::holds_alternative<int128>(rows[0][0].data)) return digits;
  return total;
}

/// Decimals gain four digits and round half away from zero.
Value average(const Rows& rows, const Options& options) {
  const Value total = sum(rows, options);
  const auto count = static_cast<std::int64_t>(rows.size());
  if (const auto* digits = std::get_if<int128>(&total.data)) {
    const int128 scaled = *digits * 10'000;
    const int128 half = scaled < 0 ? -(count / 2) : count / 2;
    return static_cast<int128>((scaled + half) / count);
  }
  return number(total) / static_cast<double>(count);
}

std::vector<Value> sorted(const Rows& rows) {
  std::vector<Value> values;
  for (const Row& row : rows) values.push_back(row[0]);
  std::sort(values.begin(), values.end());
  return values;
}

Value percentile(const Rows& rows, double share) {
  const auto values = sorted(rows);
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double low = number(values[below]);
  if (below + 1 >= values.size() || place == static_cast<double>(below)) return low;
  return low + (place - static_cast<double>(below)) * (number(values[below + 1]) - low);
}

/// The first value of at least that share.
Value rank(const Rows& rows, double share) {
  const auto values = sorted(rows);
  std::size_t at = 0;
  while (at + 1 < values.size() &&
         static_cast<double>(at + 1) < share * static_cast<double>(values.size())) {
    ++at;
  }
  return values[at];
}

std::map<Value, std::int64_t> counts(const Rows& rows) {
  std::map<Value, std::int64_t> result;
  for (const Row& row : rows) ++result[row[0]];
  return result;
}

/// Those that came most often: any of them is the mode.
Value modes(const Rows& rows, const Options&) {
  const auto all = counts(rows);
  std::int64_t most = 0;
  for (const auto& [value, count] : all) most = std::max(most, count);
  ValueList result;
  for (const auto& [value, count] : all) {
    if (count == most) result.push_back(value);
  }
  return result;
}

/// With as many bins as values it is exact.
Value histogram(const Rows& rows, const Options&) {
  ValueList bins;
  for (const auto& [value, count] : counts(rows)) {
    bins.push_back(ValueList{value, static_cast<double>(count)});
  }
  return bins;
}

Value joined(const Rows& rows, const Options& options) {
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i > 0 && !options.empty()) text += options[0].text();
    text += rows[i][0].text();
  }
  return text;
}

template <class F>
OfPresent fold(F f) {
  return [f](const Rows& rows, const Options&) {
    Value result = rows[0][0];
    for (const Row& row : rows) result = f(result, row[0]);
    return result;
  };
}

template <bool all>
Value truth(const Rows& rows, const Options&) {
  for (const Row& row : rows) {
    if (row[0].boolean() != all) return !all;
  }
  return all;
}

template <class F>
OfPresent over(std::size_t least, F f) {
  return [=](const Rows& rows, const Options&) { return rows.size() < least ? Value() : f(rows); };
}

void add_moments(std::map<std::string, OfPresent>& table) {
  const auto variance = [](const Rows& r) { return real(product(r, 0, 0) / size(r)); };
  const auto sample = [](const Rows& r) { return real(product(r, 0, 0) / (size(r) - 1)); };
  table["var_pop"] = over(1, variance);
  table["stddev_pop"] = over(1, [=](const Rows& r) { return real(std::sqrt(variance(r).real())); });
  for (const char* name : {"variance", "var_samp"}) table[name] = over(2, sample);
  for (const char* name : {"std", "stddev", "stddev_samp"}) {
    table[name] = over(2, [=](const Rows& r) { return real(std::sqrt(sample(r).real())); });
  }
  table["skewness"] = over(1, [](const Rows& r) {
    const auto second = moment(r, 2);
    if (second == 0) return Value();
    return real(std::sqrt(size(r)) * moment(r, 3) / std::pow(second, 1.5L));
  });
  table["kurtosis"] = over(1, [](const Rows& r) {
    const auto second = moment(r, 2);
    return second == 0 ? Value() : real(size(r) * moment(r, 4) / (second * second) - 3);
  });
  table["product"] = over(1, [](const Rows& r) {
    double result = 1;
    for (const Row& row : r) result *= number(row[0]);
    return Value(result);
  });
}

/// Of pairs (y, x).
void add_pairs(std::map<std::string, OfPresent>& table) {
  const auto yy = [](const Rows& r) { return product(r, 0, 0); };
  const auto xx = [](const Rows& r) { return product(r, 1, 1); };
  const auto xy = [](const Rows& r) { return product(r, 0, 1); };
  table["covar_pop"] = over(1, [=](const Rows& r) { return real(xy(r) / size(r)); });
  table["covar_samp"] = over(2, [=](const Rows& r) { return real(xy(r) / (size(r) - 1)); });
  table["corr"] = over(2, [=](const Rows& r) {
    return xx(r) == 0 || yy(r) == 0 ? Value() : real(xy(r) / std::sqrt(xx(r) * yy(r)));
  });
  table["regr_avgy"] = over(1, [](const Rows& r) { return real(mean(r, 0)); });
  table["regr_avgx"] = over(1, [](const Rows& r) { return real(mean(r, 1)); });
  table["regr_sxx"] = over(1, [=](const Rows& r) { return real(xx(r)); });
  table["regr_syy"] = over(1, [=](const Rows& r) { return real(yy(r)); });
  table["regr_sxy"] = over(1, [=](const Rows& r) { return real(xy(r)); });
  table["regr_slope"] =
      over(2, [=](const Rows& r) { return xx(r) == 0 ? Value() : real(xy(r) / xx(r)); });
  table["regr_intercept"] = over(2, [=](const Rows& r) {
    return xx(r) == 0 ? Value() : real(mean(r, 0) - xy(r) / xx(r) * mean(r, 1));
  });
  table["regr_r2"] = over(1, [=](const Rows& r) {
    if (xx(r) == 0) return Value();
    return yy(r) == 0 ? Value(1.0) : real(xy(r) * xy(r) / xx(r) / yy(r));
  });
}

/// Aggregates that skip rows with a null and give null where none is left.
const std::map<std::string, OfPresent>& of_present() {
  static const auto result = [] {
    std::map<std::string, OfPresent> table;
    for (const char* name : {"sum", "try_sum"}) table[name] = sum;
    for (const char* name : {"avg", "mean", "try_avg"}) table[name] = average;
    table["min"] = fold([](const Value& a, const Value& b) { return b < a ? b : a; });
    table["max"] = fold([](const Value& a, const Value& b) { return a < b ? b : a; });
    const auto bits = [&](const char* name, auto f) {
      table[name] = [f](const Rows& rows, const Options&) {
        std::int64_t value = rows[0][0].integer();
        for (std::size_t i = 1; i < rows.size(); ++i) value = f(value, rows[i][0].integer());
        return Value(value);
      };
    };
    bits("bit_and", [](std::int64_t a, std::int64_t b) { return a & b; });
    bits("bit_or", [](std::int64_t a, std::int64_t b) { return a | b; });
    bits("bit_xor", [](std::int64_t a, std::int64_t b) { return a ^ b; });
    for (const char* name : {"bool_and", "every"}) table[name] = truth<true>;
    for (const char* name : {"bool_or", "any", "some"}) table[name] = truth<false>;
    table["median"] = over(1, [](const Rows& r) { return percentile(r, 0.5); });
    for (const char* name : {"percentile", "percentile_cont"}) {
      table[name] = [](const Rows& r, const Options& o) { return percentile(r, o[0].real()); };
    }
    table["percentile_disc"] = [](const Rows& r, const Options& o) {
      return Value(number(rank(r, o[0].real())));
    };
    for (const char* name : {"percentile_approx", "approx_percentile"}) {
      table[name] = [](const Rows& r, const Options& o) { return rank(r, o[0].real()); };
    }
    table["mode"] = modes;
    table["histogram_numeric"] = histogram;
    for (const char* name : {"string_agg", "listagg"}) table[name] = joined;
    add_moments(table);
    add_pairs(table);
    return table;
  }();
  return result;
}

/// The value at the least or greatest order; rows without an order do not count.
Value by_order(const Rows& rows, bool greatest) {
  const Row* best = nullptr;
  for (const Row& row : rows) {
    if (row[1].is_null()) continue;
    if (best == nullptr || (greatest ? (*best)[1] < row[1] : row[1] < (*best)[1])) best = &row;
  }
  return best == nullptr ? Value() : (*best)[0];
}

/// Aggregates with a rule of their own for nulls.
const std::map<std::string, OfPresent>& of_all() {
  static const auto result = [] {
    std::map<std::string, OfPresent> table;
    for (const char* name : {"count", "regr_count", "approx_count_distinct", "count_if"}) {
      table[name] = [count_if = std::string(name) == "count_if",
                     values = std::string(name) == "approx_count_distinct"](const Rows& rows,
                                                                            const Options&) {
        auto kept = present(rows);
        if (count_if) std::erase_if(kept, [](const Row& row) { return !row[0].boolean(); });
        if (values) return Value(static_cast<std::int64_t>(counts(kept).size()));
        return Value(static_cast<std::int64_t>(kept.size()));
      };
    }
    table["min_by"] = [](const Rows& r, const Options&) { return by_order(r, false); };
    table["max_by"] = [](const Rows& r, const Options&) { return by_order(r, true); };
    for (const char* name : {"first", "first_value", "any_value", "last", "last_value"}) {
      const bool last = std::string(name).starts_with("last");
      table[name] = [last](const Rows& rows, const Options& o) {
        const auto& kept = !o.empty() && o[0].boolean() ? present(rows) : rows;
        return kept.empty() ? Value() : last ? kept.back()[0] : kept.front()[0];
      };
    }
    for (const char* name : {"collect_list", "array_agg", "collect_set"}) {
      table[name] = [set = std::string(name) == "collect_set"](const Rows& rows, const Options&) {
        ValueList list;
        for (const Row& row : present(rows)) list.push_back(row[0]);
        std::sort(list.begin(), list.end());
        if (set) list.erase(std::unique(list.begin(), list.end()), list.end());
        return Value(list);
      };
    }
    return table;
  }();
  return result;
}

}  // namespace

Value naive_aggregate(const std::string& name, std::vector<Row> arguments, const Options& options,
                      bool distinct) {
  if (distinct) {
    std::set<Row> seen;
    std::erase_if(arguments, [&](const Row& row) { return !seen.insert(row).second; });
  }
  if (const auto own = of_all().find(name); own != of_all().end()) {
    return own->second(arguments, options);
  }
  const auto rows = present(arguments);
  return rows.empty() ? Value() : of_present().at(name)(rows, options);
}

Compare compare_of(const std::string& name) {
  if (name == "skewness" || name == "kurtosis") return Compare::rough;
  if (name == "collect_list" || name == "array_agg" || name == "collect_set") {
    return Compare::unordered;
  }
  if (name == "mode") return Compare::one_of;
  if (name == "approx_count_distinct") return Compare::estimate;
  return Compare::close;
}

}  // namespace libstream::oracle
