#include <libstream/libstream.hpp>
#include <libstream/testing/operator_test.hpp>
#include <libstream/testing/simulation.hpp>

#include <iostream>

// The test library of an installed libstream: a query whose process dies, an operator by itself.
namespace {

using namespace libstream;

class Pass final : public Operator {
 public:
  void start(const EpochStart&) override {}
  Flow process(BatchPtr batch, std::size_t, Output& output) override {
    output.emit(std::move(batch));
    return Flow::done;
  }
};

}  // namespace

int main() {
  MemoryStream words("word string");
  words.add({{"ada"}, {"bob"}, {"ada"}});
  testing::Simulation simulation({.seed = 7, .crashes = 3, .partitions = {1, 8}});
  const auto result = simulation.run([&](testing::SimulatedSession& session) {
    return session.read_stream()
        .memory(words)
        .group_by("word")
        .count()
        .write_stream()
        .output_mode(OutputMode::complete)
        .trigger(Trigger::available_now());
  });
  const auto schema = Schema::parse("word string");
  testing::OperatorTest pass({{[](const OperatorContext&) { return std::make_unique<Pass>(); }}},
                             schema);
  pass.process({{"eve"}});
  std::cout << result.text() << " / " << testing::text(schema, pass.barrier()) << '\n';
}
