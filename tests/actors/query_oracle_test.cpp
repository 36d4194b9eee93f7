// Random small queries through the whole engine against an oracle that keeps all rows and follows
// the semantics word by word: late rows, eviction, what each mode emits, epochs without data,
// restarts with other numbers of partitions.
#include "naive_aggregate.hpp"
#include "random_query.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

using namespace libstream;
using namespace libstream::naive;

namespace {

/// What the query must answer: all rows kept, everything worked out anew.
class Oracle {
 public:
  explicit Oracle(const Plan& plan) : plan_(plan) {}

  struct Answer {
    std::vector<Row> rows;
    std::size_t late = 0;
  };

  /// Rows that came together, by stream; then the epochs without data that they lead to.
  Answer step(const std::vector<std::vector<Row>>& streams) {
    Answer answer;
    const auto rows = rows_of(streams);
    epoch(rows, answer);
    while (plan_.watermarked && plan_.mode != OutputMode::complete && watermark_ > evicted_) {
      epoch({}, answer);
    }
    return answer;
  }

 private:
  std::vector<Row> rows_of(const std::vector<std::vector<Row>>& streams) {
    std::vector<Row> all;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      for (const Row& row : streams[i]) {
        // Filters that leave the event time alone go below the watermark.
        if (plan_.filter >= 0 && !conditions[plan_.filter].holds(row)) continue;
        if (!plan_.watermark_last) observe(plan_.watermark_each ? i : 0, row);
        for (Row& exploded : explode(row)) {
          if (plan_.watermark_last) observe(0, exploded);
          all.push_back(std::move(exploded));
        }
      }
    }
    return all;
  }

  std::vector<Row> explode(const Row& row) const {
    if (!plan_.explodes) return {row};
    std::vector<Row> rows;
    if (row[t].is_null()) return rows;
    const std::string& text = row[t].text();
    for (std::size_t begin = 0;;) {
      const auto end = std::min(text.find(' ', begin), text.size());
      rows.push_back(row);
      rows.back().push_back(text.substr(begin, end - begin));
      if (end == text.size()) return rows;
      begin = end + 1;
    }
  }

  void observe(std::size_t which, const Row& row) {
    if (!plan_.watermarked || row[ts].is_null()) return;
    const auto micros = row[ts].integer();
    const auto millis = micros / 1000 - (micros % 1000 < 0 ? 1 : 0);
    const auto candidate = millis - plan_.delays[which] * 1000;
    const auto [place, created] = seen_.try_emplace(which, candidate);
    place->second = std::max(place->second, candidate);
  }

  void advance() {
    const std::size_t operators = plan_.watermark_each ? 2 : 1;
    if (seen_.size() < operators) return;
    auto lowest = seen_.begin()->second;
    for (const auto& [which, value] : seen_) lowest = std::min(lowest, value);
    watermark_ = std::max(watermark_, lowest);
  }

  /// The windows of a time, by definition: starts at start + n · slide, and contains the time.
  std::vector<Value> windows(std::int64_t time) const {
    std::vector<Value> list;
    const auto slide = plan_.slide * second;
    auto n = (time - plan_.start * second) / slide + 2;
    for (;; --n) {
      const auto begin = plan_.start * second + n * slide;
      if (begin > time) continue;
      if (begin + plan_.size * second <= time) return list;
      list.push_back(Value(ValueList{begin, begin + plan_.size * second}));
    }
  }

  std::vector<Row> keys(const Row& row) const {
    std::vector<Row> list{{}};
    for (const Key& key : plan_.keys) {
      std::vector<Value> values;
      if (!key.text.empty()) {
        values = {key.value(row)};
      } else if (!row[ts].is_null()) {
        values = windows(row[ts].integer());
      }
      std::vector<Row> longer;
      for (const Row& prefix : list) {
        for (const Value& value : values) {
          longer.push_back(prefix);
          longer.back().push_back(value);
        }
      }
      list = std::move(longer);
    }
    return list;
  }

  bool in_panes() const {
    return plan_.windows && plan_.slide < plan_.size &&
           std::none_of(plan_.aggregates.begin(), plan_.aggregates.end(), [](const Aggregate& one) {
             return one.function.starts_with("first") || one.function.starts_with("last") ||
                    one.function == "any_value";
           });
  }

  bool passed(const Row& key, std::int64_t watermark) const {
    if (plan_.time_key < 0 || !plan_.watermarked || plan_.mode == OutputMode::complete)
      return false;
    const Value& value = key[static_cast<std::size_t>(plan_.time_key)];
    if (value.is_null()) return false;
    const auto time = plan_.windows ? value.list()[1].integer() : value.integer();
    return time <= watermark * 1000;
  }

