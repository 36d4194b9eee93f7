// Every aggregate against a recomputation over all values, however the rows are cut into
// accumulators: one state, partial states merged in any order, accumulators of single rows,
// accumulators that were encoded and decoded as a checkpoint does.
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

namespace {

/// A state of an aggregate in memory of its own.
class Accumulator {
 public:
  explicit Accumulator(const AggregateFunction& function)
      : function_(function), memory_(function.state_size() / 8) {
    function.initialize(data());
  }
  ~Accumulator() { function_.destroy(data()); }
  Accumulator(const Accumulator&) = delete;
  Accumulator& operator=(const Accumulator&) = delete;
  std::byte* data() { return reinterpret_cast<std::byte*>(memory_.data()); }
  std::vector<ColumnPtr> intermediates() {
    const std::byte* states[] = {data()};
    return function_.intermediates(states);
  }
  void merge(std::span<const ColumnPtr> columns) {
    std::byte* states[] = {data()};
    function_.merge(states, columns);
  }
  Value result() {
    const std::byte* states[] = {data()};
    return function_.finish(states)->value(0);
  }

 private:
  const AggregateFunction& function_;
  std::vector<std::uint64_t> memory_;
};

std::vector<ColumnPtr> columns_of(const AggregateFunction& function, const std::vector<Row>& rows) {
  std::vector<ColumnBuilder> builders;
  for (const DataType& type : function.argument_types()) builders.emplace_back(type);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < builders.size(); ++i) {
      const auto* number = std::get_if<std::int64_t>(&row[i].data);
      const bool cast = number != nullptr && builders[i].type().id() == TypeId::float64;
      builders[i].append_value(cast ? Value(static_cast<double>(*number)) : row[i]);
    }
  }
  std::vector<ColumnPtr> columns;
  for (auto& builder : builders) columns.push_back(builder.finish());
  return columns;
}

/// Through the bytes of a checkpoint.
std::vector<ColumnPtr> recoded(const std::vector<ColumnPtr>& columns) {
  std::vector<ColumnPtr> result;
  for (const ColumnPtr& column : columns) {
    ColumnBuilder builder(column->type());
    for (std::size_t i = 0; i < column->size(); ++i) {
      std::string bytes;
      encode_value(*column, i, bytes);
      std::string_view rest(bytes);
      decode_value(rest, builder);
      CHECK(rest.empty());
    }
    result.push_back(builder.finish());
  }
  return result;
}

Value in_one(const AggregateFunction& f, const std::vector<Row>& rows) {
  Accumulator state(f);
  f.update_single(state.data(), columns_of(f, rows), nullptr, rows.size());
  return state.result();
}
Value through_states(const AggregateFunction& f, const std::vector<Row>& rows) {
  Accumulator state(f);
  const std::vector<std::byte*> states(rows.size(), state.data());
  f.update(states, columns_of(f, rows));
  return state.result();
}
/// Rows that the filter excludes stand between those that count.
Value filtered(const AggregateFunction& f, const std::vector<Row>& rows, bool single) {
  std::vector<Row> doubled;
  std::vector<std::uint8_t> mask;
  for (const Row& row : rows) {
    doubled.insert(doubled.end(), {row, row});
    mask.insert(mask.end(), {0, 1});
  }
  const auto columns = columns_of(f, doubled);
  Accumulator state(f);
  if (single) {
    f.update_single(state.data(), columns, mask.data(), doubled.size());
  } else {
    std::vector<std::byte*> states(doubled.size(), nullptr);
    for (std::size_t i = 1; i < states.size(); i += 2) states[i] = state.data();
    f.update(states, columns);
  }
  return state.result();
}
Value as_singletons(const AggregateFunction& f, const std::vector<Row>& rows, bool masked) {
  std::vector<Row> given = rows;
  std::vector<std::uint8_t> mask(rows.size(), 1);
  if (masked && !rows.empty()) {
    given.push_back(rows[0]);
    mask.push_back(0);
  }
  const auto columns =
      f.singletons(columns_of(f, given), masked ? mask.data() : nullptr, given.size());
  Accumulator state(f);
  const std::vector<std::byte*> states(given.size(), state.data());
  f.merge(states, recoded(columns));
  return state.result();
}
Value in_parts(const AggregateFunction& f, const std::vector<Row>& rows, std::mt19937_64& random,
               bool shuffled) {
  std::vector<std::vector<Row>> parts(1);
  for (const Row& row : rows) {
    if (random() % 4 == 0) parts.emplace_back();
    parts.back().push_back(row);
  }
  parts.emplace_back();  // one without rows
  if (shuffled) std::shuffle(parts.begin(), parts.end(), random);
  Accumulator total(f);
  for (const auto& part : parts) {
    Accumulator one(f);
    f.update_single(one.data(), columns_of(f, part), nullptr, part.size());
    total.merge(recoded(one.intermediates()));
  }
  return total.result();
}
/// Stored and restored after every few rows.
Value restarted(const AggregateFunction& f, const std::vector<Row>& rows) {
  std::vector<ColumnPtr> stored;
  for (std::size_t i = 0; i <= rows.size(); i += 3) {
    Accumulator state(f);
    if (!stored.empty()) state.merge(stored);
    const std::vector<Row> part(
        rows.begin() + static_cast<std::ptrdiff_t>(i),
        rows.begin() + static_cast<std::ptrdiff_t>(std::min(i + 3, rows.size())));
    f.update_single(state.data(), columns_of(f, part), nullptr, part.size());
    stored = recoded(state.intermediates());
  }
  Accumulator state(f);
  state.merge(stored);
  return state.result();
}

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

