// The golden cases of the semantics about watermarks, as whole queries: numbers are seconds. W1 and
// W2, a union by either policy, are in query_windows_test.cpp.
#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <optional>

using namespace libstream;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t second = 1'000'000;

std::vector<Row> at(const std::vector<std::int64_t>& times) {
  std::vector<Row> rows;
  for (const auto time : times) rows.push_back({"x", time * second});
  return rows;
}

DataStream counts(const DataStream& stream) {
  return stream.group_by(window("ts", 5s).as("w")).count();
}

/// Seconds: the watermark that the newest epoch used.
std::int64_t watermark(const Query& query) {
  return query.last_progress()->watermark.milliseconds / 1000;
}

/// Two inputs with delays of their own, joined by the slower one.
class TwoDelays {
 public:
  explicit TwoDelays(bool strict) : strict_(strict) { start(); }

  void start() {
    if (query_) query_->stop();
    query_.reset();
    session_.emplace(SessionOptions{.threads = 2, .partitions = 3, .strict = strict_});
    const auto left = session_->read_stream().memory(left_).with_watermark("ts", 10s);
    const auto right = session_->read_stream().memory(right_).with_watermark("ts", 5s);
    query_ = counts(left.union_all(right)).write_stream().checkpoint(root_).memory(output_).start();
  }

  std::int64_t after(const std::vector<std::int64_t>& left,
                     const std::vector<std::int64_t>& right) {
    std::vector<std::pair<MemoryStream, std::vector<Row>>> rows;
    if (!left.empty()) rows.emplace_back(left_, at(left));
    if (!right.empty()) rows.emplace_back(right_, at(right));
    MemoryStream::add_together(rows);
    query_->process_all_available();
    return watermark(*query_);
  }

 private:
  bool strict_;
  MemoryStream left_{"k string, ts timestamp"};
  MemoryStream right_{"k string, ts timestamp"};
  MemoryTable output_;
  std::shared_ptr<CheckpointRoot> root_ = memory_root();
  std::optional<Session> session_;
  std::optional<Query> query_;
};

}  // namespace

TEST_CASE("W3: two delays; strict mode forgets at a restart how far each input had come") {
  for (const bool strict : {false, true}) {
    CAPTURE(strict);
    TwoDelays query(strict);
    CHECK(query.after({11}, {}) == 0);
    CHECK(query.after({}, {6}) == 1);
    CHECK(query.after({}, {8}) == 1);
    CHECK(query.after({21}, {}) == 3);
    CHECK(query.after({}, {17, 28, 39}) == 11);
    CHECK(query.after({31}, {}) == 21);
    CHECK(query.after({41}, {}) == 31);
    CHECK(query.after({51}, {}) == 34);
    CHECK(query.after({200}, {190}) == 185);
    query.start();
    CHECK(query.after({}, {200}) == (strict ? 185 : 190));
    CHECK(query.after({200}, {}) == 190);
  }
}

TEST_CASE("W4: progress tells the event times of an epoch and the watermark it used") {
  Session session{{.threads = 2, .partitions = 3}};
  MemoryStream input("k string, ts timestamp");
  MemoryTable output;
  auto query = counts(session.read_stream().memory(input).with_watermark("ts", 10s))
                   .write_stream()
                   .memory(output)
                   .start();
  for (const auto& times : {at({15}), at({10, 12, 14}), at({25})}) {
    input.add(times);
    query.process_all_available();
  }
  std::string text;
  for (const auto& epoch : query.recent_progress()) {
    if (!epoch.executed || epoch.no_data) continue;
    REQUIRE(epoch.event_time);
    for (const auto ms : {epoch.event_time->max_ms, epoch.event_time->min_ms,
                          epoch.event_time->avg_ms, epoch.watermark.milliseconds}) {
      text += std::to_string(ms / 1000) + " ";
    }
    text += "| ";
  }
  CHECK(text == "15 15 15 0 | 14 10 12 5 | 25 25 25 5 | ");
}

TEST_CASE("W5: a filter moves below the watermark unless it reads the event time") {
  for (const bool by_time : {false, true}) {
    Session session{{.threads = 2, .partitions = 3}};
    MemoryStream input("k string, ts timestamp");
    MemoryTable output;
    const auto stream = session.read_stream().memory(input).with_watermark("ts", 0s).where(
        by_time ? "ts < TIMESTAMP '1970-01-01T00:00:50Z'" : "k = 'x'");
    auto query = counts(stream).write_stream().memory(output).start();
    input.add({{"x", 10 * second}, {"y", 100 * second}});
    query.process_all_available();
    CHECK(watermark(query) == (by_time ? 100 : 10));
  }
}

TEST_CASE("deduplications count the duplicates that they drop, under the name that tools know") {
  Session session{{.threads = 2, .partitions = 3}};
  MemoryStream input("k string, ts timestamp");
  MemoryTable output;
  auto query = session.read_stream()
                   .memory(input)
                   .drop_duplicates({"k"})
                   .write_stream()
                   .memory(output)
                   .start();
  input.add(at({1, 2, 3}));
  query.process_all_available();
  const auto progress = *query.last_progress();
  REQUIRE(progress.state_operators.size() == 1);
  CHECK(progress.state_operators[0].custom_metrics ==
        std::map<std::string, std::uint64_t>{{"numDroppedDuplicateRows", 2}});
  CHECK(progress.json().find("\"customMetrics\":{\"numDroppedDuplicateRows\":2}") !=
        std::string::npos);
}
