#include "recording_support.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/testing/golden.hpp>
#include <libstream/testing/recorded_stream.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

using namespace libstream;
using namespace libstream::test;
using namespace std::chrono_literals;

TEST_CASE("a replay has the output, late rows and state of the recorded run, however parted") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  const auto first = record(directory);
  CHECK(first.late == "ada 1970-01-01T00:00:03Z 6 {1970-01-01T00:00:00Z, 1970-01-01T00:00:10Z}");
  REQUIRE(first.progress.size() >= 5);  // one without data, at least
  for (const std::uint32_t partitions : {1U, 2U, 4U, 8U}) {
    CAPTURE(partitions);
    const auto again = replay(directory, partitions);
    CHECK(again.text == first.text);
    CHECK(again.late == first.late);
    CHECK(again.hashes() == first.hashes());
    REQUIRE(again.progress.size() == first.progress.size());
    for (std::size_t i = 0; i < again.progress.size(); ++i) {
      CHECK(again.progress[i].watermark == first.progress[i].watermark);
      CHECK(again.progress[i].input_rows == first.progress[i].input_rows);
      CHECK(again.progress[i].no_data == first.progress[i].no_data);
    }
  }
}

TEST_CASE("hashes tell other output, other late rows and other state apart") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  const auto first = record(directory);
  // One window an epoch later; the state is another until then.
  const auto cut = replay(directory, 2, {.epoch_rows = 2});
  CHECK(cut.hashes() != first.hashes());
  const auto& states = first.progress;
  CHECK(states.front().hashes->state.at(0).hash != states.back().hashes->state.at(0).hash);
  CHECK(states[0].hashes->late == std::uint64_t{0});
  const auto late = std::count_if(states.begin(), states.end(), [](const QueryProgress& entry) {
    return entry.hashes->late != std::uint64_t{0};
  });
  CHECK(late == 1);
}

TEST_CASE("epochs cut anew: so many rows each, everything read once") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  record(directory);
  for (const std::uint64_t rows : {1U, 2U, 4U, 5U, 100U}) {
    CAPTURE(rows);
    const auto again = replay(directory, 2, {.epoch_rows = rows});
    std::uint64_t read = 0;
    for (const auto& entry : again.progress) {
      CHECK(entry.input_rows <= rows);
      read += entry.input_rows;
    }
    CHECK(read == 9);
    std::int64_t counted = 0;
    for (const auto& one : again.rows) counted += one.at(3).integer();
    CHECK(counted + std::count(again.late.begin(), again.late.end(), '{') + 1 == 9);  // dora waits
  }
}

TEST_CASE("a replay goes on from its checkpoint, with other partitions") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  const auto first = record(directory);
  std::vector<EpochHashes> hashes;
  const auto root = memory_root();
  for (std::uint32_t partitions = 1; partitions <= 4; ++partitions) {
    Session session({.threads = 2, .partitions = partitions});
    MemoryStream input(schema);
    MemoryTable late;
    auto query = sums(session.read_stream().memory(input).named("clicks"))
                     .write_stream()
                     .replay(directory, {.pace = 0.1})  // so slowly that it is stopped first
                     .checkpoint(root)
                     .option("hashes", true)
                     .none()
                     .late_rows(memory_sink(late))
                     .start();
    while (executed(query).empty()) std::this_thread::sleep_for(1ms);
    query.abort();
    for (const auto& entry : executed(query)) hashes.push_back(entry.hashes.value());
  }
  REQUIRE(hashes.size() >= 4);
  auto wanted = first.hashes();
  wanted.resize(hashes.size());
  CHECK(hashes == wanted);
}

TEST_CASE("a recorded source stands in for any source, on the recording's time") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  record(directory);
  const auto recording = Recording::open(directory);
  REQUIRE(recording.sources().size() == 1);
  CHECK(recording.find("clicks").kind == "MemorySource");
  SessionOptions options{.threads = 1, .partitions = 2};
  options.environment.clock = recording.clock();
  Session session(options);
  MemoryTable output;
  session.read_stream()
      .source(recording.source("clicks"))
      .where("v > 5")
      .select("v", expr("current_timestamp()").as("now"))
      .write_stream()
      .trigger(Trigger::available_now())
      .memory(output)
      .start()
      .await_termination();
  REQUIRE(output.rows().size() == 4);
  for (const auto& one : output.rows()) {
    const auto& epochs = recording.find("").epochs;
    const auto known = std::any_of(epochs.begin(), epochs.end(), [&](const RecordedEpoch& epoch) {
      return epoch.context.timestamp_milliseconds * 1000 == one.at(1).integer();
    });
    CHECK(known);
  }
}