using Rows = std::vector<Row>;
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

TEST_CASE("approx_count_distinct errs as little as it is asked to") {
  for (const double deviation : {0.05, 0.02, 0.01}) {
    const DataType types[] = {TypeId::bigint};
    const Value options[] = {Value(deviation)};
    const AggregatePtr f = resolve_aggregate("approx_count_distinct", types, options, false);
    for (const std::int64_t exact : {10, 100, 300, 1'000, 2'000, 3'000, 10'000, 100'000}) {
      double squares = 0;
      constexpr int trials = 12;
      for (int trial = 0; trial < trials; ++trial) {
        const auto buffer = Buffer::allocate(static_cast<std::size_t>(exact) * 8);
        for (std::int64_t i = 0; i < exact; ++i) {
          buffer->as<std::int64_t>()[i] = i * 7919 + trial * 1'000'000'007LL;
        }
        const auto size = static_cast<std::size_t>(exact);
        const ColumnPtr columns[] = {Column::fixed(TypeId::bigint, size, buffer)};
        Accumulator state(*f);
        f->update_single(state.data(), columns, nullptr, size);
        const double error =
            static_cast<double>(state.result().integer() - exact) / static_cast<double>(exact);
        squares += error * error;
      }
      CAPTURE(exact);
      CAPTURE(deviation);
      const double measured = std::sqrt(squares / trials);
      INFO("measured standard error ", measured);
      CHECK(measured < deviation * 1.3);
    }
  }
}

TEST_CASE("percentile_approx keeps the ranks that its accuracy promises") {
  const DataType types[] = {TypeId::float64};
  const Value options[] = {Value(ValueList{Value(0.01), Value(0.5), Value(0.99)}), Value(200)};
  const AggregatePtr f = resolve_aggregate("percentile_approx", types, options, false);
  std::mt19937_64 random(7);
  constexpr std::size_t size = 200'000;
  std::vector<Row> rows;
  for (std::size_t i = 0; i < size; ++i) rows.push_back({Value(static_cast<double>(i))});
  std::shuffle(rows.begin(), rows.end(), random);
  for (const bool merged : {false, true}) {
    Accumulator state(*f);
    const auto columns = columns_of(*f, rows);
    if (!merged) {
      f->update_single(state.data(), columns, nullptr, size);
    } else {
      for (std::size_t begin = 0; begin < size; begin += size / 8) {
        Accumulator part(*f);
        const ColumnPtr piece[] = {columns[0]->slice(begin, size / 8)};
        f->update_single(part.data(), piece, nullptr, size / 8);
        state.merge(part.intermediates());
      }
    }
    const ValueList result = state.result().list();
    const double wanted[] = {0.01, 0.5, 0.99};
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(std::fabs(result[i].real() / size - wanted[i]) <= 1.0 / 200);
    }
    CHECK(state.intermediates()[0]->string(0).size() < size);  // it forgets most values
  }
}

