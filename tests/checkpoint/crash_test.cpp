#include "fault_injection.hpp"
#include "simulated_query.hpp"
#include "temporary_directory.hpp"

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

void crash_on_disk(bool power_cut) {
  const TemporaryDirectory directory;
  std::optional<std::uint64_t> operations;
  for (std::uint64_t point = 0; !operations || point < *operations; ++point) {
    CAPTURE(point);
    const auto path = directory.path() + "/" + std::to_string(point);
    OutsideWorld world;
    Injection injection{0, crash_at(point, true)};
    const auto files = std::make_shared<FaultyFileSystem>(injection);
    try {
      run_whole(directory_root(path, files), world, "first");
      operations = injection.operations;
    } catch (const Crash&) {
    }
    CHECK(!files->linked_unsynced());
    if (power_cut) {
      files->cut_power();
    }
    Injection none;
    const auto recovered = std::make_shared<FaultyFileSystem>(none);
    run_whole(directory_root(path, recovered), world, "second");
    check_end(directory_root(path, recovered), world);
    std::filesystem::remove_all(path);
  }
  CHECK(*operations > 100);
}

TEST_CASE("A crash at any operation of the file system loses and repeats nothing") {
  crash_on_disk(false);
}

TEST_CASE("A power cut at any operation, with unsynced names gone, loses and repeats nothing") {
  crash_on_disk(true);
}

}  // namespace
}  // namespace libstream::test
