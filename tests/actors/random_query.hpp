#pragma once

// Random small queries and rows for the oracle test.

#include <libstream/batch.hpp>
#include <libstream/environment.hpp>
#include <libstream/options.hpp>

#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace libstream::naive {

constexpr std::int64_t second = 1'000'000;
constexpr std::string_view input_schema =
    "k string, g double, ts timestamp, v bigint, d double, m decimal(12,2), t string";
enum Column : std::size_t { k, g, ts, v, d, m, t, word };

struct Condition {
  std::string_view text;
  bool (*holds)(const Row&);
};
inline const Condition conditions[] = {
    {"v > 0", [](const Row& row) { return !row[v].is_null() && row[v].integer() > 0; }},
    {"k IS NULL OR k <> 'a'",
     [](const Row& row) { return row[k].is_null() || row[k].text() != "a"; }},
    {"m BETWEEN -1.5 AND 20.25 AND v IN (-2, 0, 3, 4)",
     [](const Row& row) {
       if (row[m].is_null() || row[v].is_null()) return false;
       const auto digits = std::get<int128>(row[m].data);
       const auto whole = row[v].integer();
       return digits >= -150 && digits <= 2025 &&
              (whole == -2 || whole == 0 || whole == 3 || whole == 4);
     }},
    {"d IS NOT NULL", [](const Row& row) { return !row[d].is_null(); }},
};

struct Key {
  std::string_view text;  ///< empty: the window
  std::function<Value(const Row&)> value;
};

struct Aggregate {
  std::string function;
  std::string_view argument;  ///< empty: every row
  std::function<Value(const Row&)> value;
  bool ignore_nulls = false;
  int filter = -1;
};

struct Plan {
  std::size_t streams = 1;
  bool watermarked = false;
  bool watermark_each = false;  ///< one on either side of the union
  bool watermark_last = false;  ///< above explode
  std::int64_t delays[2] = {};  ///< seconds
  int filter = -1;
  bool filter_last = false;
  bool explodes = false;
  std::vector<Key> keys;
  bool windows = false;
  std::int64_t size = 0;
  std::int64_t slide = 0;
  std::int64_t start = 0;
  std::vector<Aggregate> aggregates;
  OutputMode mode = OutputMode::update;
  bool having = false;
  bool ordered = false;  ///< uses aggregates that depend on the order of rows
  bool sorted = false;
  int time_key = -1;
};

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : random_(seeded_random(seed)) {}
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(random_->next() % static_cast<std::uint64_t>(limit));
  }
  bool one_in(std::int64_t n) { return below(n) == 0; }

 private:
  std::shared_ptr<Random> random_;
};

inline Value integer_mod_3(const Row& row) {
  return row[v].is_null() ? Value() : Value(row[v].integer() % 3);
}

inline void pick_keys(Plan& plan, Chance& chance) {
  const auto column = [](std::size_t index) {
    return [index](const Row& row) { return row[index]; };
  };
  if (chance.one_in(2)) plan.keys.push_back({"k", column(k)});
  if (chance.one_in(4)) plan.keys.push_back({"g", column(g)});
  if (chance.one_in(4)) plan.keys.push_back({"v % 3 AS r", integer_mod_3});
  if (plan.explodes && !chance.one_in(4)) plan.keys.push_back({"word", column(word)});
  const auto time = chance.below(5);
  if (time == 0 || time == 1) return;
  plan.time_key = static_cast<int>(plan.keys.size());
  if (time == 2) {
    plan.keys.push_back({"ts", column(ts)});
    return;
  }
  plan.windows = true;
  plan.size = 2 + chance.below(12);
  plan.slide = chance.one_in(2) ? plan.size : 1 + chance.below(plan.size);
  plan.start = chance.one_in(3) ? chance.below(2 * plan.slide - 1) - plan.slide + 1 : 0;
  plan.keys.push_back({"", nullptr});
}

