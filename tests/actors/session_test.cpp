#include "fakes.hpp"

#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <utility>

using namespace libstream;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t second = 1'000'000;

/// A directory of the test's own, gone with it.
struct TemporaryDirectory {
  std::string path;
  TemporaryDirectory()
      : path((std::filesystem::temp_directory_path() / ("session-" + system_random()->uuid()))
                 .string()) {
    std::filesystem::create_directories(path);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

std::vector<Row> clicks(std::initializer_list<std::pair<const char*, std::int64_t>> seconds) {
  std::vector<Row> rows;
  for (const auto& [user, time] : seconds) rows.push_back({user, time * second});
  return rows;
}

DataStream windows(DataStream stream) {
  return stream.with_watermark("time", 10s)
      .group_by(window("time", "10 seconds"))
      .agg(count().as("n"))
      .select(col("window").field("end").as("e"), col("n"));
}

struct Failing final : QueryListener {
  std::atomic<int> started{0}, progress{0}, terminated{0};
  std::string error;
  void on_started(const std::string&, const std::string&, const std::string&) override {
    ++started;
    throw std::runtime_error("a listener may throw");
  }
  void on_progress(const QueryProgress&) override { ++progress; }
  void on_terminated(const std::string&, const std::string&, const std::string& text) override {
    error = text;
    ++terminated;
  }
};

}  // namespace

TEST_CASE("a counting query in update mode tells the counts that changed") {
  Session session{{.threads = 2, .partitions = 3}};
  MemoryStream input("user string");
  MemoryTable output;
  auto query = session.read_stream()
                   .memory(input)
                   .group_by(col("user"))
                   .count()
                   .write_stream()
                   .output_mode(OutputMode::update)
                   .memory(output)
                   .start();
  input.add({{"ada"}, {"bob"}, {"ada"}});
  query.process_all_available();
  CHECK(output.text() == "ada 2 | bob 1");
  input.add({{"bob"}, {"eve"}});
  query.process_all_available();
  CHECK(output.text() == "ada 2 | bob 1 | bob 2 | eve 1");
  query.stop();
  CHECK_FALSE(query.is_active());
  CHECK(query.recent_progress().size() >= 2);
}

TEST_CASE("windows are emitted by a no-data epoch once the watermark has passed them") {
  Session session{{.threads = 2, .partitions = 2}};
  MemoryStream input("user string, time timestamp");
  MemoryTable output;
  auto query = windows(session.read_stream().memory(input)).write_stream().memory(output).start();
  input.add(clicks({{"a", 1}, {"b", 2}, {"c", 25}}));
  query.process_all_available();
  CHECK(output.rows() == std::vector<Row>{{10 * second, 2}});
  const auto progress = query.recent_progress();
  REQUIRE(progress.size() == 2);
  CHECK(progress[1].no_data);
  CHECK(progress[1].watermark.milliseconds == 15'000);
  input.add(clicks({{"late", 3}, {"d", 24}}));
  query.process_all_available();
  const auto totals = query.last_progress()->totals;
  CHECK(totals.at("inputRows") == 5);
  CHECK(totals.at("lateRows") == 1);
  CHECK(totals.at("heldRows") == 2);
  query.stop();
}

TEST_CASE("a query restarted from its checkpoint reads on, with another number of partitions") {
  TemporaryDirectory directory;
  MemoryStream input("user string");
  MemoryTable output;
  std::string id;
  for (std::uint32_t partitions = 1; partitions <= 8; partitions *= 2) {
    Session session{{.threads = 2, .partitions = partitions}};
    input.add({{"ada"}, {"bob"}, {"ada"}});
    auto query = session.read_stream()
                     .memory(input)
                     .group_by(col("user"))
                     .count()
                     .write_stream()
                     .output_mode(OutputMode::complete)
                     .trigger(Trigger::available_now())
                     .checkpoint(directory.path)
                     .memory(output)
                     .start();
    query.await_termination();
    if (id.empty()) id = query.id();
    CHECK(query.id() == id);
  }
  CHECK(output.text() == "ada 8 | bob 4");
}

TEST_CASE("a pending no-data epoch is caught up after a restart, but not in strict mode") {
  for (const bool strict : {false, true}) {
    TemporaryDirectory directory;
    MemoryStream input("user string, time timestamp");
    MemoryTable output;
    input.add(clicks({{"a", 1}, {"c", 25}}));
    const auto run = [&](Trigger trigger) {
      Session session{{.threads = 2, .partitions = 2, .strict = strict}};
      windows(session.read_stream().memory(input))
          .write_stream()
          .trigger(trigger)
          .checkpoint(directory.path)
          .memory(output)
          .start()
          .await_termination();
    };
    run(Trigger::once());  // never a trailing no-data epoch
    CHECK(output.rows().empty());
    run(Trigger::available_now());
    CHECK(output.rows().size() == (strict ? 0U : 1U));
  }
}

TEST_CASE("an error of the data ends its query, names the cause, and leaves others alone") {
  Session session{{.threads = 2, .partitions = 2}};
  const auto listener = std::make_shared<Failing>();
  session.add_listener(listener);
  MemoryStream input("a bigint");
  MemoryTable good;
  auto other = session.read_stream().memory(input).write_stream().memory(good).start();
  auto query = session.read_stream()
                   .memory(input)
                   .select(expr("10 / a").as("q"))
                   .write_stream()
                   .none()
                   .start();
  input.add({{1}, {0}});
  CHECK_THROWS_AS(query.await_termination(), Error);
  CHECK(query.exception());
  CHECK_FALSE(query.is_active());
  CHECK_THROWS_AS(session.await_any_termination(1s), Error);
  session.reset_terminated();
  CHECK_FALSE(session.await_any_termination(1ms));
  CHECK(other.is_active());
  other.process_all_available();
  CHECK(good.rows().size() == 2);
  CHECK(session.queries().size() == 1);
  CHECK(listener->started == 2);
  CHECK(listener->terminated == 1);
  CHECK_FALSE(listener->error.empty());
}

TEST_CASE("names and checkpoints are unique among active queries") {
  Session session{{.threads = 2}};
  TemporaryDirectory directory;
  MemoryStream input("a bigint");
  MemoryTable output;
  const auto writer = [&] {
    return session.read_stream().memory(input).write_stream().memory(output);
  };
  auto query = writer().query_name("one").checkpoint(directory.path).start();
  CHECK_THROWS_AS(writer().query_name("one").start(), Error);
  try {
    writer().checkpoint(directory.path + "/").start();
    FAIL("the checkpoint is in use");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::conflict);
  }
  query.stop();
  writer().query_name("one").checkpoint(directory.path).start().stop();
}

TEST_CASE("a file sink without a checkpoint is refused; others get one that goes with them") {
  Session session;
  TemporaryDirectory directory;
  MemoryStream input("a bigint");
  try {
    session.read_stream().memory(input).write_stream().json(directory.path).start();
    FAIL("no checkpoint was named");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::analysis);
  }
}

