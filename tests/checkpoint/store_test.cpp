#include "snapshot_store.hpp"
#include "temporary_directory.hpp"

#include <libstream/checkpoint/term.hpp>

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <tuple>
#include <vector>

namespace libstream::test {
namespace {

using checkpoint::memory_snapshot_store;
using checkpoint::rocks_snapshot_store;
using checkpoint::SnapshotStore;
using Rows = std::vector<std::tuple<std::uint32_t, std::string, std::string>>;

Rows rows(const StateStore& store, OperatorId op, std::uint32_t begin, std::uint32_t end) {
  Rows found;
  store.range(op, begin, end,
              [&](std::uint32_t key_group, std::string_view key, std::string_view value) {
                found.emplace_back(key_group, key, value);
              });
  return found;
}

std::string random_bytes(std::mt19937_64& random, std::size_t limit) {
  std::string bytes(random() % limit, '\0');
  for (auto& byte : bytes) {
    byte = static_cast<char>(random() % 3 == 0 ? 0xff : random() % 4);
  }
  return bytes;
}

std::string random_changelog(std::mt19937_64& random, int entries, std::size_t value_limit) {
  ChangelogWriter changes;
  for (int i = 0; i < entries; ++i) {
    const auto key_group = static_cast<std::uint32_t>(random() % 20 == 0 ? 0xffff : random() % 8);
    const auto key = random_bytes(random, 5);
    if (random() % 3 == 0) {
      changes.erase(key_group, key);
    } else {
      changes.put(key_group, key, random_bytes(random, value_limit));
    }
  }
  return changes.take();
}

void check_equal(const StateStore& model, const StateStore& store, std::mt19937_64& random) {
  REQUIRE(model.operators() == store.operators());
  for (std::uint32_t id = 0; id < 5; ++id) {
    const auto op = OperatorId{id == 4 ? 0xffffffff : id};
    CHECK(rows(model, op, 0, 0x10000) == rows(store, op, 0, 0x10000));
    const auto begin = static_cast<std::uint32_t>(random() % 8);
    CHECK(rows(model, op, begin, begin + 3) == rows(store, op, begin, begin + 3));
    for (int i = 0; i < 20; ++i) {
      const auto key = random_bytes(random, 5);
      std::string expected;
      std::string actual;
      CHECK(model.get(op, begin, key, expected) == store.get(op, begin, key, actual));
      CHECK(expected == actual);
    }
  }
}

TEST_CASE("The RocksDB store does what the model does, across snapshots and restores") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const TemporaryDirectory directory;
    const auto model = memory_snapshot_store();
    auto store = rocks_snapshot_store(directory.path() + "/a");
    std::map<std::string, std::string> files;
    int reused = 0;
    for (int step = 0; step < 30; ++step) {
      CAPTURE(step);
      const auto op =
          OperatorId{random() % 5 == 4 ? 0xffffffffU : static_cast<std::uint32_t>(random() % 4)};
      // Now and then enough bytes for a table of its own.
      const bool large = random() % 8 == 0;
      const auto changelog = random_changelog(random, large ? 300 : 30, large ? 60'000 : 100);
      model->apply(op, changelog);
      store->apply(op, changelog);
      if (random() % 4 == 0) {
        std::size_t written = 0;
        const auto snapshot = store->save([&](const std::string& suffix, std::string_view body) {
          const auto name = "state/x." + std::to_string(files.size()) + "." + suffix;
          files[name] = std::string(body);
          ++written;
          return StateFile{name, body.size(), 0};
        });
        reused += static_cast<int>(snapshot.size() - written);
        if (random() % 2 == 0) {
          store.reset();
          store = rocks_snapshot_store(directory.path() + "/b");
          store->load(snapshot, [&](const StateFile& file) { return files.at(file.name); });
        }
      }
      if (step % 5 == 4) {
        check_equal(*model, *store, random);
      }
    }
    CHECK(reused > 0);
  }
}

TEST_CASE("A snapshot of the model comes back, also in the RocksDB store") {
  std::mt19937_64 random(5);
  const auto model = memory_snapshot_store();
  for (std::uint32_t id = 0; id < 4; ++id) {
    model->apply(OperatorId{id}, random_changelog(random, 200, 100));
  }
  std::string dump;
  const auto snapshot = model->save([&](const std::string& suffix, std::string_view body) {
    dump = body;
    return StateFile{"state/x.0." + suffix, body.size(), 0};
  });
  const auto read = [&](const StateFile&) { return dump; };
  const auto copy = memory_snapshot_store();
  copy->load(snapshot, read);
  check_equal(*model, *copy, random);
  const TemporaryDirectory directory;
  const auto rocks = rocks_snapshot_store(directory.path());
  rocks->load(snapshot, read);
  check_equal(*model, *rocks, random);
  dump.pop_back();
  CHECK_THROWS_AS(copy->load(snapshot, read), Error);
}

TEST_CASE("A store without entries has a snapshot without files") {
  const TemporaryDirectory directory;
  const auto never = [](const std::string&, std::string_view) -> StateFile {
    FAIL("nothing to write");
    return {};
  };
  CHECK(memory_snapshot_store()->save(never).empty());
  CHECK(rocks_snapshot_store(directory.path())->save(never).empty());
}

}  // namespace
}  // namespace libstream::test
