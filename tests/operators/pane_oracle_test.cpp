// Random streams through aggregations in panes, against a recomputation over maps of whole rows
// that shares no code with them: sizes, slides and offsets of all sorts, every mode, late rows,
// restarts, one or two stages, 1 to 8 partitions.
#include "../support/aggregation.hpp"

#include <libstream/error.hpp>
#include <libstream/operators/pane_aggregate.hpp>

#include <map>
#include <random>
#include <set>
#include <string>

using namespace libstream;
using namespace libstream::test;

namespace {

constexpr std::int64_t second = 1'000'000;

Schema input_schema() { return Schema::parse("k string, n bigint, ts timestamp, v bigint"); }

struct Query {
  OutputMode mode = OutputMode::update;
  bool by_k = false;
  bool by_n = false;
  bool watermarked = true;
  std::size_t window_key = 0;
  std::int64_t size = 0, slide = 0, start = 0;
  bool evicts() const { return watermarked && mode != OutputMode::complete; }
};

/// Keeps every accepted row and works each answer out from all of them.
class Oracle {
 public:
  explicit Oracle(Query query) : query_(query) {}

  struct Answer {
    std::vector<Row> rows;
    std::vector<Row> late;
    std::size_t entries = 0, updated = 0, removed = 0, held = 0;
  };

  void add(const Row& row) {
    if (row[2].is_null()) return;
    const std::int64_t time = row[2].integer();
    std::vector<std::int64_t> begins;
    // All starts near the row, tried one by one.
    const std::int64_t near = time / query_.slide * query_.slide + query_.start;
    for (std::int64_t begin = near - (query_.size / query_.slide + 4) * query_.slide;
         begin <= near + 3 * query_.slide; begin += query_.slide) {
      if (begin <= time && time < begin + query_.size) begins.push_back(begin);
    }
    if (closed(begins.back())) {
      late_.push_back(row);
      late_.back().push_back(window(begins.back()));
      return;
    }
    Row key;
    if (query_.by_k) key.push_back(row[0]);
    if (query_.by_n) key.push_back(row[1]);
    // Rows of one key that are in the same windows share an entry of state.
    const Entry entry{key, begins};
    ++entries_[entry];
    touched_entries_.insert(entry);
    for (const std::int64_t begin : begins) {
      if (closed(begin)) continue;
      Row group = key;
      group.insert(group.begin() + static_cast<std::ptrdiff_t>(query_.window_key), window(begin));
      groups_[{begin, group}].push_back(row);
      touched_.insert({begin, group});
    }
  }

  Answer end(std::int64_t watermark_ms) {
    Answer answer;
    answer.late = std::move(late_);
    answer.updated = touched_entries_.size();
    watermark_ms_ = watermark_ms;
    for (auto it = groups_.begin(); it != groups_.end();) {
      const bool due = closed(it->first.first);
      const bool wanted = query_.mode == OutputMode::complete ||
                          (query_.mode == OutputMode::update && touched_.count(it->first) > 0) ||
                          (query_.mode == OutputMode::append && due);
      if (wanted) answer.rows.push_back(result(it->first.second, it->second));
      it = due ? groups_.erase(it) : std::next(it);
    }
    for (auto it = entries_.begin(); it != entries_.end();) {
      const bool due = closed(it->first.second.back());
      answer.removed += due ? 1 : 0;
      answer.held += due ? 0 : it->second;
      it = due ? entries_.erase(it) : std::next(it);
    }
    answer.entries = entries_.size();
    late_.clear();
    touched_.clear();
    touched_entries_.clear();
    std::sort(answer.rows.begin(), answer.rows.end());
    std::sort(answer.late.begin(), answer.late.end());
    return answer;
  }

 private:
  using Entry = std::pair<Row, std::vector<std::int64_t>>;
  using Group = std::pair<std::int64_t, Row>;

  Value window(std::int64_t begin) const {
    return ValueList{Value(begin), Value(begin + query_.size)};
  }
  bool closed(std::int64_t begin) const {
    return query_.evicts() && begin + query_.size <= watermark_ms_ * 1000;
  }

