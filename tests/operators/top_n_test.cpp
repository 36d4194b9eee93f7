// Top n against a loop over all rows ever read, with restarts, partitions, ties, nulls, late rows.
#include "../support/operator_test.hpp"

#include <libstream/error.hpp>
#include <libstream/expression.hpp>
#include <libstream/operators/top_n.hpp>
#include <libstream/value_codec.hpp>

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>

using namespace libstream;
using namespace libstream::test;

namespace {

const Schema schema =
    Schema::parse("k int, time timestamp, price bigint, name string, score double");
constexpr std::int64_t second = 1'000'000;

/// A case: what is asked, and of how many columns the order is.
struct Case {
  std::uint64_t count;
  bool ties;
  bool timed;  ///< key (k, time), otherwise (k), or none where `k` is unused
  bool global;
  OutputMode mode;
  std::vector<std::pair<std::uint32_t, bool>> order;  ///< column, descending
};

TopNSpec spec_of(const Case& c) {
  TopNSpec spec;
  spec.count = c.count;
  spec.keep_ties = c.ties;
  spec.schema = schema;
  spec.mode = c.mode;
  if (!c.global) spec.keys = {0};
  if (c.timed) {
    spec.keys.push_back(1);
    spec.time_key = static_cast<std::uint32_t>(spec.keys.size() - 1);
  }
  for (const auto& [column, descending] : c.order) {
    spec.order.push_back({bound_column(column, schema[column]), descending});
  }
  return spec;
}

/// Nulls first, NaN last.
int compare(const Value& a, const Value& b) {
  if (a.is_null() || b.is_null()) return int{b.is_null()} - int{a.is_null()};
  if (std::holds_alternative<double>(a.data)) {
    const double x = a.real();
    const double y = b.real();
    if (std::isnan(x) || std::isnan(y)) return int{std::isnan(x)} - int{std::isnan(y)};
    return int{x > y} - int{x < y};
  }
  return int{b < a} - int{a < b};
}

/// Everything that came, and what should be left of it.
class Model {
 public:
  explicit Model(Case c) : case_(std::move(c)) {}

  bool better(const Row& a, const Row& b) const {
    for (const auto& [column, descending] : case_.order) {
      const int order = compare(a[column], b[column]);
      if (order != 0) return descending ? order > 0 : order < 0;
    }
    return false;
  }
  Row key(const Row& row) const {
    Row key;
    if (!case_.global) key.push_back(row[0]);
    if (case_.timed) key.push_back(row[1]);
    return key;
  }
  bool is_late(const Row& row, std::int64_t late_ms) const {
    return case_.timed && case_.mode != OutputMode::complete && !row[1].is_null() &&
           row[1].integer() <= late_ms * 1000;
  }
  void add(const Row& row) { rows_[key(row)].push_back(row); }

  /// Of the rows of a key: those with fewer than n better ones; cut: the order's values alone.
  std::multiset<Row> best(const std::vector<Row>& rows) const {
    std::multiset<Row> result;
    std::vector<Row> sorted = rows;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](const Row& a, const Row& b) { return better(a, b); });
    for (const Row& row : sorted) {
      const auto ahead = std::count_if(sorted.begin(), sorted.end(),
                                       [&](const Row& other) { return better(other, row); });
      if (static_cast<std::uint64_t>(ahead) >= case_.count) break;
      if (!case_.ties && result.size() == case_.count) break;
      result.insert(case_.ties ? row : ranked(row));
    }
    return result;
  }
  /// What a row is compared by here: where ties are cut which of them stays is open.
  Row ranked(const Row& row) const {
    if (case_.ties) return row;
    Row values = key(row);
    for (const auto& [column, descending] : case_.order) values.push_back(row[column]);
    return values;
  }
  std::map<Row, std::vector<Row>>& rows() { return rows_; }

 private:
  Case case_;
  std::map<Row, std::vector<Row>> rows_;
};

