// The golden cases of the semantics that are about whole queries: numbers are seconds. An epoch is
// written "w<watermark>: rows [total +updated -removed !dropped]" with one bracket for each
// stateful operator, the sink's end first; windows are start..end. Each runs with 1, 3 and 8
// partitions, and once more with a restart between any two steps, each time with other partitions.
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

using namespace libstream;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t second = 1'000'000;

struct TemporaryDirectory {
  std::string path;
  TemporaryDirectory()
      : path((std::filesystem::temp_directory_path() / ("golden-" + system_random()->uuid()))
                 .string()) {
    std::filesystem::create_directories(path);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

/// Key and time in seconds.
struct Event {
  const char* key;
  double time;
};

struct Step {
  std::vector<Event> events;
  std::string expected;  // epochs, parted by " | "
};

struct Golden {
  std::function<DataStream(const DataStream&)> query;
  OutputMode mode = OutputMode::append;
  std::vector<Step> steps;
  bool watermarked = true;  // so that it has late rows
};

std::string text_of(const Value& value) {
  if (value.is_null()) return "null";
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  if (const auto* window = std::get_if<ValueList>(&value.data)) {
    return text_of((*window)[0]) + ".." + text_of((*window)[1]);
  }
  const auto number = value.integer();
  if (number % second == 0) return std::to_string(number / second);
  return std::to_string(number);
}

std::string text_of(std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end());
  std::string text;
  for (const auto& row : rows) {
    text += text.empty() ? "" : " ";
    for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : ",") + text_of(row[i]);
  }
  return text;
}

std::string text_of(const QueryProgress& epoch, const MemoryTable& output) {
  auto text = "w" + std::to_string(epoch.watermark.milliseconds / 1000) + ": " +
              text_of(output.rows_of(epoch.epoch));
  for (const auto& state : epoch.state_operators) {
    text += " [" + std::to_string(state.rows_total) + " +" + std::to_string(state.rows_updated) +
            " -" + std::to_string(state.rows_removed) + " !" +
            std::to_string(state.rows_dropped_by_watermark) + "]";
  }
  return text;
}

/// Operators that hold nothing back and multiply nothing pass each row on or count it.
void check_accounts(const QueryProgress& epoch) {
  for (const auto& op : epoch.operators) {
    if (op.name != "deduplicate" && op.name != "limit" && op.name != "sessions") continue;
    CHECK_MESSAGE(op.rows_in == op.rows_out + op.late_rows + op.filtered_rows, op.name);
  }
}

class GoldenRun {
 public:
  explicit GoldenRun(const Golden& golden) : golden_(golden) {}

  void run(std::vector<std::uint32_t> partitions) {
    for (std::size_t i = 0; i < golden_.steps.size(); ++i) {
      if (i == 0 || partitions.size() > 1) start(partitions[i % partitions.size()]);
      CHECK(step(golden_.steps[i].events) == golden_.steps[i].expected);
    }
    query_->stop();
  }

 private:
  void start(std::uint32_t partitions) {
    if (query_) query_->stop();
    query_.reset();
    session_.emplace(SessionOptions{.threads = 2, .partitions = partitions});
    auto writer = golden_.query(session_->read_stream().memory(input_)).write_stream();
    writer.output_mode(golden_.mode).checkpoint(directory_.path).memory(output_);
    if (golden_.watermarked) writer.late_rows(none_sink());
    query_ = writer.start();
    seen_ = 0;
  }

  std::string step(const std::vector<Event>& events) {
    std::vector<Row> rows;
    for (const auto& event : events) {
      rows.push_back({event.key, static_cast<std::int64_t>(event.time * double{second})});
    }
    input_.add(rows);
    query_->process_all_available();
    std::string text;
    const auto progress = query_->recent_progress();
    for (; seen_ < progress.size(); ++seen_) {
      if (!progress[seen_].executed) continue;
      check_accounts(progress[seen_]);
      text += (text.empty() ? "" : " | ") + text_of(progress[seen_], output_);
    }
    return text;
  }

  const Golden& golden_;
  TemporaryDirectory directory_;
  MemoryStream input_{"k string, ts timestamp"};
  MemoryTable output_;
  std::optional<Session> session_;
  std::optional<Query> query_;
  std::size_t seen_ = 0;
};