inline Aggregate pick_aggregate(Plan& plan, Chance& chance) {
  static const std::pair<std::string_view, Column> arguments[] = {
      {"k", k}, {"g", g}, {"ts", ts}, {"v", v}, {"d", d}, {"m", m}, {"t", t}};
  Aggregate result;
  if (chance.one_in(3)) {
    result.filter = static_cast<int>(chance.below(std::size(conditions)));
  }
  const auto kind = chance.below(8);
  if (kind == 0) {
    result.function = "count";
    result.value = [](const Row&) { return Value(1); };
    return result;
  }
  if (kind == 1) {
    result.function = "count_if";
    result.argument = "v > 3";
    result.value = [](const Row& row) {
      return row[v].is_null() ? Value() : Value(row[v].integer() > 3);
    };
    return result;
  }
  static const char* const any_type[] = {"count", "min", "max"};
  static const char* const numbers[] = {"sum", "avg", "mean"};
  static const char* const by_order[] = {"first", "last", "any_value", "last_value"};
  auto index = static_cast<std::size_t>(chance.below(std::size(arguments)));
  if (kind < 4) {
    result.function = any_type[chance.below(3)];
  } else if (kind < 7 || !plan.ordered) {
    result.function = numbers[chance.below(3)];
    index = static_cast<std::size_t>(3 + chance.below(3));
  } else {
    result.function = by_order[chance.below(4)];
    result.ignore_nulls = chance.one_in(2);
  }
  result.argument = arguments[index].first;
  result.value = [index](const Row& row) { return row[index]; };
  return result;
}

inline Plan pick_plan(Chance& chance) {
  Plan plan;
  plan.ordered = chance.one_in(4);
  plan.streams = !plan.ordered && chance.one_in(3) ? 2 : 1;
  plan.watermarked = !chance.one_in(3);
  plan.watermark_each = plan.watermarked && plan.streams == 2 && chance.one_in(2);
  for (auto& delay : plan.delays) delay = chance.one_in(2) ? 0 : chance.below(20);
  plan.explodes = chance.one_in(3);
  plan.watermark_last = plan.watermarked && !plan.watermark_each && chance.one_in(2);
  if (chance.one_in(2)) plan.filter = static_cast<int>(chance.below(std::size(conditions)));
  plan.filter_last = chance.one_in(2);
  pick_keys(plan, chance);
  const auto aggregates = 1 + chance.below(4);
  for (std::int64_t i = 0; i < aggregates; ++i) {
    plan.aggregates.push_back(pick_aggregate(plan, chance));
  }
  const bool append = plan.watermarked && plan.time_key >= 0;
  const auto mode = chance.below(append ? 4 : 2);
  plan.mode = mode == 0   ? OutputMode::complete
              : mode == 1 ? OutputMode::update
                          : OutputMode::append;
  plan.having = chance.one_in(5);
  plan.sorted = plan.mode == OutputMode::complete && chance.one_in(2);
  return plan;
}

inline Value pick_text(Chance& chance) {
  static const char* const texts[] = {
      "a", "b", "", "twelve bytes", "thirteen byte", "a long string of thirty-four bytes", "ü"};
  if (chance.one_in(7)) return nullptr;
  return texts[chance.below(std::size(texts))];
}

inline Row pick_row(Chance& chance, std::int64_t now) {
  static const double reals[] = {0.0, -0.0, 1.5, -2.25, 1e300, std::nan("")};
  static const char* const lines[] = {"a", "a b a", "", "some a  longer-word-than-twelve", "b "};
  Row row(7);
  row[k] = pick_text(chance);
  if (!chance.one_in(6)) row[g] = reals[chance.below(6)];
  if (!chance.one_in(12)) {
    row[ts] = now * second - chance.below(25) * second + chance.below(3) * 500;
  }
  if (!chance.one_in(6)) row[v] = chance.below(12) - 4;
  if (!chance.one_in(6)) {
    row[d] = chance.one_in(20) ? std::nan("") : static_cast<double>(chance.below(64) - 32) / 4;
  }
  if (!chance.one_in(6)) row[m] = static_cast<int128>(chance.below(5000) - 1000);
  if (!chance.one_in(6)) row[t] = lines[chance.below(5)];
  return row;
}

}  // namespace libstream::naive
