#include "entry_codec.hpp"

#include <libstream/error.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>

namespace libstream::test {
namespace {

using namespace libstream::checkpoint;

std::string random_text(std::mt19937_64& random) {
  std::string text(random() % 40, 'a');
  for (auto& c : text) {
    c = static_cast<char>(random() % 256);
  }
  return text;
}

StateFile random_file(std::mt19937_64& random) {
  return {"state/" + random_text(random), random(), static_cast<std::uint32_t>(random())};
}

SnapshotReference random_snapshot(std::mt19937_64& random) {
  SnapshotReference snapshot{Epoch{random()}, {}};
  for (auto runs = random() % 3; runs > 0; --runs) {
    auto& files = snapshot.runs.emplace_back().files;
    for (auto count = random() % 3; count > 0; --count) {
      const auto word = [&] { return static_cast<std::uint32_t>(random()); };
      files.push_back({random_file(random), OperatorId{word()}, word(), word()});
    }
  }
  return snapshot;
}

StoredEntry random_entry(std::mt19937_64& random) {
  EpochEntry entry;
  entry.term = random();
  entry.epoch = Epoch{random()};
  entry.context = {static_cast<std::int64_t>(random()), random()};
  entry.no_data = random() % 2 == 0;
  StoredEntry stored;
  stored.index = random();
  for (auto n = random() % 4; n > 0; --n) {
    entry.source_ends.push_back(random_text(random));
    entry.static_versions.push_back(random_text(random));
    entry.watermark_values.push_back(static_cast<std::int64_t>(random()));
    entry.totals[random_text(random)] = random();
    TaskChanges changes{OperatorId{static_cast<std::uint32_t>(random())},
                        static_cast<std::uint32_t>(random()),
                        {},
                        std::nullopt};
    if (random() % 2 == 0) {
      changes.file = random_file(random);
    } else {
      changes.inline_bytes = random_text(random);
    }
    if (random() % 2 == 0) {
      changes.extent = {static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random()),
                        random_text(random), random_text(random)};
    }
    entry.changes.push_back(changes);
    SinkStage stage{random_text(random), {}};
    for (auto handles = random() % 3; handles > 0; --handles) {
      stage.handles.push_back({random_text(random), random()});
      if (random() % 2 == 0) {
        stage.handles.back().bytes.clear();
        stored.handle_files.push_back(
            {entry.sinks.size(), stage.handles.size() - 1, random_file(random)});
      }
    }
    entry.sinks.push_back(stage);
  }
  entry.watermark = {static_cast<std::int64_t>(random())};
  entry.next_watermark = {static_cast<std::int64_t>(random())};
  if (random() % 2 == 0) {
    entry.earliest_timeout = static_cast<std::int64_t>(random());
    entry.idle_since = {-1, static_cast<std::int64_t>(random())};
    entry.snapshot = random_snapshot(random);
  }
  entry.committed_through = static_cast<std::int64_t>(random());
  stored.entry = entry;
  return stored;
}

TEST_CASE("Entries come back as they were written") {
  std::mt19937_64 random(11);
  for (int i = 0; i < 500; ++i) {
    const auto stored = random_entry(random);
    const auto bytes = encode_entry(stored, "query");
    const auto back = decode_entry(bytes, stored.index, "query", "entry");
    // Equal bytes from what was read: nothing was dropped, nothing was changed on the way.
    CHECK(encode_entry(back, "query") == bytes);
    const auto& was = std::get<EpochEntry>(stored.entry);
    const auto& is = std::get<EpochEntry>(back.entry);
    CHECK(is.source_ends == was.source_ends);
    CHECK(is.static_versions == was.static_versions);
    CHECK(is.totals == was.totals);
    CHECK(is.earliest_timeout == was.earliest_timeout);
    CHECK(is.idle_since == was.idle_since);
    REQUIRE(is.changes.size() == was.changes.size());
    for (std::size_t n = 0; n < was.changes.size(); ++n) {
      CHECK(is.changes[n].file == was.changes[n].file);
      CHECK(is.changes[n].inline_bytes == was.changes[n].inline_bytes);
      const auto& before = was.changes[n].extent;
      const auto& after = is.changes[n].extent;
      REQUIRE(after.has_value() == before.has_value());
      if (!before) continue;
      CHECK(after->first_group == before->first_group);
      CHECK(after->last_group == before->last_group);
      CHECK(after->floor == before->floor);
      CHECK(after->below == before->below);
    }
    REQUIRE(is.snapshot.has_value() == was.snapshot.has_value());
    if (was.snapshot) CHECK(is.snapshot->runs == was.snapshot->runs);
    CHECK(back.handle_files.size() == stored.handle_files.size());
  }
}

TEST_CASE("An entry of another place or another query is refused") {
  const auto bytes = encode_entry({3, CloseEntry{1, 2}, {}}, "query");
  CHECK(std::get<CloseEntry>(decode_entry(bytes, 3, "query", "entry").entry).committed_through ==
        2);
  CHECK_THROWS_AS(decode_entry(bytes, 4, "query", "entry"), Error);
  CHECK_THROWS_AS(decode_entry(bytes, 3, "other", "entry"), Error);
  CHECK_THROWS_AS(decode_meta(bytes, "meta"), Error);
}

TEST_CASE("A whole file of a newer version is told from a damaged one") {
  auto bytes = encode_meta({});
  bytes[8] = 2;
  bytes.resize(bytes.size() - 4);
  const auto crc = crc32c(as_bytes(bytes));
  for (unsigned i = 0; i < 4; ++i) {
    bytes.push_back(static_cast<char>((crc >> (8 * i)) & 0xff));
  }
  try {
    decode_meta(bytes, "meta");
    FAIL("a newer version was read");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::incompatible);
  }
}

TEST_CASE("Bodies of any content, in a frame that fits, are read or refused, never trusted") {
  std::mt19937_64 random(12);
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto stored = random_entry(random);
    const auto bytes = encode_entry(stored, "query");
    std::string body(unframe(FileKind::entry, bytes, "entry"));
    for (auto n = 1 + random() % 8; n > 0; --n) {
      body[random() % body.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) {
      body.resize(random() % body.size());
    }
    try {
      const auto back = decode_entry(frame(FileKind::entry, body), stored.index, "query", "entry");
      encode_entry(back, "query");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::corrupt);
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace libstream::test
