#include "random_aggregates.hpp"

#include <libstream/aggregate.hpp>

#include <array>
#include <set>

namespace libstream::oracle {
namespace {

/// What an aggregate takes.
struct Shape {
  const char* name;
  std::vector<Kind> first;
  std::vector<Kind> second = {};
  enum Constant { none, share, ignore_nulls, separator, bins } constant = none;
  bool ordered = false;
};

constexpr auto text = Kind::text;
constexpr auto real = Kind::real;
constexpr auto time = Kind::time;
constexpr auto whole = Kind::whole;
constexpr auto decimal = Kind::decimal;
constexpr auto truth = Kind::truth;

const std::vector<Shape>& any_order() {
  static const std::vector<Shape> list{
      {"count", {text, real, time, whole, decimal, truth}},
      {"count", {text, whole}, {real, time}},
      {"count_if", {truth}},
      {"min", {text, real, time, whole, decimal, truth}},
      {"max", {text, real, time, whole, decimal, truth}},
      {"sum", {whole, decimal}},
      {"try_sum", {whole, decimal}},
      {"avg", {whole, decimal}},
      {"mean", {whole, decimal}},
      {"try_avg", {whole, decimal}},
      {"stddev", {whole}},
      {"std", {whole}},
      {"stddev_samp", {decimal}},
      {"stddev_pop", {whole}},
      {"variance", {whole}},
      {"var_samp", {whole}},
      {"var_pop", {decimal}},
      {"skewness", {whole}},
      {"kurtosis", {whole}},
      {"product", {whole}},
      {"corr", {whole}, {whole}},
      {"covar_pop", {whole}, {whole}},
      {"covar_samp", {whole}, {whole}},
      {"regr_avgx", {whole}, {whole}},
      {"regr_avgy", {whole}, {whole}},
      {"regr_count", {whole}, {whole}},
      {"regr_intercept", {whole}, {whole}},
      {"regr_r2", {whole}, {whole}},
      {"regr_slope", {whole}, {whole}},
      {"regr_sxx", {whole}, {whole}},
      {"regr_sxy", {whole}, {whole}},
      {"regr_syy", {whole}, {whole}},
      {"collect_list", {text, whole, time}},
      {"array_agg", {text, whole, decimal}},
      {"collect_set", {text, whole, time, decimal}},
      {"approx_count_distinct", {text, whole, time}},
      {"percentile", {whole}, {}, Shape::share},
      {"percentile_cont", {whole}, {}, Shape::share},
      {"percentile_disc", {whole}, {}, Shape::share},
      {"percentile_approx", {whole}, {}, Shape::share},
      {"approx_percentile", {whole}, {}, Shape::share},
      {"median", {whole}},
      {"mode", {text, whole, time}},
      {"histogram_numeric", {whole}, {}, Shape::bins},
      {"bool_and", {truth}},
      {"every", {truth}},
      {"bool_or", {truth}},
      {"any", {truth}},
      {"some", {truth}},
      {"bit_and", {whole}},
      {"bit_or", {whole}},
      {"bit_xor", {whole}},
  };
  return list;
}

const std::vector<Shape>& by_order() {
  static const std::vector<Shape> list{
      {"first", {text, whole, time}, {}, Shape::ignore_nulls},
      {"first_value", {text, real}, {}, Shape::ignore_nulls},
      {"any_value", {text, whole}, {}, Shape::ignore_nulls},
      {"last", {text, whole, decimal}, {}, Shape::ignore_nulls},
      {"last_value", {text, whole}, {}, Shape::ignore_nulls},
      {"string_agg", {text}, {}, Shape::separator},
      {"listagg", {text}, {}, Shape::separator},
  };
  return list;
}

void add_constant(AggregateTerm& term, Shape::Constant constant, Chance& chance) {
  const auto add = [&](Value value, std::string text_of_it) {
    term.options.push_back(std::move(value));
    term.option_text = ", " + std::move(text_of_it);
  };
  if (constant == Shape::share) {
    static constexpr std::array shares{0.0, 0.25, 0.3, 0.5, 0.9, 1.0};
    const auto share = chance.of(shares);
    add(share, std::to_string(share) + "D");
  } else if (constant == Shape::ignore_nulls && chance.one_in(2)) {
    add(true, "true");
  } else if (constant == Shape::separator && chance.one_in(2)) {
    add("; ", "'; '");
  } else if (constant == Shape::bins) {
    add(500, "500");
  }
}

/// The row number decides: no two rows are equal.
void by_id(AggregateTerm& term, Chance& chance) {
  term.function = chance.one_in(2) ? "max_by" : "min_by";
  term.arguments = {pick_scalar(chance, {text, whole, time, real}),
                    {"id", whole, [](const Row& row) { return row[id]; }}};
}

}  // namespace

AggregateTerm random_aggregate(Chance& chance, bool ordered) {
  AggregateTerm term;
  if (chance.one_in(3)) term.filter = chance.of(conditions());
  if (chance.one_in(20)) {
    by_id(term, chance);
    return term;
  }
  // The frequent ones more often.
  const auto& shapes = ordered && chance.one_in(2) ? by_order() : any_order();
  const auto most = &shapes == &any_order() && chance.one_in(2)
                        ? std::int64_t{8}
                        : static_cast<std::int64_t>(shapes.size());
  const Shape& shape = shapes[static_cast<std::size_t>(chance.below(most))];
  term.function = shape.name;
  term.arguments.push_back(pick_scalar(chance, shape.first));
  if (!shape.second.empty()) term.arguments.push_back(pick_scalar(chance, shape.second));
  // Sums of doubles depend on the order, but for these.
  if (term.function == "sum" && chance.one_in(3)) {
    term.arguments[0] = {"d", real, [](const Row& row) { return row[d]; }};
  }
  add_constant(term, shape.constant, chance);
  const std::string& name = term.function;
  if (name == "count" || name == "sum" || name == "avg" || name == "min" ||
      name == "collect_list") {
    term.distinct = chance.one_in(5);
  }
  return term;
}

std::vector<std::string> undrawn_aggregates() {
  // The bytes of a sketch are compared with recorded ones elsewhere.
  std::set<std::string> drawn{"max_by", "min_by", "count_min_sketch"};
  for (const Shape& shape : any_order()) drawn.insert(shape.name);
  for (const Shape& shape : by_order()) drawn.insert(shape.name);
  std::vector<std::string> names;
  for (const auto& name : aggregate_names()) {
    if (!drawn.contains(name)) names.push_back(name);
  }
  return names;
}

}  // namespace libstream::oracle
