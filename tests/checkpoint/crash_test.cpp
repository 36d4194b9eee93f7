#include "fault_injection.hpp"
#include "simulated_query.hpp"

#include <doctest/doctest.h>

#include <optional>

namespace libstream::test {
namespace {

constexpr std::uint64_t epochs = 5;

TermOptions eager_options() {
  TermOptions options;
  options.host = "here";
  options.snapshot_epochs = 1;
  options.run_file_bytes = 64;
  options.retained_snapshots = 1;
  return options;
}

void run_whole(const std::shared_ptr<CheckpointRoot>& root, OutsideWorld& world,
               const std::string& attempt, std::uint64_t until = epochs) {
  SimulatedQuery query(root, world, attempt, eager_options(), std::hash<std::string>{}(attempt));
  query.run_until(until);
  query.term().close();
}

/// Every epoch is out exactly once, and nothing is left that no entry names.
void check_end(const std::shared_ptr<CheckpointRoot>& root, OutsideWorld& world) {
  run_whole(root, world, "end", epochs);
  for (const auto& violation : world.violations()) {
    FAIL_CHECK(violation);
  }
  CHECK(world.published().size() == 2 * epochs);
}

std::uint64_t operations_of_a_run() {
  Injection injection;
  OutsideWorld world;
  run_whole(std::make_shared<FaultyRoot>(memory_root(), injection), world, "first");
  return injection.operations;
}

TEST_CASE("A crash at any operation of the root loses and repeats nothing") {
  const auto operations = operations_of_a_run();
  REQUIRE(operations > 25);
  for (std::uint64_t point = 0; point < operations; ++point) {
    for (const bool after : {false, true}) {
      CAPTURE(point);
      CAPTURE(after);
      const auto root = memory_root();
      OutsideWorld world;
      Injection injection{0, crash_at(point, after)};
      CHECK_THROWS_AS(run_whole(std::make_shared<FaultyRoot>(root, injection), world, "first"),
                      Crash);
      run_whole(root, world, "second");
      check_end(root, world);
    }
  }
}

TEST_CASE("A crash within the recovery from a crash loses and repeats nothing") {
  const auto operations = operations_of_a_run();
  for (std::uint64_t first = 0; first < operations; first += 3) {
    for (std::uint64_t second = 0; second < operations; second += 2) {
      CAPTURE(first);
      CAPTURE(second);
      const auto root = memory_root();
      OutsideWorld world;
      for (const auto& [point, name] : {std::pair(first, "first"), std::pair(second, "second")}) {
        Injection injection{0, crash_at(point, true)};
        try {
          run_whole(std::make_shared<FaultyRoot>(root, injection), world, name);
        } catch (const Crash&) {
        }
      }
      check_end(root, world);
    }
  }
}

TEST_CASE("An unknown outcome of any operation is read back or ends the term, no more") {
  const auto operations = operations_of_a_run();
  for (std::uint64_t point = 0; point < operations; ++point) {
    for (const bool after : {false, true}) {
      CAPTURE(point);
      CAPTURE(after);
      const auto root = memory_root();
      OutsideWorld world;
      Injection injection{0, error_at(point, after)};
      try {
        run_whole(std::make_shared<FaultyRoot>(root, injection), world, "first");
      } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::io);
      }
      check_end(root, world);
    }
  }
}

TEST_CASE("A coordinator that freezes at any operation while others go on never does harm") {
  const auto operations = operations_of_a_run();
  for (std::uint64_t point = 0; point < operations; ++point) {
    for (const std::uint64_t others : {0, 1, 3}) {
      for (const bool after : {false, true}) {
        CAPTURE(point);
        CAPTURE(others);
        CAPTURE(after);
        const auto root = memory_root();
        OutsideWorld world;
        Injection injection;
        injection.at = [&](std::uint64_t operation, bool is_after) {
          if (operation == point && is_after == after) {
            SimulatedQuery other(root, world, "other", eager_options(), 2);
            other.run_until(std::min(other.next_epoch() + others, epochs));
          }
        };
        try {
          run_whole(std::make_shared<FaultyRoot>(root, injection), world, "frozen");
        } catch (const Error& error) {
          CHECK_MESSAGE(error.code() == ErrorCode::conflict, std::string(error.what()));
        }
        check_end(root, world);
      }
    }
  }
}

