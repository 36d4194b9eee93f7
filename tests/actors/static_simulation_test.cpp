// Streams joined with a table that grows, on simulated actors that are killed at any step.
#include <libstream/checkpoint/term.hpp>
#include <libstream/libstream.hpp>
#include <libstream/testing/simulated_session.hpp>

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

using namespace libstream;

namespace {

constexpr std::int64_t stream_rows = 40;

/// A run from its first start to the end of its input, killed now and then. The table has one more
/// row whenever the test likes; every row of the stream matches all of them.
class KilledRun {
 public:
  explicit KilledRun(std::uint64_t seed) : chance_(seed) {
    for (std::int64_t row = 0; row < stream_rows; ++row) input_.add({{row}});
    grow();
  }

  void run() {
    for (int kills = static_cast<int>(pick(4)); kills > 0; --kills) attempt(pick(600));
    attempt(1'000'000);
  }

  /// Within an epoch all tasks saw the same table; none saw a smaller one than the epoch before;
  /// every row of the stream came once.
  void check() const {
    std::set<std::int64_t> seen;
    std::size_t versions_before = 0;
    for (const auto epoch : output_.epochs()) {
      std::map<std::int64_t, std::set<std::int64_t>> versions;  // by row of the stream
      std::size_t count = 0;
      for (const auto& row : output_.rows_of(epoch)) {
        versions[row[0].integer()].insert(row[1].integer());
        ++count;
      }
      if (versions.empty()) continue;
      const auto size = versions.begin()->second.size();
      CHECK(size >= versions_before);
      CHECK(count == versions.size() * size);
      for (const auto& [row, numbers] : versions) {
        CHECK(numbers == versions.begin()->second);
        CHECK(seen.insert(row).second);
      }
      versions_before = size;
    }
    CHECK(seen.size() == stream_rows);
  }

 private:
  std::uint64_t pick(std::uint64_t count) { return chance_() % count; }
  void grow() { table_.add(std::vector<Row>{{++versions_}}); }

  void attempt(std::uint64_t steps) {
    SessionOptions options;
    options.partitions = static_cast<std::uint32_t>(1 + pick(5));
    options.environment.random = seeded_random(chance_());
    testing::SimulatedSession session(options, chance_(), time_);
    const DataStream table = session.read().memory(table_);
    auto query = session.read_stream()
                     .option("maxBatchesPerTrigger", static_cast<std::int64_t>(1 + pick(9)))
                     .memory(input_)
                     .join(table, "row >= 0 AND number > 0")
                     .write_stream()
                     .trigger(Trigger::available_now())
                     .checkpoint(root_)
                     .memory(output_)
                     .start();
    while (query.is_active() && steps-- > 0) {
      REQUIRE(session.step());
      if (pick(60) == 0) grow();
    }
    if (query.exception()) std::rethrow_exception(query.exception());
    time_ = session.now_microseconds();
  }

  std::mt19937_64 chance_;
  std::int64_t time_ = 1'700'000'000'000'000;  ///< virtual, µs
  std::shared_ptr<CheckpointRoot> root_ = memory_root();
  MemoryStream input_{"row bigint"};
  MemoryStream table_{"number bigint"};
  MemoryTable output_;
  std::int64_t versions_ = 0;
};

}  // namespace

TEST_CASE("An epoch has one version of the table, whenever the process is killed") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    KilledRun run(seed);
    run.run();
    run.check();
  }
}