void check(const Golden& golden) {
  for (const std::uint32_t partitions : {1U, 3U, 8U}) {
    CAPTURE(partitions);
    GoldenRun(golden).run({partitions});
  }
  GoldenRun(golden).run({3, 1, 8, 2});
}

}  // namespace

TEST_CASE("D1: drop_duplicates by event time forgets keys behind the watermark") {
  check({[](const DataStream& in) {
           return in.with_watermark("ts", 10s).drop_duplicates({"k", "ts"}).select("ts");
         },
         OutputMode::append,
         {{{{"a", 10}, {"a", 10}, {"a", 12}}, "w0: 10 12 [2 +2 -0 !0] | w2:  [2 +0 -0 !0]"},
          {{{"a", 25}, {"a", 12}}, "w2: 25 [3 +1 -0 !0] | w15:  [1 +0 -2 !0]"},
          {{{"a", 12}, {"a", 26}}, "w15: 26 [2 +1 -0 !1] | w16:  [2 +0 -0 !0]"}}});
}

TEST_CASE("D2: a row at the watermark is late, also at watermark 0") {
  check({[](const DataStream& in) {
           return in.with_watermark("ts", 0s).drop_duplicates({"ts"}).select("ts");
         },
         OutputMode::append,
         {{{{"a", 0}, {"a", 1}}, "w0: 1 [1 +1 -0 !1] | w1:  [0 +0 -1 !0]"},
          {{{"a", 2}, {"a", 1}}, "w1: 2 [1 +1 -0 !1] | w2:  [0 +0 -1 !0]"}}});
}

TEST_CASE("D3: the watermark is in whole milliseconds, rows are late by the microsecond") {
  check({[](const DataStream& in) {
           return in.with_watermark("ts", 0s).drop_duplicates({"ts"}).select("ts");
         },
         OutputMode::append,
         {{{{"a", 10.000999}}, "w0: 10000999 [1 +1 -0 !0] | w10:  [1 +0 -0 !0]"},
          {{{"a", 10}, {"a", 10.000001}, {"a", 10.0005}}, "w10: 10000001 10000500 [3 +2 -0 !1]"}}});
}

TEST_CASE("D4: without the event time among its columns drop_duplicates keeps all, drops late") {
  check({[](const DataStream& in) { return in.with_watermark("ts", 1s).drop_duplicates({"k"}); },
         OutputMode::append,
         {{{{"a", 5}, {"a", 6}}, "w0: a,5 [1 +1 -0 !0] | w5:  [1 +0 -0 !0]"},
          {{{"b", 20}}, "w5: b,20 [2 +1 -0 !0] | w19:  [2 +0 -0 !0]"},
          {{{"c", 19}, {"a", 25}}, "w19:  [2 +0 -0 !1] | w24:  [2 +0 -0 !0]"}}});
}

TEST_CASE("D5: within the watermark a key goes with its first row's time and the delay") {
  check({[](const DataStream& in) {
           return in.with_watermark("ts", 2s).drop_duplicates_within_watermark({"k"});
         },
         OutputMode::append,
         {{{{"a", 17}}, "w0: a,17 [1 +1 -0 !0] | w15:  [1 +0 -0 !0]"},
          {{{"a", 16}, {"b", 15}}, "w15:  [1 +0 -0 !1]"},
          {{{"c", 21}}, "w15: c,21 [2 +1 -0 !0] | w19:  [1 +0 -1 !0]"},
          {{{"a", 20}}, "w19: a,20 [2 +1 -0 !0]"}}});
}

TEST_CASE("D6: deduplication feeds a count by windows") {
  std::vector<Event> events;
  for (int i = 0; i < 30; ++i) events.push_back({"a", 10.0 + i / 5});
  check({[](const DataStream& in) {
           return in.with_watermark("ts", 10s)
               .drop_duplicates({"ts"})
               .group_by(window("ts", 5s))
               .count();
         },
         OutputMode::append,
         {{events, "w0:  [2 +2 -0 !0] [6 +6 -0 !0] | w5:  [2 +0 -0 !0] [6 +0 -0 !0]"},
          {{{"a", 25}},
           "w5:  [3 +1 -0 !0] [7 +1 -0 !0] | w15: 10..15,5 [2 +0 -1 !0] [1 +0 -6 !0]"}}});
}

