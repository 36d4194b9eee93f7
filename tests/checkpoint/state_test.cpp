#include "group_fold.hpp"
#include "sections.hpp"
#include "simulated_query.hpp"

#include <libstream/testing/map_state.hpp>

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

namespace libstream::test {
namespace {

using testing::MapState;
using Rows = std::vector<std::tuple<std::uint32_t, std::string, std::string>>;

constexpr std::uint32_t all_groups = 0x10000;

std::string random_bytes(std::mt19937_64& random, std::size_t limit) {
  std::string bytes(random() % limit, '\0');
  for (auto& byte : bytes) {
    byte = static_cast<char>(random() % 3 == 0 ? 0xff : random() % 4);
  }
  return bytes;
}

/// Key groups of one of two tasks.
std::uint32_t random_group(std::mt19937_64& random, std::uint32_t task) {
  if (task == 1 && random() % 20 == 0) return 0xffff;
  return static_cast<std::uint32_t>(random() % 4) + 4 * task;
}

struct RandomChanges {
  std::string bytes;
  std::optional<ChangeExtent> extent;
};

/// Of a task whose floors move on, as panes do: what it puts and erases lies in an extent.
RandomChanges fleeting_changes(std::mt19937_64& random, std::uint32_t task) {
  ChangeExtent extent{4 * task, 4 * task + 3, random_bytes(random, 3), random_bytes(random, 4)};
  if (extent.below < extent.floor) std::swap(extent.below, extent.floor);
  ChangelogWriter changes;
  changes.within(extent);
  for (auto count = random() % 30; count > 0; --count) {
    const auto key = random_bytes(random, 5);
    if (key >= extent.below) continue;
    const auto group = static_cast<std::uint32_t>(4 * task + random() % 4);
    if (random() % 4 == 0) {
      changes.erase(group, key);
    } else {
      changes.put(group, key, random_bytes(random, 100));
    }
  }
  return {changes.take(), extent};
}

RandomChanges random_changes(std::mt19937_64& random, OperatorId op, std::uint32_t task) {
  if (op == OperatorId{1} && random() % 8 > 0) return fleeting_changes(random, task);
  ChangelogWriter changes;
  while (random() % 4 == 0) {
    const auto first = random_group(random, task);
    const auto last = random_group(random, task);
    changes.erase_below(std::min(first, last), std::max(first, last), random_bytes(random, 5));
  }
  const bool large = random() % 8 == 0;
  const auto entries = random() % (large ? 300 : 30);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const auto key_group = random_group(random, task);
    const auto key = random_bytes(random, 5);
    if (random() % 3 == 0) {
      changes.erase(key_group, key);
    } else {
      changes.put(key_group, key, random_bytes(random, large ? 3'000 : 100));
    }
  }
  return {changes.take(), std::nullopt};
}

class Query final {
 public:
  explicit Query(std::uint64_t seed) : random_(seed) {
    options_.snapshot_epochs = 1 + random_() % 4;
    options_.snapshot_bytes = random_() % 2 == 0 ? 2'000 : 1'000'000;
    options_.retained_snapshots = 1 + random_() % 2;
    options_.run_file_bytes = random_() % 2 == 0 ? 300 : 100'000;
  }

  void restart() {
    term_.reset();
    Environment environment;
    environment.random = seeded_random(random_());
    term_ = Term::open(root_, simulated_meta(), environment, options_);
    for (const auto& pending : term_->restored().pending) term_->committed(pending.epoch);
    term_->sweep();
    if (const auto& last = term_->restored().last; last && last->snapshot) {
      most_runs = std::max(most_runs, last->snapshot->runs.size());
      for (const auto& run : last->snapshot->runs) {
        most_files = std::max(most_files, run.files.size());
      }
    }
    check();
  }

  void step() {
    EpochEntry entry;
    entry.epoch = Epoch{next_++};
    for (auto count = random_() % 4; count > 0; --count) {
      const auto op = OperatorId{count == 3 ? 0xffffffffU : static_cast<std::uint32_t>(count)};
      for (std::uint32_t task = 0; task < 2; ++task) {
        auto changes = random_changes(random_, op, task);
        models_[op].apply(changes.bytes);
        entry.changes.push_back(term_->store_changes(
            op, task, entry.epoch, std::move(changes.bytes), std::move(changes.extent)));
      }
    }
    term_->decide(std::move(entry));
    term_->committed(Epoch{next_ - 1});
    if (random_() % 3 > 0) term_->maintain();
  }

  std::size_t most_runs = 0;
  std::size_t most_files = 0;

 private:
  void check() {
    for (const auto op : {0U, 1U, 2U, 0xffffffffU}) {
      check_range(OperatorId{op}, 0, all_groups);
      // As a restart with other partitions reads it.
      const auto begin = static_cast<std::uint32_t>(random_() % 8);
      check_range(OperatorId{op}, begin, begin + 3);
    }
  }

  void check_range(OperatorId op, std::uint32_t begin, std::uint32_t end) {
    CAPTURE(begin);
    Rows found;
    term_->state(op, begin, end)
        ->for_each([&](std::uint32_t key_group, std::string_view key, std::string_view value) {
          found.emplace_back(key_group, key, value);
        });
    Rows expected;
    for (const auto& [key, value] : models_[op].entries()) {
      if (key.first >= begin && key.first < end)
        expected.emplace_back(key.first, key.second, value);
    }
    CHECK(found == expected);
  }

  std::shared_ptr<CheckpointRoot> root_ = memory_root();
  std::mt19937_64 random_;
  TermOptions options_;
  std::unique_ptr<Term> term_;
  std::map<OperatorId, MapState> models_;
  std::uint64_t next_ = 0;
};

TEST_CASE("State comes back as a sorted map has it, whatever was folded, and when") {
  std::size_t most_runs = 0;
  std::size_t most_files = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Query query(seed);
    query.restart();
    for (int round = 0; round < 4; ++round) {
      CAPTURE(round);
      for (int i = 0; i < 9; ++i) query.step();
      query.restart();
    }
    most_runs = std::max(most_runs, query.most_runs);
    most_files = std::max(most_files, query.most_files);
  }
  CHECK(most_runs > 2);
  CHECK(most_files > 4);
}

TEST_CASE("A floor erases what earlier changelogs stored, of its key groups, and nothing else") {
  const auto root = memory_root();
  TermOptions options;
  options.snapshot_epochs = 2;
  const auto open = [&] { return Term::open(root, simulated_meta(), {}, options); };
  const auto state = [](const Term& term) {
    std::string text;
    term.state(totals_operator, 0, key_groups)
        ->for_each([&](std::uint32_t group, std::string_view key, std::string_view value) {
          text += std::to_string(group) + std::string(key) + "=" + std::string(value) + " ";
        });
    return text;
  };
  const std::vector<std::string> states{"1a=0 1b=0 2a=0 ", "1b=0 1c=1 2a=0 ", "1a=2 1c=1 2a=0 ",
                                        "1a=2 1c=1 2a=0 "};
  for (std::uint64_t n = 0; n < 4; ++n) {
    CAPTURE(n);
    auto term = open();
    ChangelogWriter changes;
    if (n == 0) changes.put(1, "a", "0");
    if (n == 0) changes.put(1, "b", "0");
    if (n == 0) changes.put(2, "a", "0");
    if (n == 1) changes.erase_below(1, 1, "b");
    if (n == 1) changes.put(1, "c", "1");
    if (n == 2) changes.erase_below(0, 1, "bb");
    if (n == 2) changes.put(1, "a", "2");  // below the floor, and later
    EpochEntry entry;
    entry.epoch = Epoch{n};
    entry.changes = {term->store_changes(totals_operator, 0, Epoch{n}, changes.take())};
    term->decide(entry);
    term = open();
    CHECK(state(*term) == states[n]);
    term->maintain();
  }
}

TEST_CASE("A run file that is not what its reference says is corrupt though its CRC fits") {
  using namespace checkpoint;
  const auto parse = [](const std::string& bytes, std::uint32_t begin, std::uint32_t end) {
    return Sections::of_run(Framed(bytes, 0, bytes.size()), {{}, OperatorId{7}, begin, end},
                            "file");
  };
  RunBody body(100);
  for (const std::uint32_t group : {3U, 5U}) {
    ChangelogWriter entry;
    entry.put(group, "key", "value");
    body.sections() += entry.bytes();
    body.end_section(group);
  }
  const std::string bytes = body.take(OperatorId{7});
  const auto good = parse(bytes, 3, 6);
  CHECK(good.section(3).size() == good.section(5).size());
  CHECK(good.section(4).empty());
  CHECK(good.end_group() == 6);
  CHECK_THROWS_AS(parse(bytes, 4, 6), Error);
  CHECK_THROWS_AS(parse(bytes, 3, 5), Error);
  CHECK_THROWS_AS(parse(bytes + "x", 3, 6), Error);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(parse(bytes.substr(0, size), 3, 6), Error);
  }
  // The head and the index, bit by bit: refused, or the sections are still within the file.
  for (std::size_t bit = 0; bit < 8 * (8 + 2 * 12); ++bit) {
    CAPTURE(bit);
    auto damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    try {
      const auto sections = parse(damaged, 0, all_groups);
      std::size_t size = 0;
      for (std::uint32_t group = 0; group < all_groups; ++group) {
        size += sections.section(group).size();
      }
      CHECK(size == good.section(3).size() * 2);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::corrupt);
    }
  }
}

}  // namespace
}  // namespace libstream::test