  static Row result(const Row& key, const std::vector<Row>& rows) {
    std::int64_t sum = 0, positive = 0;
    std::vector<std::int64_t> values;
    Value longest;
    for (const Row& row : rows) {
      if (!row[3].is_null()) {
        values.push_back(row[3].integer());
        sum += row[3].integer();
        positive += row[3].integer() > 0 ? 1 : 0;
      }
      if (!row[0].is_null() && (longest.is_null() || row[0].text() > longest.text())) {
        longest = row[0];
      }
    }
    std::sort(values.begin(), values.end());
    const std::size_t n = values.size();
    Row out = key;
    out.emplace_back(static_cast<std::int64_t>(rows.size()));
    out.emplace_back(static_cast<std::int64_t>(n));
    out.push_back(n > 0 ? Value(sum) : Value());
    out.push_back(n > 0 ? Value(static_cast<double>(sum) / static_cast<double>(n)) : Value());
    out.push_back(n > 0 ? Value(values.front()) : Value());
    out.push_back(longest);
    out.push_back(n > 0 ? Value(static_cast<double>(values[(n - 1) / 2] + values[n / 2]) / 2)
                        : Value());
    out.emplace_back(positive);
    out.emplace_back(static_cast<std::int64_t>(std::set(values.begin(), values.end()).size()));
    return out;
  }

  Query query_;
  std::map<Group, std::vector<Row>> groups_;
  std::set<Group> touched_;
  std::map<Entry, std::size_t> entries_;
  std::set<Entry> touched_entries_;
  std::vector<Row> late_;
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
    query.window_key = static_cast<std::size_t>(below(1 + query.by_k + query.by_n));
    query.slide = (1 + below(10)) * second;
    const std::int64_t most = chance(40) ? 40 * query.slide / second : 20;
    query.size = query.slide + (1 + below(most)) * second;
    if (chance(20)) query.size = query.slide * (2 + below(80));
    query.start = (below(2 * query.slide / second - 1) - query.slide / second + 1) * second;
    query.watermarked = chance(85);
    const auto mode = below(query.watermarked ? 3 : 2);
    query.mode = mode == 0   ? OutputMode::update
                 : mode == 1 ? OutputMode::complete
                             : OutputMode::append;
    return query;
  }

  Row row(std::int64_t now, std::int64_t spread) {
    static const char* const words[] = {
        "", "a", "b", "twelve bytes", "thirteen bytes", "a word that lies outside the view", "c"};
    const Value k = chance(10) ? Value() : Value(words[below(7)]);
    const Value n = chance(10) ? Value() : Value(below(4) - 1);
    const auto time = (now + below(spread) - spread * 2 / 3) * second;
    const Value ts = chance(10) ? Value() : Value(time + (chance(20) ? below(second) : 0));
    const Value v = chance(15) ? Value() : Value(below(1000) - 500);
    return {k, n, ts, v};
  }

 private:
  std::mt19937_64 random_;
};

PaneSpec spec_of(const Query& query) {
  const Schema schema = input_schema();
  PaneSpec panes;
  AggregateSpec& spec = panes.aggregate;
  spec.mode = query.mode;
  if (query.by_k) spec.keys.push_back(0);
  if (query.by_n) spec.keys.push_back(1);
  for (const std::uint32_t key : spec.keys) spec.key_fields.push_back(schema[key]);
  const auto at = static_cast<std::ptrdiff_t>(query.window_key);
  spec.keys.insert(spec.keys.begin() + at, 4);
  spec.key_fields.insert(spec.key_fields.begin() + at, with_window(schema)[4]);
  if (query.watermarked) spec.time_key = static_cast<std::uint32_t>(query.window_key);
  panes.window_key = static_cast<std::uint32_t>(query.window_key);
  panes.window = {2, query.size, query.slide, query.start};
  auto positive = aggregate_call(schema, "count", {});
  positive.filter = bind(expr("v > 0"), schema);
  auto distinct = aggregate_call(schema, "count", {"v"});
  distinct.function = resolve_aggregate("count", std::vector{schema[3].type}, {}, true);
  spec.aggregates = {aggregate_call(schema, "count", {}),
                     aggregate_call(schema, "count", {"v"}),
                     aggregate_call(schema, "sum", {"v"}),
                     aggregate_call(schema, "avg", {"v"}),
                     aggregate_call(schema, "min", {"v"}),
                     aggregate_call(schema, "max", {"k"}),
                     aggregate_call(schema, "median", {"v"}),
                     positive,
                     distinct};
  return panes;
}