Row random_row(std::mt19937& random, std::int64_t now, bool few) {
  const auto pick = [&](int n) {
    return static_cast<std::int64_t>(random() % static_cast<unsigned>(n));
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Value> scores = {nullptr, nan, -1.5, 0.0, 2.25, 1e300};
  const std::vector<Value> names = {nullptr,
                                    "",
                                    "a",
                                    std::string("a\0", 2),
                                    std::string("a\0b", 3),
                                    "ab",
                                    "a longer name",
                                    "a longer name than that"};
  Row row;
  row.push_back(pick(12) == 0 ? Value() : Value(pick(few ? 2 : 40)));
  row.push_back(pick(30) == 0 ? Value() : Value((now + pick(5) - 2) * second));
  row.push_back(pick(10) == 0 ? Value()
                              : Value(pick(20) == 0 ? std::numeric_limits<std::int64_t>::min()
                                                    : pick(9) - 4));
  row.push_back(names[random() % names.size()]);
  row.push_back(scores[random() % scores.size()]);
  return row;
}

struct Epoch {
  std::vector<Row> rows;
  std::int64_t watermark_ms = 0;
};

std::vector<Epoch> random_input(std::mt19937& random) {
  std::vector<Epoch> epochs;
  std::int64_t watermark = 0;
  const bool few = random() % 2 == 0;
  for (std::int64_t e = 0; e < 8; ++e) {
    Epoch epoch;
    const auto rows = random() % 4 == 0 ? 0 : random() % (random() % 3 == 0 ? 400 : 20);
    for (std::size_t i = 0; i < rows; ++i) epoch.rows.push_back(random_row(random, e + 2, few));
    if (random() % 3 != 0) watermark = std::max(watermark, e * 1000);
    epoch.watermark_ms = watermark;
    epochs.push_back(std::move(epoch));
  }
  return epochs;
}

Case random_case(std::mt19937& random) {
  Case c;
  c.count = random() % 3 == 0 ? 1 : 1 + random() % 6;
  c.ties = random() % 2 == 0;
  c.mode = std::vector{OutputMode::append, OutputMode::update, OutputMode::complete}[random() % 3];
  c.timed = c.mode == OutputMode::append || random() % 2 == 0;
  c.global = random() % 4 == 0;
  for (const std::uint32_t column : {2U, 3U, 4U}) {
    if (random() % 2 == 0) c.order.emplace_back(column, random() % 2 == 0);
  }
  if (c.order.empty()) c.order.emplace_back(2, true);
  std::shuffle(c.order.begin(), c.order.end(), random);
  return c;
}

struct Output {
  std::vector<Row> rows;
  std::vector<Row> late;
};
using Results = std::vector<Output>;

/// Feeds all epochs, in batches of some size and any order within an epoch, and checks what comes
/// out of each against the model.
Results run(const Case& c, const std::vector<Epoch>& epochs, OperatorTest::Options options,
            std::size_t batch, std::mt19937& random) {
  const TopNSpec spec = spec_of(c);
  OperatorTest test({{top_n(spec), spec.keys}}, schema, options);
  Model model(c);
  std::map<Row, std::multiset<Row>> view;  // update: what a reader who ranks again has
  std::int64_t late_ms = 0;
  std::uint64_t held = 0;
  Results results;
  for (const Epoch& epoch : epochs) {
    if (c.mode == OutputMode::complete) model.rows().clear();
    auto rows = epoch.rows;
    std::shuffle(rows.begin(), rows.end(), random);
    std::multiset<Row> late;
    for (const Row& row : rows) {
      if (model.is_late(row, late_ms)) {
        late.insert(row);
      } else {
        model.add(row);
      }
    }
    for (std::size_t i = 0; i < rows.size(); i += batch) {
      test.process({rows.begin() + static_cast<std::ptrdiff_t>(i),
                    rows.begin() + static_cast<std::ptrdiff_t>(std::min(i + batch, rows.size()))});
    }
    Output output{test.barrier(epoch.watermark_ms), test.late_rows()};
    const OperatorMetrics& metrics = test.metrics();
    REQUIRE(std::multiset<Row>(output.late.begin(), output.late.end()) == late);
    REQUIRE(metrics.late_rows == late.size());
    REQUIRE(rows.size() + held ==
            output.rows.size() + late.size() + metrics.filtered_rows + metrics.held_rows);
    held = metrics.held_rows;

    std::map<Row, std::vector<Row>> emitted;
    for (const Row& row : output.rows) emitted[model.key(row)].push_back(row);
    std::uint64_t kept = 0;
    for (auto it = model.rows().begin(); it != model.rows().end();) {
      auto& [key, all] = *it;
      const auto expected = model.best(all);
      std::multiset<Row> got;
      for (const Row& row : emitted[key]) {
        REQUIRE(std::find(all.begin(), all.end(), row) != all.end());
        got.insert(model.ranked(row));
      }
      const bool due =
          c.timed && !key.back().is_null() && key.back().integer() <= epoch.watermark_ms * 1000;
      if (c.mode == OutputMode::append) {
        REQUIRE(got == (due ? expected : std::multiset<Row>{}));
      } else if (c.mode == OutputMode::complete) {
        REQUIRE(got == expected);
      } else if (c.ties) {
        auto entered = expected;
        for (const Row& row : view[key]) {
          if (const auto at = entered.find(row); at != entered.end()) entered.erase(at);
        }
        REQUIRE(got == entered);
        view[key] = expected;
      } else {
        // Who puts the rows to those that he has, and ranks again, has the best.
        std::vector<Row> all_seen(view[key].begin(), view[key].end());
        all_seen.insert(all_seen.end(), emitted[key].begin(), emitted[key].end());
        REQUIRE(model.best(all_seen) == expected);
        std::stable_sort(all_seen.begin(), all_seen.end(),
                         [&](const Row& a, const Row& b) { return model.better(a, b); });
        all_seen.resize(std::min<std::size_t>(all_seen.size(), c.count));
        view[key] = {all_seen.begin(), all_seen.end()};
      }
      emitted.erase(key);
      if (due) {
        view.erase(key);
        it = model.rows().erase(it);
      } else {
        kept += expected.size();
        ++it;
      }
    }
    REQUIRE(std::all_of(emitted.begin(), emitted.end(),
                        [](const auto& key) { return key.second.empty(); }));
    REQUIRE(metrics.state_rows == (c.mode == OutputMode::complete ? 0 : kept));
    if (c.mode != OutputMode::complete) REQUIRE(test.state(0).entries().size() == kept);
    std::sort(output.rows.begin(), output.rows.end());
    std::sort(output.late.begin(), output.late.end());
    late_ms = epoch.watermark_ms;
    results.push_back(std::move(output));
  }
  return results;
}

}  // namespace

