// Random rows through the session aggregation, against a model that keeps every row and merges by
// the definition.
#include "../support/aggregation.hpp"

#include <libstream/bound_expression.hpp>

#include <map>
#include <random>
#include <set>

using namespace libstream;
using namespace libstream::test;

namespace {

constexpr std::int64_t second = 1'000'000;

struct Piece {
  std::int64_t start, end, value;
};
struct Merged {
  std::int64_t start, end, rows, sum;
};

/// Sorts and joins pieces that touch.
std::vector<Merged> merged(std::vector<Piece> pieces) {
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece& a, const Piece& b) { return a.start < b.start; });
  std::vector<Merged> sessions;
  for (const auto& piece : pieces) {
    if (sessions.empty() || piece.start > sessions.back().end) {
      sessions.push_back({piece.start, piece.end, 1, piece.value});
      continue;
    }
    auto& last = sessions.back();
    last.end = std::max(last.end, piece.end);
    ++last.rows;
    last.sum += piece.value;
  }
  return sessions;
}

class Model {
 public:
  std::vector<Row> rows;  // emitted
  std::size_t total = 0, updated = 0, removed = 0, dropped = 0;

  void epoch(const std::vector<std::pair<std::string, Piece>>& input, std::int64_t late,
             std::int64_t watermark, bool complete) {
    rows.clear();
    std::set<std::tuple<std::string, std::int64_t, std::int64_t>> late_pieces;
    std::set<std::string> touched;
    std::map<std::string, std::set<std::int64_t>> before;
    for (const auto& [key, pieces] : pieces_) {
      for (const auto& session : merged(pieces)) before[key].insert(session.start);
    }
    for (const auto& [key, piece] : input) {
      if (piece.end <= late) {
        late_pieces.emplace(key, piece.start, piece.end);
      } else {
        pieces_[key].push_back(piece);
        touched.insert(key);
      }
    }
    dropped = late_pieces.size();
    updated = removed = total = 0;
    for (const auto& key : touched) {
      const auto sessions = merged(pieces_[key]);
      updated += sessions.size();
      for (const auto start : before[key]) {
        const auto found = std::any_of(sessions.begin(), sessions.end(),
                                       [&](const Merged& each) { return each.start == start; });
        removed += found ? 0 : 1;
      }
    }
    for (auto& [key, pieces] : pieces_) {
      for (const auto& session : merged(pieces)) finish(key, session, watermark, complete);
    }
  }

 private:
  void finish(const std::string& key, const Merged& session, std::int64_t watermark,
              bool complete) {
    const bool due = !complete && session.end <= watermark;
    if (due || complete) {
      rows.push_back({key, ValueList{session.start, session.end}, session.rows, session.sum});
    }
    total += due ? 0 : 1;
    removed += due ? 1 : 0;
    if (!due) return;
    std::erase_if(pieces_[key], [&](const Piece& piece) {
      return piece.start >= session.start && piece.start <= session.end;
    });
  }

  std::map<std::string, std::vector<Piece>> pieces_;
};

void run(std::uint64_t seed, bool complete) {
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  const Schema schema = Schema::parse("k string, ts timestamp, e timestamp, v bigint");
  auto fields = schema.fields();
  fields.push_back(
      {"s",
       DataType::structure({{"start", TypeId::timestamp, true}, {"end", TypeId::timestamp, true}}),
       true});
  const Schema with_session{fields};
  AggregateSpec spec;
  spec.mode = complete ? OutputMode::complete : OutputMode::append;
  spec.keys = {0, 4};
  spec.key_fields = {with_session[0], with_session[4]};
  spec.aggregates = {aggregate_call(with_session, "count", {}),
                     aggregate_call(with_session, "sum", {"v"})};
  spec.time_key = 1;
  OperatorTest::Options options;
  options.partitions = static_cast<std::uint32_t>(1 + below(4));
  options.restart_always = below(2) == 0;
  options.refuse = below(2) == 0;
  std::vector<OperatorTest::Step> steps;
  steps.emplace_back(assign_sessions({1, bound_column(2, schema[2])}));
  steps.emplace_back(session_aggregate(spec, 1), std::vector<std::uint32_t>{0});
  OperatorTest test(std::move(steps), schema, options);

  Model model;
  std::int64_t late = 0;
  std::int64_t watermark = 0;
  for (int epoch = 0; epoch < 12; ++epoch) {
    std::vector<std::pair<std::string, Piece>> input;
    for (auto batch = below(3); batch >= 0; --batch) {
      std::vector<Row> rows;
      for (auto i = below(12); i > 0; --i) {
        const auto key = std::string(1, static_cast<char>('a' + below(4)));
        const auto start = (watermark / second - 15 + below(50)) * second;
        const Piece piece{start, start + (1 + below(6)) * second, below(100)};
        rows.push_back({key, piece.start, piece.end, piece.value});
        input.emplace_back(key, piece);
      }
      test.process(rows);
    }
    watermark += below(3) == 0 ? 0 : below(20) * second;
    model.epoch(input, late, watermark, complete);
    auto rows = test.barrier(watermark / 1000);
    std::sort(rows.begin(), rows.end());
    std::sort(model.rows.begin(), model.rows.end());
    REQUIRE(rows == model.rows);
    REQUIRE(test.metrics().state_rows == model.total);
    REQUIRE(test.metrics().state_updated == model.updated);
    REQUIRE(test.metrics().state_removed == model.removed);
    REQUIRE(test.metrics().dropped_groups == model.dropped);
    REQUIRE(test.state(1).entries().size() == model.total);
    late = watermark;
  }
}

}  // namespace

TEST_CASE("random sessions agree with a model that keeps every row") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    run(seed, false);
    run(seed, true);
  }
}