TEST_CASE("several sources: their epochs stay side by side") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  const auto run = [&](bool recorded, std::uint32_t partitions) {
    Session session({.threads = 2, .partitions = partitions});
    MemoryStream left("k bigint, a timestamp");
    MemoryStream right("k bigint, b timestamp");
    MemoryTable output;
    auto l = session.read_stream().memory(left).named("left").with_watermark("a", "1 second");
    auto r = session.read_stream().memory(right).named("right").with_watermark("b", "1 second");
    auto writer = l.as("l")
                      .join(r.as("r"), "l.k = r.k AND b >= a AND b <= a + interval 5 seconds",
                            JoinType::left_outer)
                      .write_stream();
    writer.option("hashes", true).option("idleTimeout", "1 hour").memory(output);
    if (!recorded) {
      auto query = writer.record_to(directory).start();
      for (std::int64_t n = 0; n < 12; ++n) {
        if (n % 3 != 0) left.add({{Value(n), Value(n * 2'000'000)}});
        if (n % 2 == 0) right.add({{Value(n), Value(n * 2'000'000 + 1'000'000)}});
        query.process_all_available();
      }
      query.stop();
      return std::pair(output.text(), executed(query));
    }
    auto query = writer.replay(directory).trigger(Trigger::available_now()).start();
    query.await_termination();
    return std::pair(output.text(), executed(query));
  };
  const auto [text, progress] = run(false, 2);
  for (const std::uint32_t partitions : {1U, 4U}) {
    const auto [again, replayed] = run(true, partitions);
    CHECK(again == text);
    REQUIRE(replayed.size() == progress.size());
    for (std::size_t i = 0; i < progress.size(); ++i) {
      CHECK(replayed[i].watermark == progress[i].watermark);
      CHECK(replayed[i].hashes == progress[i].hashes);
      CHECK(replayed[i].hashes->state.empty());  // a join's depends on the order of arrival
    }
  }
}

TEST_CASE("in a test: a recorded stream, and output compared with a golden file") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/clicks.recording";
  const auto golden = work.path() + "/sums.golden";
  record(directory);
  Session session({.threads = 1, .partitions = 2});
  MemoryTable output;
  sums(session.read_stream().source(RecordedStream{directory}))
      .write_stream()
      .trigger(Trigger::available_now())
      .memory(output)
      .start()
      .await_termination();
  CHECK(failure([&] { golden_difference(output, golden); }).code() == ErrorCode::io);
  ::setenv("LIBSTREAM_WRITE_GOLDEN", "1", 1);
  CHECK(golden_difference(output, golden).starts_with("wrote 5 rows to " + golden));
  ::unsetenv("LIBSTREAM_WRITE_GOLDEN");
  CHECK(golden_difference(output, golden) == "");
  auto lines = read_file(golden);
  CHECK(lines.starts_with("ada | "));
  const auto first = lines.substr(0, lines.find('\n') + 1);
  write_file(golden, lines.substr(first.size()) + "zoe | 1\n" + "zoe | 1\n");
  CHECK(golden_difference(output, golden) == golden +
                                                 ": 2 of 6 rows missing (-), 1 of 5 too many (+)\n"
                                                 "- zoe | 1\n- zoe | 1\n+ " +
                                                 first);
}

TEST_CASE("a paced replay takes as long as the recorded run did, or a part of it") {
  const TemporaryDirectory work;
  const auto directory = work.path() + "/recording";
  {
    Session session({.threads = 1, .partitions = 1});
    MemoryStream input("v bigint");
    auto query =
        session.read_stream().memory(input).write_stream().record_to(directory).none().start();
    for (std::int64_t n = 0; n < 3; ++n) {
      input.add({{Value(n)}});
      query.process_all_available();
      std::this_thread::sleep_for(200ms);
    }
    query.stop();
  }
  const auto seconds = [&](double pace) {
    Session session({.threads = 1, .partitions = 1});
    MemoryTable output;
    const auto begin = std::chrono::steady_clock::now();
    session.read_stream()
        .source(RecordedStream{directory, "memory", {.pace = pace}})
        .write_stream()
        .trigger(Trigger::available_now())
        .memory(output)
        .start()
        .await_termination();
    CHECK(output.text() == "0 | 1 | 2");
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  CHECK(seconds(1) >= 0.4);
  const auto half = seconds(2);
  CHECK(half >= 0.2);
}
