// Queries whose disk fails: what the engine bears, and that bugs of sources and sinks are found.
#include "disk_connectors.hpp"

#include <libstream/checkpoint/term.hpp>
#include <libstream/testing/simulation.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <set>

using namespace libstream;
using namespace std::chrono_literals;
using disk_connectors::ArchiveSink;
using disk_connectors::Bug;
using disk_connectors::Mailbox;
using disk_connectors::MailSource;
using libstream::testing::DiskFaults;
using libstream::testing::SimulatedDisk;
using libstream::testing::SimulatedSession;
using libstream::testing::Simulation;
using libstream::testing::SimulationResult;

namespace {

const DiskFaults all_faults{
    .power_cuts = true, .failing_syncs = 2, .full_disks = 2, .bit_flips = 2, .checked = {}};

struct Met {
  std::uint32_t crashes = 0;
  std::uint32_t power_cuts = 0;
  std::uint32_t failed_syncs = 0;
  std::uint32_t full_disks = 0;
  std::uint32_t bit_flips = 0;

  void add(const SimulationResult& result) {
    crashes += result.crashes;
    power_cuts += result.power_cuts;
    failed_syncs += result.failed_syncs;
    full_disks += result.full_disks;
    bit_flips += result.bit_flips;
  }
};

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Letters that come over two minutes, stored by a source and a sink of one's own.
struct Post {
  SimulationResult result;
  std::string archive;
};
Post post(std::uint64_t seed, DiskFaults faults, Bug source_bug, Bug sink_bug) {
  const auto mailbox = std::make_shared<Mailbox>();
  const auto disk = std::make_shared<SimulatedDisk>();
  Simulation simulation({.seed = seed, .crashes = 3, .disk = disk, .faults = std::move(faults)});
  for (int i = 0; i < 12; ++i) {
    simulation.at(10s * i, [=] { mailbox->post(std::string(1, static_cast<char>('a' + i))); });
  }
  Post post;
  post.result = simulation.run([&](SimulatedSession& session) {
    return session.read_stream()
        .source(std::make_shared<MailSource>(mailbox, session.files(), source_bug))
        .write_stream()
        .sink(std::make_shared<ArchiveSink>(session.files(), sink_bug))
        .trigger(seed % 2 == 0 ? Trigger::available_now() : Trigger::processing_time(5s));
  });
  post.archive = ArchiveSink::text(*disk);
  return post;
}

constexpr auto letters = "a | b | c | d | e | f | g | h | i | j | k | l";

/// The first seed that shows a bug, and what it shows.
std::string found(const DiskFaults& faults, Bug source_bug, Bug sink_bug) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    try {
      const auto [result, archive] = post(seed, faults, source_bug, sink_bug);
      if (result.text() != letters) return "rows";
      if (archive != letters) return "archive";
    } catch (const Error& error) {
      return error.what();
    }
  }
  return "nothing";
}

}  // namespace

TEST_CASE("A query over files bears what a disk may do; the same seed does it in the same way") {
  Met met;
  std::uint64_t lost = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    const auto run = [&] {
      const auto disk = std::make_shared<SimulatedDisk>();
      disk->files(nullptr)->create_directories("/input");
      disk->files(nullptr)->sync_directory("/");
      Simulation simulation({.seed = seed, .crashes = 3, .disk = disk, .faults = all_faults});
      for (int i = 0; i < 6; ++i) {
        simulation.at(std::chrono::seconds(i), [disk, i] {
          disk->replace("/input/" + std::to_string(i), R"({"word": "ada"})"
                                                       "\n"
                                                       R"({"word": "bob"})"
                                                       "\n");
        });
      }
      auto result = simulation.run([&](SimulatedSession& session) {
        return session.read_stream()
            .schema("word string")
            .json("/input")
            .group_by("word")
            .count()
            .write_stream()
            .output_mode(OutputMode::complete)
            .trigger(Trigger::available_now());
      });
      lost += disk->lost();
      return result;
    };
    const auto result = run();
    CHECK(result.text() == "ada 6 | bob 6");
    CHECK(run().trace == result.trace);
    met.add(result);
  }
  CHECK(met.crashes > 60);
  CHECK(met.power_cuts > 60);
  CHECK(met.failed_syncs > 20);
  CHECK(met.full_disks > 20);
  CHECK(met.bit_flips > 60);
  CHECK(lost > 100);
}