TEST_CASE("A lost try_sum stays null, also when it would come back") {
  const DataType types[] = {TypeId::bigint};
  const AggregatePtr f = resolve_aggregate("try_sum", types, {}, false);
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const Rows rows{{Value(most)}, {Value(1)}, {Value(-1)}};
  CHECK(in_one(*f, rows).is_null());
  CHECK(restarted(*f, rows).is_null());
  CHECK(in_one(*f, {{Value(most)}, {Value(-1)}}) == Value(most - 1));
  const DataType decimals[] = {DataType::decimal(38, 0)};
  const AggregatePtr wide = resolve_aggregate("try_sum", decimals, {}, false);
  int128 nines = 1;
  for (int i = 0; i < 38; ++i) nines *= 10;
  nines -= 1;
  CHECK(in_one(*wide, {{Value(nines)}, {Value(int128{1})}}).is_null());
  CHECK(in_one(*wide, {{Value(nines)}, {Value(int128{-1})}}) == Value(nines - 1));
  const AggregatePtr mean = resolve_aggregate("try_avg", decimals, {}, false);
  CHECK(in_one(*mean, {{Value(int128{1})}, {Value(int128{2})}}) == Value(int128{15'000}));
  CHECK(in_one(*mean, {{Value(nines)}, {Value(nines)}, {Value(nines)}}).is_null());
}

TEST_CASE("histogram_numeric joins the nearest bins") {
  const DataType types[] = {TypeId::bigint};
  const Value options[] = {Value(5)};
  const AggregatePtr f = resolve_aggregate("histogram_numeric", types, options, false);
  // The example of the documentation of Spark.
  const Value few = in_one(*f, {{Value(0)}, {Value(1)}, {Value(2)}, {Value(10)}});
  CHECK(
      to_text(few, f->result_type()) ==
      to_text(Value(ValueList{
                  Value(ValueList{Value(0), Value(1.0)}), Value(ValueList{Value(1), Value(1.0)}),
                  Value(ValueList{Value(2), Value(1.0)}), Value(ValueList{Value(10), Value(1.0)})}),
              f->result_type()));
  std::mt19937_64 random(3);
  Rows rows;
  for (int i = 0; i < 500; ++i) rows.push_back({Value(static_cast<std::int64_t>(random() % 1000))});
  for (const Value& value : {in_one(*f, rows), in_parts(*f, rows, random, true)}) {
    CHECK(value.list().size() == 5);
    double weight = 0;
    for (const Value& bin : value.list()) weight += bin.list()[1].real();
    CHECK(weight == 500);
    CHECK(std::is_sorted(value.list().begin(), value.list().end()));
  }
  CHECK(in_one(*f, {}).is_null());
}

TEST_CASE("count_min_sketch counts no value too low, and few too high") {
  const DataType types[] = {TypeId::string};
  const Value options[] = {Value(0.05), Value(0.95), Value(1)};
  const AggregatePtr f = resolve_aggregate("count_min_sketch", types, options, false);
  std::mt19937_64 random(3);
  Rows rows;
  for (int i = 0; i < 300; ++i) rows.push_back({Value("v" + std::to_string(random() % 20))});
  const Value whole_sketch = in_one(*f, rows);
  CHECK(whole_sketch == in_parts(*f, rows, random, true));
  CHECK(whole_sketch == restarted(*f, rows));
  // version 1, 300 rows, depth 5, width 40: the layout that Spark reads
  const std::string& bytes = whole_sketch.text();
  CHECK(bytes.size() == 20 + 5 * 8 + 5 * 40 * 8);
  CHECK(bytes.substr(0, 20) == std::string("\0\0\0\1\0\0\0\0\0\0\1\x2c\0\0\0\5\0\0\0\x28", 20));
  std::int64_t first_row = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    first_row += static_cast<unsigned char>(bytes[60 + i * 8 + 7]);
  }
  CHECK(first_row == 300);
}

TEST_CASE("Settings and types that an aggregate does not take are refused by name") {
  const auto refused = [](const char* name, std::vector<DataType> types, std::vector<Value> options,
                          const char* error_class) {
    try {
      resolve_aggregate(name, types, options, false);
      FAIL(name);
    } catch (const Error& error) {
      CAPTURE(std::string(error.what()));
      CHECK(error.error_class() == error_class);
      CHECK(std::string(error.what()).find(name) != std::string::npos);
    }
  };
  refused("percentile", {whole}, {Value(1.5)}, "DATATYPE_MISMATCH");
  refused("percentile", {whole}, {}, "DATATYPE_MISMATCH");
  refused("percentile_approx", {whole}, {Value(0.5), Value(0)}, "DATATYPE_MISMATCH");
  refused("approx_count_distinct", {whole}, {Value(0.9)}, "DATATYPE_MISMATCH");
  refused("bool_and", {whole}, {}, "DATATYPE_MISMATCH");
  refused("bit_and", {dbl}, {}, "DATATYPE_MISMATCH");
  refused("corr", {dbl}, {}, "WRONG_NUM_ARGS");
  refused("sum", {dbl}, {Value(1)}, "WRONG_NUM_ARGS");
  refused("stddev", {DataType::array(TypeId::bigint)}, {}, "DATATYPE_MISMATCH");
  refused("first", {whole}, {Value(1)}, "DATATYPE_MISMATCH");
}
