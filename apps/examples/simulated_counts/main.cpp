#include <libstream/libstream.hpp>
#include <libstream/testing/simulation.hpp>

#include <iostream>

using namespace libstream;

// Does this query count every word once, wherever its process dies? Ends with 1 where it does not.
int main() {
  MemoryStream words("word string");
  for (const char* word : {"ada", "bob", "ada", "eve", "bob", "ada"}) words.add({{word}});
  std::uint32_t crashes = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    testing::Simulation simulation({.seed = seed, .crashes = 3, .partitions = {1, 8}});
    const auto result = simulation.run([&](testing::SimulatedSession& session) {
      return session.read_stream()
          .option("maxBatchesPerTrigger", 2)
          .memory(words)
          .group_by("word")
          .count()
          .write_stream()
          .output_mode(OutputMode::complete)
          .trigger(Trigger::available_now());
    });
    if (result.text() != "ada 3 | bob 2 | eve 1") {
      std::cout << "seed " << seed << ": " << result.text() << '\n';
      return 1;
    }
    crashes += result.crashes;
  }
  std::cout << "100 runs, " << crashes << " crashes: every word counted once\n";
}