TEST_CASE("O1: distinct passes a value once; a grouping without aggregates tells it again") {
  const std::vector<Event> first{{"1", 1}, {"2", 1}};
  const std::vector<Event> second_step{{"2", 1}, {"3", 1}};
  check({[](const DataStream& in) { return in.select("k").distinct(); },
         OutputMode::update,
         {{first, "w0: 1 2 [2 +2 -0 !0]"}, {second_step, "w0: 3 [3 +1 -0 !0]"}},
         false});
  check({[](const DataStream& in) { return in.group_by("k").agg(std::vector<Expression>{}); },
         OutputMode::update,
         {{first, "w0: 1 2 [2 +2 -0 !0]"}, {second_step, "w0: 2 3 [3 +2 -0 !0]"}},
         false});
}

TEST_CASE("O2: a limit counts over the query's life; above a complete result, in each epoch") {
  check({[](const DataStream& in) { return in.select("k").limit(4); },
         OutputMode::append,
         {{{{"1", 1}, {"2", 1}}, "w0: 1 2 [1 +1 -0 !0]"},
          {{{"3", 1}, {"4", 1}, {"5", 1}, {"6", 1}}, "w0: 3 4 [1 +1 -0 !0]"},
          {{{"7", 1}}, "w0:  [1 +0 -0 !0]"}},
         false});
  check({[](const DataStream& in) { return in.limit(5).group_by("k").count(); },
         OutputMode::complete,
         {{{{"1", 1}, {"2", 1}, {"3", 1}}, "w0: 1,1 2,1 3,1 [3 +3 -0 !0] [1 +1 -0 !0]"},
          {{{"1", 1}, {"2", 1}, {"3", 1}}, "w0: 1,2 2,2 3,1 [3 +2 -0 !0] [1 +1 -0 !0]"}},
         false});
  check({[](const DataStream& in) { return in.group_by("k").count().order_by("k").limit(2); },
         OutputMode::complete,
         {{{{"c", 1}, {"b", 1}, {"d", 1}}, "w0: b,1 c,1 [3 +3 -0 !0]"},
          {{{"a", 1}, {"b", 1}}, "w0: a,1 b,2 [4 +2 -0 !0]"}},
         false});
}

namespace {

DataStream sessions(const DataStream& in, std::chrono::milliseconds delay,
                    const Expression& session) {
  return in.with_watermark("ts", delay).group_by("k", session.as("s")).agg(count().as("n"));
}

}  // namespace

TEST_CASE("S1: sessions that touch merge") {
  check(
      {[](const DataStream& in) { return sessions(in, 10s, session_window("ts", 5s)); },
       OutputMode::append,
       {{{{"a", 10}, {"a", 15}, {"b", 10}, {"b", 16}}, "w0:  [3 +3 -0 !0] | w6:  [3 +0 -0 !0]"},
        {{{"z", 40}}, "w6:  [4 +1 -0 !0] | w30: a,10..20,2 b,10..15,1 b,16..21,1 [1 +0 -3 !0]"}}});
}

TEST_CASE("S2: a row bridges two sessions") {
  check({[](const DataStream& in) { return sessions(in, 10s, session_window("ts", 5s)); },
         OutputMode::append,
         {{{{"a", 20}, {"a", 30}}, "w0:  [2 +2 -0 !0] | w20:  [2 +0 -0 !0]"},
          {{{"a", 25}}, "w20:  [1 +1 -1 !0]"},
          {{{"z", 46}}, "w20:  [2 +1 -0 !0] | w36: a,20..35,3 [1 +0 -1 !0]"}}});
}

TEST_CASE("S3: a late piece is dropped even beside a session it touches") {
  check({[](const DataStream& in) { return sessions(in, 5s, session_window("ts", 10s)); },
         OutputMode::append,
         {{{{"a", 20}, {"a", 30}}, "w0:  [1 +1 -0 !0] | w25:  [1 +0 -0 !0]"},
          {{{"a", 14}, {"a", 15}, {"a", 16}}, "w25:  [1 +1 -1 !2]"},
          {{{"z", 60}}, "w25:  [2 +1 -0 !0] | w55: a,16..40,3 [1 +0 -1 !0]"},
          {{{"z", 99}}, "w55:  [2 +2 -0 !0] | w94: z,60..70,1 [1 +0 -1 !0]"}}});
}