  void epoch(const std::vector<Row>& rows, Answer& answer) {
    const auto late = evicted_;     // Wl: what the epoch before went by
    const auto evict = watermark_;  // We
    std::set<Row> touched;
    if (plan_.keys.empty()) groups_[{}];
    for (const Row& row : rows) {
      const auto all = keys(row);
      const auto closed = static_cast<std::size_t>(
          std::count_if(all.begin(), all.end(), [&](const Row& key) { return passed(key, late); }));
      // In panes a row is late once, with the last of its windows.
      answer.late += !in_panes() ? closed : closed > 0 && closed == all.size() ? 1 : 0;
      for (const Row& key : all) {
        if (passed(key, late)) continue;
        groups_[key].push_back(row);
        touched.insert(key);
      }
    }
    for (auto group = groups_.begin(); group != groups_.end();) {
      const bool due = passed(group->first, evict);
      const bool emits = plan_.mode == OutputMode::complete || plan_.keys.empty() ||
                         (plan_.mode == OutputMode::append ? due : touched.contains(group->first));
      if (emits) emit(group->first, group->second, answer.rows);
      group = due ? groups_.erase(group) : std::next(group);
    }
    evicted_ = evict;
    if (!rows.empty() || !seen_.empty()) advance();
  }

  void emit(const Row& key, const std::vector<Row>& rows, std::vector<Row>& output) const {
    if (plan_.having && rows.size() <= 1) return;
    Row result = key;
    result.push_back(static_cast<std::int64_t>(rows.size()));
    for (const Aggregate& one : plan_.aggregates) {
      std::vector<Value> values;
      for (const Row& row : rows) {
        if (one.filter >= 0 && !conditions[one.filter].holds(row)) continue;
        values.push_back(one.value(row));
      }
      result.push_back(aggregate(one.function, values, one.ignore_nulls));
    }
    output.push_back(std::move(result));
  }

  const Plan& plan_;
  std::map<Row, std::vector<Row>> groups_;
  std::map<std::size_t, std::int64_t> seen_;
  std::int64_t watermark_ = 0;
  std::int64_t evicted_ = 0;
};

std::string seconds_text(std::int64_t seconds) { return std::to_string(seconds) + " seconds"; }

DataStream build(const Plan& plan, Session& session, const std::vector<MemoryStream>& inputs) {
  std::vector<DataStream> streams;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    streams.push_back(session.read_stream().memory(inputs[i]));
    if (plan.watermark_each) {
      streams[i] = streams[i].with_watermark("ts", std::chrono::seconds(plan.delays[i]));
    }
  }
  auto stream = streams.size() == 2 ? streams[0].union_all(streams[1]) : streams[0];
  const auto filter = [&] {
    if (plan.filter >= 0) stream = stream.where(conditions[plan.filter].text);
  };
  const auto watermark = [&] {
    if (plan.watermarked && !plan.watermark_each) {
      stream = stream.with_watermark("ts", seconds_text(plan.delays[0]));
    }
  };
  if (!plan.filter_last) filter();
  if (!plan.watermark_last) watermark();
  if (plan.explodes) {
    stream = stream.with_column("words", split("t", " ")).explode("words", "word");
  }
  if (plan.watermark_last) watermark();
  if (plan.filter_last) filter();

  std::vector<ColumnArgument> keys;
  for (const Key& key : plan.keys) {
    keys.emplace_back(key.text.empty() ? window("ts", seconds_text(plan.size),
                                                seconds_text(plan.slide), seconds_text(plan.start))
                                       : expr(key.text));
  }
  std::vector<Expression> aggregates{count().as("n")};
  for (std::size_t i = 0; i < plan.aggregates.size(); ++i) {
    const Aggregate& one = plan.aggregates[i];
    std::string text = one.function + "(" + std::string(one.argument.empty() ? "*" : one.argument);
    if (one.ignore_nulls) text += ", true";
    text += ")";
    if (one.filter >= 0) text += " FILTER (WHERE " + std::string(conditions[one.filter].text) + ")";
    aggregates.push_back(expr(text + " AS a" + std::to_string(i)));
  }
  stream = keys.empty() ? stream.agg(aggregates) : stream.group_by(keys).agg(aggregates);
  if (plan.having) stream = stream.where("n > 1");
  if (plan.sorted) stream = stream.order_by(col("n").desc());
  return stream;
}

