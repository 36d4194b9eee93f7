// Random streams through the aggregation, against a recomputation over maps of whole rows that
// shares no code with it: every mode, with one or two stages, 1 to 4 partitions, restarts.
#include "../support/aggregation.hpp"

#include <map>
#include <random>
#include <set>
#include <string>

using namespace libstream;
using namespace libstream::test;

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t no_time = std::numeric_limits<std::int64_t>::max();

Schema input_schema() { return Schema::parse("k string, n bigint, ts timestamp, v bigint"); }

struct Query {
  OutputMode mode = OutputMode::update;
  bool by_k = false;
  bool by_n = false;
  enum { no, raw, window } time = no;
  std::int64_t size = 0, slide = 0, start = 0;
  bool evicts() const { return time != no && mode != OutputMode::complete; }
  bool global() const { return !by_k && !by_n && time == no; }
};

/// Keeps every accepted row and works each answer out from all of them.
class Oracle {
 public:
  explicit Oracle(Query query) : query_(query) {}

  struct Answer {
    std::vector<Row> rows;
    std::vector<Row> late;
    std::size_t groups = 0, dropped = 0, updated = 0, removed = 0, held = 0;
  };

  void add(const Row& row) {
    if (query_.time == Query::window) {
      if (row[2].is_null()) return;
      const std::int64_t time = row[2].integer();
      // All starts near the row, tried one by one.
      const std::int64_t near = time / query_.slide * query_.slide + query_.start;
      for (std::int64_t begin = near - (query_.size / query_.slide + 4) * query_.slide;
           begin <= near + 3 * query_.slide; begin += query_.slide) {
        if (begin > time || time >= begin + query_.size) continue;
        Row wide = row;
        wide.push_back(ValueList{Value(begin), Value(begin + query_.size)});
        accept(wide, begin + query_.size);
      }
    } else if (query_.time == Query::raw && !row[2].is_null()) {
      accept(row, row[2].integer());
    } else {
      accept(row, no_time);
    }
  }

  Answer end(std::int64_t watermark_ms) {
    Answer answer;
    answer.late = std::move(late_);
    answer.dropped = late_groups_.size();
    if (query_.global()) {
      groups_[{}];
      touched_.insert(Row{});
    }
    answer.updated = touched_.size();
    for (auto it = groups_.begin(); it != groups_.end();) {
      const bool due = query_.evicts() && times_[it->first] != no_time &&
                       times_[it->first] <= watermark_ms * 1000;
      const bool wanted = query_.mode == OutputMode::complete ||
                          (query_.mode == OutputMode::update && touched_.count(it->first) > 0) ||
                          (query_.mode == OutputMode::append && due);
      if (wanted) answer.rows.push_back(result(it->first, it->second));
      answer.held += due ? 0 : it->second.size();
      answer.removed += due ? 1 : 0;
      it = due ? groups_.erase(it) : std::next(it);
    }
    answer.groups = groups_.size();
    late_.clear();
    late_groups_.clear();
    touched_.clear();
    watermark_ms_ = watermark_ms;
    std::sort(answer.rows.begin(), answer.rows.end());
    std::sort(answer.late.begin(), answer.late.end());
    return answer;
  }

 private:
  void accept(const Row& row, std::int64_t time) {
    Row key;
    if (query_.by_k) key.push_back(row[0]);
    if (query_.by_n) key.push_back(row[1]);
    if (query_.time == Query::raw) key.push_back(row[2]);
    if (query_.time == Query::window) key.push_back(row[4]);
    if (query_.evicts() && time != no_time && time <= watermark_ms_ * 1000) {
      late_.push_back(row);
      late_groups_.insert(key);
      return;
    }
    groups_[key].push_back(row);
    times_[key] = time;
    touched_.insert(key);
  }

  static Row result(const Row& key, const std::vector<Row>& rows) {
    std::int64_t sum = 0, values = 0;
    Value least, longest;
    for (const Row& row : rows) {
      if (!row[3].is_null()) {
        sum += row[3].integer();
        ++values;
        if (least.is_null() || row[3].integer() < least.integer()) least = row[3];
      }
      if (!row[0].is_null() && (longest.is_null() || row[0].text() > longest.text())) {
        longest = row[0];
      }
    }
    Row out = key;
    out.emplace_back(static_cast<std::int64_t>(rows.size()));
    out.emplace_back(values);
    out.push_back(values > 0 ? Value(sum) : Value());
    out.push_back(values > 0 ? Value(static_cast<double>(sum) / static_cast<double>(values))
                             : Value());
    out.push_back(least);
    out.push_back(longest);
    return out;
  }

  Query query_;
  std::map<Row, std::vector<Row>> groups_;
  std::map<Row, std::int64_t> times_;
  std::set<Row> touched_;
  std::vector<Row> late_;
  std::set<Row> late_groups_;
  std::int64_t watermark_ms_ = 0;
};