TEST_CASE("S4: gaps of each row's own; a gap that is not above zero leaves the row out") {
  const auto gap = expr(
      "CASE WHEN k = 'x' THEN '0 seconds' WHEN k = 'a' THEN '5 seconds' ELSE '20 seconds' END");
  const auto interval = expr(
      "CASE WHEN k = 'a' THEN INTERVAL 5 SECONDS WHEN k = 'b' THEN INTERVAL "
      "20 SECONDS ELSE INTERVAL 0 SECONDS END");
  for (const auto& each : {gap, interval}) {
    check({[&](const DataStream& in) { return sessions(in, 5s, session_window("ts", each)); },
           OutputMode::append,
           {{{{"x", 10}, {"a", 11}, {"b", 12}, {"b", 30}},
             "w0:  [2 +2 -0 !0] | w25: a,11..16,1 [1 +0 -1 !0]"}}});
  }
}

TEST_CASE("Sessions in complete mode are all told; late pieces are dropped all the same") {
  check({[](const DataStream& in) { return sessions(in, 10s, session_window("ts", 5s)); },
         OutputMode::complete,
         {{{{"a", 10}, {"a", 14}, {"b", 30}}, "w0: a,10..19,2 b,30..35,1 [2 +2 -0 !0]"},
          {{{"a", 19}, {"z", 60}, {"a", 15}}, "w20: a,10..24,4 b,30..35,1 z,60..65,1 [3 +2 -0 !0]"},
          {{{"a", 15}, {"a", 12}}, "w50: a,10..24,4 b,30..35,1 z,60..65,1 [3 +0 -0 !2]"}}});
}

TEST_CASE("C1: windows of windows, each operator with the watermark that reaches it") {
  check({[](const DataStream& in) {
           return in.with_watermark("ts", 0s)
               .group_by(window("ts", 5s).as("w1"))
               .agg(count().as("n"))
               .group_by(window("w1", 10s).as("w2"))
               .agg(count().as("windows"), sum("n").as("total"));
         },
         OutputMode::append,
         {{{{"a", 10}, {"a", 11}, {"a", 14}, {"a", 15}, {"a", 21}},
           "w0:  [0 +0 -0 !0] [3 +3 -0 !0] | w21: 10..20,2,4 [0 +1 -1 !0] [1 +0 -2 !0]"},
          {{{"a", 19}, {"a", 22}, {"a", 29}},
           "w21:  [0 +0 -0 !0] [2 +2 -0 !1] | w29:  [1 +1 -0 !0] [1 +0 -1 !0]"},
          {{{"a", 30}},
           "w29:  [1 +0 -0 !0] [2 +1 -0 !0] | w30: 20..30,2,3 [0 +1 -1 !0] [1 +0 -1 !0]"}}});
}

TEST_CASE("Late rows of a deduplication and of sessions go to the late output whole") {
  for (const bool by_session : {false, true}) {
    Session session{{.threads = 2, .partitions = 3}};
    MemoryStream input("k string, ts timestamp");
    MemoryTable output;
    MemoryTable late;
    const auto marked = session.read_stream().memory(input).with_watermark("ts", 0s);
    const auto stream = by_session
                            ? marked.group_by("k", session_window("ts", 5s)).agg(count().as("n"))
                            : marked.drop_duplicates_within_watermark({"k"}).select("k");
    auto query = stream.write_stream().memory(output).late_rows(memory_sink(late)).start();
    input.add({{"a", 100 * second}});
    query.process_all_available();
    input.add({{"b", 20 * second}, {"c", 101 * second}, {"b", 21 * second}});
    query.process_all_available();
    auto rows = late.rows();  // those of sessions with the session that each would have alone
    for (auto& row : rows) row.resize(2);
    CHECK(rows == std::vector<Row>{{"b", 20 * second}, {"b", 21 * second}});
    const auto totals = query.last_progress()->totals;
    CHECK(totals.at("inputRows") == 4);
    CHECK(totals.at("lateRows") == 2);
    CHECK(totals.at("heldRows") == (by_session ? 2 : 0));
    CHECK(query.explain().find(by_session ? "session_window.end" : "of their first row") !=
          std::string::npos);
    query.stop();
  }
}