TEST_CASE("A start that freezes while the running term goes on and cleans up fences nobody") {
  const auto operations = operations_of_a_run();
  for (std::uint64_t point = 0; point < operations; ++point) {
    CAPTURE(point);
    const auto root = memory_root();
    OutsideWorld world;
    SimulatedQuery running(root, world, "running", eager_options(), 1);
    running.step();
    Injection injection;
    bool lost = false;
    injection.at = [&](std::uint64_t operation, bool after) {
      if (operation == point && !after) {
        try {
          running.run_until(4);
        } catch (const Error& error) {
          CHECK_MESSAGE(error.code() == ErrorCode::conflict, std::string(error.what()));
          lost = true;
        }
      }
    };
    try {
      run_whole(std::make_shared<FaultyRoot>(root, injection), world, "late");
    } catch (const Error& error) {
      CHECK_MESSAGE(error.code() == ErrorCode::conflict, std::string(error.what()));
      CHECK(!lost);
    }
    check_end(root, world);
  }
}

/// Dies at every operation of the disk in turn; `cut`: of the random cuts of the power, which lose
/// what was not synced; absent: the computer goes on.
void crash_on_disk(std::optional<std::uint64_t> cut) {
  std::optional<std::uint64_t> operations;
  for (std::uint64_t point = 0; !operations || point < *operations; ++point) {
    CAPTURE(point);
    testing::SimulatedDisk disk;
    OutsideWorld world;
    Injection injection{0, crash_at(point, true)};
    const auto files = disk.files(std::make_shared<InjectionHook>(injection));
    try {
      run_whole(unlocked_directory_root("/checkpoints/one", files, "first"), world, "first");
      operations = injection.operations;
    } catch (const Crash&) {
    }
    if (cut) disk.cut_power(*seeded_random(*cut * 1000 + point));
    const auto recovered = disk.files(nullptr);
    run_whole(unlocked_directory_root("/checkpoints/one", recovered, "second"), world, "second");
    check_end(unlocked_directory_root("/checkpoints/one", recovered, "end"), world);
  }
  CHECK(*operations > 100);
}

TEST_CASE("A crash at any operation of the file system loses and repeats nothing") {
  crash_on_disk(std::nullopt);
}

TEST_CASE(
    "A power cut at any operation, with what was not synced gone, loses and repeats nothing") {
  for (std::uint64_t cut = 0; cut < 10; ++cut) {
    CAPTURE(cut);
    crash_on_disk(cut);
  }
}

/// A write that fails though it was done, then a power cut.
TEST_CASE("What is found after a fault counts only once it is durable") {
  for (std::uint64_t point = 0; point < 200; ++point) {
    CAPTURE(point);
    testing::SimulatedDisk disk;
    OutsideWorld world;
    Injection injection{0, error_at(point, true)};
    const auto files = disk.files(std::make_shared<InjectionHook>(injection));
    try {
      run_whole(unlocked_directory_root("/checkpoint", files, "first"), world, "first", 3);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::io);
    }
    disk.cut_power(*seeded_random(point));
    check_end(unlocked_directory_root("/checkpoint", disk.files(nullptr), "end"), world);
  }
}

TEST_CASE("Entries that had been cleaned and come back are no damage, one that is needed is") {
  const auto root = memory_root();
  OutsideWorld world;
  run_whole(root, world, "first", 2);
  const auto old_name = root->list("log/").at(1);
  const auto old_bytes = root->read(old_name);
  run_whole(root, world, "second", epochs);
  REQUIRE(!root->read(old_name));
  REQUIRE(root->put_if_absent(old_name, std::as_bytes(std::span(*old_bytes))));
  check_end(root, world);
  run_whole(root, world, "third", epochs + 2);
  CHECK(!root->read(old_name));  // cleaned again

  const auto entries = root->list("log/");
  root->remove(entries.at(entries.size() - 2));
  CHECK_THROWS_AS(run_whole(root, world, "fourth", epochs + 3), Error);
}

}  // namespace
}  // namespace libstream::test