TEST_CASE("Output files hold each row once whatever the disk does") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    MemoryStream input("x bigint");
    for (std::int64_t i = 0; i < 6; ++i) input.add({{i}, {i + 10}});
    const auto disk = std::make_shared<SimulatedDisk>();
    Simulation simulation({.seed = seed, .crashes = 3, .disk = disk, .faults = all_faults});
    simulation.run([&](SimulatedSession& session) {
      return session.read_stream()
          .option("maxBatchesPerTrigger", 1)
          .memory(input)
          .write_stream()
          .json("/output")
          .trigger(Trigger::available_now());
    });
    std::multiset<std::string> lines;
    for (const auto& path : disk->paths("/output/part-")) {
      std::istringstream text(disk->content(path));
      for (std::string line; std::getline(text, line);) lines.insert(line);
    }
    CHECK(lines.size() == 12);
    for (std::int64_t i = 0; i < 6; ++i) {
      CHECK(lines.count("{\"x\":" + std::to_string(i) + "}") == 1);
      CHECK(lines.count("{\"x\":" + std::to_string(i + 10) + "}") == 1);
    }
  }
}

TEST_CASE("A source and a sink with files of their own: whole, they bear the disk, too") {
  auto faults = all_faults;
  faults.checked = {MailSource::directory};
  Met met;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const auto [result, archive] = post(seed, faults, Bug::none, Bug::none);
    CHECK(result.text() == letters);
    CHECK(archive == letters);
    met.add(result);
  }
  CHECK(met.power_cuts > 200);
  CHECK(met.failed_syncs > 100);
  CHECK(met.full_disks > 100);
  CHECK(met.bit_flips > 200);
}

TEST_CASE("Bugs of a source and a sink are found by the fault that shows them") {
  const DiskFaults power_cuts{.power_cuts = true, .checked = {}};
  CHECK(found(power_cuts, Bug::none, Bug::file_unsynced) == "archive");
  CHECK(found(power_cuts, Bug::none, Bug::name_unsynced) == "archive");
  CHECK(found(power_cuts, Bug::file_unsynced, Bug::none).starts_with("the letter /mail/0000"));
  CHECK(found(power_cuts, Bug::name_unsynced, Bug::none).starts_with("cannot read /mail/0000"));
  CHECK(found({}, Bug::acknowledged_early, Bug::none).starts_with("cannot read /mail/0000"));
  CHECK(found({.full_disks = 2, .checked = {}}, Bug::none, Bug::error_swallowed) == "archive");
  const auto unchecked =
      found({.bit_flips = 4, .checked = {MailSource::directory}}, Bug::unchecked, Bug::none);
  CHECK(unchecked.starts_with("a bit of /mail/0000"));
  CHECK(unchecked.find(" was flipped, was read and went unnoticed (simulation with seed ") !=
        std::string::npos);
  // Without the fault nothing shows.
  CHECK(found({}, Bug::none, Bug::file_unsynced) == "nothing");
}

TEST_CASE("An error that no fault explains, and a finding that does not name its file, are told") {
  MemoryStream input("x bigint");
  input.add({{0}});
  const auto program = [&](const std::string& path) {
    return [&input, path](SimulatedSession& session) {
      session.files()->read(path);
      return session.read_stream().memory(input).write_stream().trigger(Trigger::available_now());
    };
  };
  const auto disk = std::make_shared<SimulatedDisk>();
  CHECK(message_of([&] {
          Simulation({.seed = 7, .disk = disk, .faults = {.full_disks = 1, .checked = {}}})
              .run(program("/missing"));
        }) == "cannot read /missing: No such file or directory (simulation with seed 7, start 1)");
  CHECK(message_of([&] { Simulation({.disk = disk}).run(program("here")); }) ==
        "a simulated disk has no working directory: \"here\" must begin with '/' (simulation with "
        "seed 1, start 1)");
  CHECK(message_of([&] {
          Simulation({.checkpoint = memory_root(), .faults = {.bit_flips = 1, .checked = {}}});
        }).starts_with("DiskFaults::bit_flips damage the checkpoint on the simulated disk"));

  // Who reads a flipped bit and says only that something is wrong.
  disk->replace("/notes/one", "abc");
  CHECK(
      message_of([&] {
        for (std::uint64_t seed = 0; seed < 50; ++seed) {
          Simulation({.seed = seed,
                      .crashes = 1,
                      .disk = disk,
                      .faults = {.bit_flips = 1, .checked = {"/notes"}}})
              .run([&](SimulatedSession& session) {
                if (session.files()->read("/notes/one") != "abc") {
                  throw Error(ErrorCode::corrupt, "something is damaged");
                }
                return program("/notes/one")(session);
              });
        }
      })
          .starts_with("a bit of /notes/one was flipped, and the error is not one of code corrupt "
                       "that names the file: something is damaged"));
}