TEST_CASE("a processing-time trigger begins at once and then on its grid") {
  Session session{{.threads = 2}};
  MemoryStream input("a bigint");
  MemoryTable output;
  input.add({{1}});
  auto query = session.read_stream()
                   .memory(input)
                   .write_stream()
                   .trigger(Trigger::processing_time(200ms))
                   .memory(output)
                   .start();
  query.process_all_available();
  for (std::int64_t i = 0; i < 2; ++i) {
    input.add({{i}});
    query.process_all_available();
  }
  query.stop();
  const auto progress = query.recent_progress();
  REQUIRE(progress.size() == 3);
  // The trigger is seen when its slot has come, if later then by scheduling alone.
  CHECK(progress[1].timestamp_milliseconds / 200 > progress[0].timestamp_milliseconds / 200);
  CHECK(progress[2].timestamp_milliseconds / 200 > progress[1].timestamp_milliseconds / 200);
}

TEST_CASE("foreach_batch is called once an epoch, and its failure is the query's") {
  Session session{{.threads = 2}};
  MemoryStream input("a bigint");
  std::size_t rows = 0;
  auto query = session.read_stream()
                   .memory(input)
                   .write_stream()
                   .foreach_batch([&](const std::vector<BatchPtr>& batches, const Schema&, Epoch) {
                     for (const auto& batch : batches) rows += batch->rows;
                     if (rows >= 3) throw std::runtime_error("full");
                   })
                   .start();
  input.add({{1}, {2}});
  query.process_all_available();
  CHECK(rows == 2);
  input.add({{3}});
  CHECK_THROWS_WITH(query.process_all_available(), doctest::Contains("full"));
}

TEST_CASE("after a fault a query with restarts goes on from its last decision") {
  Session session{{.threads = 2}};
  MemoryStream input("a bigint");
  std::vector<std::int64_t> seen;
  bool failed = false;
  auto query = session.read_stream()
                   .memory(input)
                   .write_stream()
                   .option("restarts", 1)
                   .foreach_batch([&](const std::vector<BatchPtr>& batches, const Schema&, Epoch) {
                     if (!std::exchange(failed, true)) throw std::runtime_error("for once");
                     for (const auto& batch : batches) {
                       for (const auto& row : rows_of(*batch)) seen.push_back(row[0].integer());
                     }
                   })
                   .start();
  input.add({{1}, {2}});
  query.process_all_available();
  input.add({{3}});
  query.process_all_available();
  CHECK(failed);
  std::sort(seen.begin(), seen.end());
  CHECK(seen == std::vector<std::int64_t>{1, 2, 3});
}

TEST_CASE("a session's end stops its queries; handles then say so") {
  std::optional<Query> query;
  MemoryStream input("a bigint");
  {
    Session session{{.threads = 2}};
    query = session.read_stream().memory(input).write_stream().none().start();
    CHECK(query->is_active());
  }
  CHECK_FALSE(query->is_active());
  query->stop();
  query->await_termination();
}

TEST_CASE("rows added to two streams together are of one epoch, whenever it is planned") {
  Session session{{.threads = 2, .partitions = 2}};
  MemoryStream left("a bigint");
  MemoryStream right("a bigint");
  auto query = session.read_stream()
                   .memory(left)
                   .union_all(session.read_stream().memory(right))
                   .write_stream()
                   .none()
                   .start();
  for (std::int64_t i = 0; i < 300; ++i) {
    MemoryStream::add_together({{left, {{i}}}, {right, {{i}}}});
    if (i % 5 == 0) query.process_all_available();
  }
  query.process_all_available();
  std::uint64_t rows = 0;
  for (const auto& progress : query.recent_progress()) {
    if (!progress.executed) continue;
    CHECK(progress.sources[0].rows == progress.sources[1].rows);
    rows += progress.sources[0].rows;
  }
  CHECK(rows > 0);
  query.stop();
}
