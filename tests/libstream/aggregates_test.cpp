// Every aggregate against a recomputation over all values, however the rows are cut into
// accumulators: one state, partial states merged in any order, accumulators of single rows,
// accumulators that were encoded and decoded as a checkpoint does.
#include "accumulator.hpp"

#include <libstream/aggregate.hpp>
#include <libstream/batch.hpp>
#include <libstream/error.hpp>
#include <libstream/value_codec.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <set>

using namespace libstream;
using namespace libstream::test;

namespace {

bool near(const Value& a, const Value& b) {
  if (std::holds_alternative<ValueList>(a.data) && std::holds_alternative<ValueList>(b.data)) {
    return a.list().size() == b.list().size() &&
           std::equal(a.list().begin(), a.list().end(), b.list().begin(), near);
  }
  if (std::holds_alternative<double>(a.data) && std::holds_alternative<double>(b.data)) {
    if (std::isnan(a.real()) || std::isnan(b.real()))
      return std::isnan(a.real()) == std::isnan(b.real());
    const double scale = std::max({1.0, std::fabs(a.real()), std::fabs(b.real())});
    return a.real() == b.real() || std::fabs(a.real() - b.real()) <= 1e-9 * scale;
  }
  return a == b;
}

Value sorted(Value value) {
  if (auto* list = std::get_if<ValueList>(&value.data)) std::sort(list->begin(), list->end());
  return value;
}

using Naive = std::function<Value(const Rows&)>;

struct Case {
  std::string name;
  std::vector<DataType> types;
  std::vector<Value> options;
  Naive naive;
  bool ordered = false;  ///< depends on the order of rows
  bool as_set = false;   ///< a list in any order
  bool distinct = false;
};

void check(const Case& test, const Rows& rows, std::mt19937_64& random) {
  const AggregatePtr f = resolve_aggregate(test.name, test.types, test.options, test.distinct);
  const auto normal = [&](Value value) { return test.as_set ? sorted(std::move(value)) : value; };
  const Value expected = normal(test.naive(rows));
  const auto matches = [&](const char* how, const Value& got) {
    INFO(test.name, ", ", how, ": ", to_text(normal(got), f->result_type()), " instead of ",
         to_text(expected, f->result_type()));
    CHECK(near(normal(got), expected));
  };
  matches("one state", in_one(*f, rows));
  matches("states", through_states(*f, rows));
  matches("filtered", filtered(*f, rows, true));
  matches("filtered states", filtered(*f, rows, false));
  matches("singletons", as_singletons(*f, rows, false));
  matches("filtered singletons", as_singletons(*f, rows, true));
  matches("parts", in_parts(*f, rows, random, false));
  if (!test.ordered) matches("parts in any order", in_parts(*f, rows, random, true));
  matches("restarts", restarted(*f, rows));
}

// Naive answers.

Rows present(const Rows& rows) {
  Rows result;
  for (const Row& row : rows) {
    if (std::none_of(row.begin(), row.end(), [](const Value& v) { return v.is_null(); })) {
      result.push_back(row);
    }
  }
  return result;
}
double number(const Value& value) {
  return std::holds_alternative<double>(value.data) ? value.real()
                                                    : static_cast<double>(value.integer());
}
long double mean_of(const Rows& rows, std::size_t column) {
  long double sum = 0;
  for (const Row& row : rows) sum += number(row[column]);
  return sum / static_cast<long double>(rows.size());
}
long double moment(const Rows& rows, std::size_t a, int power) {
  const long double mean = mean_of(rows, a);
  long double sum = 0;
  for (const Row& row : rows) sum += std::pow(number(row[a]) - mean, power);
  return sum;
}
long double product_of(const Rows& rows) {
  const long double a = mean_of(rows, 0);
  const long double b = mean_of(rows, 1);
  long double sum = 0;
  for (const Row& row : rows) sum += (number(row[0]) - a) * (number(row[1]) - b);
  return sum;
}
Value real(long double value) { return Value(static_cast<double>(value)); }

/// `f` of the rows without nulls where there are at least `least` of them, else null.
Naive over(std::size_t least, std::function<Value(const Rows&)> f) {
  return [=](const Rows& all) {
    const Rows rows = present(all);
    return rows.size() < least ? Value() : f(rows);
  };
}
std::vector<Value> column(const Rows& rows) {
  std::vector<Value> values;
  for (const Row& row : rows) values.push_back(row[0]);
  return values;
}
Value percentile_of(std::vector<Value> values, double p) {
  std::sort(values.begin(), values.end());
  const double place = p * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double low = number(values[below]);
  if (below + 1 >= values.size()) return Value(low);
  return Value(low + (place - static_cast<double>(below)) * (number(values[below + 1]) - low));
}

const DataType whole = TypeId::bigint;
const DataType dbl = TypeId::float64;
const DataType text = TypeId::string;

template <class F>
Naive folding(F f) {
  return over(1, [f](const Rows& rows) {
    Value result = rows[0][0];
    for (std::size_t i = 1; i < rows.size(); ++i) result = f(result, rows[i][0]);
    return result;
  });
}

std::vector<Case> moment_cases() {
  std::vector<Case> cases;
  const auto add = [&](const char* name, Naive naive) {
    cases.push_back({name, {dbl}, {}, std::move(naive)});
  };
  const auto n = [](const Rows& rows) { return static_cast<long double>(rows.size()); };
  for (const char* name : {"variance", "var_samp"}) {
    add(name, over(2, [n](const Rows& r) { return real(moment(r, 0, 2) / (n(r) - 1)); }));
  }
  for (const char* name : {"std", "stddev", "stddev_samp"}) {
    add(name,
        over(2, [n](const Rows& r) { return real(std::sqrt(moment(r, 0, 2) / (n(r) - 1))); }));
  }
  add("var_pop", over(1, [n](const Rows& r) { return real(moment(r, 0, 2) / n(r)); }));
  add("stddev_pop",
      over(1, [n](const Rows& r) { return real(std::sqrt(moment(r, 0, 2) / n(r))); }));
  add("skewness", over(1, [n](const Rows& r) {
        const auto m2 = moment(r, 0, 2);
        return m2 == 0 ? Value() : real(std::sqrt(n(r)) * moment(r, 0, 3) / std::pow(m2, 1.5L));
      }));
  add("kurtosis", over(1, [n](const Rows& r) {
        const auto m2 = moment(r, 0, 2);
        return m2 == 0 ? Value() : real(n(r) * moment(r, 0, 4) / (m2 * m2) - 3);
      }));
  add("product", over(1, [](const Rows& r) {
        double product = 1;
        for (const Row& row : r) product *= number(row[0]);
        return Value(product);
      }));
  return cases;
}

std::vector<Case> pair_cases() {
  std::vector<Case> cases;
  const auto add = [&](const char* name, std::size_t least, std::function<Value(const Rows&)> f) {
    cases.push_back({name, {dbl, dbl}, {}, over(least, std::move(f))});
  };
  const auto n = [](const Rows& rows) { return static_cast<long double>(rows.size()); };
  const auto a2 = [](const Rows& r) { return moment(r, 0, 2); };
  const auto b2 = [](const Rows& r) { return moment(r, 1, 2); };
  add("covar_pop", 1, [n](const Rows& r) { return real(product_of(r) / n(r)); });
  add("covar_samp", 2, [n](const Rows& r) { return real(product_of(r) / (n(r) - 1)); });
  add("corr", 2, [=](const Rows& r) {
    return a2(r) == 0 || b2(r) == 0 ? Value() : real(product_of(r) / std::sqrt(a2(r) * b2(r)));
  });
  cases.push_back({"regr_count", {dbl, dbl}, {}, [](const Rows& rows) {
                     return Value(static_cast<std::int64_t>(present(rows).size()));
                   }});
  add("regr_avgy", 1, [](const Rows& r) { return real(mean_of(r, 0)); });
  add("regr_avgx", 1, [](const Rows& r) { return real(mean_of(r, 1)); });
  add("regr_sxx", 1, [=](const Rows& r) { return real(b2(r)); });
  add("regr_syy", 1, [=](const Rows& r) { return real(a2(r)); });
  add("regr_sxy", 1, [](const Rows& r) { return real(product_of(r)); });
  add("regr_slope", 2,
      [=](const Rows& r) { return b2(r) == 0 ? Value() : real(product_of(r) / b2(r)); });
  add("regr_intercept", 2, [=](const Rows& r) {
    if (b2(r) == 0) return Value();
    return real(mean_of(r, 0) - product_of(r) / b2(r) * mean_of(r, 1));
  });
  add("regr_r2", 1, [=](const Rows& r) {
    if (b2(r) == 0) return Value();
    return a2(r) == 0 ? Value(1.0) : real(product_of(r) * product_of(r) / a2(r) / b2(r));
  });
  return cases;
}

std::vector<Case> whole_cases() {
  std::vector<Case> cases;
  const auto add = [&](const char* name, Naive naive, std::vector<Value> options = {}) {
    cases.push_back({name, {whole}, std::move(options), std::move(naive)});
  };
  add("try_sum",
      folding([](const Value& a, const Value& b) { return Value(a.integer() + b.integer()); }));
  add("try_avg", over(1, [](const Rows& r) { return real(mean_of(r, 0)); }));
  add("bit_and",
      folding([](const Value& a, const Value& b) { return Value(a.integer() & b.integer()); }));
  add("bit_or",
      folding([](const Value& a, const Value& b) { return Value(a.integer() | b.integer()); }));
  add("bit_xor",
      folding([](const Value& a, const Value& b) { return Value(a.integer() ^ b.integer()); }));
  add("median", over(1, [](const Rows& r) { return percentile_of(column(r), 0.5); }));
  add("percentile",
      over(1,
           [](const Rows& r) {
             return Value(ValueList{percentile_of(column(r), 0.0), percentile_of(column(r), 0.3),
                                    percentile_of(column(r), 1.0)});
           }),
      {Value(ValueList{Value(0), Value(0.3), Value(1)})});
  add("percentile_cont", over(1, [](const Rows& r) { return percentile_of(column(r), 0.9); }),
      {Value(0.9)});
  add("percentile_disc",
      over(1,
           [](const Rows& r) {
             auto values = column(r);
             std::sort(values.begin(), values.end());
             std::size_t at = 0;  // the first with a share of at least 0.25
             while (static_cast<double>(at + 1) < 0.25 * static_cast<double>(values.size())) ++at;
             return Value(number(values[at]));
           }),
      {Value(0.25)});
  add("mode", over(1, [](const Rows& r) {
        std::map<std::int64_t, int> counts;
        for (const Value& v : column(r)) ++counts[v.integer()];
        std::int64_t best = counts.begin()->first;
        for (const auto& [value, count] : counts) {
          if (count > counts[best]) best = value;
        }
        return Value(best);
      }));
  for (const char* name : {"percentile_approx", "approx_percentile"}) {
    // Few enough rows that the sketch is exact.
    add(name,
        over(1,
             [](const Rows& r) {
               auto values = column(r);
               std::sort(values.begin(), values.end());
               const auto rank =
                   static_cast<std::size_t>(std::ceil(0.5 * static_cast<double>(values.size())));
               return values[rank - 1];
             }),
        {Value(0.5), Value(10'000)});
  }
  add("approx_count_distinct", [](const Rows& rows) {
    const auto values = column(present(rows));
    return Value(static_cast<std::int64_t>(std::set<Value>(values.begin(), values.end()).size()));
  });
  for (const char* name : {"collect_list", "array_agg"}) {
    add(name, [](const Rows& rows) { return Value(ValueList(column(present(rows)))); });
    cases.back().as_set = true;
  }
  add("collect_set", [](const Rows& rows) {
    const auto values = column(present(rows));
    const std::set<Value> set(values.begin(), values.end());
    return Value(ValueList(set.begin(), set.end()));
  });
  cases.back().as_set = true;
  return cases;
}

std::vector<Case> distinct_cases() {
  const auto unique = [](const Rows& rows) {
    Rows result = present(rows);
    std::sort(result.begin(), result.end());
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return result;
  };
  const Naive count = [unique](const Rows& rows) {
    return Value(static_cast<std::int64_t>(unique(rows).size()));
  };
  const Naive sum = [unique](const Rows& rows) {
    std::int64_t total = 0;
    for (const Row& row : unique(rows)) total += row[0].integer();
    return unique(rows).empty() ? Value() : Value(total);
  };
  std::vector<Case> cases{{"count", {whole}, {}, count},
                          {"sum", {whole}, {}, sum},
                          {"count", {text, whole}, {}, count},
                          {"count", {text}, {}, count}};
  cases.push_back({"covar_pop", {dbl, dbl}, {}, [unique](const Rows& rows) {
                     const Rows r = unique(rows);
                     if (r.empty()) return Value();
                     return real(product_of(r) / static_cast<long double>(r.size()));
                   }});
  cases.push_back({"max", {whole}, {}, [unique](const Rows& rows) {
                     return unique(rows).empty() ? Value() : unique(rows).back()[0];
                   }});
  for (Case& test : cases) test.distinct = true;
  return cases;
}

/// The value where the order is the greatest (least): the newest of equals.
template <bool Max>
Value by(const Rows& rows) {
  const Row* best = nullptr;
  for (const Row& row : rows) {
    if (row[1].is_null()) continue;
    if (best == nullptr || !(Max ? row[1] < (*best)[1] : (*best)[1] < row[1])) best = &row;
  }
  return best == nullptr ? Value() : (*best)[0];
}

std::vector<Case> other_cases() {
  std::vector<Case> cases;
  for (const DataType& order : {whole, text, dbl}) {
    for (const DataType& value : {whole, text, DataType::array(TypeId::bigint)}) {
      cases.push_back({"max_by", {value, order}, {}, by<true>, true});
      cases.push_back({"min_by", {value, order}, {}, by<false>, true});
    }
  }
  const auto join = [](const char* between) {
    return over(1, [between](const Rows& rows) {
      std::string all;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        all += (i == 0 ? "" : between) + rows[i][0].text();
      }
      return Value(all);
    });
  };
  cases.push_back({"string_agg", {text}, {Value(", ")}, join(", "), true});
  cases.push_back({"listagg", {text}, {}, join(""), true});
  const auto pick = [](bool last, bool ignore) {
    return [=](const Rows& rows) {
      Value found;
      bool any = false;
      for (const Row& row : rows) {
        if ((ignore && row[0].is_null()) || (any && !last)) continue;
        found = row[0];
        any = true;
      }
      return found;
    };
  };
  for (const DataType& type : {whole, text, DataType::array(TypeId::bigint)}) {
    cases.push_back({"first", {type}, {Value(true)}, pick(false, true), true});
    cases.push_back({"any_value", {type}, {}, pick(false, false), true});
    cases.push_back({"last", {type}, {Value(true)}, pick(true, true), true});
    cases.push_back({"last_value", {type}, {Value(false)}, pick(true, false), true});
    cases.push_back({"collect_list",
                     {type},
                     {},
                     [](const Rows& rows) { return Value(ValueList(column(present(rows)))); },
                     true});
  }
  const auto truth = [](bool all) {
    return over(1, [all](const Rows& rows) {
      for (const Row& row : rows) {
        if (row[0].boolean() != all) return Value(!all);
      }
      return Value(all);
    });
  };
  for (const char* name : {"bool_and", "every"}) {
    cases.push_back({name, {TypeId::boolean}, {}, truth(true)});
  }
  for (const char* name : {"bool_or", "any", "some"}) {
    cases.push_back({name, {TypeId::boolean}, {}, truth(false)});
  }
  return cases;
}

Value random_value(const DataType& type, std::mt19937_64& random) {
  if (random() % 5 == 0) return Value();
  const auto small = static_cast<std::int64_t>(random() % 7) - 2;
  switch (type.id()) {
    case TypeId::boolean:
      return Value(small > 0);
    case TypeId::float64:
      return Value(static_cast<double>(small) * 1.25);
    case TypeId::string:
      return Value(small < 0
                       ? "a text that does not fit into sixteen bytes " + std::to_string(small)
                       : std::string(static_cast<std::size_t>(small), 'x'));
    case TypeId::array:
      return Value(ValueList{Value(small), Value(), Value(small + 1)});
    default:
      return Value(small);
  }
}

}  // namespace

TEST_CASE("Aggregates agree with a recomputation however their rows are cut") {
  std::vector<Case> cases;
  for (const auto& part :
       {moment_cases(), pair_cases(), whole_cases(), distinct_cases(), other_cases()}) {
    cases.insert(cases.end(), part.begin(), part.end());
  }
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    for (const Case& test : cases) {
      Rows rows(seed < 4 ? seed - 1 : random() % 40);
      for (Row& row : rows) {
        for (const DataType& type : test.types) row.push_back(random_value(type, random));
      }
      check(test, rows, random);
    }
  }
}

TEST_CASE("Every aggregate of the catalogue takes part in a test") {
  std::set<std::string> tested;
  for (const auto& part :
       {moment_cases(), pair_cases(), whole_cases(), distinct_cases(), other_cases()}) {
    for (const Case& test : part) tested.insert(test.name);
  }
  // Tests of their own below, or in the tests of the aggregation.
  tested.insert(
      {"avg", "count_if", "count_min_sketch", "first_value", "histogram_numeric", "mean", "min"});
  for (const std::string& name : aggregate_names()) {
    CAPTURE(name);
    CHECK(tested.count(name) == 1);
  }
}
