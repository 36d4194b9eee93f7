#include "../../actors/src/engine.hpp"

#include "fakes.hpp"

#include <libstream/checkpoint/term.hpp>

#include <doctest/doctest.h>

using namespace libstream;
using namespace libstream::fakes;

namespace {

const Schema pairs = Schema::parse("k bigint, v bigint");

std::shared_ptr<ListSource::Shared> pair_list(std::size_t batches, std::size_t rows) {
  auto list = std::make_shared<ListSource::Shared>();
  list->schema = pairs;
  std::int64_t n = 0;
  for (std::size_t i = 0; i < batches; ++i) {
    std::vector<Row> batch;
    for (std::size_t j = 0; j < rows; ++j, ++n) batch.push_back({n % 10, n});
    list->batches.push_back(batch_of(pairs, batch));
  }
  return list;
}

std::shared_ptr<Session::Engine> engine() {
  SessionOptions options;
  options.threads = 2;
  return std::make_shared<Session::Engine>(options, make_threaded_actors(2, 2));
}

}  // namespace

TEST_CASE("a query passes every row from the source to the sink, epoch by epoch, and ends") {
  auto list = pair_list(20, 5);
  auto rows = std::make_shared<ListSink::Shared>();
  for (const bool blocking : {false, true}) {
    rows->epochs.clear();
    Topology topology;
    topology.nodes = {source_node(std::make_shared<ListSource>(list, blocking, 3), 2),
                      op_node("repeat", 2, [](const auto&) { return std::make_unique<Repeat>(); }),
                      sink_node(std::make_shared<ListSink>(rows, blocking), 2)};
    topology.edges = {{0, 0, 1, 0, {}}, {1, 0, 2, 0, {}}};
    QuerySpec spec;
    spec.trigger = Trigger::available_now();
    spec.checkpoint_root = memory_root();
    auto running = engine();
    Query query(running->start(topology, spec, "plan"));
    query.await_termination();
    CHECK(rows->rows().size() == 100);
    CHECK(rows->epochs.size() == 7);
    REQUIRE(query.last_progress());
    CHECK(query.last_progress()->totals.at("inputRows") == 100);
    CHECK(query.last_progress()->totals.at("outputRows") == 100);
    CHECK_FALSE(query.is_active());
    running->close();
  }
}