class RandomCase {
 public:
  explicit RandomCase(std::uint32_t seed) : random_(seed) {}

  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(limit));
  }
  bool chance(int percent) { return below(100) < percent; }

  Query query() {
    Query query;
    query.by_k = chance(50);
    query.by_n = chance(40);
    query.time = chance(60) ? Query::window : chance(40) ? Query::raw : Query::no;
    query.slide = (1 + below(10)) * second;
    query.size = chance(50) ? query.slide : query.slide + below(20) * second;
    query.start = (below(2 * query.slide / second - 1) - query.slide / second + 1) * second;
    const int mode = static_cast<int>(below(query.time == Query::no ? 2 : 3));
    query.mode = mode == 0   ? OutputMode::update
                 : mode == 1 ? OutputMode::complete
                             : OutputMode::append;
    return query;
  }

  Row row(std::int64_t now) {
    static const char* const words[] = {
        "", "a", "b", "twelve bytes", "thirteen bytes", "a word that lies outside the view", "c"};
    const Value k = chance(10) ? Value() : Value(words[below(7)]);
    const Value n = chance(10) ? Value() : Value(below(4) - 1);
    const Value ts =
        chance(10) ? Value() : Value((now + below(30) - 20) * second + (chance(20) ? 1 : 0));
    const Value v = chance(15) ? Value() : Value(below(1000) - 500);
    return {k, n, ts, v};
  }

 private:
  std::mt19937_64 random_;
};

std::vector<OperatorTest::Step> steps_of(const Query& query, Plan plan) {
  std::vector<OperatorTest::Step> steps;
  steps.emplace_back(observe_watermark({2}));
  Schema schema = input_schema();
  if (query.time == Query::window) {
    steps.emplace_back(assign_windows({2, query.size, query.slide, query.start}));
    schema = with_window(schema);
  }
  AggregateSpec spec;
  spec.mode = query.mode;
  if (query.by_k) spec.keys.push_back(0);
  if (query.by_n) spec.keys.push_back(1);
  if (query.time != Query::no) {
    spec.time_key = static_cast<std::uint32_t>(spec.keys.size());
    spec.keys.push_back(query.time == Query::raw ? 2 : 4);
  }
  for (const std::uint32_t key : spec.keys) spec.key_fields.push_back(schema[key]);
  spec.aggregates = {aggregate_call(schema, "count", {}),  aggregate_call(schema, "count", {"v"}),
                     aggregate_call(schema, "sum", {"v"}), aggregate_call(schema, "avg", {"v"}),
                     aggregate_call(schema, "min", {"v"}), aggregate_call(schema, "max", {"k"})};
  add_aggregation(steps, spec, plan);
  return steps;
}

void run(std::uint32_t seed) {
  CAPTURE(seed);
  RandomCase random(seed);
  const Query query = random.query();
  const Plan plan = random.chance(50) ? Plan::single : Plan::two_stages;
  OperatorTest::Options options;
  options.partitions = static_cast<std::uint32_t>(1 + random.below(4));
  options.restart_always = random.chance(30);
  options.refuse = random.chance(30);
  OperatorTest test(steps_of(query, plan), input_schema(), options);
  Oracle oracle(query);
  std::int64_t watermark = 0;
  std::int64_t now = 5;
  const int epochs = static_cast<int>(2 + random.below(6));
  for (int epoch = 0; epoch < epochs; ++epoch) {
    CAPTURE(epoch);
    for (int batch = 0; batch < 3; ++batch) {
      std::vector<Row> rows(static_cast<std::size_t>(random.below(12)));
      for (Row& row : rows) {
        row = random.row(now);
        oracle.add(row);
      }
      test.process(rows);
    }
    now += random.below(12);
    if (random.chance(60)) watermark = std::max(watermark, (now - 10) * 1000 + random.below(2));
    const Oracle::Answer expected = oracle.end(watermark);
    std::vector<Row> rows = test.barrier(watermark);
    std::sort(rows.begin(), rows.end());
    REQUIRE(rows == expected.rows);
    std::vector<Row> late = test.late_rows();
    std::sort(late.begin(), late.end());
    REQUIRE(late == expected.late);
    const OperatorMetrics& metrics = test.metrics();
    REQUIRE(metrics.state_rows == expected.groups);
    REQUIRE(metrics.dropped_groups == expected.dropped);
    REQUIRE(metrics.state_updated == expected.updated);
    REQUIRE(metrics.state_removed == expected.removed);
    REQUIRE(metrics.held_rows == expected.held);
    REQUIRE(test.state(test.steps() - 1).entries().size() == expected.groups);
    if (random.chance(30)) test.restart(static_cast<std::uint32_t>(1 + random.below(4)));
  }
}

}  // namespace

TEST_CASE("Aggregation agrees with a recomputation from all rows on random streams") {
  for (std::uint32_t seed = 0; seed < 2500; ++seed) run(seed);
}