/// Another operator whose changelogs keep what they promise: where that is not so, changes that are
/// still needed would be forgotten.
class KeepsExtent final : public Operator {
 public:
  explicit KeepsExtent(std::unique_ptr<Operator> op) : op_(std::move(op)) {}
  void restore(const StateReader& state, Watermark late) override { op_->restore(state, late); }
  void start(const EpochStart& epoch) override { op_->start(epoch); }
  Flow process(BatchPtr batch, std::size_t input, Output& output) override {
    return op_->process(std::move(batch), input, output);
  }
  Flow on_barrier(const Barrier& barrier, Output& output) override {
    return op_->on_barrier(barrier, output);
  }
  Flow resume(Output& output) override { return op_->resume(output); }
  void collect_changes(ChangelogWriter& changes) override {
    op_->collect_changes(changes);
    if (changes.empty()) return;
    const auto extent = changes.extent();
    REQUIRE(extent);
    std::string floor;
    read_changelog(changes.bytes(), [&](const Change& change) {
      CHECK(change.key_group >= extent->first_group);
      CHECK(change.key_group <= extent->last_group);
      if (change.kind != ChangeKind::floor) {
        CHECK(change.key < extent->below);
        return;
      }
      floor = change.key;
      CHECK(change.key_group == extent->first_group);
      CHECK(change.last_group == extent->last_group);
    });
    CHECK(floor == extent->floor);
    CHECK(floor <= extent->below);
  }
  OperatorMetrics metrics() const override { return op_->metrics(); }

 private:
  std::unique_ptr<Operator> op_;
};

OperatorFactory panes_of(const PaneSpec& spec) {
  return [make = pane_aggregate(spec)](const OperatorContext& context) {
    return std::make_unique<KeepsExtent>(make(context));
  };
}

std::vector<OperatorTest::Step> steps_of(const Query& query, Plan plan) {
  std::vector<OperatorTest::Step> steps;
  steps.emplace_back(observe_watermark({2}));
  PaneSpec spec = spec_of(query);
  if (plan == Plan::single) {
    steps.emplace_back(panes_of(spec), pane_keys(spec));
    return steps;
  }
  std::vector<std::uint32_t> positions(spec.aggregate.keys.size() - 1);
  std::iota(positions.begin(), positions.end(), 0);
  spec.aggregate.stage = AggregateSpec::Stage::partial;
  steps.emplace_back(pane_aggregate(spec));
  spec.aggregate.stage = AggregateSpec::Stage::final_;
  steps.emplace_back(panes_of(spec), positions);
  return steps;
}

void run(std::uint32_t seed) {
  CAPTURE(seed);
  RandomCase random(seed);
  const Query query = random.query();
  const Plan plan = random.chance(50) ? Plan::single : Plan::two_stages;
  OperatorTest::Options options;
  options.partitions = static_cast<std::uint32_t>(1 + random.below(8));
  options.restart_always = random.chance(30);
  options.refuse = random.chance(30);
  OperatorTest test(steps_of(query, plan), input_schema(), options);
  Oracle oracle(query);
  std::int64_t watermark = 0;
  std::int64_t now = 5;
  const std::int64_t spread = random.chance(70) ? 30 : 30 + query.size / second;
  const int epochs = static_cast<int>(2 + random.below(7));
  for (int epoch = 0; epoch < epochs; ++epoch) {
    CAPTURE(epoch);
    for (int batch = 0; batch < 3; ++batch) {
      std::vector<Row> rows(static_cast<std::size_t>(random.below(12)));
      for (Row& row : rows) {
        row = random.row(now, spread);
        oracle.add(row);
      }
      test.process(rows);
    }
    now += random.chance(10) ? random.below(10 * query.size / second) : random.below(12);
    if (random.chance(60)) watermark = std::max(watermark, (now - 10) * 1000 + random.below(2));
    const Oracle::Answer expected = oracle.end(watermark);
    std::vector<Row> rows = test.barrier(watermark);
    std::sort(rows.begin(), rows.end());
    REQUIRE(rows == expected.rows);
    std::vector<Row> late = test.late_rows();
    std::sort(late.begin(), late.end());
    REQUIRE(late == expected.late);
    const OperatorMetrics& metrics = test.metrics();
    REQUIRE(metrics.state_rows == expected.entries);
    REQUIRE(metrics.dropped_groups == expected.late.size());
    REQUIRE(metrics.state_updated == expected.updated);
    REQUIRE(metrics.state_removed == expected.removed);
    REQUIRE(metrics.held_rows == expected.held);
    REQUIRE(test.state(test.steps() - 1).entries().size() == expected.entries);
    if (random.chance(30)) test.restart(static_cast<std::uint32_t>(1 + random.below(8)));
  }
}

std::string counted(OperatorTest& test, std::int64_t watermark_ms) {
  std::string text;
  auto rows = test.barrier(watermark_ms);
  std::sort(rows.begin(), rows.end());
  for (const Row& row : rows) {
    const auto& bounds = std::get<ValueList>(row[0].data);
    text += (text.empty() ? "" : " | ") + std::to_string(bounds[0].integer() / second) + ": " +
            std::to_string(row[1].integer());
  }
  return text;
}

}  // namespace

TEST_CASE("Aggregation in panes agrees with a recomputation from all rows on random streams") {
  for (std::uint32_t seed = 0; seed < 600; ++seed) run(seed);
}

