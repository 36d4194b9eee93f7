// Windows over current_timestamp(): the time of the epoch, whatever the clock says meanwhile.
#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <string>
using namespace libstream;

namespace {

constexpr std::int64_t start_ms = 1'700'000'001'000;  // a multiple of 10 s, and 1 s

/// Tells the time that a test sets.
class SetClock final : public Clock {
 public:
  std::int64_t now_milliseconds() override { return now_; }
  std::int64_t steady_microseconds() override { return system_clock()->steady_microseconds(); }
  void set(std::int64_t milliseconds) { now_ = milliseconds; }

 private:
  std::atomic<std::int64_t> now_{start_ms};
};

struct Fixture {
  std::shared_ptr<SetClock> clock = std::make_shared<SetClock>();
  MemoryStream input{"user string"};
  std::shared_ptr<CheckpointRoot> root = memory_root();
  std::optional<Session> session;

  explicit Fixture(std::uint32_t partitions = 3) { restart(partitions); }
  void restart(std::uint32_t partitions) {
    session.reset();
    SessionOptions options{.threads = 2, .partitions = partitions};
    options.environment.clock = clock;
    session.emplace(options);
  }
  DataStream stream() { return session->read_stream().memory(input); }
  DataStream counted() {
    return stream()
        .group_by(window(expr("current_timestamp()"), "10 seconds"), "user")
        .agg(count().as("n"))
        .select(expr("cast(window.start AS bigint) - 1700000000"), col("user"), col("n"));
  }
};

std::string text(std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end());
  std::string result;
  for (const Row& row : rows) {
    result += (result.empty() ? "" : " | ") + std::to_string(row[0].integer()) + " " +
              row[1].text() + " " + std::to_string(row[2].integer());
  }
  return result;
}

}  // namespace

TEST_CASE("all rows of an epoch are in the window of its time, in every partition") {
  Fixture fixture;
  MemoryTable output;
  auto query = fixture.counted()
                   .write_stream()
                   .output_mode(OutputMode::update)
                   .checkpoint(fixture.root)
                   .memory(output)
                   .start();
  const auto epoch = [&](const std::vector<Row>& rows) {
    output.clear();
    fixture.input.add(rows);
    query.process_all_available();
    return text(output.rows());
  };
  CHECK(epoch({{"ada"}, {"bob"}, {"ada"}, {"eve"}, {"joe"}}) ==
        "0 ada 2 | 0 bob 1 | 0 eve 1 | 0 joe 1");
  fixture.clock->set(start_ms + 8'999);
  CHECK(epoch({{"ada"}}) == "0 ada 3");
  fixture.clock->set(start_ms + 9'000);
  CHECK(epoch({{"ada"}, {"bob"}}) == "10 ada 1 | 10 bob 1");
  // A clock that is set back does not take the query along.
  fixture.clock->set(start_ms);
  CHECK(epoch({{"bob"}}) == "10 bob 2");

  // The time of the last epoch, and the counts, are there again after a restart.
  query.stop();
  fixture.restart(2);
  query = fixture.counted()
              .write_stream()
              .output_mode(OutputMode::update)
              .checkpoint(fixture.root)
              .memory(output)
              .start();
  CHECK(epoch({{"bob"}}) == "10 bob 3");
  fixture.clock->set(start_ms + 20'000);
  CHECK(epoch({{"bob"}}) == "20 bob 1");
}

TEST_CASE("an epoch that is handed over again after a fault has its time, not that of the retry") {
  Fixture fixture;
  std::vector<std::vector<Row>> calls;
  std::vector<Epoch> epochs;
  auto query =
      fixture.counted()
          .write_stream()
          .output_mode(OutputMode::update)
          .option("restarts", 1)
          .checkpoint(fixture.root)
          .foreach_batch([&](const std::vector<BatchPtr>& batches, const Schema&, Epoch epoch) {
            std::vector<Row> rows;
            for (const auto& batch : batches) {
              for (Row& row : rows_of(*batch)) rows.push_back(std::move(row));
            }
            epochs.push_back(epoch);
            calls.push_back(std::move(rows));
            if (calls.size() > 1) return;
            fixture.clock->set(start_ms + 60'000);
            throw std::runtime_error("for once");
          })
          .start();
  fixture.input.add({{"ada"}, {"bob"}});
  query.process_all_available();
  fixture.input.add({{"ada"}});
  query.process_all_available();
  REQUIRE(calls.size() == 3);
  CHECK(epochs[0] == epochs[1]);
  CHECK(text(calls[0]) == "0 ada 1 | 0 bob 1");
  CHECK(text(calls[1]) == text(calls[0]));
  CHECK(text(calls[2]) == "60 ada 1");
}

TEST_CASE("a watermark over the epoch's time closes windows and frees their state") {
  Fixture fixture;
  MemoryTable output;
  auto query = fixture.stream()
                   .with_column("now", expr("current_timestamp()"))
                   .with_watermark("now", "0 seconds")
                   .group_by(window("now", "10 seconds"), "user")
                   .agg(count().as("n"))
                   .select(expr("cast(window.start AS bigint) - 1700000000"), col("user"), col("n"))
                   .write_stream()
                   .checkpoint(fixture.root)
                   .memory(output)
                   .start();
  fixture.input.add({{"ada"}, {"bob"}, {"ada"}});
  query.process_all_available();
  CHECK(output.rows().empty());
  fixture.clock->set(start_ms + 10'000);
  fixture.input.add({{"eve"}});
  query.process_all_available();
  CHECK(text(output.rows()) == "0 ada 2 | 0 bob 1");
  CHECK(query.recent_progress().back().state_operators.at(0).rows_total == 1);
}