std::string text_of(const std::vector<Row>& rows) {
  std::string text;
  const std::function<void(const Value&)> print = [&](const Value& value) {
    if (const auto* list = std::get_if<ValueList>(&value.data)) {
      text += '{';
      for (const Value& part : *list) print(part);
      text += '}';
    } else if (const auto* digits = std::get_if<int128>(&value.data)) {
      text += std::to_string(static_cast<std::int64_t>(*digits)) + "m ";
    } else if (const auto* whole = std::get_if<std::int64_t>(&value.data)) {
      text += std::to_string(*whole) + ' ';
    } else if (const auto* real = std::get_if<double>(&value.data)) {
      text += to_text(Value(*real == 0 ? 0.0 : *real), TypeId::float64) + ' ';
    } else {
      text += value.is_null() ? "null " : '"' + value.text() + "\" ";
    }
  };
  for (const Row& row : rows) {
    for (const Value& value : row) print(value);
    text += "| ";
  }
  return text;
}

class Case {
 public:
  explicit Case(std::uint64_t seed)
      : chance_(seed), plan_(pick_plan(chance_)), oracle_(plan_), now_(chance_.below(40) - 20) {
    for (std::size_t i = 0; i < plan_.streams; ++i) inputs_.emplace_back(input_schema);
  }

  void run() {
    const auto starts = (plan_.streams == 2 ? 3 : 1) + chance_.below(3);
    for (std::int64_t start = 0; start < starts; ++start) {
      static constexpr std::uint32_t counts[] = {1, 3, 8};
      const auto partitions = plan_.ordered ? 1 : counts[chance_.below(3)];
      Session session{{.threads = 2, .io_threads = 1, .partitions = partitions}};
      auto writer = build(plan_, session, inputs_).write_stream();
      writer.output_mode(plan_.mode).checkpoint(root_).memory(output_);
      if (plan_.watermarked && plan_.time_key >= 0 && plan_.mode != OutputMode::complete) {
        writer.late_rows(memory_sink(late_));
      }
      CAPTURE(partitions);
      CAPTURE(start);
      if (plan_.streams == 2) {
        // The engine asks one source after the other: rows of both are one epoch for sure where
        // they are there before it asks.
        const auto rows = add_rows();
        writer.trigger(Trigger::available_now()).start().await_termination();
        check(rows);
        continue;
      }
      auto query = writer.start();
      const auto steps = 1 + chance_.below(3);
      for (std::int64_t i = 0; i < steps; ++i) {
        const auto rows = add_rows();
        query.process_all_available();
        check(rows);
      }
      query.stop();
    }
  }

 private:
  std::vector<std::vector<Row>> add_rows() {
    std::vector<std::vector<Row>> rows(plan_.streams);
    std::vector<std::pair<MemoryStream, std::vector<Row>>> batches;
    for (std::size_t i = 0; i < plan_.streams; ++i) {
      const auto parts = 1 + chance_.below(plan_.ordered ? 1 : 3);
      for (std::int64_t part = 0; part < parts; ++part) {
        std::vector<Row> batch;
        for (auto left = 1 + chance_.below(8); left > 0; --left) {
          batch.push_back(pick_row(chance_, now_));
        }
        rows[i].insert(rows[i].end(), batch.begin(), batch.end());
        batches.emplace_back(inputs_[i], std::move(batch));
      }
    }
    now_ += chance_.below(15);
    output_.clear();
    late_.clear();
    MemoryStream::add_together(batches);
    return rows;
  }

  void check(const std::vector<std::vector<Row>>& rows) {
    auto expected = oracle_.step(rows);
    auto actual = output_.rows();
    if (plan_.sorted) check_order(actual);
    std::sort(expected.rows.begin(), expected.rows.end());
    std::sort(actual.begin(), actual.end());
    CHECK(text_of(actual) == text_of(expected.rows));
    CHECK(late_.rows().size() == expected.late);
  }

  void check_order(const std::vector<Row>& rows) const {
    const auto count = plan_.keys.size();
    for (std::size_t i = 1; i < rows.size(); ++i) {
      CHECK(rows[i - 1][count].integer() >= rows[i][count].integer());
    }
  }

  Chance chance_;
  Plan plan_;
  Oracle oracle_;
  std::int64_t now_;
  std::vector<MemoryStream> inputs_;
  MemoryTable output_;
  MemoryTable late_;
  std::shared_ptr<CheckpointRoot> root_ = memory_root();
};

}  // namespace

TEST_CASE("random queries over random rows answer as the semantics say") {
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    try {
      Case(seed).run();
    } catch (const std::exception& error) {
      FAIL("seed " << seed << ": " << error.what());
    }
  }
}