TEST_CASE("A row late for some of its windows counts in the others") {
  for (const OutputMode mode : {OutputMode::append, OutputMode::update}) {
    Query query;
    query.mode = mode;
    query.size = 10 * second;
    query.slide = 5 * second;
    OperatorTest test(steps_of(query, Plan::two_stages), input_schema());
    const Row seven{"a", 1, 7 * second, 1};
    test.process({seven});
    CHECK(counted(test, 10'000) == (mode == OutputMode::append ? "0: 1" : "0: 1 | 5: 1"));
    // The window that began at 0 is closed now, the one that began at 5 is not.
    test.process({seven});
    CHECK(counted(test, 12'000) == (mode == OutputMode::append ? "" : "5: 2"));
    CHECK(test.late_rows().empty());
    CHECK(test.metrics().state_rows == 1);
    CHECK(counted(test, 15'000) == (mode == OutputMode::append ? "5: 2" : ""));
    CHECK(test.metrics().state_rows == 0);
    test.process({seven});
    CHECK(counted(test, 15'000).empty());
    REQUIRE(test.late_rows().size() == 1);
    CHECK(test.metrics().dropped_groups == 1);
  }
}

TEST_CASE("Keys by the ten thousand, keys that go and come, outputs that fill up") {
  for (const OutputMode mode : {OutputMode::append, OutputMode::update, OutputMode::complete}) {
    for (const Plan plan : {Plan::single, Plan::two_stages}) {
      Query query;
      query.mode = mode;
      query.by_n = true;
      query.size = 34 * second;
      query.slide = 2 * second;
      OperatorTest::Options options;
      options.partitions = 2;
      options.refuse = true;
      OperatorTest test(steps_of(query, plan), input_schema(), options);
      std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
      std::int64_t closed = 0;
      for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
        std::set<std::pair<std::int64_t, std::int64_t>> touched;
        std::vector<Row> rows;
        for (std::int64_t i = 0; i < 5'000; ++i) {
          const std::int64_t key = epoch * 2'000 + i;
          const std::int64_t time = epoch * 20 + key % 20;
          rows.push_back({"x", key, time * second, i});
          for (std::int64_t begin = time - time % 2 - 32; begin <= time; begin += 2) {
            if (begin + 34 <= closed) continue;
            ++counts[{begin, key}];
            touched.insert({begin, key});
          }
        }
        test.process(rows);
        const std::int64_t watermark = epoch * 20;
        std::set<std::vector<std::int64_t>> expected;
        for (auto it = counts.begin(); it != counts.end();) {
          const bool due = mode != OutputMode::complete && it->first.first + 34 <= watermark;
          if (mode == OutputMode::complete || (mode == OutputMode::append && due) ||
              (mode == OutputMode::update && touched.count(it->first) > 0)) {
            expected.insert({it->first.first, it->first.second, it->second});
          }
          it = due ? counts.erase(it) : std::next(it);
        }
        std::set<std::vector<std::int64_t>> got;
        for (const Row& row : test.barrier(watermark * 1000)) {
          const auto& bounds = std::get<ValueList>(row[0].data);
          got.insert({bounds[0].integer() / second, row[1].integer(), row[2].integer()});
        }
        REQUIRE(got == expected);
        closed = mode == OutputMode::complete ? 0 : watermark;
        if (epoch == 2) test.restart(3);
      }
      CHECK(test.refusals() > 0);
    }
  }
}

TEST_CASE("State of panes that is cut short or too long is corrupt") {
  Query query;
  query.mode = OutputMode::complete;
  query.by_n = true;
  query.size = 10 * second;
  query.slide = 5 * second;
  OperatorTest test(steps_of(query, Plan::single), input_schema());
  test.process({{"a", 1, 7 * second, 1}});
  test.barrier(0);
  REQUIRE(test.state(1).entries().size() == 1);
  const auto& [where, value] = *test.state(1).entries().begin();
  const auto restored = [&](const std::string& key_bytes, const std::string& value_bytes) {
    ChangelogWriter changes;
    changes.put(where.first, key_bytes, value_bytes);
    MapState state;
    state.apply(changes.bytes());
    const auto op = pane_aggregate(spec_of(query))({0, 1, 128});
    try {
      op->restore(PartitionReader(state, 0, 1, 128), Watermark{0});
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::corrupt);
      return false;
    }
    return true;
  };
  CHECK(restored(where.second, value));
  CHECK_FALSE(restored(where.second, value + "x"));
  CHECK_FALSE(restored(where.second + "x", value));
  CHECK_FALSE(restored(where.second, value.substr(0, 12)));
  CHECK_FALSE(restored(where.second.substr(0, where.second.size() - 1), value));
}