TEST_CASE("top_n agrees with a loop over all rows, whatever the batches, partitions and restarts") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  for (unsigned i = 0; i < 400; ++i) {
    CAPTURE(i);
    std::mt19937 random(seed + i);
    const Case c = random_case(random);
    CAPTURE(c.count);
    CAPTURE(c.ties);
    CAPTURE(static_cast<int>(c.mode));
    const auto epochs = random_input(random);
    const Results plain = run(c, epochs, {}, 1000, random);
    for (const std::uint32_t partitions : {1U, 3U}) {
      OperatorTest::Options options;
      options.partitions = c.global && !c.timed ? 1 : partitions;
      options.restart_always = random() % 2 == 0;
      options.refuse = random() % 2 == 0;
      const Results other = run(c, epochs, options, 1 + random() % 60, random);
      for (std::size_t e = 0; e < epochs.size(); ++e) {
        CAPTURE(e);
        // Also where ties are cut: which rows stay depends on nothing but the rows.
        REQUIRE(to_text(*batch_of(schema, plain[e].rows)) ==
                to_text(*batch_of(schema, other[e].rows)));
        REQUIRE(plain[e].late == other[e].late);
      }
    }
  }
}

TEST_CASE("The best of a window go out in their order when the watermark passes it") {
  Case c{2, true, true, true, OutputMode::append, {{2, true}}};
  OperatorTest test({{top_n(spec_of(c)), {1}}}, schema);
  test.process({{1, 10 * second, 5, "a", nullptr}, {2, 10 * second, 7, "b", nullptr}});
  test.process({{3, 10 * second, 7, "c", nullptr}, {4, 20 * second, 1, "d", nullptr}});
  CHECK(test.barrier(9'999).empty());
  CHECK(test.metrics().held_rows == 3);
  CHECK(test.metrics().filtered_rows == 1);
  const auto rows = test.barrier(10'000);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0][2] == Value(7));
  CHECK(rows[1][2] == Value(7));
  CHECK(test.metrics().state_removed == 2);
  CHECK(test.metrics().state_rows == 1);
  test.process({{5, 10 * second, 100, "late", nullptr}});
  CHECK(test.barrier(10'000).empty());
  CHECK(test.late_rows().size() == 1);
}

TEST_CASE("Update mode emits what entered and stayed; a row that leaves is not mentioned") {
  Case c{1, false, false, false, OutputMode::update, {{2, true}}};
  OperatorTest test({{top_n(spec_of(c)), {0}}}, schema);
  test.process({{1, nullptr, 5, "a", nullptr}, {1, nullptr, 6, "b", nullptr}});
  auto rows = test.barrier();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0][3] == Value("b"));
  CHECK(test.metrics().state_updated == 1);
  test.process({{1, nullptr, 6, "c", nullptr}, {1, nullptr, 4, "d", nullptr}});
  rows = test.barrier();
  // The one of the two that stays depends on the rows, so "c" may come in: then "b" is out.
  CHECK(rows.size() <= 1);
  CHECK(test.metrics().state_rows == 1);
  test.process({{1, nullptr, 9, "e", nullptr}});
  rows = test.barrier();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0][3] == Value("e"));
  CHECK(test.state(0).entries().size() == 1);
}

TEST_CASE("A large row that leaves frees its memory") {
  Case c{1, false, false, true, OutputMode::update, {{2, true}}};
  OperatorTest test({{top_n(spec_of(c)), {}}}, schema);
  const std::string text(5000, 'x');
  std::uint64_t bytes = 0;
  for (std::int64_t i = 0; i < 200; ++i) {
    test.process({{1, nullptr, i, text, nullptr}});
    CHECK(test.barrier().size() == 1);
    if (i == 10) bytes = test.metrics().state_bytes;
  }
  CHECK(test.metrics().state_bytes <= bytes);
}

TEST_CASE("State entries of another form are corrupt") {
  class Entries final : public StateReader {
   public:
    Entries(std::string key, std::string value) : key_(std::move(key)), value_(std::move(value)) {}
    void for_each(const std::function<void(std::uint32_t, std::string_view, std::string_view)>&
                      visit) const override {
      visit(0, key_, value_);
    }

   private:
    std::string key_;
    std::string value_;
  };
  Case c{1, false, false, false, OutputMode::update, {{2, true}}};
  const auto restore = [&](std::string key, std::string value) {
    top_n(spec_of(c))({0, 1, 128})->restore(Entries(std::move(key), std::move(value)), {});
  };
  const auto row = [&](std::int64_t k) {
    std::string bytes;
    const BatchPtr batch = batch_of(schema, {{k, 2, 3, "name", 1.5}});
    for (const ColumnPtr& column : batch->columns) {
      encode_value(*column, 0, bytes);
    }
    return bytes;
  };
  std::string key;
  encode_value(*batch_of(Schema::parse("k int"), {{1}})->columns[0], 0, key);
  const std::string id(4, '\0');
  CHECK_NOTHROW(restore(key + id, row(1)));
  CHECK_THROWS_WITH_AS(restore("abc", row(1)), doctest::Contains("wrong length"), Error);
  CHECK_THROWS_WITH_AS(restore(key + id, row(1) + "x"), doctest::Contains("wrong length"), Error);
  CHECK_THROWS_WITH_AS(restore(key + id, row(1).substr(1)), doctest::Contains("cut short"), Error);
}
