#include "join_case.hpp"

#include "chance.hpp"
#include "values.hpp"

#include <libstream/libstream.hpp>

namespace libstream::oracle {
namespace {

constexpr std::int64_t window_size = 5 * second;

std::string bound_text(const JoinCase::Bound& bound, bool lower) {
  const std::string sign = std::string(lower ? ">" : "<") + (bound.strict ? "" : "=");
  const auto interval = [](std::int64_t seconds) {
    return (seconds < 0 ? " - INTERVAL " : " + INTERVAL ") + std::to_string(std::abs(seconds)) +
           " SECONDS";
  };
  if (bound.turned) return "rt" + interval(-bound.seconds) + " " + sign + " lt";
  return "rt " + sign + " lt" + interval(bound.seconds);
}

bool holds(const JoinCase::Bound& bound, bool lower, std::int64_t left, std::int64_t right) {
  const auto apart = right - left - bound.seconds * second;
  if (apart == 0) return !bound.strict;
  return lower ? apart > 0 : apart < 0;
}

Row random_row(Chance& chance, const JoinCase& plan, std::int64_t now, std::int64_t id) {
  const auto null = [&](std::int64_t n, Value value) { return chance.one_in(n) ? Value() : value; };
  const auto t = (now * 1000 + chance.between(-9000, 6000)) * 1000 + chance.below(2);
  // Windows leave rows without a time out.
  const Value time = plan.windows ? Value(t) : null(25, Value(t));
  Row row(join_columns);
  row[join_k] = null(10, Value(chance.below(3)));
  row[join_s] = null(10, chance.one_in(4) ? Value("a long text, out of line")
                                          : Value(chance.one_in(2) ? "x" : "y"));
  row[join_t] = time;
  row[join_v] = Value(chance.below(6));
  row[join_id] = Value(id);
  if (!time.is_null()) row[join_w] = Value((t / window_size + 1) * window_size);
  return row;
}

JoinCase::Bound random_bound(Chance& chance, std::int64_t least, std::int64_t most) {
  return {chance.between(least, most), chance.one_in(3), chance.one_in(2)};
}

void choose_condition(JoinCase& plan, Chance& chance) {
  static constexpr JoinType types[] = {JoinType::inner, JoinType::left_outer, JoinType::right_outer,
                                       JoinType::full_outer, JoinType::left_semi};
  plan.type = chance.of(types);
  plan.null_safe = chance.one_in(4);
  plan.two_keys = chance.one_in(3);
  plan.windows = chance.one_in(3);
  if (!chance.one_in(4)) plan.lower = random_bound(chance, -4, 3);
  if (!chance.one_in(4)) {
    const auto least = plan.lower ? plan.lower->seconds : -4;
    plan.upper = random_bound(chance, least, least + 9);
  }
  // What the type needs to know that a row has no match.
  const bool left = plan.type == JoinType::left_outer || plan.type == JoinType::left_semi;
  if (left && !plan.windows && !plan.upper) plan.upper = random_bound(chance, 4, 9);
  if (plan.type == JoinType::right_outer && !plan.windows && !plan.lower) {
    plan.lower = random_bound(chance, -4, 3);
  }
  if (plan.type == JoinType::full_outer && !plan.windows && !plan.lower && !plan.upper) {
    plan.upper = random_bound(chance, 0, 9);
  }
  plan.compared = chance.one_in(3);
  for (bool& filtered : plan.filtered) filtered = chance.one_in(5);
  for (auto& delay : plan.delay) delay = chance.below(8);
  if (plan.type == JoinType::inner && chance.one_in(4)) {
    plan.marked[static_cast<std::size_t>(chance.below(2))] = false;
  }
  static const char* const policies[] = {"min", "max", "perSide"};
  plan.policy = chance.of(policies);
  plan.no_data_epochs = !chance.one_in(8);
}

void choose_runs(JoinCase& plan, Chance& chance) {
  static constexpr std::uint32_t partitions[] = {1, 2, 3, 5, 8};
  const auto runs = chance.between(1, 4);
  auto left = plan.input.size();
  for (std::int64_t i = 0; i < runs; ++i) {
    Run run;
    const bool last = i + 1 == runs;
    run.partitions = chance.of(partitions);
    run.schedule = chance.next();
    run.kind = chance.one_in(2) ? Run::Kind::available_now : Run::Kind::as_soon_as_possible;
    if (!last && chance.one_in(2)) {
      run.crash_after = static_cast<std::uint64_t>(chance.below(chance.one_in(2) ? 150 : 700));
    }
    run.additions =
        last ? left : static_cast<std::size_t>(chance.below(static_cast<std::int64_t>(left) + 1));
    left -= run.additions;
    plan.runs.push_back(run);
  }
}

}  // namespace

JoinCase random_join_case(std::uint64_t seed) {
  JoinCase plan;
  plan.seed = seed;
  Chance chance(seed ^ 0x6a6f696e73);
  choose_condition(plan, chance);
  auto now = chance.between(20, 60);
  std::int64_t id = 0;
  std::array<std::int64_t, 2> behind{chance.one_in(3) ? chance.below(12) : 0, 0};
  for (auto additions = chance.between(1, 7); additions > 0; --additions) {
    auto& addition = plan.input.emplace_back();
    for (const std::size_t side : {0U, 1U}) {
      if (chance.one_in(5)) continue;
      for (auto batches = chance.between(1, 2); batches > 0; --batches) {
        std::vector<Row> rows;
        for (auto left = chance.between(1, 8); left > 0; --left) {
          rows.push_back(random_row(chance, plan, now - behind[side], id++));
          if (chance.one_in(8)) rows.push_back(rows.back());  // with its id: a duplicate
        }
        addition.emplace_back(side, std::move(rows));
      }
    }
    now += chance.below(9);
  }
  choose_runs(plan, chance);
  return plan;
}

std::string JoinCase::condition() const {
  std::string text = null_safe ? "lk <=> rk" : "lk = rk";
  if (two_keys) text += " AND ls = rs";
  if (windows) text += " AND lw = rw";
  if (lower) text += " AND " + bound_text(*lower, true);
  if (upper) text += " AND " + bound_text(*upper, false);
  if (compared) text += " AND lv <= rv";
  if (filtered[0]) text += " AND lv <> 4";
  if (filtered[1]) text += " AND rv <> 4";
  return text;
}

DataStream JoinCase::build(const DataStream& left, const DataStream& right) const {
  const auto side = [this](DataStream stream, std::size_t i, const std::string& prefix) {
    if (marked[i]) {
      stream = stream.with_watermark(prefix + "t", std::chrono::milliseconds(delay[i] * 1000));
    }
    return windows ? stream.with_column(prefix + "w", window(prefix + "t", "5 seconds")) : stream;
  };
  const auto joined = side(left, 0, "l").join(side(right, 1, "r"), condition(), type);
  if (type == JoinType::left_semi) return joined.select("lk", "ls", "lt", "lv", "lid");
  return joined.select("lk", "ls", "lt", "lv", "lid", "rk", "rs", "rt", "rv", "rid");
}

bool JoinCase::matches(const Row& left, const Row& right) const {
  const auto equal = [&](std::uint32_t column, bool nulls_too) {
    if (left[column].is_null() || right[column].is_null()) {
      return nulls_too && left[column].is_null() && right[column].is_null();
    }
    return left[column] == right[column];
  };
  if (!equal(join_k, null_safe) || (two_keys && !equal(join_s, false))) return false;
  if (windows && !equal(join_w, false)) return false;
  if (lower || upper) {
    if (left[join_t].is_null() || right[join_t].is_null()) return false;
    const auto l = left[join_t].integer(), r = right[join_t].integer();
    if (lower && !holds(*lower, true, l, r)) return false;
    if (upper && !holds(*upper, false, l, r)) return false;
  }
  if (compared && left[join_v].integer() > right[join_v].integer()) return false;
  if (filtered[0] && left[join_v].integer() == 4) return false;
  return !filtered[1] || right[join_v].integer() != 4;
}

bool JoinCase::bounded(std::size_t side) const {
  if (windows) return marked[0] || marked[1];
  return marked[0] && marked[1] && (side == 0 ? upper : lower).has_value();
}

test::JoinModel JoinCase::model() const {
  test::JoinModel model;
  model.type = type;
  model.columns = join_columns;
  std::vector<std::uint32_t> keys{join_k};
  model.null_safe = {null_safe};
  if (two_keys) keys.push_back(join_s);
  if (windows) keys.push_back(join_w);
  model.null_safe.resize(keys.size(), false);
  model.condition = [this](const Row& left, const Row& right) { return matches(left, right); };
  for (std::uint32_t i = 0; i < 2; ++i) {
    auto& side = model.sides[i];
    side.keys = keys;
    if (marked[i]) side.event_column = windows ? join_w : join_t;
    if (filtered[i]) {
      side.filter = [](const Row& row) { return row[join_v].integer() != 4; };
    }
    if (i == 0 || type != JoinType::left_semi) {
      for (std::uint32_t c = join_k; c <= join_id; ++c)
        model.output.push_back(c + i * join_columns);
    }
    if (!bounded(i)) continue;
    side.due_column = windows ? join_w : join_t;
    if (windows) continue;
    // A left row is needed until no right one at or before left time + upper can come.
    const auto& bound = i == 0 ? *upper : *lower;
    side.bound = (i == 0 ? -bound.seconds : bound.seconds) * second - (bound.strict ? 0 : 1000);
  }
  return model;
}

std::string JoinCase::words() const {
  std::string text = "seed " + std::to_string(seed) + ": " + std::string(to_string(type)) +
                     " join on " + condition() + ", watermarkPolicy " + policy +
                     (no_data_epochs ? "" : ", no epochs without data") + "\n";
  for (const std::size_t side : {0U, 1U}) {
    text += side == 0 ? "left " : "right ";
    text +=
        marked[side] ? "up to " + std::to_string(delay[side]) + " s late\n" : "without watermark\n";
  }
  for (const auto& addition : input) {
    text += "rows that come together:\n";
    for (const auto& [side, rows] : addition) {
      for (const Row& row : rows) {
        text += (side == 0 ? "  left " : "  right ") + text_of(row) + "\n";
      }
    }
  }
  for (const Run& run : runs) text += text_of(run) + "\n";
  return text;
}

}  // namespace libstream::oracle
